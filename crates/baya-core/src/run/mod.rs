//! The run core: what happened so far (events folded into [`State`]) and what follows from the next
//! input (events and effects). Pure; the driver in the engine does what effects say.
//!
//! ```text
//! inputs ──decide──▶ events ──apply──▶ state
//!              └───▶ effects          (performed only after the events are durable)
//! ```
//! Invariants: one writer; `apply` is total; the script hears only what a `Delivered` event says, in
//! journal order; a finished agent is never asked again.

mod apply;
mod approvals;
mod borrow;
mod calls;
mod caps;
mod decide;
mod ending;
mod errand_words;
mod errands;
mod key;
pub mod options;
mod queue;
mod resume;
mod spent;
mod state;
mod steps;
mod taint;

pub use approvals::{Approval, Approvals};
pub use caps::UsedUp;
pub use errands::ERRANDS_PHASE;
pub use key::call_key;
pub use resume::{Beginning, Resumption};
pub use spent::Spent;
pub use state::{Agent, AgentState, CallFate, Life, RunEnd, State};

use crate::agent::{AgentProcess, AgentTask, AttemptReport};
use crate::approval::{ApprovalRequest, Told};
use crate::budget::PurseState;
use crate::call::{Delivery, ScriptError, Start, Step, WorkflowTarget};
use crate::errand::{Errand, ErrandEnd};
use crate::event::{Event, Recorded, ScriptRecord};
use crate::ids::{AgentNumber, ApprovalId, CallId};
use crate::landing::LandingRecord;
use crate::op::Op;
use crate::reuse::Offers;
use crate::schema::Schemas;
use crate::step::{StepNumber, StepOrder, StepOutcome};
use crate::turn::TurnRecord;
use std::collections::BTreeMap;

/// All that can happen to a run from outside.
#[derive(Debug)]
pub enum Input {
    /// The isolate answered. Answers of an earlier generation's isolate are ignored.
    Stepped {
        generation: u32,
        step: Step,
    },
    /// The isolate is gone.
    IsolateLost {
        generation: u32,
        error: ScriptError,
    },
    AgentEnded {
        agent: AgentNumber,
        attempt: u32,
        report: AttemptReport,
    },
    AgentProcessStarted {
        agent: AgentNumber,
        attempt: u32,
        process: AgentProcess,
    },
    AgentTurn {
        agent: AgentNumber,
        attempt: u32,
        turn: TurnRecord,
    },
    /// The agent wants to do what needs a person's word; `ticket` is who waits for it.
    ApprovalAsked {
        agent: AgentNumber,
        attempt: u32,
        ticket: u64,
        request: ApprovalRequest,
    },
    /// A question has waited long enough.
    ApprovalDue {
        id: ApprovalId,
    },
    TimerDue {
        generation: u32,
        call: CallId,
    },
    StepEnded {
        number: StepNumber,
        outcome: StepOutcome,
    },
    /// A landing of a host step came further.
    LandingRecorded {
        record: LandingRecord,
    },
    /// A landing wants an agent; `ticket` is who waits for what comes of it.
    ErrandAsked {
        ticket: u64,
        errand: Box<Errand>,
    },
    /// The time may have come at which a parked run goes on by itself.
    WakeDue,
    WorkflowLoaded {
        generation: u32,
        call: CallId,
        loaded: Result<Box<ScriptRecord>, String>,
    },
    Op(Op),
}

/// An intention for the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start an isolate, ending any other, and give it these deliveries.
    StartIsolate {
        generation: u32,
        start: Box<Start>,
        deliveries: Vec<Delivery>,
    },
    Deliver(Vec<Delivery>),
    StartAgent(Box<AgentTask>),
    CancelAgent {
        agent: AgentNumber,
        attempt: u32,
    },
    /// The agent is over: its worktree may go.
    ClearWorkspace {
        agent: AgentNumber,
    },
    SetTimer {
        generation: u32,
        call: CallId,
        due_ms: i64,
    },
    /// [`Input::ApprovalDue`] at this time.
    SetApprovalTimer {
        id: ApprovalId,
        due_ms: i64,
    },
    /// Hand the answer to the attempt that waits at this ticket.
    TellAnswer {
        ticket: u64,
        told: Told,
    },
    PerformStep(Box<StepOrder>),
    /// From here on requests are held to these caps.
    OpenPurse(Box<PurseState>),
    /// Hand what came of an errand to the landing that waits at this ticket.
    TellErrand {
        ticket: u64,
        end: ErrandEnd,
    },
    /// Say when this time has come, by the clock on the wall.
    Wake {
        at_ms: i64,
    },
    /// Find and check the workflow; `importer` is the path of the script that asks for it.
    LoadWorkflow {
        generation: u32,
        call: CallId,
        target: WorkflowTarget,
        importer: String,
    },
}

