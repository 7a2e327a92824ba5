//! Why an agent of the protocol gave no answer, and what the run is told of it.

use super::told::{Stop, Unanswered};
use crate::program::{Ended, NotStarted};
use baya_core::agent::{AttemptEnd, Cause, CauseKind};
use std::os::unix::process::ExitStatusExt;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// By us; whether the agent ended its turn as it was told.
    Cancelled {
        obeys: bool,
    },
    NotStarted(NotStarted),
    /// No folder, no sandbox, no port.
    NoPlace(String),
    /// Not one answer after the start.
    SlowStart {
        after_ms: u64,
    },
    Stalled {
        after_ms: u64,
    },
    /// All the time it may take is over.
    TookTooLong {
        after_ms: u64,
    },
    /// Something of it waits for a terminal.
    AtTerminal,
    /// A request got no answer.
    Unanswered(Unanswered),
    /// Its turn ended otherwise than by an answer.
    Stopped(Stop),
    TooMuch {
        bytes_max: usize,
    },
    /// No answer met the schema; what was wrong with the last.
    Unmet(String),
    /// What the gateway saw: the agent itself does not always tell.
    Model(Cause),
}

impl From<Unanswered> for Fault {
    fn from(why: Unanswered) -> Fault {
        Fault::Unanswered(why)
    }
}

/// What is known of the agent that failed.
pub(super) struct Scene<'a> {
    /// As `--backend` names it.
    pub name: &'a str,
    /// What a person types to get it.
    pub install: Option<&'a str>,
    /// The process, if it is over.
    pub ended: Option<&'a Ended>,
    /// What it printed that was no message.
    pub noise: &'a str,
    pub why_cut: Option<String>,
}

impl Fault {
    /// Whether the process may be at fault, and must not be used again.
    pub fn spoils(&self) -> bool {
        match self {
            Fault::Unmet(_) | Fault::Model(_) => false,
            Fault::Cancelled { obeys } => !obeys,
            Fault::Stopped(stop) => matches!(stop, Stop::Unknown | Stop::Cancelled),
            Fault::NotStarted(_)
            | Fault::NoPlace(_)
            | Fault::SlowStart { .. }
            | Fault::Stalled { .. }
            | Fault::TookTooLong { .. }
            | Fault::AtTerminal
            | Fault::Unanswered(_)
            | Fault::TooMuch { .. } => true,
        }
    }

    pub fn end(self, scene: &Scene<'_>) -> AttemptEnd {
        let name = scene.name;
        match self {
            Fault::Cancelled { .. } | Fault::NotStarted(NotStarted::Unrecorded) => AttemptEnd::Cancelled,
            Fault::NotStarted(why) => not_started(&why, scene),
            Fault::NoPlace(why) => {
                let cause = Cause::new(CauseKind::Program, format!("`{name}` cannot work here: {why}"));
                AttemptEnd::Unusable(cause)
            }
            Fault::SlowStart { after_ms } => {
                let said = format!(
                    "`{name}` gave no sign of life for {after_ms} ms after its start{}",
                    scene.said()
                );
                failed(CauseKind::Timeout, said)
            }
            Fault::Stalled { after_ms } => {
                let said = format!("`{name}` did nothing for {after_ms} ms{}", scene.said());
                AttemptEnd::Failed(Cause::new(CauseKind::Stalled, said).hint("raise `stallMs`"))
            }
            Fault::TookTooLong { after_ms } => {
                let said = format!("`{name}` had no result after {after_ms} ms{}", scene.said());
                let cause = Cause::new(CauseKind::Timeout, said);
                AttemptEnd::Failed(cause.hint("`timeoutMs` of the call sets the time"))
            }
            Fault::AtTerminal => {
                let said = format!("`{name}` asks at the terminal, and agents have none{}", scene.said());
                let hint = format!("run `{name}` once by hand and answer it, then resume the run");
                AttemptEnd::Unusable(Cause::new(CauseKind::Program, said).hint(hint))
            }
            Fault::Unanswered(why) => unanswered(why, scene),
            Fault::Stopped(stop) => stopped(stop, name),
            Fault::TooMuch { bytes_max } => {
                failed(CauseKind::Program, format!("`{name}` wrote more than {bytes_max} bytes"))
            }
            Fault::Unmet(why) => {
                let said = format!("no answer met the schema: {why}");
                let hint =
                    "`baya show` has all that the agent wrote; a looser schema or a larger model may help";
                AttemptEnd::Failed(Cause::new(CauseKind::SchemaUnmet, said).hint(hint))
            }
            Fault::Model(cause) => AttemptEnd::of(cause),
        }
    }
}

