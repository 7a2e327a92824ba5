//! How a run begins, and how it goes on after its process ended: exactly, or as a new generation.

use super::state::{AgentState, CallFate, Life, State};
use super::{Batch, Effect, Run};
use crate::agent::AgentProcess;
use crate::call::{Call, Delivery, LogLevel, Start};
use crate::event::{Delivered, EVENT_VERSION, Event, Recorded, ScriptRecord, Surroundings};
use crate::ids::{AgentNumber, CallId, FrameId, RunId};
use crate::limits::Limits;
use crate::reuse::Offers;
use serde_json::Value;

/// What a new run is made of.
#[derive(Debug, Clone)]
pub struct Beginning {
    pub run: RunId,
    pub script: ScriptRecord,
    pub args: Option<Value>,
    pub seed: u64,
    pub limits: Limits,
    pub surroundings: Surroundings,
    pub offers: Offers,
    pub fence: u64,
    pub pid: u32,
}

/// What a person may change when a run goes on.
#[derive(Debug, Clone, Default)]
pub struct Resumption {
    pub script: Option<ScriptRecord>,
    pub args: Option<Value>,
    pub retry_failed: bool,
    pub limits: Option<Limits>,
    pub surroundings: Surroundings,
    pub offers: Offers,
    pub fence: u64,
    pub pid: u32,
}

/// A string that is the JSON of an object or a list arrives parsed (C50).
pub fn parsed_args(args: Value) -> Value {
    let Value::String(text) = &args else { return args };
    match serde_json::from_str::<Value>(text) {
        Ok(parsed @ (Value::Object(_) | Value::Array(_))) => parsed,
        Ok(_) | Err(_) => args,
    }
}

/// Checks the arguments against `meta.args`, if the script has it (C04).
pub fn check_args(meta: &Value, args: Option<&Value>) -> Result<(), String> {
    let Some(schema) = meta.get("args") else { return Ok(()) };
    let validator = jsonschema::validator_for(schema).map_err(|error| format!("`meta.args`: {error}"))?;
    let given = args.unwrap_or(&Value::Null);
    let mut errors = validator.iter_errors(given);
    match errors.next() {
        None => Ok(()),
        Some(_) if args.is_none() => Err("no args were given; `meta.args` asks for some".to_owned()),
        Some(error) => {
            let place = error.instance_path().to_string();
            let place =
                if place.is_empty() { "args".to_owned() } else { format!("args{}", place.replace('/', ".")) };
            Err(format!("`{place}`: {error}"))
        }
    }
}

impl Run {
    /// A run from nothing.
    pub fn begin(beginning: Beginning, now_ms: i64) -> (Run, Batch) {
        let Beginning { run: id, script, args, seed, limits, surroundings, offers, fence, pid } = beginning;
        let mut run = Run { now_ms, offers, ..Run::default() };
        run.record(Event::RunStarted {
            run: id,
            version: EVENT_VERSION,
            script,
            args: args.map(parsed_args),
            seed,
            now_ms,
            limits,
            surroundings: surroundings.clone(),
        });
        run.record(Event::DriverStarted { fence, pid, surroundings });
        run.open_purse();
        run.start_isolate();
        let batch = run.finish_batch();
        (run, batch)
    }

    /// A run from its journal.
    pub fn load<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Run {
        let mut state = State::default();
        let mut now_ms = 0;
        for recorded in events {
            now_ms = now_ms.max(recorded.at_ms);
            state.apply(recorded);
        }
        Run { state, now_ms, ..Run::default() }
    }

    /// Goes on: an interrupted run exactly where it was; one that ended, or whose script, arguments or
    /// budget change, as a new generation that takes finished results by their keys (C61–C63).
    pub fn resume(&mut self, resumption: Resumption, now_ms: i64) -> Batch {
        self.now_ms = self.now_ms.max(now_ms);
        let exact = self.goes_on_exactly(&resumption);
        let Resumption { script, args, limits, surroundings, offers, fence, pid, retry_failed: _ } =
            resumption;
        self.offers = offers;
        self.record(Event::DriverStarted { fence, pid, surroundings });
        if let Some(limits) = limits.filter(|limits| *limits != self.state.limits) {
            self.record(Event::LimitsChanged { limits });
        }
        if exact {
            self.continue_generation();
        } else {
            self.begin_generation(script, args.map(parsed_args));
        }
        self.open_purse();
        self.finish_batch()
    }

    fn goes_on_exactly(&self, resumption: &Resumption) -> bool {
        let ended = matches!(self.state.life, Life::Ended(_) | Life::Stopping);
        let hash = self.state.script.as_ref().map(|script| &script.hash);
        let edited = resumption.script.as_ref().is_some_and(|script| Some(&script.hash) != hash);
        let args = resumption.args.clone().map(parsed_args);
        let other_args = args.is_some() && args != self.state.args;
        let budget = resumption.limits.as_ref().map(|limits| limits.budget_tokens);
        let other_budget = budget.is_some_and(|budget| budget != self.state.limits.budget_tokens);
        !(ended || edited || other_args || other_budget || resumption.retry_failed)
    }

