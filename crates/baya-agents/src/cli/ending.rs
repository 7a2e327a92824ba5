//! What the end of a program means for its agent: the gateway's word first, for it saw the provider's
//! answer; then what the program said; then how it ended.

use super::exchange::{Heard, Stopped};
use super::speaker::About;
use super::version;
use super::watch::Lost;
use baya_core::agent::{AttemptEnd, Cause, CauseKind};
use std::os::unix::process::ExitStatusExt;

/// How much of a program's own words stands in a message.
const SAID_CHARS: usize = 400;

/// The end of an agent whose program was given up.
pub(super) fn stopped(stopped: &Stopped, heard: &Heard, about: &About, argv: &[String]) -> AttemptEnd {
    let name = about.name;
    let trouble = heard.trouble.as_deref().map(said).unwrap_or_default();
    let failed = |kind, message: String| Cause::new(kind, message);
    AttemptEnd::Failed(match stopped {
        Stopped::Cancelled => return AttemptEnd::Cancelled,
        Stopped::NotStarted(error) => return version::not_started(about, argv, error),
        Stopped::Lost(Lost::NeverSpoke(limit)) => {
            let message = format!("`{name}` gave no sign of life for {} ms{trouble}", limit.as_millis());
            failed(CauseKind::Stalled, message).hint("`stallMs` of the call allows more time")
        }
        Stopped::Lost(Lost::Silent(limit)) => {
            let message = format!("`{name}` fell silent for {} ms{trouble}", limit.as_millis());
            failed(CauseKind::Stalled, message).hint("`stallMs` of the call allows more time")
        }
        Stopped::Lost(Lost::TookTooLong(limit)) => {
            let message = format!("`{name}` had no result after {} s", limit.as_secs());
            failed(CauseKind::Timeout, message).hint("`timeoutMs` of the call sets the time")
        }
        Stopped::Lost(Lost::AtTerminal) => {
            let cause =
                failed(CauseKind::Program, format!("`{name}` asks at the terminal, and agents have none"));
            return AttemptEnd::Unusable(
                cause.hint(format!("run `{name}` once by hand and answer it, then resume the run")),
            );
        }
        Stopped::Flood(what) => failed(CauseKind::Program, format!("`{name}` {what}")),
        Stopped::Withstands(pid) => {
            let message = format!("`{name}` cannot be ended: process group {pid} withstands KILL");
            failed(CauseKind::Program, message)
        }
        Stopped::Unprepared(error) => {
            let message = format!("the files of `{name}` cannot be written: {error}");
            return AttemptEnd::Unusable(failed(CauseKind::Program, message).hint("is the disk full?"));
        }
    })
}

/// The end of an agent whose program ended without a result.
pub(super) fn without_result(heard: &Heard, failure: Option<Cause>, about: &About) -> AttemptEnd {
    if let Some(which) = &heard.limited {
        // A cap of ours is no limit of the model's.
        if let Some(cause) =
            failure.filter(|cause| matches!(cause.kind, CauseKind::Budget | CauseKind::Limit))
        {
            return AttemptEnd::of(cause);
        }
        let hint = "`maxTurns` and `maxTokens` of the call allow more";
        return AttemptEnd::Failed(Cause::new(CauseKind::Limit, which.clone()).hint(hint));
    }
    if let Some(cause) = failure {
        return AttemptEnd::of(cause);
    }
    let name = about.name;
    match &heard.failed {
        Some(said) => AttemptEnd::of(cause_of(said, about)),
        None if is_login(&heard.said) => AttemptEnd::of(cause_of(&heard.said, about)),
        None => {
            let message = format!("`{name}` {}{}", how(heard), said(&heard.said));
            AttemptEnd::Failed(Cause::new(CauseKind::Program, message))
        }
    }
}

/// Whether another try in the same session may help: nobody refused anything.
pub(super) fn may_go_on(end: &AttemptEnd) -> bool {
    match end {
        AttemptEnd::Failed(cause) => {
            matches!(cause.kind, CauseKind::Program | CauseKind::Stalled | CauseKind::Network)
        }
        AttemptEnd::Answered(_) | AttemptEnd::Unusable(_) | AttemptEnd::Cancelled => false,
    }
}

/// Whether a failure is about the form the answer was asked for in.
pub(super) fn is_about_schema(said: &str) -> bool {
    let said = said.to_lowercase();
    ["schema", "response_format", "text.format", "output_config", "output_format"]
        .iter()
        .any(|word| said.contains(word))
}

/// Words of failures, as programs and providers say them, and what they mean; the first that fits counts.
const MEANINGS: &[(CauseKind, &[&str])] = &[
    (CauseKind::Credit, &["402", "credit balance", "insufficient_quota", "usage limit", "billing", "quota"]),
    (
        CauseKind::Key,
        &[
            "401",
            "403",
            "unauthorized",
            "not logged in",
            "log in",
            "login",
            "api key",
            "authentication",
            "oauth",
        ],
    ),
    (
        CauseKind::UnknownModel,
        &["404", "model_not_found", "does not exist", "unknown model", "issue with the selected model"],
    ),
    (
        CauseKind::Limit,
        &["context window", "prompt is too long", "context_length", "max_output_tokens", "too long"],
    ),
    (CauseKind::Refused, &["refused", "content_filter", "usage policy"]),
    (CauseKind::Network, &["disconnected", "connection", "network", "timed out", "error sending request"]),
];

fn cause_of(text: &str, about: &About) -> Cause {
    let lower = text.to_lowercase();
    let fits = |words: &&[&str]| words.iter().any(|word| lower.contains(word));
    let kind = MEANINGS.iter().find(|(_, words)| fits(words)).map_or(CauseKind::Api, |(kind, _)| *kind);
    let cause = Cause::new(kind, format!("`{}` failed{}", about.name, said(text)));
    match kind {
        CauseKind::Key => cause.hint(about.login),
        CauseKind::Credit => cause.hint("add credit at the provider, or wait until its limit is reset"),
        CauseKind::UnknownModel => cause.hint("choose one with `--model`, or set the alias in the settings"),
        CauseKind::Limit => cause.hint("give the agent less text, or a model with a larger context"),
        _ => cause,
    }
}

fn is_login(said: &str) -> bool {
    let said = said.to_lowercase();
    ["not logged in", "unauthorized", "please log in", "please run /login", "invalid api key"]
        .iter()
        .any(|word| said.contains(word))
}

fn how(heard: &Heard) -> String {
    match heard.status.map(|status| (status.code(), status.signal())) {
        Some((Some(0), _)) if heard.is_finished => "ended its turn without an answer".to_owned(),
        Some((Some(0), _)) | None => "ended without an answer".to_owned(),
        Some((Some(code), _)) => format!("ended with exit status {code}, without an answer"),
        Some((None, signal)) => format!("was ended by signal {}", signal.unwrap_or_default()),
    }
}

fn said(text: &str) -> String {
    let line = crate::program::tail(text.as_bytes());
    if line.is_empty() {
        return String::new();
    }
    match line.char_indices().nth(SAID_CHARS) {
        Some((end, _)) => format!(": {}…", &line[..end]),
        None => format!(": {line}"),
    }
}
