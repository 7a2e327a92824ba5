//! Orders from a person or a client to a run.

use crate::approval::Verdict;
use crate::ids::{AgentNumber, ApprovalId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// End the run: what is pending throws, the run ends as `stopped`.
    Stop { by: String },
    /// Let the process go: nothing is delivered any more, the run stays open and continues exactly.
    Interrupt { by: String },
    /// End one agent; its call gives null.
    Skip { agent: AgentNumber, by: String },
    /// Answer a question of an agent.
    Answer { id: ApprovalId, answer: Verdict, by: String },
    /// Start no further agent; those at work go on.
    Pause { by: String },
    /// Go on after a pause.
    Continue { by: String },
}
