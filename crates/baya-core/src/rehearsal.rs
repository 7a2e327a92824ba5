//! What a rehearsal says of a script: what it would do and cost, and what is wrong with it.

use crate::call::Site;
use crate::money::NanoUsd;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that many rehearsals of one script showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    pub runs: u32,
    pub seed: u64,
    /// Earlier runs that lengths and durations were drawn from; 0: made up.
    pub history_runs: u32,
    pub total: Forecast,
    /// In the order of `meta.phases`, then as they were entered; `""` for agents outside of any.
    pub phases: Vec<(String, Forecast)>,
    pub findings: Vec<Finding>,
    /// Host steps and landings the script would do: kind and example.
    pub host_steps: Vec<(String, String)>,
    /// Models that agents were asked of and nobody has a price for.
    pub unpriced: Vec<String>,
}

/// What it would take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecast {
    pub agents: Spread,
    /// Agents that wait for one another, in a row.
    pub depth: Spread,
    pub tokens_in: Spread,
    pub tokens_out: Spread,
    /// In nano-dollars.
    pub cost: Spread,
    pub wall_ms: Spread,
}

impl Forecast {
    pub fn cost_p50(&self) -> NanoUsd {
        NanoUsd(self.cost.p50)
    }

    pub fn cost_p90(&self) -> NanoUsd {
        NanoUsd(self.cost.p90)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    /// The most that was seen, or `p90` if that is more.
    pub worst: u64,
    /// The most that can be, where the text of the script says so, or a cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<u64>,
}

impl Spread {
    /// No run goes beyond a cap, whatever rehearsals did without it.
    pub fn cut(&mut self, cap: Option<u64>) {
        let Some(cap) = cap else { return };
        let Spread { p10, p50, p90, worst, bound } = self;
        [p10, p50, p90, worst].into_iter().for_each(|value| *value = cap.min(*value));
        *bound = Some(bound.map_or(cap, |bound| bound.min(cap)));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    Error,
    Warning,
    Note,
}

/// One thing that is wrong, or may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// A word that stays the same across versions, as `null-dereference`, `unbounded-fan-out`.
    pub kind: String,
    pub weight: Weight,
    /// What happens and why; one line.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// The smallest case that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<Case>,
    /// In how many of the rehearsals.
    pub seen: u32,
}

/// What one rehearsal is made of; the same case gives the same rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Case {
    pub seed: u64,
    /// How agents and host steps fare that `draws` and `steps` do not name.
    #[serde(skip_serializing_if = "Mood::is_plain")]
    pub mood: Mood,
    /// What is drawn otherwise, by the number of the agent in call order, from 1.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub draws: BTreeMap<u32, Draw>,
    /// The same for host steps: `Answer` is their result, `Error` makes them throw.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<u32, Draw>,
    /// In place of the arguments that would be drawn; arguments the user gave go before it.
    #[serde(skip_serializing_if = "Option::is_none", with = "crate::event::present")]
    pub args: Option<serde_json::Value>,
}

/// How the world of one rehearsal is disposed. [`Mood::Plain`] and [`Mood::Typical`] are what may well
/// happen, and what forecasts are made of; the others look for trouble.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// All succeed, with answers of middle size.
    #[default]
    Plain,
    /// Sizes, durations and few failures, as history or defaults have them.
    Typical,
    /// Every agent fails.
    Nulls,
    /// Every agent with a label of this kind fails.
    KindNull(String),
    /// Every call throws.
    Errors,
    /// Every call with a label of this kind throws.
    KindError(String),
    /// Lists are empty.
    Empty,
    /// Lists have a single element.
    Single,
    /// Lists are long.
    Long,
    /// Texts are empty.
    Blank,
    /// Texts are very long, and of many scripts.
    Wordy,
    /// Texts give orders, as injected ones do.
    Injection,
    /// Numbers are at their bounds.
    Extremes,
    /// Elements of lists come twice, and agents repeat one another.
    Duplicates,
    /// Verdicts disagree among agents with labels of one kind.
    Contradictory,
    /// Every verdict says no: booleans are false, enums have their last member.
    Noes,
    /// Every verdict says yes: booleans are true, enums have their first member.
    Yeses,
    /// Some agents take very long.
    Slow,
    /// Host steps fail, and commands end with an error status.
    StepsFail,
    /// Host steps find nothing: no output, no files, no changes.
    StepsEmpty,
    /// Some of all of these.
    Mixed,
}

impl Mood {
    pub fn is_plain(&self) -> bool {
        *self == Mood::Plain
    }

    /// Whether forecasts may count what happens in it.
    pub fn is_realistic(&self) -> bool {
        matches!(self, Mood::Plain | Mood::Typical)
    }
}

/// What one agent, or one host step, comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// A plain answer of middle size.
    Plain,
    /// This answer.
    Answer(serde_json::Value),
    /// The agent fails: `null`.
    Null,
    /// The call throws.
    Error,
    /// It takes this many times as long.
    Slow(u32),
}
