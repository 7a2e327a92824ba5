//! How a request fails, in our own types. Only the shape of the failure: its meaning is
//! [`super::super::classify`].

use super::frames::Seen;
use genai::webc::StreamTimeout;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) enum Failure {
    /// The provider says no, by an HTTP status or by an error inside the stream.
    Refused { status: u16, code: String, message: String, advice: RetryAdvice },
    /// No connection.
    Unreachable(String),
    /// The answer broke off.
    Broken(String),
    /// No byte for the allowed time.
    Silent,
    /// It answered well, but not with an event stream; what it was.
    NotAStream(String),
    /// More than an answer may have.
    TooLarge { bytes_max: u64 },
    /// The request could not even be built.
    Internal(String),
}

impl Failure {
    /// Whether a model may have been at work: a refusal before the first word costs nothing.
    pub fn may_be_billed(&self, has_begun: bool) -> bool {
        match self {
            Failure::Refused { .. } => has_begun,
            Failure::Unreachable(_) | Failure::Internal(_) => false,
            Failure::Broken(_) | Failure::Silent | Failure::NotAStream(_) | Failure::TooLarge { .. } => true,
        }
    }

    /// Providers and proxies may say the key back.
    pub(super) fn without(self, key: &str) -> Failure {
        let clean = |text: String| if key.len() < 4 { text } else { text.replace(key, "…") };
        match self {
            Failure::Refused { status, code, message, advice } => {
                Failure::Refused { status, code: clean(code), message: clean(message), advice }
            }
            Failure::Unreachable(text) => Failure::Unreachable(clean(text)),
            Failure::Broken(text) => Failure::Broken(clean(text)),
            Failure::NotAStream(text) => Failure::NotAStream(clean(text)),
            Failure::Internal(text) => Failure::Internal(clean(text)),
            Failure::Silent | Failure::TooLarge { .. } => self,
        }
    }
}

/// What the provider says about trying again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::api) struct RetryAdvice {
    /// As the header gives it; a date is a string still.
    pub after: Option<String>,
    pub after_ms: Option<u64>,
    pub should_retry: Option<bool>,
}

pub(super) fn from_library(error: &genai::Error, seen: &Seen) -> Failure {
    match error {
        genai::Error::HttpError { status, body, headers, .. } => refused(status.as_u16(), body, headers),
        genai::Error::WebStream { error, .. } => from_transport(error.as_ref(), seen),
        genai::Error::ChatResponse { body, .. } => inside(seen.error.as_ref().unwrap_or(body)),
        genai::Error::StreamParse { serde_error, .. } => match &seen.error {
            Some(body) => inside(body),
            None if seen.served.is_none() => Failure::NotAStream(format!("unreadable data: {serde_error}")),
            None => Failure::Broken(format!("a part of the answer cannot be read: {serde_error}")),
        },
        other => match &seen.error {
            Some(body) => inside(body),
            None => Failure::Internal(one_line(&other.to_string(), 300)),
        },
    }
}

/// The stream ended, and nothing said why.
pub(super) fn without_end(seen: &Seen) -> Failure {
    match &seen.error {
        Some(body) => inside(body),
        None if seen.data_frames == 0 => {
            Failure::NotAStream("a good status, but no event in the answer".to_owned())
        }
        None => Failure::Broken("the answer broke off in the middle".to_owned()),
    }
}

/// At most so many characters, on one line.
pub(in crate::api) fn one_line(text: &str, chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn from_transport(error: &(dyn Error + Send + Sync + 'static), seen: &Seen) -> Failure {
    if let Some(inner) = error.downcast_ref::<genai::Error>() {
        return from_library(inner, seen);
    }
    if error.downcast_ref::<StreamTimeout>().is_some() {
        return Failure::Silent;
    }
    let detail = root_cause(error);
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_builder() => Failure::Internal(detail),
        Some(error) if error.is_connect() => Failure::Unreachable(detail),
        _ if seen.data_frames == 0 => {
            Failure::Broken(format!("the connection ended before an answer: {detail}"))
        }
        _ => Failure::Broken(format!("the answer broke off in the middle: {detail}")),
    }
}

/// The innermost error says most and repeats least.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string(), 300)
}

pub(in crate::api) fn refused(status: u16, body: &str, headers: &HeaderMap) -> Failure {
    let parsed = serde_json::from_str::<Value>(body).ok();
    let error = parsed.as_ref().map(|body| body.get("error").unwrap_or(body));
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    Failure::Refused {
        status,
        code: error.map(code_of).unwrap_or_default(),
        message: error.and_then(message_of).unwrap_or_else(|| one_line(body, 300)),
        advice: RetryAdvice {
            after: header("retry-after").map(str::to_owned),
            after_ms: header("retry-after-ms")
                .and_then(|ms| ms.parse::<f64>().ok())
                .map(|ms| ms.max(0.0) as u64),
            should_retry: header("x-should-retry").and_then(|word| word.parse().ok()),
        },
    }
}

/// An error that came inside a stream has no status: its own words stand for one.
pub(in crate::api) fn inside(body: &Value) -> Failure {
    let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
    let code = code_of(error);
    let numeric = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = numeric.filter(|code| (400..600).contains(code)).unwrap_or_else(|| status_of(&code));
    let message = message_of(error).unwrap_or_else(|| one_line(&error.to_string(), 300));
    Failure::Refused { status, code, message, advice: RetryAdvice::default() }
}

fn status_of(code: &str) -> u16 {
    const WORDS: &[(&str, u16)] = &[
        ("overloaded", 529),
        ("rate_limit", 429),
        ("insufficient_quota", 429),
        ("resource_exhausted", 429),
        ("authentication", 401),
        ("permission", 403),
        ("billing", 402),
        ("not_found", 404),
        ("too_large", 413),
        ("context_length", 400),
        ("invalid", 400),
    ];
    let code = code.to_lowercase();
    WORDS.iter().find(|(word, _)| code.contains(word)).map_or(500, |(_, status)| *status)
}

/// The provider's words for the kind of error: code, type and status, as far as they are there.
fn code_of(error: &Value) -> String {
    let words = ["code", "type", "status"].iter().filter_map(|key| error.get(key)?.as_str());
    words.collect::<Vec<_>>().join(" ")
}

fn message_of(error: &Value) -> Option<String> {
    let text = error.as_str().or_else(|| error.get("message")?.as_str())?;
    (!text.trim().is_empty()).then(|| one_line(text, 300))
}
