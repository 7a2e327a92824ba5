//! Agents on this machine: each attempt is a task; one that panics, hangs or is cancelled is a report
//! like any other.

use super::backends::Backends;
use super::charging::Charger;
use baya_agents::admission::{Admission, Admitted, MemoryKills};
use baya_agents::backend::{Attempt, Backend, Gatekeeper, OpenGate, Signal};
use baya_agents::policy::{Gates, Guarded};
use baya_agents::purse::SharedPurse;
use baya_core::agent::{AgentProcess, AgentTask, AttemptEnd, AttemptReport, Cause, CauseKind, Progress};
use baya_core::budget::PurseState;
use baya_core::ids::AgentNumber;
use baya_core::money::PriceTable;
use baya_engine::runner::{AgentRunner, Report, Reports};
use baya_engine::workspace::{InPlace, Opened, Signs, Workspace};
use futures_util::FutureExt;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a cancelled attempt may take to say so; then it is dropped.
const CANCEL_GRACE: Duration = Duration::from_millis(2_500);

/// The pool of one run.
pub struct LocalPool {
    backends: Arc<Backends>,
    workspace: Arc<dyn Workspace>,
    /// For agents that are made up: they touch nothing.
    in_place: Arc<dyn Workspace>,
    gates: Arc<Gates>,
    admission: Arc<Admission>,
    purse: SharedPurse,
    working: Arc<Mutex<Working>>,
}

type AttemptId = (AgentNumber, u32);

#[derive(Default)]
struct Working {
    attempts: BTreeMap<AttemptId, CancellationToken>,
    tasks: BTreeMap<AttemptId, JoinHandle<()>>,
    /// Workspaces that are being cleared.
    clearing: Vec<JoinHandle<()>>,
}

impl LocalPool {
    /// `folder` is where agents work.
    pub fn new(backends: Backends, folder: PathBuf) -> LocalPool {
        let in_place: Arc<dyn Workspace> = Arc::new(InPlace { folder });
        let purse = SharedPurse::new(PriceTable::clone(backends.prices()));
        LocalPool {
            backends: Arc::new(backends),
            workspace: in_place.clone(),
            in_place,
            gates: Arc::default(),
            admission: Admission::open(),
            purse,
            working: Arc::default(),
        }
    }

    /// Agents that ask for it get a worktree here.
    #[must_use]
    pub fn with_workspace(self, workspace: Arc<dyn Workspace>) -> LocalPool {
        LocalPool { workspace, ..self }
    }

    /// Agents are kept by these.
    #[must_use]
    pub fn with_gates(self, gates: Arc<Gates>) -> LocalPool {
        LocalPool { gates, ..self }
    }

    /// Agents that are processes wait for memory.
    #[must_use]
    pub fn with_admission(self, admission: Arc<Admission>) -> LocalPool {
        LocalPool { admission, ..self }
    }

    /// Drops every attempt at once; their processes are killed with them.
    pub fn abort(&self) {
        lock(&self.working).tasks.values().for_each(JoinHandle::abort);
    }

    /// Cancels what is still at work, waits for it, and ends what the agents shared.
    pub async fn settle(&self) {
        let tasks: Vec<_> = {
            let mut working = lock(&self.working);
            working.attempts.values().for_each(CancellationToken::cancel);
            std::mem::take(&mut working.tasks).into_values().collect()
        };
        for task in tasks {
            // Aborted or panicked: over in any case.
            let _ = task.await;
        }
        let clearing = std::mem::take(&mut lock(&self.working).clearing);
        for task in clearing {
            let _ = task.await;
        }
        self.backends.close().await;
        self.backends.remember_limits();
        self.backends.end().await;
    }
}

/// Puts an attempt together once its folder is there.
struct AttemptMaker {
    backends: Arc<Backends>,
    gates: Arc<Gates>,
    purse: SharedPurse,
}

impl AttemptMaker {
    fn make(
        &self,
        task: &AgentTask,
        folder: PathBuf,
        cancel: &CancellationToken,
        signals: Arc<dyn Fn(Signal) + Send + Sync>,
    ) -> Attempt {
        let cancel = cancel.clone();
        let (is_read_only, asks_nobody) = self.backends.narrowed(task);
        let gate: Arc<dyn Gatekeeper> = if self.gates.is_open() && !is_read_only {
            Arc::new(OpenGate)
        } else {
            let (folder, cancel, signals) = (folder.clone(), cancel.clone(), signals.clone());
            self.gates.gate(task, Guarded { folder, cancel, signals, is_read_only, asks_nobody })
        };
        Attempt { cancel, folder, signals, gate, purse: self.purse.clone() }
    }
}

