//! What an agent's conversation has come to, one durable step after the other, so that a process that
//! dies in the middle of an agent buys no answer and repeats no action again.
//!
//! A record carries the usage of what led to it and of nothing else: an attempt's own report has only
//! what no record carries, so that all events of a run add up. The last answer of an agent is no record:
//! it is the agent's outcome.

use crate::agent::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum TurnRecord {
    /// The model answered, and the agent goes on.
    Answered {
        /// `provider/model`: thoughts go back to nobody else.
        model: String,
        /// The answer in the backend's own form, as the model wants it back.
        content: Value,
        /// The tools it called, each with its input, in a line for people.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<String>,
        /// A cap cut it off, and the next answer is the rest of it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_cut: bool,
        #[serde(flatten)]
        cost: TurnCost,
    },
    /// A tool that may change something starts; `call` counts the calls of the last answer, from 0.
    ToolStarted { call: u32 },
    /// What the model is told of a call.
    ToolEnded {
        call: u32,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        /// What the tools remember since the last record, in their own form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<Value>,
    },
    /// The results of tools before the last `kept` are cut out of the conversation.
    Folded { kept: u32 },
    /// The backend's own session was opened; a later attempt may go on in it.
    SessionOpened { backend: String, session: String },
    /// The agent did something by itself, in a line for people.
    Acted { line: String },
    /// What the agent used since the last record with a cost, for a backend that does not show its
    /// answers.
    Spent {
        #[serde(flatten)]
        cost: TurnCost,
    },
    /// Requests go out that can use so much, all of them together with what no record carries yet; what
    /// is out when the driver dies counts as spent. It stands until the next of its kind or the next
    /// record with a cost: one that came back is followed by a smaller one. Written only where caps are,
    /// and durable before the request goes out.
    Holding { most: Usage },
    /// These notes of the model take the place of all that was said after the prompt.
    Summarised {
        notes: String,
        #[serde(flatten)]
        cost: TurnCost,
    },
}

/// What a record cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnCost {
    pub usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_served: Option<String>,
    /// Retries included.
    pub requests: u32,
}

impl TurnRecord {
    /// What it cost; most steps cost nothing.
    pub fn cost(&self) -> Option<&TurnCost> {
        match self {
            TurnRecord::Answered { cost, .. }
            | TurnRecord::Summarised { cost, .. }
            | TurnRecord::Spent { cost } => Some(cost),
            TurnRecord::ToolStarted { .. }
            | TurnRecord::ToolEnded { .. }
            | TurnRecord::Folded { .. }
            | TurnRecord::SessionOpened { .. }
            | TurnRecord::Holding { .. }
            | TurnRecord::Acted { .. } => None,
        }
    }

    /// As [`TurnRecord::cost`].
    pub fn cost_mut(&mut self) -> Option<&mut TurnCost> {
        match self {
            TurnRecord::Answered { cost, .. }
            | TurnRecord::Summarised { cost, .. }
            | TurnRecord::Spent { cost } => Some(cost),
            TurnRecord::ToolStarted { .. }
            | TurnRecord::ToolEnded { .. }
            | TurnRecord::Folded { .. }
            | TurnRecord::SessionOpened { .. }
            | TurnRecord::Holding { .. }
            | TurnRecord::Acted { .. } => None,
        }
    }

    /// The tokens it cost.
    pub fn usage(&self) -> Usage {
        self.cost().map(|cost| cost.usage).unwrap_or_default()
    }
}
