//! The run core, driven by hand: steps and reports in, events and effects out.

mod agents;
mod approvals;
mod caps;
mod cassette;
mod children;
mod errands;
mod limits;
mod options;
mod parked;
mod resume;
mod reuse;
mod shared;
mod stop;
mod taint;
mod turns;

use baya_core::agent::{AgentTask, Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Usage, UsageSource};
use baya_core::call::{Call, CallKind, Delivery, Payload, Program, Start, Step, StepState, Thrown};
use baya_core::event::{Event, Recorded, ScriptRecord, Surroundings};
use baya_core::ids::{AgentNumber, CallId, FrameId, RunId};
use baya_core::limits::Limits;
use baya_core::run::{Batch, Beginning, Effect, Input, Resumption, Run};
use serde_json::{Value, json};

/// A run in the hands of a test.
struct Hand {
    run: Run,
    journal: Vec<Recorded>,
    effects: Vec<Effect>,
    now_ms: i64,
}

fn script(name: &str) -> ScriptRecord {
    ScriptRecord {
        name: name.to_owned(),
        path: format!("/p/{name}.js"),
        hash: format!("hash of {name}"),
        meta: json!({"name": name, "description": "d"}),
        program: Program { units: Vec::new() },
        sources: Vec::new(),
    }
}

fn surroundings() -> Surroundings {
    Surroundings {
        folder: "/p".to_owned(),
        agent_types: vec!["Explore".to_owned(), "general-purpose".to_owned()],
        in_git_repository: false,
        backend: "simulated".to_owned(),
        backends: vec!["simulated".to_owned(), "mine".to_owned()],
        backends_with_tools: vec!["mine".to_owned()],
        backends_with_quarantine: vec!["simulated".to_owned()],
        agent_types_that_look: vec!["Explore".to_owned()],
        simulated: true,
        ..Surroundings::default()
    }
}

impl Hand {
    fn new() -> Hand {
        Hand::with(Limits::default(), surroundings())
    }

    fn with(limits: Limits, surroundings: Surroundings) -> Hand {
        Hand::begun(script("main"), limits, surroundings)
    }

    fn of(script: ScriptRecord, limits: Limits) -> Hand {
        Hand::begun(script, limits, surroundings())
    }

    fn begun(script: ScriptRecord, limits: Limits, surroundings: Surroundings) -> Hand {
        let beginning = Beginning {
            run: RunId::from_random(1),
            script,
            args: None,
            seed: 1,
            limits,
            surroundings,
            offers: Default::default(),
            fence: 1,
            pid: 1,
        };
        let (run, batch) = Run::begin(beginning, 1_000);
        let mut hand = Hand { run, journal: Vec::new(), effects: Vec::new(), now_ms: 1_000 };
        hand.take(batch);
        hand
    }

    /// Another process finds the journal, or what is left of it.
    fn resumed(journal: &[Recorded], resumption: Resumption) -> Hand {
        let mut run = Run::load(journal);
        let batch =
            run.resume(Resumption { surroundings: surroundings(), fence: 2, pid: 2, ..resumption }, 9_000);
        let mut hand = Hand { run, journal: journal.to_vec(), effects: Vec::new(), now_ms: 9_000 };
        hand.take(batch);
        hand
    }

    fn take(&mut self, batch: Batch) {
        self.journal.extend(batch.events);
        self.effects.extend(batch.effects);
    }

    fn input(&mut self, input: Input) {
        self.now_ms += 10;
        let batch = self.run.decide_all(vec![input], self.now_ms);
        self.take(batch);
    }

    /// The script makes these calls and waits.
    fn step(&mut self, settled: u32, calls: Vec<Call>) {
        self.step_to(settled, calls, StepState::Waiting);
    }

    fn step_to(&mut self, settled: u32, calls: Vec<Call>, state: StepState) {
        let generation = self.run.state().generation;
        self.input(Input::Stepped { generation, step: Step { settled, calls, state } });
    }

    fn answer(&mut self, agent: u32, text: &str) {
        self.report(agent, AttemptEnd::Answered(Answer::Text(text.to_owned())), 5);
    }

    fn fail(&mut self, agent: u32, kind: CauseKind) {
        self.report(agent, AttemptEnd::Failed(Cause::new(kind, "it broke")), 0);
    }

    fn report(&mut self, agent: u32, end: AttemptEnd, output: u64) {
        let attempt = self.tasks().iter().filter(|task| task.agent.0 == agent).map(|task| task.attempt).max();
        let usage = Usage { output, source: UsageSource::Reported, ..Usage::default() };
        let report = AttemptReport { usage, ..AttemptReport::new(end) };
        self.input(Input::AgentEnded { agent: AgentNumber(agent), attempt: attempt.unwrap_or(1), report });
    }

    /// Attempts started so far.
    fn tasks(&self) -> Vec<&AgentTask> {
        let started = self.effects.iter().filter_map(|effect| match effect {
            Effect::StartAgent(task) => Some(&**task),
            _ => None,
        });
        started.collect()
    }

    /// Prompts of the attempts started so far.
    fn prompts(&self) -> Vec<&str> {
        self.tasks().iter().map(|task| task.prompt.as_str()).collect()
    }

    /// All the script was told, the replay included.
    fn told(&self) -> Vec<&Delivery> {
        let mut told = Vec::new();
        for effect in &self.effects {
            match effect {
                Effect::StartIsolate { deliveries, .. } => {
                    told.clear();
                    told.extend(deliveries);
                }
                Effect::Deliver(deliveries) => told.extend(deliveries),
                _ => {}
            }
        }
        told
    }

    fn told_to(&self, call: u64) -> Option<&Payload> {
        self.told().into_iter().find(|delivery| delivery.to == CallId(call)).map(|delivery| &delivery.payload)
    }

    fn thrown_to(&self, call: u64) -> &Thrown {
        match self.told_to(call) {
            Some(Payload::Throw(thrown)) => thrown,
            other => panic!("call {call} was told {other:?}"),
        }
    }

    fn start(&self) -> &Start {
        let starts = self.effects.iter().rev().filter_map(|effect| match effect {
            Effect::StartIsolate { start, .. } => Some(&**start),
            _ => None,
        });
        starts.into_iter().next().expect("an isolate was started")
    }

    fn logs(&self) -> Vec<&str> {
        let logged = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::Logged { text, .. } => Some(text.as_str()),
            _ => None,
        });
        logged.collect()
    }

    fn queued(&self) -> Vec<(&str, Option<&str>)> {
        let queued = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::AgentQueued { label, phase, .. } => Some((label.as_str(), phase.as_deref())),
            _ => None,
        });
        queued.collect()
    }
}

fn agent(id: u64, prompt: &str) -> Call {
    agent_with(id, prompt, json!({}))
}

fn agent_with(id: u64, prompt: &str, options: Value) -> Call {
    let options = options.as_object().cloned().unwrap_or_default();
    let kind = CallKind::Agent { prompt: prompt.to_owned(), options, phase: None };
    Call { id: CallId(id), frame: FrameId::MAIN, site: None, kind }
}

fn value(text: &str) -> Payload {
    Payload::Value(Value::String(text.to_owned()))
}

fn done(value: Value) -> StepState {
    StepState::Done { value: Some(value), notes: Vec::new() }
}