impl AgentRunner for LocalPool {
    fn start(&self, task: AgentTask, reports: Reports) {
        let id = (task.agent, task.attempt);
        let cancel = CancellationToken::new();
        let backend = self.backends.for_task(&task);
        let charger = self.backends.charger(&task.options);
        let simulated = backend.as_ref().is_ok_and(|backend| backend.is_simulated());
        let place = if simulated { self.in_place.clone() } else { self.workspace.clone() };
        let (backends, gates, purse) = (self.backends.clone(), self.gates.clone(), self.purse.clone());
        let maker = AttemptMaker { backends, gates, purse };
        let door = Door { gates: self.gates.clone(), admission: self.admission.clone() };
        let working = self.working.clone();
        let mut locked = lock(&self.working);
        locked.attempts.insert(id, cancel.clone());
        let handle = tokio::spawn(async move {
            let opened = match place.open(&task).await {
                Ok(opened) => Ok(opened),
                Err(cause) => Err(AttemptReport::new(AttemptEnd::Failed(cause))),
            };
            let (agent, number) = id;
            let report = match opened {
                Err(report) => report,
                Ok(Opened { folder, rule, notes }) => {
                    let task = told(task, rule, backend.as_ref().ok());
                    let signs = Arc::new(Signs::default());
                    let signals = signals(id, &charger, &reports, &signs);
                    let attempt = maker.make(&task, folder, &cancel, signals);
                    let mut report = watched(&*place, &signs, &attempt, agent, async {
                        work(backend, &door, &task, &attempt).await
                    })
                    .await;
                    charger.report(&mut report);
                    let kept = place.keep(agent).await;
                    report.notes.extend(notes.into_iter().chain(kept.notes));
                    report.work = kept.work.map(Box::new);
                    report
                }
            };
            reports(Report::Ended { agent, attempt: number, report: Box::new(report) });
            let mut working = lock(&working);
            working.attempts.remove(&id);
            working.tasks.remove(&id);
        });
        locked.tasks.insert(id, handle);
    }

    fn cancel(&self, agent: AgentNumber, attempt: u32) {
        if let Some(cancel) = lock(&self.working).attempts.get(&(agent, attempt)) {
            cancel.cancel();
        }
    }

    fn clear(&self, agent: AgentNumber) {
        let place = self.workspace.clone();
        let clearing = tokio::spawn(async move { place.clear(agent).await });
        let mut working = lock(&self.working);
        working.clearing.retain(|clearing| !clearing.is_finished());
        working.clearing.push(clearing);
    }

    fn open_purse(&self, purse: PurseState) {
        self.purse.open(purse);
    }

    fn end_survivors(&self, processes: &[AgentProcess]) {
        self.backends.end_survivors(processes);
    }
}

/// What an agent is told about its place, and about fenced data where its backend does not tell it.
fn told(mut task: AgentTask, place: String, backend: Option<&Arc<dyn Backend>>) -> AgentTask {
    task.place = (!place.is_empty()).then_some(place);
    if let Some(rule) = task.data_rule().filter(|_| backend.is_some_and(|it| !it.tells_data_rule())) {
        task.prompt = format!("{rule}\n\n{}", task.prompt);
    }
    task
}

/// The work of an attempt, and from time to time a look at what it has changed.
async fn watched(
    place: &dyn Workspace,
    signs: &Signs,
    attempt: &Attempt,
    agent: AgentNumber,
    work: impl Future<Output = AttemptReport>,
) -> AttemptReport {
    let tell = |changes| attempt.tell(Progress::Changed { changes });
    let work = async {
        let report = work.await;
        signs.ended.notify_one();
        report
    };
    tokio::join!(work, place.watch(agent, signs, &tell)).0
}

fn signals(
    (agent, attempt): AttemptId,
    charger: &Charger,
    reports: &Reports,
    signs: &Arc<Signs>,
) -> Arc<dyn Fn(Signal) + Send + Sync> {
    let (charger, reports, signs) = (charger.clone(), reports.clone(), signs.clone());
    Arc::new(move |signal| {
        reports(match signal {
            Signal::Progress(progress) => Report::Progress { agent, attempt, progress },
            Signal::ProcessStarted { process, recorded } => {
                Report::ProcessStarted { agent, attempt, process, recorded }
            }
            Signal::ApprovalAsked { request, told } => {
                Report::ApprovalAsked { agent, attempt, request, told }
            }
            Signal::Turn { mut turn, recorded } => {
                charger.turn(&mut turn);
                signs.acted.notify_one();
                Report::Turn { agent, attempt, turn, recorded }
            }
        });
    })
}

