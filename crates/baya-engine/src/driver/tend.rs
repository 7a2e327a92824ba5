//! Drives a run that rests, for a landing that a person asks for: its script is not gone on with; what the
//! landing records goes into its journal, and the agents it asks for are agents of the run.

use super::{DriveError, Driver, OPS_EVERY, ViewUpdate, WorkflowSource, end_survivors, now_ms};
use crate::effects::{Effects, Envelope};
use crate::host_steps::NoHost;
use crate::isolate_host::IsolateKind;
use crate::journal::{Journal, RENEW_EVERY_MS};
use crate::landing::Desk;
use crate::runner::AgentRunner;
use baya_core::call::WorkflowTarget;
use baya_core::event::{Recorded, ScriptRecord, Surroundings};
use baya_core::limits::INPUTS_PER_COMMIT;
use baya_core::op::Op;
use baya_core::run::{Input, Run};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a run is tended with.
pub struct Tending {
    pub journal: Box<dyn Journal>,
    /// What the journal has, read under this lease.
    pub past: Vec<Recorded>,
    pub runner: Arc<dyn AgentRunner>,
    /// Those of the one who asks; `None`: no agent will be asked.
    pub surroundings: Option<Surroundings>,
    pub views: mpsc::UnboundedSender<ViewUpdate>,
    pub ops: mpsc::UnboundedReceiver<Op>,
}

/// Tends a run until `work` is done; `None`: a person ended it before.
pub async fn tend<T, W: Future<Output = T>>(
    tending: Tending,
    work: impl FnOnce(Desk) -> W,
) -> Result<Option<T>, DriveError> {
    let Tending { journal, past, runner, surroundings, views, ops } = tending;
    let mut run = Run::load(&past);
    drop(past);
    if surroundings.is_some() {
        end_survivors(&runner, run.survivors()).await;
    }
    let first = run.tend(surroundings, now_ms());
    let (inbox, envelopes) = mpsc::unbounded_channel();
    let (workflows, steps) = (Arc::new(NoWorkflows), Arc::new(NoHost));
    let effects = Effects::new(runner, workflows, steps, IsolateKind::InThread, views.clone(), inbox);
    let working = work(effects.desk());
    let mut driver = Driver { run, journal, effects, views, envelopes, ops, let_go: None };
    driver.commit(first, Vec::new()).await?;
    let done = driver.tend_loop(working).await;
    driver.effects.shut_down();
    let done = done?;
    driver.journal.release_lease()?;
    Ok(done)
}

impl Driver {
    async fn tend_loop<T>(&mut self, working: impl Future<Output = T>) -> Result<Option<T>, DriveError> {
        tokio::pin!(working);
        let mut lease = tokio::time::interval(Duration::from_millis(RENEW_EVERY_MS));
        let mut orders = tokio::time::interval(OPS_EVERY);
        let mut arrived = Vec::with_capacity(INPUTS_PER_COMMIT);
        loop {
            tokio::select! {
                done = &mut working => return Ok(Some(done)),
                _ = self.envelopes.recv_many(&mut arrived, INPUTS_PER_COMMIT) => {}
                Some(op) = self.ops.recv() => arrived.push(Envelope::of(Input::Op(op))),
                _ = orders.tick() => {
                    let ops = self.journal.take_ops()?;
                    arrived.extend(ops.into_iter().map(|op| Envelope::of(Input::Op(op))));
                }
                _ = lease.tick() => self.journal.renew_lease()?,
            }
            if arrived.is_empty() {
                continue;
            }
            let (inputs, waiting): (Vec<_>, Vec<_>) = arrived.drain(..).map(Envelope::split).unzip();
            if inputs.iter().any(ends_it) {
                return Ok(None);
            }
            let batch = self.run.decide_all(inputs, now_ms());
            self.commit(batch, waiting).await?;
        }
    }
}

/// A person wants no more of it. The run itself rests anyway.
fn ends_it(input: &Input) -> bool {
    matches!(input, Input::Op(Op::Stop { .. } | Op::Interrupt { .. } | Op::Pause { .. }))
}

/// No script is gone on with, so none is loaded.
struct NoWorkflows;

impl WorkflowSource for NoWorkflows {
    fn load(&self, _target: &WorkflowTarget, _importer: &str) -> Result<ScriptRecord, String> {
        Err("a run that is only tended loads no workflow".to_owned())
    }
}
