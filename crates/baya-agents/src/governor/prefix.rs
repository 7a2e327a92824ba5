//! What requests of several agents have in common: all that stands before the prompt. A provider that
//! has seen it keeps it for some minutes and reads it again for a tenth of the price, from the moment on
//! at which the first answer begins.

/// Bytes of text a token, about.
const TOKEN_BYTES: u64 = 4;

/// Tokens that a beginning must have before it is kept, by a part of the model's name; the first that
/// fits counts. From the providers' pages on prompt caching (Anthropic: "minimum cacheable prompt
/// length"; Gemini: "implicit caching"; OpenAI: 1 024), as of 2026-11. Where sources differ, the larger
/// number: a beginning that is too short would be waited for in vain.
const MINIMA: &[(&str, u64)] = &[
    ("haiku-3", 2_048),
    ("3-haiku", 2_048),
    ("3-5-haiku", 2_048),
    ("haiku", 4_096),
    ("opus-4-1", 1_024),
    ("opus-4-0", 1_024),
    ("opus-4-2025", 1_024),
    ("3-opus", 1_024),
    ("opus", 4_096),
    ("sonnet-4-6", 2_048),
    ("gemini-2-5-flash", 1_024),
    ("gemini", 4_096),
];

/// Of every other model.
const MINIMUM: u64 = 1_024;

/// The common beginning of requests, long enough for the provider to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Of all that precedes the prompt, the model included.
    pub hash: [u8; 32],
    /// About.
    pub tokens: u64,
}

impl Prefix {
    /// The beginning that consists of these parts; `None` if the provider keeps nothing so short.
    pub fn of<'a>(model: &'a str, parts: impl Iterator<Item = &'a str>) -> Option<Prefix> {
        let mut hash = blake3::Hasher::new();
        let mut bytes = 0;
        for part in std::iter::once(model).chain(parts) {
            bytes += part.len() as u64;
            hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let tokens = bytes / TOKEN_BYTES;
        (tokens >= cache_minimum(model)).then(|| Prefix { hash: *hash.finalize().as_bytes(), tokens })
    }
}

/// Tokens that a beginning must have before the provider keeps it for this model.
pub fn cache_minimum(model: &str) -> u64 {
    let model = model.to_lowercase().replace('.', "-");
    let known = MINIMA.iter().find(|(part, _)| model.contains(part));
    known.map_or(MINIMUM, |(_, tokens)| *tokens)
}
