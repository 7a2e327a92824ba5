//! Does what the run core intends, after it is durable. What comes of it returns through the inbox.

use crate::driver::{ViewUpdate, WorkflowSource, now_ms};
use crate::host_steps::HostSteps;
use crate::isolate_host::{IsolateHost, IsolateKind};
use crate::landing::Desk;
use crate::runner::{AgentRunner, Report, Reports};
use baya_core::approval::Told;
use baya_core::call::WorkflowTarget;
use baya_core::errand::ErrandEnd;
use baya_core::ids::CallId;
use baya_core::run::{Effect, Input};
use baya_core::step::StepOrder;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Who waits for what comes of an input.
pub enum Waiting {
    /// Answered once the input's events are durable.
    Recorded(oneshot::Sender<()>),
    /// Answered when a question has its answer; the ticket stands in the input.
    Question { ticket: u64, told: oneshot::Sender<Told> },
    /// Answered when an errand is over; the ticket stands in the input.
    Errand { ticket: u64, told: oneshot::Sender<ErrandEnd> },
}
/// How often the wall's clock is looked at.
const WALL_CLOCK_EVERY: Duration = Duration::from_secs(10);

/// One thing that happened, and who waits for what comes of it.
pub struct Envelope {
    input: Input,
    waiting: Option<Waiting>,
}

impl Envelope {
    pub fn of(input: Input) -> Envelope {
        Envelope { input, waiting: None }
    }

    pub fn split(self) -> (Input, Option<Waiting>) {
        (self.input, self.waiting)
    }
}

pub struct Effects {
    runner: Arc<dyn AgentRunner>,
    workflows: Arc<dyn WorkflowSource>,
    steps: Arc<dyn HostSteps>,
    isolate_kind: IsolateKind,
    isolate: Option<IsolateHost>,
    inbox: mpsc::UnboundedSender<Envelope>,
    reports: Reports,
    /// Attempts that wait for a person, by their tickets.
    questions: BTreeMap<u64, oneshot::Sender<Told>>,
    /// Landings that wait for agents, by their tickets.
    errands: BTreeMap<u64, oneshot::Sender<ErrandEnd>>,
    desk: Desk,
    /// Timers and loads; they end with the driver.
    tasks: JoinSet<()>,
}

impl Effects {
    pub fn new(
        runner: Arc<dyn AgentRunner>,
        workflows: Arc<dyn WorkflowSource>,
        steps: Arc<dyn HostSteps>,
        isolate_kind: IsolateKind,
        views: mpsc::UnboundedSender<ViewUpdate>,
        inbox: mpsc::UnboundedSender<Envelope>,
    ) -> Effects {
        let reports = reports_to(inbox.clone(), views);
        let desk = desk_at(inbox.clone());
        let (isolate, questions, errands, tasks) = (None, BTreeMap::new(), BTreeMap::new(), JoinSet::new());
        Effects {
            runner,
            workflows,
            steps,
            isolate_kind,
            isolate,
            inbox,
            reports,
            questions,
            errands,
            desk,
            tasks,
        }
    }

