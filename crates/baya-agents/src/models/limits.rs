//! What each model takes and gives, as its provider documents it: efforts, tokens of an answer, tokens of
//! a context. What a provider would refuse is changed before it is asked, with a note.
//!
//! Tables of prefixes of model ids without their provider; the first that fits counts. A model that is in
//! no table is asked for as it is, without an effort: a dropped wish costs less than a refused request.

use crate::api::ProviderKind;
use baya_core::agent::Effort;

/// The effort a model is asked for, and what there is to tell about it.
pub fn clamp_effort(model: &str, asked: Effort) -> (Option<Effort>, Option<String>) {
    let levels = efforts(model);
    let name = effort_name(asked);
    let less = levels.iter().rev().find(|level| **level <= asked);
    match less.or(levels.first()) {
        Some(level) if *level == asked => (Some(asked), None),
        Some(level) if *level < asked => (
            Some(*level),
            Some(format!("effort `{name}` became `{}`: `{model}` has no more", effort_name(*level))),
        ),
        Some(level) => (
            Some(*level),
            Some(format!("effort `{name}` became `{}`: `{model}` has no less", effort_name(*level))),
        ),
        None => (None, Some(format!("effort `{name}` was left out: none is known for `{model}`"))),
    }
}

/// The tokens a model may be asked for at most, and what there is to tell about it.
pub fn clamp_tokens(model: &str, asked: u64) -> (u64, Option<String>) {
    match output_tokens(model) {
        Some(most) if most < asked => {
            (most, Some(format!("`maxTokens` {asked} became {most}: `{model}` gives no more")))
        }
        Some(_) | None => (asked, None),
    }
}

/// As options and settings write it.
pub fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

const TO_HIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const TO_XHIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh];
const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh, Effort::Max];
const NO_XHIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];
const FROM_MEDIUM: &[Effort] = &[Effort::Medium, Effort::High, Effort::Xhigh];
const LOW_OR_HIGH: &[Effort] = &[Effort::Low, Effort::High];

const EFFORTS: &[(&str, &[Effort])] = &[
    ("claude-opus-4-5", TO_HIGH),
    ("claude-opus-4-6", NO_XHIGH),
    ("claude-opus-4-7", ALL),
    ("claude-opus-4-8", ALL),
    ("claude-opus-5", ALL),
    ("claude-sonnet-4-6", NO_XHIGH),
    ("claude-sonnet-5", ALL),
    ("claude-haiku-5", ALL),
    ("claude-fable", ALL),
    ("claude-mythos-preview", NO_XHIGH),
    ("claude-mythos", ALL),
    ("gpt-5-pro", &[Effort::High]),
    ("gpt-5-chat", &[]),
    ("gpt-5.1-chat", &[]),
    ("gpt-5.2-chat", &[]),
    ("gpt-5.3-chat", &[]),
    ("gpt-5.1-codex-max", TO_XHIGH),
    ("gpt-5.1", TO_HIGH),
    ("gpt-5.2-pro", FROM_MEDIUM),
    ("gpt-5.4-pro", FROM_MEDIUM),
    ("gpt-5.5-pro", FROM_MEDIUM),
    ("gpt-5.6", ALL),
    ("gpt-5.", TO_XHIGH),
    ("gpt-5", TO_HIGH),
    ("gpt-6", ALL),
    ("gpt-oss", TO_HIGH),
    ("o1-preview", &[]),
    ("o1-mini", &[]),
    ("o1", TO_HIGH),
    ("o3", TO_HIGH),
    ("o4", TO_HIGH),
    ("gemini-2.5", TO_HIGH),
    ("gemini-3-pro", LOW_OR_HIGH),
    ("gemini-pro-latest", LOW_OR_HIGH),
    ("gemini-flash", TO_HIGH),
    ("gemini-3", TO_HIGH),
    ("gemini-4", TO_HIGH),
];

