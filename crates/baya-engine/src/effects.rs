//! Does what the run core intends, after it is durable. What comes of it returns through the inbox.

use crate::driver::{ViewUpdate, WorkflowSource, now_ms};
use crate::isolate_host::{IsolateHost, IsolateKind};
use crate::runner::{AgentRunner, Report, Reports};
use baya_core::call::WorkflowTarget;
use baya_core::ids::CallId;
use baya_core::run::{Effect, Input};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How often the wall's clock is looked at.
const WALL_CLOCK_EVERY: Duration = Duration::from_secs(10);

/// Answered once the input's events are durable.
pub type Ack = oneshot::Sender<()>;

/// One thing that happened, and who waits for it to be written down.
pub struct Envelope {
    input: Input,
    ack: Option<Ack>,
}

impl Envelope {
    pub fn of(input: Input) -> Envelope {
        Envelope { input, ack: None }
    }

    pub fn split(self) -> (Input, Option<Ack>) {
        (self.input, self.ack)
    }
}

pub struct Effects {
    runner: Arc<dyn AgentRunner>,
    workflows: Arc<dyn WorkflowSource>,
    isolate_kind: IsolateKind,
    isolate: Option<IsolateHost>,
    inbox: mpsc::UnboundedSender<Envelope>,
    reports: Reports,
    /// Timers and loads; they end with the driver.
    tasks: JoinSet<()>,
}

impl Effects {
    pub fn new(
        runner: Arc<dyn AgentRunner>,
        workflows: Arc<dyn WorkflowSource>,
        isolate_kind: IsolateKind,
        views: mpsc::UnboundedSender<ViewUpdate>,
        inbox: mpsc::UnboundedSender<Envelope>,
    ) -> Effects {
        let reports = reports_to(inbox.clone(), views);
        let (isolate, tasks) = (None, JoinSet::new());
        Effects { runner, workflows, isolate_kind, isolate, inbox, reports, tasks }
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
            Effect::SetTimer { generation, call, due_ms } => self.set_timer(generation, call, due_ms),
            Effect::Wake { at_ms } => self.wake(at_ms),
            Effect::LoadWorkflow { generation, call, target, importer } => {
                self.load_workflow(generation, call, target, importer);
            }
        }
    }

    /// Lets go of everything: the isolate, timers, loads.
    pub fn shut_down(&mut self) {
        self.isolate = None;
        self.tasks.abort_all();
    }

    fn set_timer(&mut self, generation: u32, call: CallId, due_ms: i64) {
        let inbox = self.inbox.clone();
        self.tasks.spawn(async move {
            let wait = u64::try_from(due_ms - now_ms()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let _ = inbox.send(Envelope::of(Input::TimerDue { generation, call }));
        });
        while self.tasks.try_join_next().is_some() {}
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

/// What agents report becomes input; progress goes to the views alone.
fn reports_to(inbox: mpsc::UnboundedSender<Envelope>, views: mpsc::UnboundedSender<ViewUpdate>) -> Reports {
    Arc::new(move |report| match report {
        Report::Progress { agent, attempt, progress } => {
            let _ = views.send(ViewUpdate::Progress { agent, attempt, progress });
        }
        Report::ProcessStarted { agent, attempt, process, recorded } => {
            let input = Input::AgentProcessStarted { agent, attempt, process };
            let _ = inbox.send(Envelope { input, ack: Some(recorded) });
        }
        Report::Turn { agent, attempt, turn, recorded } => {
            let input = Input::AgentTurn { agent, attempt, turn };
            let _ = inbox.send(Envelope { input, ack: Some(recorded) });
        }
        Report::Ended { agent, attempt, report } => {
            let _ = inbox.send(Envelope::of(Input::AgentEnded { agent, attempt, report: *report }));
        }
    })
}
