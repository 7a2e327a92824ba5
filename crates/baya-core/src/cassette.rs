//! A run as a cassette: what its agents and host steps gave, so that the script can be played again
//! without a model, and what came of it, to compare with.
//!
//! Calls are found by their keys, as a resume finds them. One whose prompt has changed since is found by
//! label and phase, so that the play goes on and tells what changed, instead of ending at the first edit.

use crate::agent::Usage;
use crate::event::{Event, Outcome, Recorded, RunStatus, Surroundings};
use crate::run::{AgentState, Run};
use crate::step::{HostStep, StepOutcome};
use crate::work::Work;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The format this binary writes and reads.
pub const CASSETTE_FORMAT: u32 = 1;

/// A recorded run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    pub format: u32,
    /// `meta.name` of its script.
    pub workflow: String,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
    pub args: Option<Value>,
    pub seed: u64,
    /// When the run began, in milliseconds since the Unix epoch: the script's clock.
    pub started_ms: i64,
    /// What was there for it: agent types, backends.
    #[serde(default)]
    pub surroundings: Surroundings,
    /// In the order the script asked for them.
    pub calls: Vec<RecordedCall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<RecordedStep>,
    pub end: RecordedEnd,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedCall {
    pub key: String,
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    pub prompt: String,
    pub outcome: Outcome,
    #[serde(default)]
    pub usage: Usage,
    #[serde(default)]
    pub duration_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Box<Work>>,
}

