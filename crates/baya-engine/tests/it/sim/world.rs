//! A world without time: agents, timers and crashes happen when a seed says so.

use super::script::RandomScript;
use super::till::Till;
use baya_core::agent::{Answer, AttemptEnd, AttemptReport, Cause, CauseKind, Usage, UsageSource};
use baya_core::budget::{HoldId, Purse};
use baya_core::call::{Delivery, Program, ScriptLimits, Unit, WorkflowTarget};
use baya_core::event::{Event, Outcome, Recorded, ScriptRecord, Surroundings};
use baya_core::ids::{AgentNumber, CallId, RunId};
use baya_core::limits::Limits;
use baya_core::op::Op;
use baya_core::run::{Batch, Beginning, Effect, Input, Life, Resumption, Run, RunEnd, State};
use baya_core::step::{StepNumber, StepOutcome};
use baya_core::taint::TaintUse;
use baya_js::Isolate;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What happens at a moment, in the order of arrival.
pub(super) enum Due {
    Request { agent: AgentNumber, hold: HoldId },
    Agent { agent: AgentNumber, attempt: u32, report: Box<AttemptReport> },
    Timer { generation: u32, call: CallId },
    Skip { agent: AgentNumber },
    Step { number: StepNumber, outcome: StepOutcome },
    Wake,
}

pub struct World<'a> {
    script: &'a RandomScript,
    pub journal: Vec<Recorded>,
    run: Run,
    isolate: Option<(u32, Isolate)>,
    pub(super) inputs: Vec<Input>,
    due: BTreeMap<(i64, u64), Due>,
    order: u64,
    now_ms: i64,
    /// Prompts of the attempts started by this driver.
    pub started: Vec<String>,
    /// Agents finished with an answer, as the journal says.
    answered: BTreeSet<AgentNumber>,
    /// Where agents are paid request by request, and caps may hold them.
    pub till: Option<Till>,
}

pub fn record_of(name: &str, body: &str) -> ScriptRecord {
    let text = format!("(async(meta)=>{{\"use strict\";\n{body}\n}})");
    ScriptRecord {
        name: name.to_owned(),
        path: format!("{name}.js"),
        hash: blake3::hash(body.as_bytes()).to_hex()[..16].to_owned(),
        meta: json!({"name": name, "description": "made from a seed"}),
        program: Program {
            units: vec![Unit { file: format!("{name}.js"), text, imports: Vec::new(), shift: 0 }],
        },
        sources: Vec::new(),
    }
}

impl<'a> World<'a> {
    pub fn fresh(script: &'a RandomScript, seed: u64) -> World<'a> {
        World::fresh_with(script, seed, limits(script, seed), None)
    }

    /// The same with these limits, and agents that are paid or not.
    pub fn fresh_with(script: &'a RandomScript, seed: u64, limits: Limits, till: Option<Till>) -> World<'a> {
        let beginning = Beginning {
            run: RunId::from_random(seed),
            script: record_of("random", &script.body),
            args: None,
            seed,
            limits,
            surroundings: surroundings(seed),
            offers: Default::default(),
            fence: 1,
            pid: 1,
        };
        let (run, batch) = Run::begin(beginning, 1_000);
        let mut world = World::new(script, run, Vec::new());
        world.till = till;
        world.commit(batch);
        world
    }

    /// A new process finds this journal.
    pub fn resumed(script: &'a RandomScript, journal: Vec<Recorded>, fence: u64) -> World<'a> {
        World::resumed_with(script, journal, fence, None, None)
    }

    /// The same with other limits, and agents that were billed so far.
    pub fn resumed_with(
        script: &'a RandomScript,
        journal: Vec<Recorded>,
        fence: u64,
        limits: Option<Limits>,
        till: Option<Till>,
    ) -> World<'a> {
        let mut run = Run::load(&journal);
        let now_ms = journal.last().map_or(1_000, |last| last.at_ms) + 10;
        let surroundings = surroundings(run.state().seed);
        let resumption = Resumption { limits, surroundings, fence, pid: 1, ..Resumption::default() };
        assert_eq!(run.check_caps(&resumption), Ok(()));
        let batch = run.resume(resumption, now_ms);
        let mut world = World::new(script, run, journal);
        world.now_ms = now_ms;
        world.till = till;
        world.commit(batch);
        world
    }

    pub fn state(&self) -> &State {
        self.run.state()
    }

    fn new(script: &'a RandomScript, run: Run, journal: Vec<Recorded>) -> World<'a> {
        let mut world = World {
            script,
            journal: Vec::new(),
            run,
            isolate: None,
            inputs: Vec::new(),
            due: BTreeMap::new(),
            order: 0,
            now_ms: 1_000,
            started: Vec::new(),
            answered: BTreeSet::new(),
            till: None,
        };
        for recorded in journal {
            world.write(recorded);
        }
        world
    }

    /// Runs until it ends.
    pub fn run_to_end(&mut self) -> RunEnd {
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds < 100_000, "the run does not end");
            if let Some(end) = self.run.end() {
                return end.clone();
            }
            self.go_on();
        }
    }

    /// Runs until nothing can happen any more: it has ended, or waits for a person.
    pub fn run_until_over(&mut self) -> &Life {
        let mut rounds = 0;
        while !self.run.is_over() {
            rounds += 1;
            assert!(rounds < 100_000, "the run does not end");
            self.go_on();
            if let Some(till) = &self.till {
                till.check(&self.run.state().limits.caps);
            }
        }
        &self.run.state().life
    }

    fn go_on(&mut self) {
        if self.inputs.is_empty() {
            self.advance();
        }
        let inputs = std::mem::take(&mut self.inputs);
        let batch = self.run.decide_all(inputs, self.now_ms);
        self.commit(batch);
    }

    /// The next moment at which something is due, and all that is due then.
    fn advance(&mut self) {
        let Some((&(at_ms, _), _)) = self.due.first_key_value() else {
            panic!("nothing can happen and the run is not over: {:?}", self.run.state().life);
        };
        self.now_ms = self.now_ms.max(at_ms);
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > at_ms {
                break;
            }
            let input = match entry.remove() {
                Due::Request { agent, hold } => {
                    self.answered(agent, hold);
                    continue;
                }
                Due::Agent { agent, attempt, report } => {
                    Input::AgentEnded { agent, attempt, report: *report }
                }
                Due::Timer { generation, call } => Input::TimerDue { generation, call },
                Due::Step { number, outcome } => Input::StepEnded { number, outcome },
                Due::Wake => Input::WakeDue,
                Due::Skip { agent } => Input::Op(Op::Skip { agent, by: "the seed".to_owned() }),
            };
            self.inputs.push(input);
        }
    }