    /// Processes that an earlier driver may have left at work; to be ended before [`Run::resume`].
    pub fn survivors(&self) -> Vec<AgentProcess> {
        let processes = self.state.agents.iter().filter_map(|agent| match &agent.state {
            AgentState::Running { process, .. } => process.clone().filter(|process| !process.kept),
            AgentState::Queued | AgentState::Finished(_) | AgentState::Dropped => None,
        });
        processes.chain(self.state.kept.iter().cloned()).collect()
    }

    fn begin_generation(&mut self, script: Option<ScriptRecord>, args: Option<Value>) {
        let generation = self.state.generation + 1;
        self.record(Event::RunResumed { generation, script, args });
        self.unanswered = 0;
        self.redeliveries.clear();
        self.outgoing.clear();
        self.start_isolate();
    }

    /// The replay asked something else than the journal says: an upgrade of ours, most likely. What is
    /// finished is reused by its key.
    pub(super) fn restart_after_divergence(&mut self, call: &Call) {
        let text = format!(
            "the script did not repeat {} of the journal; it starts anew and takes every finished result that fits",
            call.id
        );
        self.log_own(LogLevel::Warn, text);
        self.cancel_working();
        self.begin_generation(None, None);
    }

    fn continue_generation(&mut self) {
        let open: Vec<(CallId, CallFate)> =
            self.state.calls.iter().map(|(call, fate)| (*call, fate.clone())).collect();
        self.deliver_unheard(&open);
        self.start_isolate();
        let generation = self.state.generation;
        for (call, fate) in open {
            match fate {
                CallFate::Timer { due_ms } => self.effect(Effect::SetTimer { generation, call, due_ms }),
                CallFate::Workflow { frame, target, .. } => {
                    let child = self.state.frames.get(&frame);
                    let caller = child.map_or(FrameId::MAIN, |child| child.parent);
                    if child.is_none_or(|child| child.started.is_none()) {
                        self.load_workflow(call, caller, target);
                    }
                }
                CallFate::Step(number) => self.go_on_with_step(number),
                CallFate::ReusesStep(number) => {
                    self.redeliveries.insert((self.first_heard_of_step(number), call));
                }
                CallFate::Reuses(agent) => {
                    let seq =
                        self.state.agent(agent).and_then(|agent| agent.heard).map_or(u64::MAX, |h| h.seq);
                    self.redeliveries.insert((seq, call));
                }
                CallFate::Agent(_) | CallFate::Shares(_) | CallFate::Refused | CallFate::Settled => {}
            }
        }
    }

    /// What was decided while the script was not told any more, or just before the process ended.
    fn deliver_unheard(&mut self, open: &[(CallId, CallFate)]) {
        for agent in self.finished_unheard() {
            self.deliver_outcome(agent);
        }
        for (call, fate) in open {
            match fate {
                CallFate::Refused => self.deliver(*call, Delivered::Refusal),
                CallFate::Workflow { frame, .. } => {
                    if self.state.frames.get(frame).is_some_and(|child| child.started.is_some()) {
                        self.deliver(*call, Delivered::Child);
                    }
                }
                CallFate::Step(number) => self.tell_ended_step(*number),
                CallFate::Agent(_)
                | CallFate::Reuses(_)
                | CallFate::Shares(_)
                | CallFate::ReusesStep(_)
                | CallFate::Timer { .. }
                | CallFate::Settled => {}
            }
        }
        // They go in with the replay.
        self.outgoing.clear();
    }

    /// Agents that finished while the script was not told any more, in the order they were asked for.
    fn finished_unheard(&self) -> Vec<AgentNumber> {
        let unheard = self.state.agents.iter().filter(|agent| {
            matches!(agent.state, AgentState::Finished(_)) && !self.waiting_for(agent.number).is_empty()
        });
        unheard.map(|agent| agent.number).collect()
    }

    fn start_isolate(&mut self) {
        let Some(script) = &self.state.script else { return };
        let start = Start {
            program: script.program.clone(),
            meta: script.meta.clone(),
            args: self.state.args.clone(),
            seed: self.state.seed,
            now_ms: self.state.started_ms,
            budget_total: self.state.limits.budget_tokens,
            tokens_spent: 0,
            limits: self.state.limits.script.clone(),
        };
        let deliveries: Vec<Delivery> =
            self.state.deliveries.iter().map(|record| self.delivery(record)).collect();
        self.unanswered = deliveries.len() as u64;
        let generation = self.state.generation;
        self.effect(Effect::StartIsolate { generation, start: Box::new(start), deliveries });
    }

    fn delivery(&self, record: &super::state::DeliveryRecord) -> Delivery {
        Delivery {
            to: record.call,
            payload: self.payload(record.call, record.what),
            now_ms: record.now_ms,
            tokens_spent: record.tokens_spent,
        }
    }

    /// One result at a time is handed out again, the one heard first goes first: what the script then
    /// asks may be heard before the next (C61).
    pub(super) fn redeliver_next(&mut self) {
        if self.unanswered > 0 || !self.outgoing.is_empty() || !self.hears() {
            return;
        }
        let Some((_, call)) = self.redeliveries.pop_first() else { return };
        let what = match self.state.calls.get(&call) {
            Some(CallFate::Reuses(agent)) => Delivered::Agent(*agent),
            Some(CallFate::ReusesStep(number)) => Delivered::Step(*number),
            _ => return,
        };
        self.redelivered += 1;
        self.deliver(call, what);
    }
}
