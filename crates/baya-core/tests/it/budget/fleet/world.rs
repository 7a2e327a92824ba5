//! The world of a fleet: run core, purse and provider, one thing after the other.

mod agents;

use super::super::Dice;
use super::Tally;
use super::plan::Plan;
use baya_core::agent::{Cause, Usage};
use baya_core::budget::{Caps, Currency, HoldId, OnBudget, Place, Purse};
use baya_core::call::{Call, CallKind, Delivery, Payload, Program, Step, StepState, WorkflowTarget};
use baya_core::event::{Event, Outcome, Recorded, ScriptRecord};
use baya_core::ids::{AgentNumber, CallId, FrameId, RunId};
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;
use baya_core::op::Op;
use baya_core::run::{Batch, Beginning, Effect, Input, Life, Resumption, Run};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// All that a seed decides.
#[derive(Debug)]
pub struct Fleet {
    pub seed: u64,
    pub plans: Vec<Plan>,
    pub at_once: u32,
    pub caps: Caps,
    pub phases: BTreeMap<String, Caps>,
    pub on_budget: OnBudget,
    /// When the driver dies.
    pub crashes: Vec<i64>,
    /// When a person skips an agent.
    pub skips: Vec<i64>,
    pub stop: Option<i64>,
    /// Requests and attempts fail now and then.
    pub is_faulty: bool,
}

enum Due {
    Answer(AgentNumber, HoldId),
    Skip,
    Stop,
    Crash,
}

/// An attempt at work.
struct Working {
    attempt: u32,
    plan: usize,
    /// The answer it is at, and how much of it is there.
    place: usize,
    got: u64,
    /// Billed and in no record.
    unrecorded: Usage,
    at: At,
}

enum At {
    Nothing,
    Line(Place),
    Out { hold: HoldId, input: u64, input_most: u64, output_max: u64 },
}

/// The call of the child.
const CHILD: CallId = CallId(1);
/// No model of theirs answers more.
const MODELS_MOST: u64 = 40_000;

pub struct World<'a> {
    fleet: &'a Fleet,
    dice: Dice,
    caps: Caps,
    phases: BTreeMap<String, Caps>,
    run: Run,
    purse: Purse,
    journal: Vec<Recorded>,
    inputs: Vec<Input>,
    due: BTreeMap<(i64, u64), Due>,
    order: u64,
    now_ms: i64,
    working: BTreeMap<AgentNumber, Working>,
    /// Calls that the script has heard of.
    told: BTreeSet<CallId>,
    /// What the provider counts.
    bill: Usage,
    phase_bills: BTreeMap<String, Usage>,
    fence: u64,
    tally: Tally,
}

fn caps_json(caps: &Caps) -> Value {
    let all = json!({
        "tokens": caps.tokens, "input": caps.input, "output": caps.output, "cache": caps.cache,
        "usd": caps.cost.map(NanoUsd::to_dollars),
    });
    let given = all.as_object().cloned().unwrap_or_default().into_iter().filter(|(_, cap)| !cap.is_null());
    Value::Object(given.collect())
}

fn script(name: &str, phases: &BTreeMap<String, Caps>) -> ScriptRecord {
    let phases: Vec<Value> =
        phases.iter().map(|(title, caps)| json!({"title": title, "budget": caps_json(caps)})).collect();
    ScriptRecord {
        name: name.to_owned(),
        path: format!("{name}.js"),
        hash: name.to_owned(),
        meta: json!({"name": name, "description": "d", "phases": phases}),
        program: Program { units: Vec::new() },
        sources: Vec::new(),
    }
}

