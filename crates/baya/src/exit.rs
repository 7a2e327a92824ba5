//! Exit codes: the promise to scripts and CI jobs that call us.

use baya_core::agent::{Cause, CauseKind};
use baya_core::event::{Failures, RunStatus};
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The script failed, or a person stopped the run.
    ScriptFailed,
    /// Wrong usage, or refused before anything ran.
    Usage,
    /// Done, but agents failed.
    AgentsFailed,
    Budget,
    NeedsPerson,
    NoBackend,
    /// Interrupted; resumable.
    Interrupted,
}

/// Whether failed agents alone make the exit code 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Only if all agents of the run or of a phase failed.
    Lenient,
    /// One failed agent is enough.
    Strict,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::ScriptFailed => 1,
            Exit::Usage => 2,
            Exit::AgentsFailed => 3,
            Exit::Budget => 4,
            Exit::NeedsPerson => 5,
            Exit::NoBackend => 6,
            Exit::Interrupted => 130,
        }
    }

    /// How a run's end is told to the shell.
    pub fn of_run(
        status: RunStatus,
        failures: &Failures,
        parked: Option<&Cause>,
        strictness: Strictness,
    ) -> Exit {
        match parked {
            Some(cause) if cause.kind == CauseKind::Budget => return Exit::NeedsPerson,
            Some(_) => return Exit::NoBackend,
            None => {}
        }
        match status {
            RunStatus::Completed if failures.are_all_for(CauseKind::Budget) => Exit::Budget,
            RunStatus::Completed if failures.is_total() => Exit::AgentsFailed,
            RunStatus::Completed if strictness == Strictness::Strict && failures.failed > 0 => {
                Exit::AgentsFailed
            }
            RunStatus::Completed => Exit::Done,
            RunStatus::Failed | RunStatus::Stopped => Exit::ScriptFailed,
            RunStatus::Refused => Exit::Usage,
            RunStatus::Interrupted => Exit::Interrupted,
            RunStatus::Budget => Exit::Budget,
            RunStatus::NeedsPerson => Exit::NeedsPerson,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