impl Scene<'_> {
    /// What it said last, to stand at the end of a message.
    fn said(&self) -> String {
        let errors = self.ended.map(|ended| ended.said.as_str()).filter(|said| !said.is_empty());
        errors
            .or(Some(self.noise).filter(|noise| !noise.is_empty()))
            .map_or(String::new(), |said| format!(": {said}"))
    }
}

fn failed(kind: CauseKind, message: String) -> AttemptEnd {
    AttemptEnd::Failed(Cause::new(kind, message))
}

fn not_started(why: &NotStarted, scene: &Scene<'_>) -> AttemptEnd {
    let cause = Cause::new(CauseKind::Program, format!("`{}` cannot be started: {why}", scene.name));
    let hint = match scene.install {
        Some(install) => format!("install it: {install}"),
        None => "check `argv` of it in the settings, then resume the run".to_owned(),
    };
    match why.is_for_all() {
        true => AttemptEnd::Unusable(Cause { kind: CauseKind::ProviderDown, ..cause }.hint(hint)),
        false => AttemptEnd::Failed(cause),
    }
}

fn unanswered(why: Unanswered, scene: &Scene<'_>) -> AttemptEnd {
    let name = scene.name;
    match why {
        Unanswered::Gone => failed(CauseKind::Program, gone(scene)),
        Unanswered::LoginNeeded(said) => {
            let cause = Cause::new(CauseKind::Key, format!("`{name}` is not logged in: {said}"));
            let hint = "give baya a key of a model provider, or log the program in, then resume the run";
            AttemptEnd::Unusable(cause.hint(hint))
        }
        Unanswered::Version(version) => {
            let said = format!(
                "`{name}` speaks version {version} of the Agent Client Protocol, baya speaks version 1"
            );
            let cause = Cause::new(CauseKind::ProviderDown, said);
            AttemptEnd::Unusable(
                cause.hint("install a version of it that speaks version 1, then resume the run"),
            )
        }
        Unanswered::Unknown(method) => {
            let said = format!("`{name}` does not know `{method}` of the Agent Client Protocol");
            let hint = "check that `argv` starts it as an agent of that protocol";
            AttemptEnd::Unusable(Cause::new(CauseKind::ProviderDown, said).hint(hint))
        }
        Unanswered::Said(said) => {
            failed(CauseKind::Program, format!("`{name}` answered with an error: {said}"))
        }
    }
}

fn gone(scene: &Scene<'_>) -> String {
    let name = scene.name;
    if let Some(why) = &scene.why_cut {
        return format!("`{name}` {why}{}", scene.said());
    }
    let status = scene.ended.and_then(|ended| ended.status);
    let how = match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("ended with exit status {code} before its answer"),
        Some((None, Some(signal))) => format!("was ended by signal {signal} before its answer"),
        Some((None, None)) | None => "closed its output before its answer".to_owned(),
    };
    format!("`{name}` {how}{}", scene.said())
}

fn stopped(stop: Stop, name: &str) -> AttemptEnd {
    match stop {
        Stop::TokenLimit => failed(CauseKind::Limit, "the model's own limit cut the answer off".to_owned()),
        Stop::TurnLimit => failed(CauseKind::Limit, format!("`{name}` reached its own limit of turns")),
        Stop::Refused => failed(CauseKind::Refused, "the model refused".to_owned()),
        Stop::Cancelled => failed(CauseKind::Program, format!("`{name}` broke its turn off by itself")),
        Stop::Done | Stop::Unknown => {
            failed(CauseKind::Program, format!("`{name}` ended its turn with a word that is not known"))
        }
    }
}
