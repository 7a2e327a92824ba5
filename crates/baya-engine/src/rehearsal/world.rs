//! A world for one rehearsal: the real run core and the real isolate, in a time that only passes when
//! something is due. Nothing is done: agents, host steps and landings come to what is drawn for them.
//!
//! Invariants: the same job and case give the same rehearsal; a delivery goes to the isolate alone, so
//! that it is known what a call followed from.

use super::draw::{Drawing, Fate};
use super::evaluate::Evaluator;
use super::job::Job;
use super::played::{Ending, Played};
use super::reads::Reads;
use super::record::Recorder;
use baya_core::agent::{AgentTask, AttemptEnd, AttemptReport};
use baya_core::call::{Delivery, Step, StepState};
use baya_core::event::ScriptRecord;
use baya_core::ids::{AgentNumber, CallId, RunId};
use baya_core::rehearsal::Case;
use baya_core::run::{Batch, Beginning, Effect, Input, Run};
use baya_core::script::Watched;
use baya_core::step::{StepNumber, StepOrder, StepOutcome};
use baya_js::Isolate;
use std::collections::BTreeMap;

/// When every rehearsal begins: the script's clock is part of the case.
pub const STARTED_MS: i64 = 1_767_225_600_000;
/// Rounds of a rehearsal in which no agent or host step is asked for: more is a loop without end.
const IDLE_ROUNDS_MAX: u32 = 5_000;
/// Calls that were refused: a script that goes on asking does so for ever.
const REFUSALS_MAX: usize = 5_000;
/// Rounds in all.
const ROUNDS_MAX: u32 = 200_000;
/// Virtual time: ninety days.
const WALL_MS_MAX: i64 = 90 * 24 * 60 * 60 * 1_000;

/// What happens at a moment, in the order of arrival.
enum Due {
    Agent { agent: AgentNumber, attempt: u32, report: Box<AttemptReport> },
    Timer { generation: u32, call: CallId },
    Step { number: StepNumber, outcome: StepOutcome },
    Wake,
}

/// The notes of what is played.
#[derive(Clone, Copy)]
pub(super) struct Watching<'a> {
    pub(super) watched: &'a Watched,
    /// The scripts that are called and have notes, in their order.
    pub(super) children: &'a [ScriptRecord],
}

/// Plays one case to its end.
pub(super) fn play(
    job: &Job,
    case: &Case,
    watching: Option<Watching<'_>>,
    drawing: Drawing<'_>,
    evaluator: &dyn Evaluator,
    reads: &dyn Reads,
) -> Played {
    let args = drawing.args();
    let mut limits = job.limits.clone();
    limits.caps = Box::default();
    limits.script = job.script_limits();
    let mut script = job.script.clone();
    if let Some(Watching { watched, .. }) = watching {
        script.program = watched.program.clone();
    }
    let beginning = Beginning {
        run: RunId::from_random(case.seed),
        script,
        args: args.clone(),
        seed: case.seed,
        limits,
        surroundings: job.surroundings.clone(),
        offers: Default::default(),
        fence: 1,
        pid: 1,
    };
    let started_ms = job.started_ms();
    let (run, batch) = Run::begin(beginning, started_ms);
    let mut world = World {
        run,
        watching,
        drawing,
        evaluator,
        reads,
        isolate: None,
        inputs: Vec::new(),
        due: BTreeMap::new(),
        order: 0,
        started_ms,
        now_ms: started_ms,
        recorder: Recorder::at(started_ms),
        idle_rounds: 0,
    };
    world.commit(batch);
    let end = world.run_to_end();
    let World { recorder, now_ms, .. } = world;
    let mut played = recorder.finish(case, args, end, now_ms);
    // A program that chooses its model itself is called by its own name.
    if played.unpriced.remove("") {
        played.unpriced.insert(job.surroundings.backend.clone());
    }
    played
}

struct World<'a> {
    run: Run,
    watching: Option<Watching<'a>>,
    drawing: Drawing<'a>,
    evaluator: &'a dyn Evaluator,
    reads: &'a dyn Reads,
    isolate: Option<(u32, Isolate)>,
    inputs: Vec<Input>,
    due: BTreeMap<(i64, u64), Due>,
    order: u64,
    started_ms: i64,
    now_ms: i64,
    recorder: Recorder,
    idle_rounds: u32,
}