    /// Events first, effects after.
    fn commit(&mut self, batch: Batch) {
        let first = self.journal.len();
        for recorded in batch.events {
            self.write(recorded);
        }
        for place in first..self.journal.len() {
            self.is_durable(place);
        }
        for effect in batch.effects {
            self.perform(effect);
        }
    }

    fn write(&mut self, recorded: Recorded) {
        assert_eq!(recorded.seq, self.journal.len() as u64 + 1, "the journal has a gap");
        if let Event::AgentFinished { agent, outcome: Outcome::Answered(_), .. } = &recorded.event {
            assert!(self.answered.insert(*agent), "{agent} finished twice");
        }
        self.journal.push(recorded);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartIsolate { generation, start, deliveries } => {
                self.check_committed(&deliveries);
                let (mut isolate, step) = Isolate::start(*start);
                self.inputs.push(Input::Stepped { generation, step });
                if !deliveries.is_empty() {
                    let step = isolate.deliver(deliveries);
                    self.inputs.push(Input::Stepped { generation, step });
                }
                self.isolate = Some((generation, isolate));
            }
            Effect::Deliver(deliveries) => {
                self.check_committed(&deliveries);
                if let Some((generation, isolate)) = &mut self.isolate {
                    let step = isolate.deliver(deliveries);
                    self.inputs.push(Input::Stepped { generation: *generation, step });
                }
            }
            Effect::StartAgent(task) => {
                assert!(!self.answered.contains(&task.agent), "{} is bought twice", task.agent);
                self.started.push(task.prompt.clone());
                let holds_words = task.prompt.contains("that nobody vouches for");
                let fences = self.run.state().surroundings.taint == TaintUse::Fence;
                assert_eq!(task.mark.is_some(), holds_words && fences, "{}", task.prompt);
                let after = latency(&task.prompt);
                if task.prompt.contains("skipped") {
                    self.at(0, Due::Skip { agent: task.agent });
                } else if self.till.is_some() {
                    self.start_paid(*task);
                } else {
                    let report = report_for(&task.prompt, task.options.schema.is_some());
                    self.at(after, Due::Agent { agent: task.agent, attempt: task.attempt, report });
                }
            }
            Effect::ClearWorkspace { .. } => {}
            Effect::OpenPurse(state) => {
                if let Some(till) = &mut self.till {
                    till.purse = Purse::open(*state);
                }
            }
            Effect::CancelAgent { agent, attempt } if self.is_paid(agent) => {
                self.cancel_paid(agent, attempt);
            }
            Effect::CancelAgent { agent, attempt } => {
                let report = Box::new(AttemptReport::new(AttemptEnd::Cancelled));
                self.at(1, Due::Agent { agent, attempt, report });
            }
            Effect::SetTimer { generation, call, due_ms } => {
                self.at((due_ms - self.now_ms).max(0), Due::Timer { generation, call });
            }
            Effect::PerformStep(order) => {
                let words = order.step.words();
                let outcome = match words.contains("fails") {
                    true => StepOutcome::Failed(format!("{words}: the seed says so")),
                    false => StepOutcome::Done(json!({"code": 0, "stdout": words})),
                };
                self.at(latency(&words), Due::Step { number: order.number, outcome });
            }
            Effect::SetApprovalTimer { .. } | Effect::TellAnswer { .. } | Effect::TellErrand { .. } => {
                panic!("agents of this world ask nobody");
            }
            Effect::Wake { at_ms } => self.at((at_ms - self.now_ms).max(0), Due::Wake),
            Effect::LoadWorkflow { generation, call, target, importer: _ } => {
                let loaded = self.load(&target).map(Box::new);
                self.inputs.push(Input::WorkflowLoaded { generation, call, loaded });
            }
        }
    }

    pub(super) fn at(&mut self, after_ms: i64, due: Due) {
        self.order += 1;
        self.due.insert((self.now_ms + after_ms, self.order), due);
    }

    fn load(&self, target: &WorkflowTarget) -> Result<ScriptRecord, String> {
        let WorkflowTarget::Name(name) = target else { return Err("no such file".to_owned()) };
        let number = name.strip_prefix("child").and_then(|n| n.parse::<usize>().ok());
        let body = number.and_then(|n| self.script.children.get(n));
        Ok(record_of(name, body.ok_or_else(|| format!("there is no workflow `{name}`"))?))
    }

    /// The script hears nothing that is not in the journal.
    fn check_committed(&self, deliveries: &[Delivery]) {
        let generation_start = self.journal.iter().rposition(|r| matches!(r.event, Event::RunResumed { .. }));
        let current = &self.journal[generation_start.unwrap_or(0)..];
        for delivery in deliveries {
            let committed = current.iter().any(
                |recorded| matches!(&recorded.event, Event::Delivered { call, .. } if *call == delivery.to),
            );
            assert!(committed, "a delivery to {} before its commit", delivery.to);
        }
    }
}

