//! Tasks and attempts for tests of backends.

use baya_agents::backend::{Attempt, Backend, OpenGate, Signal};
use baya_agents::purse::SharedPurse;
use baya_core::agent::{AgentOptions, AgentProcess, AgentTask, AttemptReport, Progress};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::turn::TurnRecord;
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
        mark: None,
        place: None,
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
    pub turns: Mutex<Vec<TurnRecord>>,
}

impl Told {
    pub fn progress(&self) -> Vec<Progress> {
        self.progress.lock().expect("lock").clone()
    }

    pub fn turns(&self) -> Vec<TurnRecord> {
        self.turns.lock().expect("lock").clone()
    }

    /// Processes that still run, of all that carry the mark of one that was told of.
    #[cfg(target_os = "linux")]
    pub fn left(&self) -> Vec<String> {
        let processes = self.processes.lock().expect("lock").clone();
        let marks: Vec<String> = processes
            .into_iter()
            .filter_map(|process| process.mark)
            .map(|mark| format!("BAYA_PROGRAM={mark}"))
            .collect();
        let carries = |pid: &String| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| marks.iter().any(|mark| entry == mark.as_bytes()))
        };
        let entries = std::fs::read_dir("/proc").expect("proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
        pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(carries).collect()
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
        Signal::Turn { turn, recorded } => {
            heard.turns.lock().expect("lock").push(turn);
            let _ = recorded.send(());
        }
    });
    (Attempt { cancel, folder, signals, gate: Arc::new(OpenGate), purse: SharedPurse::default() }, told)
}

pub async fn run(backend: &dyn Backend, task: &AgentTask) -> (AttemptReport, Arc<Told>) {
    let (attempt, told) = attempt(std::env::temp_dir(), CancellationToken::new());
    (backend.run(task, &attempt).await, told)
}