    /// Where landings record and ask.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// The input of this one is durable.
    pub fn note_durable(&mut self, waiting: Waiting) {
        match waiting {
            // Whoever waited may be gone.
            Waiting::Recorded(recorded) => drop(recorded.send(())),
            Waiting::Question { ticket, told } => drop(self.questions.insert(ticket, told)),
            Waiting::Errand { ticket, told } => drop(self.errands.insert(ticket, told)),
        }
    }

    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartIsolate { generation, start, deliveries } => {
                let inbox = self.inbox.clone();
                let inputs = Arc::new(move |input| drop(inbox.send(Envelope::of(input))));
                self.isolate = None;
                self.isolate =
                    Some(IsolateHost::start(&self.isolate_kind, generation, start, deliveries, inputs));
            }
            Effect::Deliver(deliveries) => {
                if let Some(isolate) = &self.isolate {
                    isolate.deliver(deliveries);
                }
            }
            Effect::StartAgent(task) => self.runner.start(*task, self.reports.clone()),
            Effect::CancelAgent { agent, attempt } => self.runner.cancel(agent, attempt),
            Effect::ClearWorkspace { agent } => self.runner.clear(agent),
            Effect::SetTimer { generation, call, due_ms } => {
                self.set_timer(Input::TimerDue { generation, call }, due_ms);
            }
            Effect::SetApprovalTimer { id, due_ms } => self.set_timer(Input::ApprovalDue { id }, due_ms),
            Effect::TellAnswer { ticket, told } => {
                if let Some(waits) = self.questions.remove(&ticket) {
                    let _ = waits.send(told);
                }
            }
            Effect::OpenPurse(purse) => self.runner.open_purse(*purse),
            Effect::TellErrand { ticket, end } => {
                if let Some(waits) = self.errands.remove(&ticket) {
                    let _ = waits.send(end);
                }
            }
            Effect::PerformStep(order) => self.perform_step(*order),
            Effect::Wake { at_ms } => self.wake(at_ms),
            Effect::LoadWorkflow { generation, call, target, importer } => {
                self.load_workflow(generation, call, target, importer);
            }
        }
    }

    /// Lets go of everything: the isolate, timers, loads, questions.
    pub fn shut_down(&mut self) {
        self.isolate = None;
        self.questions.clear();
        self.errands.clear();
        self.tasks.abort_all();
    }

    fn set_timer(&mut self, due: Input, due_ms: i64) {
        let inbox = self.inbox.clone();
        self.tasks.spawn(async move {
            let wait = u64::try_from(due_ms - now_ms()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let _ = inbox.send(Envelope::of(due));
        });
        while self.tasks.try_join_next().is_some() {}
    }

    fn perform_step(&mut self, order: StepOrder) {
        let (inbox, steps, desk) = (self.inbox.clone(), self.steps.clone(), self.desk.clone());
        self.tasks.spawn(async move {
            let number = order.number;
            let outcome = steps.perform(order, desk).await;
            let _ = inbox.send(Envelope::of(Input::StepEnded { number, outcome }));
        });
    }

    /// By the wall's clock, looked at again and again: a machine that slept shall not sleep on.
    fn wake(&mut self, at_ms: i64) {
        let inbox = self.inbox.clone();
        self.tasks.spawn(async move {
            while let left @ 1.. = at_ms - now_ms() {
                let left = Duration::from_millis(left.unsigned_abs());
                tokio::time::sleep(left.min(WALL_CLOCK_EVERY)).await;
            }
            let _ = inbox.send(Envelope::of(Input::WakeDue));
        });
    }

    fn load_workflow(&mut self, generation: u32, call: CallId, target: WorkflowTarget, importer: String) {
        let (inbox, workflows) = (self.inbox.clone(), self.workflows.clone());
        self.tasks.spawn_blocking(move || {
            let loaded = workflows.load(&target, &importer).map(Box::new);
            let _ = inbox.send(Envelope::of(Input::WorkflowLoaded { generation, call, loaded }));
        });
    }
}

/// What landings record and ask becomes input.
fn desk_at(inbox: mpsc::UnboundedSender<Envelope>) -> Desk {
    let (tickets, asked) = (AtomicU64::new(0), inbox.clone());
    Desk {
        records: Arc::new(move |record, recorded| {
            let input = Input::LandingRecorded { record };
            let _ = inbox.send(Envelope { input, waiting: Some(Waiting::Recorded(recorded)) });
        }),
        errands: Arc::new(move |errand, told| {
            let ticket = tickets.fetch_add(1, Ordering::Relaxed);
            let input = Input::ErrandAsked { ticket, errand: Box::new(errand) };
            let _ = asked.send(Envelope { input, waiting: Some(Waiting::Errand { ticket, told }) });
        }),
    }
}

/// What agents report becomes input; progress goes to the views alone.
fn reports_to(inbox: mpsc::UnboundedSender<Envelope>, views: mpsc::UnboundedSender<ViewUpdate>) -> Reports {
    let tickets = AtomicU64::new(0);
    Arc::new(move |report| match report {
        Report::Progress { agent, attempt, progress } => {
            let _ = views.send(ViewUpdate::Progress { agent, attempt, progress });
        }
        Report::ProcessStarted { agent, attempt, process, recorded } => {
            let input = Input::AgentProcessStarted { agent, attempt, process };
            let _ = inbox.send(Envelope { input, waiting: Some(Waiting::Recorded(recorded)) });
        }
        Report::Turn { agent, attempt, turn, recorded } => {
            let input = Input::AgentTurn { agent, attempt, turn };
            let _ = inbox.send(Envelope { input, waiting: Some(Waiting::Recorded(recorded)) });
        }
        Report::ApprovalAsked { agent, attempt, request, told } => {
            let ticket = tickets.fetch_add(1, Ordering::Relaxed);
            let input = Input::ApprovalAsked { agent, attempt, ticket, request };
            let _ = inbox.send(Envelope { input, waiting: Some(Waiting::Question { ticket, told }) });
        }
        Report::Ended { agent, attempt, report } => {
            let _ = inbox.send(Envelope::of(Input::AgentEnded { agent, attempt, report: *report }));
        }
    })
}