pub fn limits(script: &RandomScript, seed: u64) -> Limits {
    Limits {
        concurrency: 1 + (seed % 5) as u32,
        budget_tokens: script.budget,
        script: ScriptLimits::default(),
        ..Limits::default()
    }
}

const WORDS_OF_READERS: &str = "\"words\" that nobody vouches for";

/// Each of the settings for marked text has a third of the seeds.
fn surroundings(seed: u64) -> Surroundings {
    let taint = [TaintUse::Fence, TaintUse::Warn, TaintUse::Deny][(seed % 3) as usize];
    let backend = "simulated".to_owned();
    let backends_with_quarantine = vec![backend.clone()];
    Surroundings { simulated: true, backend, backends_with_quarantine, taint, ..Surroundings::default() }
}

pub(super) fn latency(prompt: &str) -> i64 {
    if prompt.starts_with("slow") {
        return 1_000_000;
    }
    let hash = blake3::hash(prompt.as_bytes());
    1 + i64::from(hash.as_bytes()[0])
}

pub(super) fn report_for(prompt: &str, shaped: bool) -> Box<AttemptReport> {
    let failed = |kind| AttemptEnd::Failed(Cause::new(kind, "the seed says so"));
    let end = if prompt.contains("fails") {
        failed(CauseKind::Api)
    } else if prompt.contains("unmet") {
        failed(CauseKind::SchemaUnmet)
    } else if prompt.contains("stalls") {
        failed(CauseKind::Stalled)
    } else if prompt.starts_with("reader") {
        AttemptEnd::Answered(Answer::Json(json!({"words": format!("{WORDS_OF_READERS} to {prompt}")})))
    } else if shaped {
        AttemptEnd::Answered(Answer::Json(json!({"v": prompt.len()})))
    } else {
        AttemptEnd::Answered(Answer::Text(format!("answer to {prompt}")))
    };
    // Only the rounds of a budget loop cost anything: what else runs at the same time is a matter of luck.
    let output = if prompt.starts_with("round") { 50 } else { 0 };
    let usage = Usage { output, source: UsageSource::Simulated, ..Usage::default() };
    Box::new(AttemptReport { usage, ..AttemptReport::new(end) })
}