impl World<'_> {
    fn run_to_end(&mut self) -> Ending {
        for _ in 0..ROUNDS_MAX {
            if let Some(end) = self.run.end() {
                return Ending::Ended(Box::new(end.clone()));
            }
            if self.inputs.is_empty()
                && let Err(why) = self.advance()
            {
                return Ending::Endless(why);
            }
            let inputs = std::mem::take(&mut self.inputs);
            let batch = self.run.decide_all(inputs, self.now_ms);
            self.commit(batch);
            if self.recorder.refusals.len() > REFUSALS_MAX {
                return Ending::Endless(format!("{REFUSALS_MAX} calls were refused, and it goes on asking"));
            }
            if self.idle_rounds > IDLE_ROUNDS_MAX {
                return Ending::Endless(format!(
                    "{IDLE_ROUNDS_MAX} timers went off in a row, and it waits on"
                ));
            }
        }
        Ending::Endless(format!("it did not end within {ROUNDS_MAX} rounds"))
    }

    /// The next moment at which something is due, and all that is due then.
    fn advance(&mut self) -> Result<(), String> {
        let Some((&(at_ms, _), _)) = self.due.first_key_value() else {
            // The run is parked, or waits for a person.
            return Err("it waits for what never comes in a rehearsal".to_owned());
        };
        if at_ms - self.started_ms > WALL_MS_MAX {
            return Err("it takes more than 90 days".to_owned());
        }
        self.now_ms = self.now_ms.max(at_ms);
        self.idle_rounds += 1;
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > at_ms {
                break;
            }
            self.inputs.push(match entry.remove() {
                Due::Agent { agent, attempt, report } => {
                    self.idle_rounds = 0;
                    Input::AgentEnded { agent, attempt, report: *report }
                }
                Due::Timer { generation, call } => Input::TimerDue { generation, call },
                Due::Step { number, outcome } => {
                    self.idle_rounds = 0;
                    Input::StepEnded { number, outcome }
                }
                Due::Wake => Input::WakeDue,
            });
        }
        Ok(())
    }

    fn commit(&mut self, batch: Batch) {
        for recorded in batch.events {
            self.recorder.note(recorded);
        }
        for effect in batch.effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartIsolate { generation, start, deliveries } => {
                let (isolate, step) = self.evaluator.start(*start);
                self.isolate = Some((generation, isolate));
                self.hear(generation, None, step);
                self.deliver(deliveries);
            }
            Effect::Deliver(deliveries) => self.deliver(deliveries),
            Effect::StartAgent(task) => self.start_agent(&task),
            Effect::CancelAgent { agent, attempt } => {
                let report = Box::new(AttemptReport::new(AttemptEnd::Cancelled));
                self.at(1, Due::Agent { agent, attempt, report });
            }
            Effect::SetTimer { generation, call, due_ms } => {
                self.at((due_ms - self.now_ms).max(0), Due::Timer { generation, call });
            }
            Effect::PerformStep(order) => self.perform_step(&order),
            Effect::Wake { at_ms } => self.at((at_ms - self.now_ms).max(0), Due::Wake),
            Effect::LoadWorkflow { generation, call, target, importer } => {
                let loaded = self.reads.workflow(&target, &importer);
                let loaded = loaded.map(|script| Box::new(self.with_notes(script)));
                self.inputs.push(Input::WorkflowLoaded { generation, call, loaded });
            }
            // Nobody is asked, nothing was opened.
            Effect::ClearWorkspace { .. }
            | Effect::OpenPurse(_)
            | Effect::SetApprovalTimer { .. }
            | Effect::TellErrand { .. }
            | Effect::TellAnswer { .. } => {}
        }
    }

    /// A script that is called, watched like the one that calls it.
    fn with_notes(&self, script: ScriptRecord) -> ScriptRecord {
        let noted = self.watching.and_then(|Watching { watched, children }| {
            let place = children.iter().position(|child| child.hash == script.hash)?;
            // Its files may have other names than those that were watched.
            let is_same = children[place].program == script.program;
            watched.children.get(place).filter(|_| is_same).cloned()
        });
        match noted {
            Some(program) => ScriptRecord { program, ..script },
            None => script,
        }
    }

    fn deliver(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let Some((generation, isolate)) = &mut self.isolate else { return };
            let (generation, cause) = (*generation, delivery.to);
            let step = self.evaluator.deliver(isolate, delivery);
            let goes_on = step.state == StepState::Waiting;
            self.hear(generation, Some(cause), step);
            if !goes_on {
                return;
            }
        }
    }

    fn hear(&mut self, generation: u32, cause: Option<CallId>, mut step: Step) {
        if let Some(Watching { watched, .. }) = self.watching {
            self.recorder.sights.extend(watched.take(&mut step));
        }
        self.recorder.heard(cause, &step.calls);
        self.inputs.push(Input::Stepped { generation, step });
    }

    fn start_agent(&mut self, task: &AgentTask) {
        let Fate { report, duration_ms, is_guess } = self.drawing.agent(task);
        let (agent, attempt) = (task.agent, task.attempt);
        if is_guess {
            self.recorder.guess(agent);
        }
        self.at(duration_ms.max(1), Due::Agent { agent, attempt, report: Box::new(report) });
    }

    fn perform_step(&mut self, order: &StepOrder) {
        let known = self.reads.step(&order.step);
        let (outcome, duration_ms) = self.drawing.step(order, known);
        self.at(duration_ms.max(1), Due::Step { number: order.number, outcome });
    }

    fn at(&mut self, after_ms: i64, due: Due) {
        self.order += 1;
        self.due.insert((self.now_ms.saturating_add(after_ms), self.order), due);
    }
}
