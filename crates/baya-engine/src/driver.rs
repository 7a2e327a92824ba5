//! The one loop that drives a run. Everything that happens arrives in its inbox; for each batch it asks
//! the run core, commits the events, and only then lets anybody see or do anything.

mod tend;

pub use tend::{Tending, tend};

use crate::effects::{Effects, Envelope, Waiting};
use crate::host_steps::HostSteps;
use crate::isolate_host::IsolateKind;
use crate::journal::{Durability, Journal, JournalError, RENEW_EVERY_MS};
use crate::runner::AgentRunner;
use baya_core::agent::{AgentProcess, Cause, Progress};
use baya_core::call::WorkflowTarget;
use baya_core::event::{Failures, Recorded, RunStatus, ScriptRecord, Surroundings};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::limits::{INPUTS_PER_COMMIT, Limits};
use baya_core::op::Op;
use baya_core::reuse::Offers;
use baya_core::run::{Batch, Beginning, Effect, Input, Life, Resumption, Run};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// What a driver works with.
pub struct Setup {
    pub journal: Box<dyn Journal>,
    pub runner: Arc<dyn AgentRunner>,
    pub workflows: Arc<dyn WorkflowSource>,
    /// Does the host steps of the script.
    pub steps: Arc<dyn HostSteps>,
    pub isolate: IsolateKind,
    pub surroundings: Surroundings,
    /// Answers of earlier runs that this one may take.
    pub offers: Offers,
    pub views: mpsc::UnboundedSender<ViewUpdate>,
    /// Orders of this process, a Ctrl-C among them.
    pub ops: mpsc::UnboundedReceiver<Op>,
}

/// Resolves the targets of `workflow()` calls; called on a thread that may block.
pub trait WorkflowSource: Send + Sync {
    /// `importer` is the path of the script that asks.
    fn load(&self, target: &WorkflowTarget, importer: &str) -> Result<ScriptRecord, String>;
}

/// What views are told, after it is durable.
#[derive(Debug, Clone)]
pub enum ViewUpdate {
    Event(Arc<Recorded>),
    Progress { agent: AgentNumber, attempt: u32, progress: Progress },
}

#[derive(Debug)]
pub enum Begin {
    Fresh {
        run: RunId,
        script: Box<ScriptRecord>,
        args: Option<Value>,
        seed: u64,
        limits: Limits,
    },
    Resume {
        /// The journal's events, if the caller has read them under this lease already.
        past: Option<Vec<Recorded>>,
        script: Option<Box<ScriptRecord>>,
        args: Option<Value>,
        retry_failed: bool,
        limits: Option<Limits>,
    },
}

/// How a drive ended; the run itself may still be open.
#[derive(Debug, Clone, PartialEq)]
pub struct DriveEnd {
    pub status: RunStatus,
    pub result: Option<Value>,
    pub error: Option<baya_core::call::ScriptError>,
    pub failures: Failures,
    /// Why no agent can work at present.
    pub parked: Option<Cause>,
}

#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// How long agents may take to end after the run let go of them.
const GRACE: Duration = Duration::from_secs(3);
/// How often orders of other processes are looked for.
const OPS_EVERY: Duration = Duration::from_millis(200);

/// Drives a run until it ends, parks or is interrupted.
pub async fn drive(setup: Setup, begin: Begin) -> Result<DriveEnd, DriveError> {
    let Setup { journal, runner, workflows, steps, isolate, surroundings, offers, views, ops } = setup;
    let (inbox, envelopes) = mpsc::unbounded_channel();
    let (run, batch) = first_batch(&*journal, &runner, begin, (surroundings, offers)).await?;
    let effects = Effects::new(runner, workflows, steps, isolate, views.clone(), inbox);
    let mut driver = Driver { run, journal, effects, views, envelopes, ops, let_go: None };
    let driven = driver.run_loop(batch).await;
    driver.effects.shut_down();
    driven?;
    driver.journal.release_lease()?;
    Ok(driver.end())
}

