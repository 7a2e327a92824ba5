//! What a failed request means: try again, ask in another form, or end, and how.
//!
//! Tried again: 408, 409, 429, 5xx (529 among them), no connection, an answer that broke off. Final:
//! all other refusals. What would hit every agent (key, credit, model, no provider) parks the run
//! instead of failing the agent. The provider's own advice goes before these rules.

use super::wire::{Failure, RetryAdvice};
use baya_core::agent::{AttemptEnd, Cause, CauseKind};
use std::time::{Duration, SystemTime};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// After the provider's own delay, if it gave one.
    Retry {
        after_ms: Option<u64>,
    },
    /// The same, and the provider takes no more requests for now.
    Limited {
        after_ms: Option<u64>,
    },
    /// The provider may have refused the form the answer was asked in.
    Reshape,
    /// Less may fit.
    TooLong,
    /// A usage limit is reached that is reset too late to wait for it in place.
    Reset,
    Final,
}

/// For messages: who was asked for what.
pub(super) struct Asked<'a> {
    pub provider: &'a str,
    pub address: String,
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

/// A limit that is reset after more than `wait_ms_max` is not waited for.
pub(super) fn verdict(failure: &Failure, wait_ms_max: u64, now: SystemTime) -> Verdict {
    let after_ms = advice(failure).and_then(|advice| advice.wait_ms(now));
    let limited = status(failure) == Some(429);
    let late = after_ms.is_some_and(|ms| ms > wait_ms_max);
    match meaning(failure) {
        Meaning::Transient if late && limited => Verdict::Reset,
        Meaning::Transient if late => Verdict::Final,
        Meaning::Transient if limited => Verdict::Limited { after_ms },
        Meaning::Transient | Meaning::Unreachable | Meaning::Broken => Verdict::Retry { after_ms },
        Meaning::Unfit => Verdict::Reshape,
        Meaning::ContextTooLong => Verdict::TooLong,
        Meaning::Key
        | Meaning::Credit
        | Meaning::UnknownModel
        | Meaning::NoSuchAddress
        | Meaning::Moderated
        | Meaning::Silent
        | Meaning::NotAStream
        | Meaning::TooLarge
        | Meaning::Internal => Verdict::Final,
    }
}

/// How an attempt ends that meets a usage limit with a time of reset.
pub(super) fn reset(failure: &Failure, asked: &Asked<'_>, now: SystemTime) -> Cause {
    let ms = advice(failure).and_then(|advice| advice.wait_ms(now)).unwrap_or_default();
    let message = format!("a usage limit of `{}` is reached: {}", asked.provider, said(failure));
    let hint = format!("the limit is reset in {} minutes", ms.div_ceil(60_000));
    let mut cause = Cause::new(CauseKind::Credit, message).hint(hint);
    cause.retry_at_ms = Some(epoch_ms(now).saturating_add_unsigned(ms));
    cause
}

/// How an attempt ends whose last request failed like this.
pub(super) fn end(failure: &Failure, asked: &Asked<'_>, tries: u32) -> AttemptEnd {
    let meaning = meaning(failure);
    let (kind, hint) = meaning.cause();
    let mut cause = Cause::new(kind, message(meaning, asked, &said(failure), tries));
    cause.hint = hint.map(str::to_owned);
    match meaning {
        Meaning::Key
        | Meaning::Credit
        | Meaning::UnknownModel
        | Meaning::NoSuchAddress
        | Meaning::Unreachable => AttemptEnd::Unusable(cause),
        Meaning::Transient
        | Meaning::ContextTooLong
        | Meaning::Moderated
        | Meaning::Unfit
        | Meaning::Broken
        | Meaning::Silent
        | Meaning::NotAStream
        | Meaning::TooLarge
        | Meaning::Internal => AttemptEnd::Failed(cause),
    }
}

impl Meaning {
    /// The kind it is told as, and what the user can do.
    fn cause(self) -> (CauseKind, Option<&'static str>) {
        match self {
            Meaning::Transient | Meaning::Unfit | Meaning::Internal => (CauseKind::Api, None),
            Meaning::Key => (CauseKind::Key, Some("check the key, and that it may use this model")),
            Meaning::Credit => (
                CauseKind::Credit,
                Some("add credit at the provider, or choose another one with `--backend`"),
            ),
            Meaning::UnknownModel => {
                (CauseKind::UnknownModel, Some("choose one with `--model`, or set the alias in the settings"))
            }
            Meaning::NoSuchAddress => {
                let hint = "`ANTHROPIC_BASE_URL` is given without `/v1`, `OPENAI_BASE_URL` with it";
                (CauseKind::ProviderDown, Some(hint))
            }
            Meaning::ContextTooLong => {
                (CauseKind::Limit, Some("give the agent less text, or a model with a larger context"))
            }
            Meaning::Moderated => (CauseKind::Refused, None),
            Meaning::Unreachable => {
                (CauseKind::ProviderDown, Some("check the address and the network, then resume the run"))
            }
            Meaning::Broken => (CauseKind::Network, None),
            Meaning::Silent => (CauseKind::Stalled, Some("`stallMs` allows more time")),
            Meaning::NotAStream => (CauseKind::Api, Some("check the address of the provider")),
            Meaning::TooLarge => (
                CauseKind::Limit,
                Some("ask the agent for less, or raise `answer_bytes_max` in the settings"),
            ),
        }
    }
}

fn message(meaning: Meaning, asked: &Asked<'_>, said: &str, tries: u32) -> String {
    let Asked { provider, address, model } = asked;
    let times = if tries > 1 { format!(", {tries} times") } else { String::new() };
    match meaning {
        Meaning::Transient => format!("`{provider}` answered {said}{times}"),
        Meaning::Key => format!("`{provider}` refused the key: {said}"),
        Meaning::Credit => format!("`{provider}` has no credit for this key: {said}"),
        Meaning::UnknownModel => format!("`{provider}` does not know the model `{model}`: {said}"),
        Meaning::NoSuchAddress => format!("no API of `{provider}` at {address}: {said}"),
        Meaning::ContextTooLong => format!("the prompt is too long for `{model}`: {said}"),
        Meaning::Moderated => format!("`{provider}` refused the request: {said}"),
        Meaning::Unfit | Meaning::Internal => format!("`{provider}` cannot take the request: {said}"),
        Meaning::Unreachable => format!("`{provider}` cannot be reached at {address}{times}: {said}"),
        Meaning::Broken => format!("no whole answer from `{provider}`{times}: {said}"),
        Meaning::Silent => format!("`{provider}` sent nothing for too long"),
        Meaning::NotAStream => format!("what answers at {address} is no model API: {said}"),
        Meaning::TooLarge => format!("the answer is too large: {said}"),
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
        Failure::TooLarge { .. } => Meaning::TooLarge,
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
    const ADDRESS: &[&str] = &["unknown_url", "unknown request url", "invalid url"];
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
        404 if says(ADDRESS) => Meaning::NoSuchAddress,
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
        Failure::TooLarge { bytes_max } => format!("more than {bytes_max} bytes"),
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
        | Failure::TooLarge { .. }
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
        | Failure::TooLarge { .. }
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
