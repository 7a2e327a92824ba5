//! Host steps of a run: done once, their results delivered again like those of agents.

use super::state::{CallFate, Heard, Life};
use super::{Effect, Run};
use crate::call::{Payload, Site, ThrowKind, Thrown};
use crate::event::{Delivered, Event, Outcome};
use crate::ids::{AgentNumber, CallId, FrameId};
use crate::landing::{LandingRecord, Piece};
use crate::step::{HostStep, Select, StepNumber, StepOrder, StepOutcome};
use std::collections::{BTreeMap, BTreeSet};

/// All host steps of a run's whole life.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    pub all: Vec<StepState>,
    /// Those of earlier generations whose result no call of this one has taken, by key.
    pool: BTreeMap<String, BTreeSet<StepNumber>>,
    pub landings: Vec<LandingRecord>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    pub number: StepNumber,
    pub key: String,
    pub step: HostStep,
    pub outcome: Option<StepOutcome>,
    /// The call of the current generation that waits for it.
    pub call: Option<CallId>,
    /// The first time a script heard of it.
    pub heard: Option<Heard>,
}

impl Steps {
    pub fn get(&self, number: StepNumber) -> Option<&StepState> {
        self.all.get((number.0 as usize).checked_sub(1)?)
    }

    fn get_mut(&mut self, number: StepNumber) -> Option<&mut StepState> {
        self.all.get_mut((number.0 as usize).checked_sub(1)?)
    }

    /// The call that an event of steps decides, and what becomes of it.
    pub(super) fn apply(&mut self, event: &Event) -> Option<(CallId, CallFate)> {
        match event {
            Event::StepStarted { number, call, key, step, .. } => {
                self.all.push(StepState {
                    number: *number,
                    key: key.clone(),
                    step: step.clone(),
                    outcome: None,
                    call: Some(*call),
                    heard: None,
                });
                Some((*call, CallFate::Step(*number)))
            }
            Event::StepReused { number, call, .. } => {
                if let Some(step) = self.get_mut(*number) {
                    step.call = Some(*call);
                    let key = step.key.clone();
                    self.pool.entry(key).or_default().remove(number);
                }
                Some((*call, CallFate::ReusesStep(*number)))
            }
            Event::StepEnded { number, outcome } => {
                if let Some(step) = self.get_mut(*number) {
                    step.outcome = Some(outcome.clone());
                }
                None
            }
            Event::Landing { record } => {
                self.landings.push(record.clone());
                None
            }
            _ => None,
        }
    }

    pub(super) fn note_heard(&mut self, number: StepNumber, heard: Heard) {
        if let Some(step) = self.get_mut(number) {
            step.heard.get_or_insert(heard);
        }
    }

    /// What succeeded may be taken again; what failed is done anew.
    pub(super) fn begin_generation(&mut self) {
        self.pool.clear();
        for step in &mut self.all {
            step.call = None;
            if let Some(StepOutcome::Done(_)) = step.outcome {
                self.pool.entry(step.key.clone()).or_default().insert(step.number);
            }
        }
    }

    /// A step with a key of the script's own: several calls may have taken its result.
    fn is_shared(&self, step: &HostStep) -> bool {
        matches!(step, HostStep::Exec { key: Some(_), .. })
            && self.all.iter().any(|known| known.key == step.key())
    }

    fn reusable(&self, step: &HostStep, key: &str) -> Option<StepNumber> {
        if let HostStep::Exec { key: Some(_), .. } = step {
            // Once in the whole run, also within one generation.
            let same = self.all.iter().find(|known| known.key == key);
            return same
                .filter(|known| matches!(known.outcome, Some(StepOutcome::Done(_))))
                .map(|known| known.number);
        }
        self.pool.get(key).and_then(|left| left.first().copied())
    }
}

impl Run {
    pub(super) fn decide_host_step(
        &mut self,
        call: CallId,
        frame: FrameId,
        step: HostStep,
        site: Option<Site>,
    ) {
        if self.state().life == Life::Stopping {
            let message = "the run is being stopped".to_owned();
            return self.refuse(call, Thrown { kind: ThrowKind::Stopped, message });
        }
        let key = step.key();
        if let Some(number) = self.state().steps.reusable(&step, &key) {
            self.record(Event::StepReused { number, call, frame });
            self.redeliveries.insert((self.first_heard_of_step(number), call));
            return;
        }
        let number = StepNumber(self.state().steps.all.len() as u32 + 1);
        self.record(Event::StepStarted { number, call, frame, key, step: step.clone(), site });
        self.perform_step(number, step);
    }

