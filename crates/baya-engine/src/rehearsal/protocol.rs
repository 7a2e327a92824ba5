//! What goes between the process that rehearses and its parent: one JSON value per line.
//!
//! The parent sends the job and then answers what it is asked; when it closes its side, no further
//! rehearsal begins. The child tells what it is about to play, asks for what may be read, and ends with
//! its report.

use super::job::{Job, Payee};
use super::played::Played;
use baya_core::agent::AgentOptions;
use baya_core::call::WorkflowTarget;
use baya_core::event::ScriptRecord;
use baya_core::rehearsal::{Case, Report};
use baya_core::step::{HostStep, StepOutcome};
use serde::{Deserialize, Serialize};

/// From the parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Job(Box<Job>),
    Answer { question: u64, answer: Answer },
}

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// The rehearsal with this number begins in this thread.
    Begins {
        worker: usize,
        index: u32,
        case: Case,
    },
    Asks {
        question: u64,
        about: Question,
    },
    Report(Box<Report>),
    Played(Box<Played>),
}

/// What the child cannot read by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Question {
    Workflow { target: WorkflowTarget, importer: String },
    Step(HostStep),
    Payee(Box<AgentOptions>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Workflow(Result<Box<ScriptRecord>, String>),
    /// None: it is to be made up.
    Step(Option<StepOutcome>),
    /// None: nobody is paid.
    Payee(Option<Payee>),
}
