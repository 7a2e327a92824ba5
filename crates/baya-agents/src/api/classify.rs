//! What a failed request means: try again, ask in another form, or end, and how.
//!
//! Tried again: 408, 409, 429, 5xx (529 among them), no connection, an answer that broke off. Final:
//! all other refusals. What would hit every agent (key, credit, model, no provider) parks the run
//! instead of failing the agent. The provider's own advice goes before these rules.

use super::wire::{Failure, RetryAdvice};
use baya_core::agent::{AttemptEnd, Cause, CauseKind};
use std::time::{Duration, SystemTime};

/// A limit that resets later than this is not waited for.
const RESET_MS_MAX: u64 = 5 * 60 * 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// After the provider's own delay, if it gave one.
    Retry {
        after_ms: Option<u64>,
    },
    /// The provider may have refused the form the answer was asked in.
    Reshape,
    Final,
}

/// For messages: who was asked for what.
pub(super) struct Asked<'a> {
    pub provider: &'a str,
    pub address: &'a str,
    pub model: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Transient,
    Key,
    Credit,
    UnknownModel,
    /// No API is at this address.
    NoSuchAddress,
    ContextTooLong,
    Moderated,
    /// Anything else the provider does not like about the request.
    Unfit,
    Unreachable,
    Broken,
    Silent,
    NotAStream,
    TooLarge,
    Internal,
}

pub(super) fn verdict(failure: &Failure, now: SystemTime) -> Verdict {
    let after_ms = advice(failure).and_then(|advice| advice.wait_ms(now));
    match meaning(failure) {
        Meaning::Transient if after_ms.is_some_and(|ms| ms > RESET_MS_MAX) => Verdict::Final,
        Meaning::Transient | Meaning::Unreachable | Meaning::Broken => Verdict::Retry { after_ms },
        Meaning::Unfit => Verdict::Reshape,
        Meaning::Key
        | Meaning::Credit
        | Meaning::UnknownModel
        | Meaning::NoSuchAddress
        | Meaning::ContextTooLong
        | Meaning::Moderated
        | Meaning::Silent
        | Meaning::NotAStream
        | Meaning::TooLarge
        | Meaning::Internal => Verdict::Final,
    }
}

/// How an attempt ends whose last request failed like this.
pub(super) fn end(failure: &Failure, asked: &Asked<'_>, tries: u32, now: SystemTime) -> AttemptEnd {
    let said = said(failure);
    let provider = asked.provider;
    let times = if tries > 1 { format!(", {tries} times") } else { String::new() };
    let cause = |kind, message: String| Cause::new(kind, message);
    match meaning(failure) {
        Meaning::Transient => match advice(failure).and_then(|advice| advice.wait_ms(now)) {
            Some(ms) if ms > RESET_MS_MAX && status(failure) == Some(429) => {
                let mut limit =
                    cause(CauseKind::Credit, format!("a usage limit of `{provider}` is reached: {said}"));
                limit.retry_at_ms = Some(epoch_ms(now).saturating_add_unsigned(ms));
                AttemptEnd::Unusable(limit.hint("resume the run when the limit is reset"))
            }
            _ => AttemptEnd::Failed(cause(CauseKind::Api, format!("`{provider}` answered {said}{times}"))),
        },
        Meaning::Key => AttemptEnd::Unusable(
            cause(CauseKind::Key, format!("`{provider}` refused the key: {said}"))
                .hint(format!("check the key of `{provider}` and that it may use `{}`", asked.model)),
        ),
        Meaning::Credit => AttemptEnd::Unusable(
            cause(CauseKind::Credit, format!("`{provider}` has no credit for this key: {said}"))
                .hint("add credit at the provider, or choose another one with `--backend`"),
        ),
        Meaning::UnknownModel => AttemptEnd::Unusable(
            cause(
                CauseKind::UnknownModel,
                format!("`{provider}` does not know the model `{}`: {said}", asked.model),
            )
            .hint("choose one with `--model`, or set what the alias means in the settings"),
        ),
        Meaning::NoSuchAddress => AttemptEnd::Unusable(
            cause(CauseKind::ProviderDown, format!("no API of `{provider}` at {}: {said}", asked.address))
                .hint("`ANTHROPIC_BASE_URL` is given without `/v1`, `OPENAI_BASE_URL` with it"),
        ),
        Meaning::ContextTooLong => AttemptEnd::Failed(
            cause(CauseKind::Limit, format!("the prompt is too long for `{}`: {said}", asked.model))
                .hint("give the agent less text, or a model with a larger context"),
        ),
        Meaning::Moderated => {
            AttemptEnd::Failed(cause(CauseKind::Refused, format!("`{provider}` refused the request: {said}")))
        }
        Meaning::Unfit | Meaning::Internal => {
            AttemptEnd::Failed(cause(CauseKind::Api, format!("`{provider}` cannot take the request: {said}")))
        }
        Meaning::Unreachable => AttemptEnd::Unusable(
            cause(
                CauseKind::ProviderDown,
                format!("`{provider}` cannot be reached at {}{times}: {said}", asked.address),
            )
            .hint("check the address and the network, then resume the run"),
        ),
        Meaning::Broken => AttemptEnd::Failed(cause(
            CauseKind::Network,
            format!("no whole answer from `{provider}`{times}: {said}"),
        )),
        Meaning::Silent => AttemptEnd::Failed(
            cause(CauseKind::Stalled, format!("`{provider}` sent nothing for too long"))
                .hint("`stallMs` allows more time"),
        ),
        Meaning::NotAStream => AttemptEnd::Failed(
            cause(CauseKind::Api, format!("what answers at {} is no model API: {said}", asked.address))
                .hint("check the address of the provider"),
        ),
        Meaning::TooLarge => AttemptEnd::Failed(cause(
            CauseKind::Limit,
            "the answer is larger than 64 MiB (ANSWER_BYTES_MAX)".to_owned(),
        )),
    }
}