    pub(super) fn first_heard_of_step(&self, number: StepNumber) -> u64 {
        let heard = self.state().steps.get(number).and_then(|step| step.heard);
        heard.map_or(u64::MAX, |heard| heard.seq)
    }

    fn perform_step(&mut self, number: StepNumber, step: HostStep) {
        let pieces = match &step {
            HostStep::Land { select, .. } => self.selected(select),
            HostStep::Exec { .. }
            | HostStep::ReadFile { .. }
            | HostStep::WriteFile { .. }
            | HostStep::Glob { .. }
            | HostStep::ChangedFiles { .. } => Vec::new(),
        };
        self.effect(Effect::PerformStep(Box::new(StepOrder { number, step, pieces })));
    }

    pub(super) fn decide_step_ended(&mut self, number: StepNumber, outcome: StepOutcome) {
        let open = self.state().steps.get(number).is_some_and(|step| step.outcome.is_none());
        if !open || matches!(self.state().life, Life::Ended(_)) {
            return;
        }
        self.record(Event::StepEnded { number, outcome });
        if self.hears() {
            self.deliver_step(number);
        }
    }

    fn deliver_step(&mut self, number: StepNumber) {
        let Some(call) = self.state().steps.get(number).and_then(|step| step.call) else { return };
        if self.state().calls.get(&call) == Some(&CallFate::Step(number)) {
            self.deliver(call, Delivered::Step(number));
        }
    }

    /// It had ended, and nobody was told.
    pub(super) fn tell_ended_step(&mut self, number: StepNumber) {
        if self.state().steps.get(number).is_some_and(|step| step.outcome.is_some()) {
            self.deliver_step(number);
        }
    }

    /// A process of ours ended in the middle: what may be repeated is, the rest is told as unknown.
    pub(super) fn go_on_with_step(&mut self, number: StepNumber) {
        let Some(known) = self.state().steps.get(number).cloned() else { return };
        if known.outcome.is_some() {
            return self.deliver_step(number);
        }
        if known.step.may_be_repeated() {
            return self.perform_step(number, known.step);
        }
        let words = known.step.words();
        let message = format!(
            "`{words}` was begun before a crash and may have happened; it is not done again; hint: look what \
             it did, and say `retry: 'safe'` if it may be repeated"
        );
        self.record(Event::StepEnded { number, outcome: StepOutcome::Failed(message) });
        self.deliver_step(number);
    }

    /// Whether a step asked for again by a replay is the one the journal has for this call.
    pub(super) fn repeats_step(&self, call: CallId, step: &HostStep) -> bool {
        let known = self.state().steps.all.iter().find(|known| known.call == Some(call));
        let shared = || self.state().refusals.contains_key(&call) || self.state().steps.is_shared(step);
        known.map_or_else(shared, |known| known.key == step.key())
    }

    pub(super) fn step_payload(&self, number: StepNumber) -> Payload {
        let thrown = |message: String| Payload::Throw(Thrown { kind: ThrowKind::Step, message });
        match self.state().steps.get(number).and_then(|step| step.outcome.clone()) {
            Some(StepOutcome::Done(value)) => Payload::Value(value),
            Some(StepOutcome::Failed(message)) => thrown(message),
            None => thrown("the journal does not say how the step ended".to_owned()),
        }
    }

    /// Works of finished agents of this generation, in the order they were asked for.
    fn selected(&self, select: &Select) -> Vec<Piece> {
        let state = self.state();
        let numbers: Vec<AgentNumber> = match select {
            Select::Agents(numbers) => numbers.clone(),
            Select::Phase(_) | Select::Label(_) => state.asked.clone(),
        };
        let agents = numbers.into_iter().filter_map(|number| state.agent(number));
        let wanted = agents.filter(|agent| agent.errand.is_none()).filter(|agent| match select {
            Select::Agents(_) => true,
            Select::Phase(phase) => agent.phase.as_ref() == Some(phase) && answered(agent),
            Select::Label(label) => agent.label == *label && answered(agent),
        });
        wanted
            .filter_map(|agent| {
                let work = agent.work.as_ref().filter(|work| !work.is_empty())?;
                Some(Piece {
                    agent: agent.number,
                    label: agent.label.clone(),
                    base: work.base.clone(),
                    head: work.head.clone(),
                })
            })
            .collect()
    }
}

fn answered(agent: &super::state::Agent) -> bool {
    matches!(agent.state, super::state::AgentState::Finished(Outcome::Answered(_)))
}