async fn first_batch(
    journal: &dyn Journal,
    runner: &Arc<dyn AgentRunner>,
    begin: Begin,
    (surroundings, offers): (Surroundings, Offers),
) -> Result<(Run, Batch), JournalError> {
    let (fence, pid) = (journal.fence(), std::process::id());
    match begin {
        Begin::Fresh { run, script, args, seed, limits } => {
            let script = *script;
            let beginning = Beginning { run, script, args, seed, limits, surroundings, offers, fence, pid };
            Ok(Run::begin(beginning, now_ms()))
        }
        Begin::Resume { past, script, args, retry_failed, limits } => {
            let past = past.map_or_else(|| journal.load(), Ok)?;
            let mut run = Run::load(&past);
            drop(past);
            // Before anything is written: once a driver has started, what was at work counts as lost, and
            // nobody after us would know what to end.
            end_survivors(runner, run.survivors()).await;
            let script = script.map(|script| *script);
            let resumption =
                Resumption { script, args, retry_failed, limits, surroundings, offers, fence, pid };
            let batch = run.resume(resumption, now_ms());
            Ok((run, batch))
        }
    }
}

async fn end_survivors(runner: &Arc<dyn AgentRunner>, processes: Vec<AgentProcess>) {
    if !processes.is_empty() {
        let runner = runner.clone();
        // One that panics has ended what it could.
        let _ = tokio::task::spawn_blocking(move || runner.end_survivors(&processes)).await;
    }
}

struct Driver {
    run: Run,
    journal: Box<dyn Journal>,
    effects: Effects,
    views: mpsc::UnboundedSender<ViewUpdate>,
    envelopes: mpsc::UnboundedReceiver<Envelope>,
    ops: mpsc::UnboundedReceiver<Op>,
    /// When the run let go of its agents.
    let_go: Option<tokio::time::Instant>,
}

impl Driver {
    async fn run_loop(&mut self, first: Batch) -> Result<(), DriveError> {
        self.commit(first, Vec::new()).await?;
        let mut lease = tokio::time::interval(Duration::from_millis(RENEW_EVERY_MS));
        let mut orders = tokio::time::interval(OPS_EVERY);
        let mut arrived = Vec::with_capacity(INPUTS_PER_COMMIT);
        while !self.is_over() {
            let deadline = self.let_go.map(|since| since + GRACE);
            tokio::select! {
                _ = self.envelopes.recv_many(&mut arrived, INPUTS_PER_COMMIT) => {}
                Some(op) = self.ops.recv() => arrived.push(Envelope::of(Input::Op(op))),
                _ = orders.tick() => {
                    let ops = self.journal.take_ops()?;
                    arrived.extend(ops.into_iter().map(|op| Envelope::of(Input::Op(op))));
                }
                _ = lease.tick() => self.journal.renew_lease()?,
                () = sleep_until(deadline) => break,
            }
            if arrived.is_empty() {
                continue;
            }
            let (inputs, waiting): (Vec<_>, Vec<_>) = arrived.drain(..).map(Envelope::split).unzip();
            let batch = self.run.decide_all(inputs, now_ms());
            self.commit(batch, waiting).await?;
        }
        Ok(())
    }

    /// Durable before anything else: events, then what views see, then effects.
    async fn commit(&mut self, batch: Batch, waiting: Vec<Option<Waiting>>) -> Result<(), DriveError> {
        let durability = if batch.may_be_deferred { Durability::Deferred } else { Durability::Now };
        let Batch { events, effects, may_be_deferred: _ } = batch;
        if !events.is_empty() {
            self.journal.append(events.clone(), durability).await?;
        }
        for event in events {
            // Nobody has to look.
            let _ = self.views.send(ViewUpdate::Event(Arc::new(event)));
        }
        waiting.into_iter().flatten().for_each(|waits| self.effects.note_durable(waits));
        for effect in effects {
            self.perform(effect);
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        self.effects.perform(effect);
    }

    fn is_over(&mut self) -> bool {
        let going = match self.run.state().life {
            Life::New | Life::Live | Life::Paused | Life::Stopping | Life::Parked { .. } => true,
            Life::Interrupted | Life::Ended(_) => false,
        };
        if !going && self.let_go.is_none() {
            self.let_go = Some(tokio::time::Instant::now());
        }
        self.run.is_over()
    }

    fn end(&self) -> DriveEnd {
        let open = |status, parked| DriveEnd {
            status,
            result: None,
            error: None,
            failures: self.run.failures(),
            parked,
        };
        match (&self.run.state().life, self.run.end()) {
            (_, Some(end)) => DriveEnd {
                status: end.status,
                result: end.result.clone(),
                error: end.error.clone(),
                failures: end.failures.clone(),
                parked: None,
            },
            (Life::Parked { cause, .. }, None) => open(RunStatus::NeedsPerson, Some(cause.clone())),
            (_, None) => open(RunStatus::Interrupted, None),
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