fn meaning(failure: &Failure) -> Meaning {
    match failure {
        Failure::Refused { status, code, message, advice } => {
            let words = format!("{code} {message}").to_lowercase();
            match refusal(*status, &words) {
                Meaning::Transient if advice.should_retry == Some(false) => Meaning::Internal,
                Meaning::Unfit if advice.should_retry == Some(true) => Meaning::Transient,
                meaning => meaning,
            }
        }
        Failure::Unreachable(_) => Meaning::Unreachable,
        Failure::Broken(_) => Meaning::Broken,
        Failure::Silent => Meaning::Silent,
        Failure::NotAStream(_) => Meaning::NotAStream,
        Failure::TooLarge => Meaning::TooLarge,
        Failure::Internal(_) => Meaning::Internal,
    }
}

fn refusal(status: u16, words: &str) -> Meaning {
    const CREDIT: &[&str] =
        &["insufficient_quota", "billing_", "credit balance", "insufficient credit", "out of credits"];
    const CONTEXT: &[&str] = &[
        "context_length",
        "prompt is too long",
        "context length",
        "context window",
        "input token count",
        "too many tokens",
        "maximum number of tokens",
        "request_too_large",
    ];
    const KEY: &[&str] = &["api key not valid", "api_key_invalid", "invalid api key", "invalid_api_key"];
    const MODERATED: &[&str] = &["moderation", "flagged"];
    const MODEL: &[&str] = &[
        "model_not_found",
        "invalid model",
        "unknown model",
        "not a valid model",
        "model not found",
        "model:",
    ];
    let says = |list: &[&str]| list.iter().any(|word| words.contains(word));
    let says_no_model = says(MODEL) || (words.contains("model") && words.contains("not exist"));
    match status {
        402 => Meaning::Credit,
        400..=499 if says(CREDIT) => Meaning::Credit,
        401 => Meaning::Key,
        403 if says(MODERATED) => Meaning::Moderated,
        403 => Meaning::Key,
        400 if says(KEY) => Meaning::Key,
        413 => Meaning::ContextTooLong,
        400 | 422 if says(CONTEXT) => Meaning::ContextTooLong,
        400 | 404 | 422 if says_no_model => Meaning::UnknownModel,
        404 if words.contains("tool") => Meaning::Unfit,
        404 if words.contains("model") => Meaning::UnknownModel,
        404 => Meaning::NoSuchAddress,
        408 | 409 | 429 | 500.. => Meaning::Transient,
        400 | 422 => Meaning::Unfit,
        _ => Meaning::Internal,
    }
}

fn said(failure: &Failure) -> String {
    match failure {
        Failure::Refused { status, code, message, .. } => {
            let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
            let message = message.trim_end_matches('.');
            if message.is_empty() { format!("{status}{code}") } else { format!("{status}{code}: {message}") }
        }
        Failure::Unreachable(detail)
        | Failure::Broken(detail)
        | Failure::NotAStream(detail)
        | Failure::Internal(detail) => detail.clone(),
        Failure::Silent => "nothing came for too long".to_owned(),
        Failure::TooLarge => "the answer is too large".to_owned(),
    }
}

/// One line about the failure, for progress and notes.
pub(super) fn why(failure: &Failure) -> String {
    super::wire::one_line(&said(failure), 160)
}

fn status(failure: &Failure) -> Option<u16> {
    match failure {
        Failure::Refused { status, .. } => Some(*status),
        Failure::Unreachable(_)
        | Failure::Broken(_)
        | Failure::Silent
        | Failure::NotAStream(_)
        | Failure::TooLarge
        | Failure::Internal(_) => None,
    }
}

fn advice(failure: &Failure) -> Option<&RetryAdvice> {
    match failure {
        Failure::Refused { advice, .. } => Some(advice),
        Failure::Unreachable(_)
        | Failure::Broken(_)
        | Failure::Silent
        | Failure::NotAStream(_)
        | Failure::TooLarge
        | Failure::Internal(_) => None,
    }
}

impl RetryAdvice {
    /// Milliseconds to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
    fn wait_ms(&self, now: SystemTime) -> Option<u64> {
        let after = || {
            let text = self.after.as_deref()?;
            if let Ok(seconds) = text.parse::<f64>() {
                return Some((seconds.max(0.0) * 1000.0) as u64);
            }
            let date = httpdate::parse_http_date(text).ok()?;
            let wait = date.duration_since(now).unwrap_or(Duration::ZERO);
            u64::try_from(wait.as_millis()).ok()
        };
        self.after_ms.or_else(after)
    }
}

fn epoch_ms(now: SystemTime) -> i64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