/// Tokens of one answer.
const OUTPUTS: &[(&str, u64)] = &[
    ("claude-3-5", 8_192),
    ("claude-3-7", 64_000),
    ("claude-3", 4_096),
    ("claude-opus-4-2", 32_000),
    ("claude-opus-4-1", 32_000),
    ("claude-opus-4-5", 64_000),
    ("claude-opus-4", 128_000),
    ("claude-opus-5", 128_000),
    ("claude-sonnet-4", 64_000),
    ("claude-sonnet-5", 128_000),
    ("claude-haiku-4", 64_000),
    ("claude-haiku-5", 128_000),
    ("claude-fable", 128_000),
    ("claude-mythos", 128_000),
    ("gpt-3.5", 4_096),
    ("gpt-4-turbo", 4_096),
    ("gpt-4o", 16_384),
    ("gpt-4.1", 32_768),
    ("gpt-5-chat", 16_384),
    ("gpt-5.1-chat", 16_384),
    ("gpt-5.2-chat", 16_384),
    ("gpt-5.3-chat", 16_384),
    ("gpt-5-pro", 272_000),
    ("gpt-5", 128_000),
    ("o1-preview", 32_768),
    ("o1-mini", 65_536),
    ("o1", 100_000),
    ("o3", 100_000),
    ("o4", 100_000),
    ("gemini-1.5", 8_192),
    ("gemini-2.0", 8_192),
    ("gemini-2.5", 65_536),
    ("gemini-3", 65_536),
    ("gemini-pro-latest", 65_536),
    ("gemini-flash", 65_536),
];

/// Tokens of a context.
const WINDOWS: &[(&str, u64)] = &[
    ("claude", 200_000),
    ("gpt-4o", 128_000),
    ("gpt-5", 272_000),
    ("o3", 200_000),
    ("o4", 200_000),
    ("gemini", 1_000_000),
];

fn efforts(model: &str) -> &'static [Effort] {
    row(EFFORTS, model).unwrap_or_default()
}

/// Tokens that one answer of a model may have, where that is known.
pub fn output_tokens(model: &str) -> Option<u64> {
    row(OUTPUTS, model)
}

/// Tokens the context of a model holds, where that is known.
pub fn context_tokens(model: &str) -> Option<u64> {
    row(WINDOWS, model)
}

fn row<T: Copy>(table: &'static [(&'static str, T)], model: &str) -> Option<T> {
    let id = plain_id(model);
    table.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, value)| *value)
}

/// Models that think unless told not to: a tool cannot be forced on them.
pub fn thinks_unasked(model: &str) -> bool {
    const PREFIXES: &[&str] =
        &["claude-opus-5", "claude-sonnet-5", "claude-haiku-5", "claude-fable", "claude-mythos"];
    let id = plain_id(model);
    PREFIXES.iter().any(|prefix| id.starts_with(prefix))
}

/// How the ids begin of the models that a provider is known to have; none where it may have any.
pub fn known_beginnings(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::Anthropic => &[
            "claude-2",
            "claude-3",
            "claude-opus-4",
            "claude-opus-5",
            "claude-sonnet-4",
            "claude-sonnet-5",
            "claude-haiku-4",
            "claude-haiku-5",
            "claude-fable-5",
            "claude-mythos-5",
            "claude-mythos-preview",
        ],
        ProviderKind::OpenAi | ProviderKind::OpenAiResponses => {
            &["gpt-3.5", "gpt-4", "gpt-5", "gpt-6", "gpt-oss", "o1", "o3", "o4", "chatgpt-", "codex-", "ft:"]
        }
        ProviderKind::Gemini => {
            &["gemini-1", "gemini-2", "gemini-3", "gemini-4", "gemini-pro", "gemini-flash", "gemma-"]
        }
        ProviderKind::OpenAiCompatible | ProviderKind::OpenRouter | ProviderKind::Ollama => &[],
    }
}

/// Without a provider in front; Claude's versions with dashes, as its own API writes them.
fn plain_id(model: &str) -> String {
    let id = model.rsplit('/').next().unwrap_or(model).to_lowercase();
    if id.starts_with("claude") { id.replace('.', "-") } else { id }
}
