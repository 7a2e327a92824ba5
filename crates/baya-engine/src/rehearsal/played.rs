//! What one rehearsal came to, in full: for those who look for what is wrong with a script.

use baya_core::agent::{AgentOptions, Answer, Cause, Usage};
use baya_core::call::{LogLevel, Site, Thrown};
use baya_core::event::RunStatus;
use baya_core::ids::{AgentNumber, CallId, FrameId};
use baya_core::rehearsal::Case;
use baya_core::run::RunEnd;
use baya_core::script::Sight;
use baya_core::step::{HostStep, StepOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One rehearsal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Played {
    pub case: Case,
    /// The arguments the script was given.
    pub args: Option<Value>,
    pub end: Ending,
    /// In the order they were asked for; refused ones are in `refusals`.
    pub agents: Vec<PlayedAgent>,
    pub steps: Vec<PlayedStep>,
    pub refusals: Vec<PlayedRefusal>,
    pub log: Vec<PlayedLine>,
    /// Titles in the order they were entered.
    pub phases: Vec<String>,
    /// What the watched text told; nothing if it was not watched.
    #[serde(skip)]
    pub sights: Vec<Sight>,
    pub total: Totals,
    /// `""` for agents outside of any.
    pub by_phase: BTreeMap<String, Totals>,
    /// Models without a price that agents were asked of.
    pub unpriced: BTreeSet<String>,
}

/// How a rehearsal ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Ended(Box<RunEnd>),
    /// It would have gone on for ever, or longer than any rehearsal may; why, in a line.
    Endless(String),
}

impl Ending {
    /// The end of the run, if it had one.
    pub fn run_end(&self) -> Option<&RunEnd> {
        match self {
            Ending::Ended(end) => Some(end),
            Ending::Endless(_) => None,
        }
    }

    /// Whether the script came to its own end.
    pub fn is_completed(&self) -> bool {
        self.run_end().is_some_and(|end| end.status == RunStatus::Completed)
    }
}

/// One agent of a rehearsal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlayedAgent {
    pub number: AgentNumber,
    pub call: CallId,
    pub frame: FrameId,
    pub site: Option<Site>,
    pub label: String,
    pub phase: Option<String>,
    pub prompt: String,
    pub options: AgentOptions,
    /// None: the run was over before it was.
    pub outcome: Option<Result<Answer, Cause>>,
    /// How many agents waited for one another, in a row, up to this one.
    pub depth: u32,
    pub usage: Usage,
    /// Virtual time, in milliseconds from the start of the run.
    pub asked_ms: u64,
    pub started_ms: Option<u64>,
    pub ended_ms: Option<u64>,
}

/// One host step of a rehearsal; nothing was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlayedStep {
    pub number: u32,
    pub call: Option<CallId>,
    pub site: Option<Site>,
    pub step: HostStep,
    pub outcome: Option<StepOutcome>,
}

/// A call that was refused: it threw into the script at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlayedRefusal {
    pub call: CallId,
    pub site: Option<Site>,
    pub thrown: Thrown,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlayedLine {
    pub at_ms: u64,
    pub level: LogLevel,
    pub text: String,
    /// None: a line of the engine's own.
    pub call: Option<CallId>,
}

/// What it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub agents: u64,
    pub depth: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// In nano-dollars.
    pub cost: u64,
    pub wall_ms: u64,
    /// Of those in and out, the tokens of agents whose like nobody has seen at work.
    #[serde(default)]
    pub tokens_guessed: u64,
}
