//! Hard caps. Room is held for every request to a model before it goes out, for the most it can cost,
//! and settled by what it did cost: so requests at work together cannot overshoot together.
//!
//! A [`Purse`] has one account for the run, one per phase with a cap, one per agent with a cap. A request
//! is let out if it fits into all of them. One that does not fit only because of what others hold waits;
//! one that would not fit with nothing held is told which cap ends it. Pure: who waits and wakes is the
//! shell's.
//!
//! Invariant: in every account, spent + held ≤ cap, in every currency, as long as no request uses more
//! than was held for it; if one does, nothing goes out until there is room again.

mod account;
mod line;
mod outputs;
mod phases;
mod purse;

pub use account::{Currency, Reading, Whose};
pub(crate) use phases::caps_of;
pub use phases::phase_caps;
pub use purse::Purse;

use crate::agent::Usage;
use crate::ids::AgentNumber;
use crate::money::{NanoUsd, Price};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Output tokens held for a request when nothing better is known.
pub const OUTPUT_HELD: u64 = 4_096;
/// The least that is held for the output of a request, if there is room: less saves nothing.
pub const OUTPUT_HELD_MIN: u64 = 256;
/// The most that is held for a model whose own limit nobody knows: most models can answer so much.
pub const OUTPUT_UNKNOWN_MOST: u64 = 8_192;
/// With less room for output than this, no request goes out.
pub const OUTPUT_MIN: u64 = 16;
/// Room taken for a request of an agent that has begun, where others are at work, in requests like it.
pub const GOES_ON_WITH: u64 = 2;
/// The same for the first request of an agent.
pub const BEGINS_WITH: u64 = 8;
/// Answers of a kind before their lengths say anything.
pub const OUTPUTS_KNOWN: usize = 8;

/// What may be spent; `None`: as much as it likes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Tokens of all classes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Tokens sent and not read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Tokens read from or written to a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<NanoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<u32>,
    /// From the first start of the run or phase, waits of a stopped run left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
}

impl Caps {
    pub fn is_open(&self) -> bool {
        *self == Caps::default()
    }

    /// Whether any of them needs requests to be counted.
    pub fn meters(&self) -> bool {
        let Caps { tokens, input, output, cache, cost, agents: _, wall_ms: _ } = self;
        tokens.is_some() || input.is_some() || output.is_some() || cache.is_some() || cost.is_some()
    }
}

/// What becomes of a run whose cap is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBudget {
    /// Calls throw; the script ends as it can.
    #[default]
    Stop,
    /// The run parks and can be resumed with a larger cap.
    Pause,
    /// As `Pause`, and whoever sits at the terminal is asked for a larger cap.
    Ask,
}

/// What a purse is opened with: caps, and what was spent before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PurseState {
    pub run: Caps,
    /// `budget.total`, in output tokens; the run's cap beside `run.output`.
    pub total: Option<u64>,
    pub run_spent: Usage,
    /// By title.
    pub phases: BTreeMap<String, (Caps, Usage)>,
    /// Output tokens of requests that ended, by the label's kind.
    pub outputs: BTreeMap<String, Vec<u64>>,
    /// Of agents that are not over.
    pub agents_spent: BTreeMap<AgentNumber, Usage>,
    /// Agents that may be at work at the same time; 0 counts as 1.
    pub at_once: u32,
}

/// A request that wants to go out.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub agent: AgentNumber,
    pub phase: Option<String>,
    pub label: String,
    /// Of this agent alone, all its requests together.
    pub caps: Caps,
    /// The most tokens that what is sent can be.
    pub input_most: u64,
    /// `maxTokens` of the call.
    pub output_wanted: Option<u64>,
    /// The most the model can answer.
    pub output_most: Option<u64>,
    pub price: Option<Price>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub u64);

/// Where a request stands in the line of those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The request may go out with this limit on its output; `u64::MAX`: no cap and no limit speaks of it.
    Held { hold: HoldId, output_max: u64 },
    /// Others hold what it needs; [`Purse::serve`] calls it when it is its turn.
    Waits { place: Place, cap: String },
    /// It will never fit; which cap, in words, as `the budget of $5.00`, and how it is raised.
    Reached { cap: String, hint: String },
}