/// What to commit and, after that, to do.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<Recorded>,
    pub effects: Vec<Effect>,
    /// The events may wait for the next durable commit: they only hand out results that are durable
    /// already, in an order that follows from the journal, so that a crash repeats them.
    pub may_be_deferred: bool,
}

/// A run in the hands of its driver.
#[derive(Debug, Default)]
pub struct Run {
    state: State,
    /// Deliveries the isolate has not answered yet.
    unanswered: u64,
    /// What goes to the isolate with this batch.
    outgoing: Vec<Delivery>,
    /// Attempts at work and their model; `""` for the default.
    at_work: BTreeMap<(AgentNumber, u32), String>,
    /// Results to hand out again, in the order they were first heard: `(seq, call)`.
    redeliveries: std::collections::BTreeSet<(u64, CallId)>,
    /// Who waits for which question.
    tickets: BTreeMap<ApprovalId, Vec<u64>>,
    errands: errands::Errands,
    schemas: Schemas,
    /// Answers of earlier runs.
    offers: Offers,
    /// Events of this batch that hand out a result again.
    redelivered: u32,
    batch: Batch,
    now_ms: i64,
}

impl Run {
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Decides on everything that arrived, in order; the state already includes the batch.
    pub fn decide_all(&mut self, inputs: Vec<Input>, now_ms: i64) -> Batch {
        self.now_ms = self.now_ms.max(now_ms);
        for input in inputs {
            if self.is_over() {
                break;
            }
            self.decide(input);
        }
        self.finish_batch()
    }

    /// Nothing will happen any more in this process.
    pub fn is_over(&self) -> bool {
        if self.is_tended() {
            return false;
        }
        match self.state.life {
            Life::Ended(_) | Life::Interrupted => self.at_work.is_empty(),
            Life::Parked { wakes_at_ms: None, .. } => self.at_work.is_empty() && self.unanswered == 0,
            Life::New | Life::Live | Life::Paused | Life::Stopping => false,
            Life::Parked { wakes_at_ms: Some(_), .. } => false,
        }
    }

    fn finish_batch(&mut self) -> Batch {
        self.redeliver_next();
        self.start_agents();
        if !self.outgoing.is_empty() {
            self.unanswered += self.outgoing.len() as u64;
            let deliveries = std::mem::take(&mut self.outgoing);
            self.batch.effects.push(Effect::Deliver(deliveries));
        }
        self.batch.may_be_deferred = self.only_repeats();
        self.redelivered = 0;
        std::mem::take(&mut self.batch)
    }

    /// Whether this batch would come out the same if the process died before it was written.
    fn only_repeats(&self) -> bool {
        let mut deliveries = 0;
        let harmless = self.batch.events.iter().all(|recorded| match recorded.event {
            Event::AgentReused { .. }
            | Event::StepReused { .. }
            | Event::PhaseEntered { .. }
            | Event::Logged { .. } => true,
            Event::Delivered { .. } => {
                deliveries += 1;
                true
            }
            _ => false,
        });
        let deliver = |effect: &Effect| matches!(effect, Effect::Deliver(_));
        harmless && deliveries == self.redelivered && self.batch.effects.iter().all(deliver)
    }

    /// Writes one fact down.
    fn record(&mut self, event: Event) {
        let recorded = Recorded { seq: self.state.seq + 1, at_ms: self.now_ms, event };
        self.state.apply(&recorded);
        self.batch.events.push(recorded);
    }

    fn effect(&mut self, effect: Effect) {
        self.batch.effects.push(effect);
    }
}