/// One host step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedStep {
    pub step: HostStep,
    pub outcome: StepOutcome,
    #[serde(default)]
    pub duration_ms: u64,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedEnd {
    pub status: RunStatus,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
    pub result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why a run cannot be a cassette.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRecordable {
    #[error("the run has not ended yet")]
    Open,
    #[error("the run ended as `{0}`, before its script was done")]
    CutShort(&'static str),
    #[error("the run's journal says nothing of a script")]
    Empty,
}

impl Cassette {
    /// What the last generation of a run asked for and was given.
    pub fn of(events: &[Recorded]) -> Result<Cassette, NotRecordable> {
        let run = Run::load(events);
        let state = run.state();
        let script = state.script.as_ref().ok_or(NotRecordable::Empty)?;
        let end = state.ended.as_ref().ok_or(NotRecordable::Open)?;
        match end.status {
            RunStatus::Completed | RunStatus::Failed => {}
            RunStatus::Refused => return Err(NotRecordable::CutShort("refused")),
            RunStatus::Stopped => return Err(NotRecordable::CutShort("stopped")),
            RunStatus::Interrupted => return Err(NotRecordable::CutShort("interrupted")),
            RunStatus::Budget => return Err(NotRecordable::CutShort("budget")),
            RunStatus::NeedsPerson => return Err(NotRecordable::CutShort("needs_person")),
        }
        let took = durations(events);
        let calls = state.asked.iter().filter_map(|number| {
            let agent = state.agent(*number)?;
            let AgentState::Finished(outcome) = &agent.state else { return None };
            Some(RecordedCall {
                key: agent.key.clone(),
                label: agent.label.clone(),
                phase: agent.phase.clone(),
                prompt: agent.prompt.clone(),
                outcome: outcome.clone(),
                usage: agent.usage,
                duration_ms: took.agents.get(number).map_or(0, |(ms, _)| *ms),
                model: took.agents.get(number).and_then(|(_, model)| model.clone()),
                work: agent.work.clone(),
            })
        });
        let steps = state.steps.all.iter().filter_map(|step| {
            let (outcome, duration_ms) = (step.outcome.clone()?, took.steps.get(&step.number).copied());
            Some(RecordedStep { step: step.step.clone(), outcome, duration_ms: duration_ms.unwrap_or(0) })
        });
        Ok(Cassette {
            format: CASSETTE_FORMAT,
            workflow: script.name.clone(),
            args: state.args.clone(),
            seed: state.seed,
            started_ms: state.started_ms,
            surroundings: without_places(&state.surroundings),
            calls: calls.collect(),
            steps: steps.collect(),
            end: RecordedEnd {
                status: end.status,
                result: end.result.clone(),
                error: end.error.as_ref().map(|error| error.message.clone()),
            },
        })
    }

    /// What all its agents used.
    pub fn usage(&self) -> Usage {
        let mut all = Usage::default();
        self.calls.iter().for_each(|call| all.add(&call.usage));
        all
    }
}

/// Nothing of the machine it ran on.
fn without_places(around: &Surroundings) -> Surroundings {
    let (folder, base, tree, rules) = (String::new(), None, None, None);
    Surroundings { folder, base, tree, rules, ..around.clone() }
}

/// How long what took.
#[derive(Default)]
struct Durations {
    agents: BTreeMap<crate::ids::AgentNumber, (u64, Option<String>)>,
    steps: BTreeMap<crate::step::StepNumber, u64>,
}

fn durations(events: &[Recorded]) -> Durations {
    let mut took = Durations::default();
    let mut begun = BTreeMap::new();
    for recorded in events {
        match &recorded.event {
            Event::AgentFinished { agent, duration_ms, model_served, model_asked, .. } => {
                let model = model_served.clone().or_else(|| model_asked.clone());
                took.agents.insert(*agent, (*duration_ms, model));
            }
            Event::StepStarted { number, .. } => {
                begun.insert(*number, recorded.at_ms);
            }
            Event::StepEnded { number, .. } => {
                let since = begun.get(number).map_or(0, |since| recorded.at_ms - since);
                took.steps.insert(*number, u64::try_from(since).unwrap_or(0));
            }
            _ => {}
        }
    }
    took
}

/// A cassette that is being played: every recorded call is given once.
#[derive(Debug, Clone)]
pub struct Player {
    cassette: Cassette,
    calls_given: BTreeSet<usize>,
    steps_given: BTreeSet<usize>,
}

/// What the cassette has for a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// The same question.
    Same(&'a RecordedCall),
    /// A call of the same label and phase, with another prompt or other options.
    Changed(&'a RecordedCall),
    /// Nothing: it was never asked for.
    Nothing,
}

impl Player {
    pub fn new(cassette: Cassette) -> Player {
        Player { cassette, calls_given: BTreeSet::new(), steps_given: BTreeSet::new() }
    }

    pub fn cassette(&self) -> &Cassette {
        &self.cassette
    }

    /// The recorded answer of a call. Ask with every key first that is the same: who finds nothing by key
    /// takes what stands under its label. Of equal questions each takes the one with its own label, for in
    /// which order they were put may have been a matter of time.
    pub fn call(&mut self, key: &str, label: &str, phase: Option<&str>) -> Found<'_> {
        let left = |(at, _): &(usize, &RecordedCall)| !self.calls_given.contains(at);
        let calls = || self.cassette.calls.iter().enumerate().filter(left);
        let is_alike = |call: &RecordedCall| call.label == label && call.phase.as_deref() == phase;
        let own = calls().find(|(_, call)| call.key == key && is_alike(call));
        let same = own.or_else(|| calls().find(|(_, call)| call.key == key)).map(|(at, _)| at);
        let likely = || calls().find(|(_, call)| is_alike(call)).map(|(at, _)| at);
        match (same, same.is_none().then(likely).flatten()) {
            (Some(at), _) => {
                self.calls_given.insert(at);
                Found::Same(&self.cassette.calls[at])
            }
            (None, Some(at)) => {
                self.calls_given.insert(at);
                Found::Changed(&self.cassette.calls[at])
            }
            (None, None) => Found::Nothing,
        }
    }

    /// The recorded outcome of a host step; steps are found by what they do.
    pub fn step(&mut self, step: &HostStep) -> Option<&RecordedStep> {
        let key = step.key();
        let mut left =
            self.cassette.steps.iter().enumerate().filter(|(at, _)| !self.steps_given.contains(at));
        let at = left.find(|(_, recorded)| recorded.step.key() == key).map(|(at, _)| at)?;
        self.steps_given.insert(at);
        self.cassette.steps.get(at)
    }

    /// Recorded calls nobody asked for.
    pub fn calls_left(&self) -> impl Iterator<Item = &RecordedCall> {
        let calls = self.cassette.calls.iter().enumerate();
        calls.filter(|(at, _)| !self.calls_given.contains(at)).map(|(_, call)| call)
    }
}
