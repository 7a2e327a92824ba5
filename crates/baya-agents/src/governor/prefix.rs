//! What requests of several agents have in common: all that stands before the prompt.

/// The common beginning of requests, long enough for the provider to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Of all that precedes the prompt, the model included.
    pub hash: [u8; 32],
    /// About.
    pub tokens: u64,
}

impl Prefix {
    /// `None` if the provider keeps nothing so short for this model.
    pub fn new(hash: [u8; 32], tokens: u64, model: &str) -> Option<Prefix> {
        (tokens >= cache_minimum(model)).then_some(Prefix { hash, tokens })
    }
}

/// Tokens that a beginning must have before the provider keeps it.
pub fn cache_minimum(_model: &str) -> u64 {
    1_024
}