/// One attempt to its end, whatever the backend does.
async fn work(
    backend: Result<Arc<dyn Backend>, Cause>,
    door: &Door,
    task: &AgentTask,
    attempt: &Attempt,
) -> AttemptReport {
    let backend = match backend {
        Ok(backend) => backend,
        Err(cause) => return AttemptReport::new(AttemptEnd::Failed(cause)),
    };
    if attempt.purse.has_hard_caps(task.phase.as_deref()) && !backend.is_metered(&task.options) {
        return AttemptReport::new(AttemptEnd::Failed(unmetered(backend.name())));
    }
    // Not yet counted against its time limit.
    let _room = match door.enter(&*backend, task, attempt).await {
        Ok(room) => room,
        Err(end) => return AttemptReport::new(end),
    };
    let kills = MemoryKills::now();
    let run = AssertUnwindSafe(async { backend.run(task, attempt).await }).catch_unwind();
    tokio::pin!(run);
    let limit = task.options.timeout_ms.map(Duration::from_millis);
    let (ended, overtime) = tokio::select! {
        ended = &mut run => (Some(ended), false),
        () = attempt.cancel.cancelled() => (None, false),
        () = after(limit) => (None, true),
    };
    let ended = match ended {
        Some(ended) => Some(ended),
        None => {
            attempt.cancel.cancel();
            tokio::time::timeout(CANCEL_GRACE, &mut run).await.ok()
        }
    };
    let report = match ended {
        Some(Ok(report)) => report,
        Some(Err(panic)) => panicked(backend.name(), &*panic),
        None => AttemptReport::new(AttemptEnd::Cancelled),
    };
    let mut report = if overtime { timed_out(report, task) } else { report };
    if let (AttemptEnd::Failed(cause), Some(_)) = (&mut report.end, backend.process_kind()) {
        kills.hint(cause);
    }
    let stopped = attempt.cancel.is_cancelled() && !overtime;
    if !stopped {
        report.notes.extend(door.gates.after_agent(task, &attempt.folder, &report.end).await);
    }
    report
}

/// What stands between a task and its work.
struct Door {
    gates: Arc<Gates>,
    admission: Arc<Admission>,
}

impl Door {
    /// Hooks first, then memory; the end of an agent that does not come in.
    async fn enter(
        &self,
        backend: &dyn Backend,
        task: &AgentTask,
        attempt: &Attempt,
    ) -> Result<Option<Admitted>, AttemptEnd> {
        let waiting = |wait| attempt.tell(Progress::Waiting { wait });
        let entering = async {
            let vetoed = |reason| AttemptEnd::Failed(Cause::new(CauseKind::Vetoed, reason));
            self.gates.before_agent(task, &attempt.folder).await.map_err(vetoed)?;
            match backend.process_kind() {
                Some(kind) => Ok(Some(self.admission.enter(kind, &waiting).await)),
                None => Ok(None),
            }
        };
        tokio::select! {
            biased;
            () = attempt.cancel.cancelled() => Err(AttemptEnd::Cancelled),
            entered = entering => entered,
        }
    }
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// An attempt that was cancelled by its time limit; what it used still counts.
fn timed_out(report: AttemptReport, task: &AgentTask) -> AttemptReport {
    match report.end {
        AttemptEnd::Cancelled => {
            let limit = task.options.timeout_ms.unwrap_or_default();
            let cause = Cause::new(CauseKind::Timeout, format!("no answer within `timeoutMs` of {limit} ms"))
                .hint("raise `timeoutMs` of the call");
            AttemptReport { end: AttemptEnd::Failed(cause), ..report }
        }
        AttemptEnd::Answered(_) | AttemptEnd::Failed(_) | AttemptEnd::Unusable(_) => report,
    }
}

fn unmetered(backend: &str) -> Cause {
    let message = format!("agents of `{backend}` cannot be held to a cap of tokens or dollars");
    Cause::new(CauseKind::Budget, message).hint("another `backend` for the call, or a run without such a cap")
}

fn panicked(backend: &str, panic: &(dyn Any + Send)) -> AttemptReport {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let cause = Cause::new(CauseKind::Panic, format!("the backend `{backend}` panicked: {text}"))
        .hint("this is a bug of baya; the run goes on without this agent");
    AttemptReport::new(AttemptEnd::Failed(cause))
}

/// The maps are whole whenever the lock is free: nothing in between can panic.
fn lock(working: &Mutex<Working>) -> MutexGuard<'_, Working> {
    working.lock().unwrap_or_else(PoisonError::into_inner)
}
