//! What one run says of its agents, short: folded from its events once, kept beside its journal.
//!
//! Agents that nobody paid for say nothing, and neither do those that a person or a cap ended.

use baya_core::agent::{AgentOptions, CauseKind, Usage};
use baya_core::event::{Event, Outcome, Recorded, ScriptRecord};
use baya_core::history::{ANSWERS_MAX, LabelHistory, SAMPLES_MAX, Sample, label_kind};
use baya_core::ids::AgentNumber;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Kinds of labels of one run.
pub(super) const KINDS_MAX: usize = 200;
/// An answer that is longer says nothing more.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Answers of one run together.
const ANSWERS_BYTES_MAX: usize = 128 * 1024;
/// The backend whose agents cost nothing.
const SIMULATED: &str = "simulated";

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// `meta.name`.
    pub name: String,
    /// The script's file.
    pub file: PathBuf,
    /// Of the script.
    pub hash: String,
    pub labels: BTreeMap<String, LabelHistory>,
}

/// A digest in the making.
#[derive(Debug, Default)]
pub struct Fold {
    digest: Digest,
    folder: PathBuf,
    /// Agents that name no backend cost nothing.
    simulated: bool,
    at_work: BTreeMap<AgentNumber, AtWork>,
    answers_bytes: usize,
}

#[derive(Debug)]
struct AtWork {
    kind: String,
    sample: Sample,
}

impl Fold {
    pub fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunStarted { script, surroundings, .. } => {
                self.folder = PathBuf::from(&surroundings.folder);
                self.simulated = surroundings.simulated;
                self.script(script);
            }
            Event::DriverStarted { surroundings, .. } => self.simulated = surroundings.simulated,
            Event::RunResumed { script: Some(script), .. } => self.script(script),
            Event::AgentQueued { agent, label, prompt, options, .. } => {
                self.queue(*agent, label, prompt, options);
            }
            Event::AgentTurn { agent, turn, .. } => {
                let Some(cost) = turn.cost() else { return };
                let at_work = self.spend(*agent, &cost.usage, cost.requests);
                if let (Some(at_work), Some(model)) = (at_work, &cost.model_served) {
                    at_work.sample.model = Some(model.clone());
                }
            }
            Event::AttemptEnded { agent, usage, .. } => drop(self.spend(*agent, usage, 0)),
            Event::AgentFinished {
                agent,
                outcome,
                usage,
                model_served,
                model_asked,
                requests,
                duration_ms,
                ..
            } => {
                let Some(at_work) = self.spend(*agent, usage, *requests) else { return };
                at_work.sample.duration_ms = *duration_ms;
                if let Some(model) = model_served.as_ref().or(model_asked.as_ref()) {
                    at_work.sample.model = Some(model.clone());
                }
                self.finish(*agent, outcome);
            }
            Event::RunResumed { script: None, .. }
            | Event::RunEnded { .. }
            | Event::LimitsChanged { .. }
            | Event::RunParked { .. }
            | Event::RunPaused { .. }
            | Event::RunContinued { .. }
            | Event::StopRequested { .. }
            | Event::RunInterrupted { .. }
            | Event::PhaseEntered { .. }
            | Event::Logged { .. }
            | Event::TimerSet { .. }
            | Event::TimerCleared { .. }
            | Event::StepStarted { .. }
            | Event::StepReused { .. }
            | Event::StepEnded { .. }
            | Event::Landing { .. }
            | Event::ChildRequested { .. }
            | Event::ChildStarted { .. }
            | Event::ChildEnded { .. }
            | Event::CallRefused { .. }
            | Event::AgentReused { .. }
            | Event::AgentShared { .. }
            | Event::AgentStarted { .. }
            | Event::AgentProcessStarted { .. }
            | Event::AgentSkipRequested { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::Delivered { .. } => {}
        }
    }

    pub fn digest(self) -> Digest {
        self.digest
    }

    fn script(&mut self, script: &ScriptRecord) {
        self.digest.name.clone_from(&script.name);
        self.digest.file = file_of(script, &self.folder);
        self.digest.hash.clone_from(&script.hash);
    }

    fn queue(&mut self, agent: AgentNumber, label: &str, prompt: &str, options: &AgentOptions) {
        let simulated = options.backend.as_deref().map_or(self.simulated, |backend| backend == SIMULATED);
        if !simulated {
            let sample = Sample { prompt_bytes: prompt.len() as u64, ..Sample::default() };
            self.at_work.insert(agent, AtWork { kind: label_kind(label), sample });
        }
    }

    fn spend(&mut self, agent: AgentNumber, usage: &Usage, requests: u32) -> Option<&mut AtWork> {
        let at_work = self.at_work.get_mut(&agent)?;
        let sample = &mut at_work.sample;
        sample.input += usage.input;
        sample.output += usage.output;
        sample.cache_read += usage.cache_read;
        sample.cache_write += usage.cache_write;
        sample.requests += requests;
        Some(at_work)
    }

    fn finish(&mut self, agent: AgentNumber, outcome: &Outcome) {
        let Some(AtWork { kind, sample }) = self.at_work.remove(&agent) else { return };
        let labels = &mut self.digest.labels;
        if labels.len() >= KINDS_MAX && !labels.contains_key(&kind) {
            return;
        }
        match outcome {
            Outcome::Failed(cause) if is_ours(cause.kind) => {}
            Outcome::Failed(_) => {
                let label = labels.entry(kind).or_default();
                (label.agents, label.failed) = (label.agents + 1, label.failed + 1);
            }
            Outcome::Answered(answer) => {
                let label = labels.entry(kind).or_default();
                label.agents += 1;
                if label.samples.len() < SAMPLES_MAX {
                    label.samples.push(sample);
                }
                let answer = answer.to_value();
                let bytes = bytes_of(&answer);
                let fits = bytes <= ANSWER_BYTES_MAX && self.answers_bytes + bytes <= ANSWERS_BYTES_MAX;
                if fits && label.answers.len() < ANSWERS_MAX {
                    self.answers_bytes += bytes;
                    label.answers.push(answer);
                }
            }
        }
    }
}

/// A script's file as a whole path; what comes without a file stays as it is named.
pub(super) fn file_of(script: &ScriptRecord, folder: &Path) -> PathBuf {
    folder.join(&script.path)
}

/// The end says nothing of the model.
fn is_ours(kind: CauseKind) -> bool {
    match kind {
        CauseKind::Skipped | CauseKind::Vetoed | CauseKind::Budget => true,
        CauseKind::Api
        | CauseKind::Network
        | CauseKind::Refused
        | CauseKind::Limit
        | CauseKind::Timeout
        | CauseKind::Stalled
        | CauseKind::SchemaUnmet
        | CauseKind::Program
        | CauseKind::Panic
        | CauseKind::Key
        | CauseKind::Credit
        | CauseKind::UnknownModel
        | CauseKind::ProviderDown => false,
    }
}

fn bytes_of(answer: &Value) -> usize {
    match answer {
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    }
}
