//! Tasks and attempts for tests of backends.

use baya_agents::backend::{Attempt, Backend, OpenGate, Signal};
use baya_core::agent::{AgentOptions, AgentProcess, AgentTask, AttemptReport, Progress};
use baya_core::ids::{AgentNumber, RunId};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

pub fn task(prompt: &str, options: AgentOptions) -> AgentTask {
    AgentTask {
        run: RunId::from_random(77),
        agent: AgentNumber(1),
        attempt: 1,
        label: "a label".to_owned(),
        phase: Some("a phase".to_owned()),
        prompt: prompt.to_owned(),
        asked_before: 0,
        seed: 5,
        options,
        turns: Vec::new(),
    }
}

/// What a backend told while it worked.
#[derive(Default)]
pub struct Told {
    pub progress: Mutex<Vec<Progress>>,
    pub processes: Mutex<Vec<AgentProcess>>,
}

impl Told {
    pub fn progress(&self) -> Vec<Progress> {
        self.progress.lock().expect("lock").clone()
    }
}

/// An attempt whose processes are recorded at once.
pub fn attempt(folder: PathBuf, cancel: CancellationToken) -> (Attempt, Arc<Told>) {
    let told = Arc::new(Told::default());
    let heard = told.clone();
    let signals = Arc::new(move |signal: Signal| match signal {
        Signal::Progress(progress) => heard.progress.lock().expect("lock").push(progress),
        Signal::ProcessStarted { process, recorded } => {
            heard.processes.lock().expect("lock").push(process);
            let _ = recorded.send(());
        }
        Signal::ApprovalAsked { .. } => {}
        Signal::Turn { recorded, .. } => {
            let _ = recorded.send(());
        }
    });
    (Attempt { cancel, folder, signals, gate: Arc::new(OpenGate) }, told)
}

pub async fn run(backend: &dyn Backend, task: &AgentTask) -> (AttemptReport, Arc<Told>) {
    let (attempt, told) = attempt(std::env::temp_dir(), CancellationToken::new());
    (backend.run(task, &attempt).await, told)
}