impl<'a> World<'a> {
    pub fn new(fleet: &'a Fleet) -> World<'a> {
        let mut world = World {
            fleet,
            dice: Dice(fleet.seed ^ 0xF1EE7),
            caps: fleet.caps.clone(),
            phases: fleet.phases.clone(),
            run: Run::default(),
            purse: Purse::default(),
            journal: Vec::new(),
            inputs: Vec::new(),
            due: BTreeMap::new(),
            order: 0,
            now_ms: 1_000,
            working: BTreeMap::new(),
            told: BTreeSet::new(),
            bill: Usage::default(),
            phase_bills: BTreeMap::new(),
            fence: 1,
            tally: Tally { agents: fleet.plans.len() as u64, ..Tally::default() },
        };
        fleet.crashes.iter().for_each(|at_ms| world.after(*at_ms, Due::Crash));
        fleet.skips.iter().for_each(|at_ms| world.after(*at_ms, Due::Skip));
        fleet.stop.iter().for_each(|at_ms| world.after(*at_ms, Due::Stop));
        let (run, batch) = Run::begin(
            Beginning {
                run: RunId::from_random(fleet.seed),
                script: script("fleet", &fleet.phases),
                args: None,
                seed: fleet.seed,
                limits: world.limits(),
                surroundings: Default::default(),
                offers: Default::default(),
                fence: 1,
                pid: 1,
            },
            world.now_ms,
        );
        world.run = run;
        world.commit(batch);
        world
    }

    fn limits(&self) -> Limits {
        Limits {
            concurrency: self.fleet.at_once,
            caps: Box::new(self.caps.clone()),
            on_budget: self.fleet.on_budget,
            ..Limits::default()
        }
    }

    /// Until nothing can happen any more.
    pub fn run_to_end(mut self) -> Tally {
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 1_000_000, "{}: the run does not end", self.context());
            if !self.inputs.is_empty() {
                let inputs = std::mem::take(&mut self.inputs);
                let batch = self.run.decide_all(inputs, self.now_ms);
                self.commit(batch);
            } else if self.run.is_over() {
                match self.run.state().life {
                    Life::Parked { .. } => self.raise(),
                    _ => break,
                }
            } else {
                self.advance();
            }
            self.check();
        }
        self.check_end();
        self.tally
    }

    fn context(&self) -> String {
        format!("seed {} at {}", self.fleet.seed, self.now_ms)
    }

    /// The bill is within the caps, and so is what the purse knows.
    fn check(&self) {
        let phases = self.phases.iter().map(|(title, caps)| (caps, self.phase_bills.get(title)));
        for (caps, bill) in std::iter::once((&self.caps, Some(&self.bill))).chain(phases) {
            for currency in Currency::ALL {
                let Some(cap) = caps.of(currency) else { continue };
                let billed = bill.map_or(0, |bill| bill.of(currency));
                assert!(billed <= cap, "{}: {billed} of {cap} {currency:?}", self.context());
            }
        }
        for reading in self.purse.readings() {
            assert!(reading.spent + reading.held <= reading.cap, "{}: {reading:?}", self.context());
        }
    }

    fn check_end(&mut self) {
        assert_eq!((self.purse.held(), self.purse.waiting()), (0, 0), "{}", self.context());
        assert!(self.working.is_empty(), "{}", self.context());
        let state = self.run.state();
        for currency in Currency::ALL {
            let (known, billed) = (state.usage.of(currency), self.bill.of(currency));
            assert!(known >= billed, "{}: {known} of {billed} {currency:?} are known", self.context());
        }
        let answered = self.journal.iter().filter(|recorded| {
            matches!(&recorded.event, Event::AgentFinished { outcome: Outcome::Answered(_), .. })
        });
        self.tally.answered = answered.count() as u64;
        self.tally.spent = self.bill;
    }

    fn after(&mut self, wait_ms: i64, due: Due) {
        self.order += 1;
        self.due.insert((self.now_ms + wait_ms, self.order), due);
    }

    fn advance(&mut self) {
        let Some(((at_ms, _), due)) = self.due.pop_first() else {
            panic!("{}: nothing can happen, and it is not over", self.context());
        };
        self.now_ms = self.now_ms.max(at_ms);
        match due {
            Due::Answer(agent, hold) => self.answered(agent, hold),
            Due::Crash => self.crash(),
            Due::Stop => self.inputs.push(Input::Op(Op::Stop { by: "the seed".to_owned() })),
            Due::Skip => {
                let agent = AgentNumber(1 + self.dice.below(self.fleet.plans.len() as u64) as u32);
                self.inputs.push(Input::Op(Op::Skip { agent, by: "the seed".to_owned() }));
            }
        }
    }

    fn commit(&mut self, batch: Batch) {
        self.journal.extend(batch.events);
        for effect in batch.effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::OpenPurse(state) => self.purse = Purse::open(*state),
            Effect::StartAgent(task) => self.start(&task),
            Effect::CancelAgent { agent, attempt } => self.cancel(agent, attempt),
            Effect::StartIsolate { generation, deliveries, .. } => self.start_script(generation, deliveries),
            Effect::Deliver(deliveries) => self.tell(deliveries),
            Effect::LoadWorkflow { generation, call, .. } => {
                let loaded = Ok(Box::new(script("child", &BTreeMap::new())));
                self.inputs.push(Input::WorkflowLoaded { generation, call, loaded });
            }
            other => panic!("{}: {other:?}", self.context()),
        }
    }

    /// Calls of the script or of its child, as an isolate numbers them: the child's call, those of the
    /// script, those of the child.
    fn calls(&self, in_child: bool, frame: FrameId) -> Vec<Call> {
        let plans = || self.fleet.plans.iter().enumerate();
        let before = if in_child { plans().filter(|(_, plan)| !plan.in_child).count() as u64 } else { 0 };
        let its = plans().filter(|(_, plan)| plan.in_child == in_child);
        its.zip(before + 2..).map(|((place, plan), id)| call_of(CallId(id), frame, place, plan)).collect()
    }

    fn start_script(&mut self, generation: u32, deliveries: Vec<Delivery>) {
        self.told.clear();
        let target = WorkflowTarget::Name("child".to_owned());
        let kind = CallKind::Workflow { target, args: None };
        let mut calls = vec![Call { id: CHILD, frame: FrameId::MAIN, site: None, kind }];
        calls.extend(self.calls(false, FrameId::MAIN));
        let step = Step { settled: 0, calls, state: StepState::Waiting };
        self.inputs.push(Input::Stepped { generation, step });
        self.tell(deliveries);
    }

    /// The script hears; it is done when every call has been answered.
    fn tell(&mut self, deliveries: Vec<Delivery>) {
        let settled = deliveries.len() as u32;
        let mut calls = Vec::new();
        for Delivery { to, payload, .. } in deliveries {
            self.told.insert(to);
            if let Payload::Child(child) = payload {
                calls.extend(self.calls(true, child.frame));
            }
        }
        let is_done = self.told.len() == self.fleet.plans.len() + 1;
        let state = match is_done {
            true => StepState::Done { value: None, notes: Vec::new() },
            false => StepState::Waiting,
        };
        if settled > 0 {
            let generation = self.run.state().generation;
            self.inputs.push(Input::Stepped { generation, step: Step { settled, calls, state } });
        }
    }

    /// The driver dies; what is out is billed all the same.
    fn crash(&mut self) {
        if self.run.end().is_some() {
            return;
        }
        for working in std::mem::take(&mut self.working).into_values() {
            if let At::Out { input, output_max, .. } = working.at {
                let plan = self.plan(&working);
                let output = (plan.outputs[working.place] - working.got).min(output_max);
                let usage = plan.usage(input, output, &mut self.dice);
                self.charge(plan, &usage);
            }
        }
        self.tally.crashes += 1;
        self.purse = Purse::default();
        self.due.retain(|_, due| !matches!(due, Due::Answer(..)));
        self.resume(WhyResumed::Crashed, None);
    }

    /// A person gives the parked run more.
    fn raise(&mut self) {
        assert_eq!((self.purse.held(), self.purse.waiting()), (0, 0), "{}", self.context());
        self.tally.raised += 1;
        let is_phase = matches!(&self.run.state().life, Life::Parked { cause, .. } if names_phase(cause));
        if is_phase {
            let raised = self.phases.iter().map(|(title, caps)| (title.clone(), raised(caps)));
            self.phases = raised.collect();
        }
        self.caps = raised(&self.caps);
        let edited = is_phase.then(|| script(&format!("fleet {}", self.tally.raised), &self.phases));
        self.resume(WhyResumed::Raised, edited);
    }

    fn resume(&mut self, cause: WhyResumed, script: Option<ScriptRecord>) {
        self.fence += 1;
        self.inputs.clear();
        let mut run = Run::load(&self.journal);
        let limits = Some(self.limits());
        let resumption = Resumption { script, limits, fence: self.fence, pid: 1, ..Resumption::default() };
        if matches!(cause, WhyResumed::Raised) {
            assert_eq!(run.check_caps(&resumption), Ok(()), "{}", self.context());
        }
        let batch = run.resume(resumption, self.now_ms);
        self.run = run;
        self.commit(batch);
    }
}

enum WhyResumed {
    Crashed,
    Raised,
}

fn names_phase(cause: &Cause) -> bool {
    cause.message.contains("of phase")
}

fn raised(caps: &Caps) -> Caps {
    let more = |cap: u64| cap + cap / 2 + 10_000;
    let Caps { tokens, input, output, cache, cost, agents, wall_ms } = caps.clone();
    Caps {
        tokens: tokens.map(more),
        input: input.map(more),
        output: output.map(more),
        cache: cache.map(more),
        cost: cost.map(|cost| NanoUsd(more(cost.0) + 1_000_000_000)),
        agents,
        wall_ms,
    }
}

fn call_of(id: CallId, frame: FrameId, place: usize, plan: &Plan) -> Call {
    let mut options = json!({"label": plan.label, "retries": 1});
    if let Some(phase) = plan.phase {
        options["phase"] = json!(phase);
    }
    let options = options.as_object().cloned().unwrap_or_default();
    let kind = CallKind::Agent { prompt: format!("plan {place}"), options, phase: None };
    Call { id, frame, site: None, kind }
}
