//! Agents of the Agent Client Protocol, by a stand-in that does what its script says, inside the real
//! sandbox.

mod faults;
mod metering;
mod pool;
mod talk;

use crate::answer_tool;
use baya_agents::acp::{AcpBackend, AcpConfig, AcpProgram, OwnProgram};
use baya_agents::agent_types::AgentTypes;
use baya_agents::backend::{Action, Attempt, Backend, Gatekeeper, OpenGate, Permission, Signal};
use baya_agents::models::ModelTable;
use baya_agents::purse::SharedPurse;
use baya_agents::sandbox::{Profile, Sandbox};
use baya_core::agent::{AgentOptions, AgentProcess, AgentTask, Answer, AttemptEnd, AttemptReport, Progress};
use baya_core::turn::TurnRecord;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A folder to work in, and folders for what is ours.
pub struct Place {
    root: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let place = Place { root: tempfile::tempdir().expect("a folder") };
        for folder in ["work", "home", "state", "scripts"] {
            std::fs::create_dir(place.path(folder)).expect("a folder");
        }
        place
    }

    pub fn path(&self, path: &str) -> PathBuf {
        std::fs::canonicalize(self.root.path()).expect("it is there").join(path)
    }

    /// The backend whose agent does this.
    pub fn agent(&self, script: &Value) -> AcpBackend {
        AcpBackend::new(self.config(script))
    }

    pub fn config(&self, script: &Value) -> AcpConfig {
        let mut script = script.clone();
        script["log"] = json!(self.path("scripts/log"));
        let file = self.path("scripts/script.json");
        std::fs::write(&file, script.to_string()).expect("the script");
        let argv =
            [env!("CARGO_BIN_EXE_agent"), "acp", &file.display().to_string()].map(str::to_owned).to_vec();
        let scripts = self.path("scripts");
        AcpConfig {
            name: "acp:stand-in".to_owned(),
            program: AcpProgram::Own(OwnProgram { argv, ..OwnProgram::default() }),
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]),
            home: self.path("home"),
            state: self.path("state"),
            answer: answer_tool::program(),
            open: Arc::new(move |_: &AgentTask, attempt: &Attempt, profile: Profile, private: &Path| {
                let mut sandbox = Sandbox::new(profile, &attempt.folder, private);
                sandbox.applier = vec![env!("CARGO_BIN_EXE_sandbox").to_owned(), "__sandbox".to_owned()];
                sandbox.writable.push(scripts.clone());
                Ok(sandbox)
            }),
            profile: Profile::Workspace,
            gateway: None,
            models: ModelTable::default(),
            types: Arc::new(AgentTypes::built_in()),
            start_ms: 10_000,
            stall_ms: 10_000,
        }
    }

    /// What the agent heard, in order.
    pub fn heard(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("scripts/log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The methods it heard.
    pub fn methods(&self) -> Vec<String> {
        let method = |message: Value| message["method"].as_str().map(str::to_owned);
        self.heard().into_iter().filter_map(method).collect()
    }

    pub fn attempt(&self) -> (Attempt, Arc<Told>) {
        self.attempt_with(Arc::new(OpenGate))
    }

    pub fn attempt_with(&self, gate: Arc<dyn Gatekeeper>) -> (Attempt, Arc<Told>) {
        let told = Arc::new(Told::default());
        let heard = told.clone();
        let signals = Arc::new(move |signal: Signal| heard.take(signal));
        (
            Attempt {
                cancel: CancellationToken::new(),
                folder: self.path("work"),
                signals,
                gate,
                purse: SharedPurse::default(),
            },
            told,
        )
    }

    pub async fn run(&self, backend: &AcpBackend, task: &AgentTask) -> (AttemptReport, Arc<Told>) {
        let (attempt, told) = self.attempt();
        (backend.run(task, &attempt).await, told)
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
    fn take(&self, signal: Signal) {
        match signal {
            Signal::Progress(progress) => self.progress.lock().expect("lock").push(progress),
            Signal::ProcessStarted { process, recorded } => {
                self.processes.lock().expect("lock").push(process);
                let _ = recorded.send(());
            }
            Signal::ApprovalAsked { .. } => {}
            Signal::Turn { turn, recorded } => {
                self.turns.lock().expect("lock").push(turn);
                let _ = recorded.send(());
            }
        }
    }

    pub fn turns(&self) -> Vec<TurnRecord> {
        self.turns.lock().expect("lock").clone()
    }

    pub fn progress(&self) -> Vec<Progress> {
        self.progress.lock().expect("lock").clone()
    }

    pub fn pids(&self) -> Vec<u32> {
        self.processes.lock().expect("lock").iter().map(|process| process.pid).collect()
    }
}

/// Says what it is asked, and always the same.
pub struct Gate {
    pub says: Permission,
    pub asked: Mutex<Vec<Action>>,
}

impl Gatekeeper for Gate {
    fn may<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Permission> {
        self.asked.lock().expect("lock").push(action.clone());
        Box::pin(std::future::ready(self.says.clone()))
    }
}

pub fn task() -> AgentTask {
    crate::attempts::task("the prompt", AgentOptions::default())
}

pub fn text(report: &AttemptReport) -> &str {
    match &report.end {
        AttemptEnd::Answered(Answer::Text(text)) => text,
        _ => panic!("{report:?}"),
    }
}

/// Runs no more; one that waits to be reaped does not run.
pub fn is_over(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}
