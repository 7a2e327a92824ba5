//! What a refusal of a provider means, for whoever made the request without this backend.

use super::classify::{self, Asked, Verdict};
use super::wire::{Failure, inside, refused};
use baya_core::agent::{AttemptEnd, Cause, CauseKind};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Judged by the same rules as the backend's own requests.
pub(crate) struct Judged {
    /// Another try may help.
    pub again: bool,
    /// As the provider wants it, if it says so.
    pub after: Option<Duration>,
    pub cause: Cause,
}

/// Who was asked for what.
pub(crate) struct Question<'a> {
    pub provider: &'a str,
    /// As it may be shown.
    pub address: &'a str,
    pub model: &'a str,
    pub tries: u32,
    /// The longest pause that is waited for.
    pub wait_ms_max: u64,
}

/// A refusal with a status.
pub(crate) fn judge(status: u16, body: &str, headers: &HeaderMap, question: &Question<'_>) -> Judged {
    judged(&refused(status, body, headers), question)
}

/// An error that came inside an answer.
pub(crate) fn judge_inside(error: &Value, question: &Question<'_>) -> Cause {
    judged(&inside(error), question).cause
}

fn judged(failure: &Failure, question: &Question<'_>) -> Judged {
    let now = SystemTime::now();
    let Question { provider, address, model, tries, wait_ms_max } = *question;
    let asked = Asked { provider, address: address.to_owned(), model };
    let (again, after_ms) = match classify::verdict(failure, wait_ms_max, now) {
        Verdict::Retry { after_ms } | Verdict::Limited { after_ms } => (true, after_ms),
        Verdict::Reset => {
            return Judged { again: false, after: None, cause: classify::reset(failure, &asked, now) };
        }
        Verdict::Reshape | Verdict::TooLong | Verdict::Final => (false, None),
    };
    let cause = match classify::end(failure, &asked, tries) {
        AttemptEnd::Failed(cause) | AttemptEnd::Unusable(cause) => cause,
        AttemptEnd::Answered(_) | AttemptEnd::Cancelled => {
            Cause::new(CauseKind::Api, format!("`{provider}` answered with an error"))
        }
    };
    Judged { again, after: after_ms.map(Duration::from_millis), cause }
}
