//! The host of scripts: `baya.exec` and the checks of landings run behind the same walls as the tools of
//! agents, with the same environment, which names no secret; the policy is asked before.

use super::confines::Confines;
use crate::failure::Failure;
use crate::folders::Folders;
use baya_agents::backend::{Action, Deed};
use baya_agents::policy::{Gates, Place, Ruling};
use baya_agents::program::{Launch, end_survivor, launch};
use baya_agents::sandbox::{Profile, Sandbox};
use baya_core::agent::AgentProcess;
use baya_core::event::{Event, Recorded};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::work::Changes;
use baya_engine::git::{Git, Locks, Repository};
use baya_engine::host_steps::{CommandRunner, LocalHost, Ran, StepGuard, Wish};
use baya_engine::landing::{CheckEnd, CheckRunner};
use baya_engine::workspace::GitWorktrees;
use baya_engine::worktree::garbage::base_kept_as;
use baya_engine::worktree::{self, dirty, leftovers};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// What is kept of an output.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// How long the output may stay open after the command itself has ended.
const AFTER_EXIT: Duration = Duration::from_millis(300);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs shell lines behind walls.
#[derive(Clone)]
pub struct Walled {
    profile: Profile,
    confines: Arc<Confines>,
    temporary: PathBuf,
    /// Where it is written down what is at work; no command sees it.
    notes: PathBuf,
}

impl Walled {
    pub fn new(profile: Profile, confines: Arc<Confines>, state: &Path, run: &RunId) -> Walled {
        let temporary = state.join("steps").join(run.as_str());
        Walled { profile, confines, temporary, notes: notes(state, run) }
    }

    fn sandbox(&self, folder: &Path) -> Sandbox {
        self.confines.sandbox(self.profile, folder, &self.temporary)
    }

    /// Written down before it runs: if we are killed, the next process of ours ends it.
    fn note(&self, process: &AgentProcess) -> PathBuf {
        let note = self.notes.join(process.pid.to_string());
        // One that is not written costs no more than a command that is not ended after a crash.
        let _ = std::fs::create_dir_all(&self.notes);
        let _ = std::fs::write(&note, serde_json::to_vec(process).unwrap_or_default());
        note
    }

    /// `errors` is where the standard error goes; absent: to the standard output.
    async fn line(
        &self,
        line: &str,
        folder: &Path,
        errors: Option<&Path>,
        limit: Duration,
    ) -> Result<Ran, String> {
        std::fs::create_dir_all(&self.temporary)
            .map_err(|error| format!("cannot make the folder `{}`: {error}", self.temporary.display()))?;
        let words = match errors {
            Some(file) => ["sh", "-c", "{ eval \"$1\"; } 2>\"$0\"", &file.display().to_string(), line]
                .map(str::to_owned),
            None => ["sh", "-c", "{ eval \"$1\"; } 2>&1", "check", line].map(str::to_owned),
        };
        let mut sandbox = self.sandbox(folder);
        // What is on its way out goes on as long as the command does.
        let _pass = self.confines.let_out(&mut sandbox)?;
        let environment = &sandbox.environment;
        let words = Launch { argv: &words, environment, folder, sandbox: Some(&sandbox) };
        let mut running = launch(&words).await.map_err(|error| error.to_string())?;
        let note = self.note(running.process());
        running.begin().await;
        drop(running.take_stdin());
        let mut stdout = running.take_stdout();
        let output = Mutex::new(Vec::new());
        let read = async {
            let mut buffer = vec![0; 64 * 1024];
            while let Some(pipe) = stdout.as_mut() {
                let Ok(count @ 1..) = pipe.read(&mut buffer).await else { break };
                let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
                let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(&buffer[..count.min(room)]);
            }
        };
        tokio::pin!(read);
        let exited = async {
            tokio::select! {
                biased;
                () = &mut read => running.exited().await,
                status = running.exited() => {
                    // Something it started may hold the output open for as long as it likes.
                    let _ = tokio::time::timeout(AFTER_EXIT, &mut read).await;
                    status
                }
            }
        };
        let status = tokio::time::timeout(limit, exited).await;
        let ended = running.end().await;
        if !ended.over {
            return Err("it cannot be ended: something it started withstands KILL".to_owned());
        }
        let _ = std::fs::remove_file(note);
        Ok(Ran {
            code: status.as_ref().ok().and_then(|status| status.as_ref().ok()?.code()),
            stdout: String::from_utf8_lossy(&output.lock().unwrap_or_else(PoisonError::into_inner))
                .into_owned(),
            stderr: errors
                .map(|file| std::fs::read(file).unwrap_or_default())
                .map_or_else(String::new, |bytes| {
                    String::from_utf8_lossy(&bytes[..bytes.len().min(OUTPUT_BYTES_MAX)]).into_owned()
                }),
            timed_out: status.is_err(),
        })
    }
}

fn own_environment() -> Vec<(String, String)> {
    let texts = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(texts).collect()
}

impl CommandRunner for Walled {
    fn run<'a>(&'a self, line: &'a str, folder: &'a Path, limit: Duration) -> Boxed<'a, Result<Ran, String>> {
        Box::pin(async move {
            let errors = self.temporary.join(format!("stderr-{:016x}", super::randomness::bits()));
            let ran = self.line(line, folder, Some(&errors), limit).await;
            let _ = std::fs::remove_file(&errors);
            ran
        })
    }
}

impl CheckRunner for Walled {
    fn run<'a>(
        &'a self,
        line: &'a str,
        folder: &'a Path,
        log: &'a Path,
        limit: Duration,
    ) -> Boxed<'a, CheckEnd> {
        Box::pin(async move {
            let Ok(ran) = self.line(line, folder, None, limit).await else { return CheckEnd::NotStarted };
            let _ = std::fs::write(log, &ran.stdout);
            match ran.code {
                _ if ran.timed_out => CheckEnd::TimedOut,
                Some(0) => CheckEnd::Passed,
                Some(code) => CheckEnd::Failed(code),
                None => CheckEnd::Failed(-1),
            }
        })
    }
}

fn notes(state: &Path, run: &RunId) -> PathBuf {
    state.join("runs").join(run.as_str()).join("at-work")
}

/// Ends commands of a run that outlived the process of ours that had started them.
pub async fn end_left(state: &Path, run: &RunId) {
    let folder = notes(state, run);
    let end = move || {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let note = std::fs::read(entry.path()).ok();
            if let Some(process) = note.and_then(|note| serde_json::from_slice::<AgentProcess>(&note).ok()) {
                end_survivor(&process);
            }
            let _ = std::fs::remove_file(entry.path());
        }
    };
    // A task that breaks has ended nothing, as if there had been nothing to read.
    let _ = tokio::task::spawn_blocking(end).await;
}

/// Git with the person's own environment.
pub fn git() -> Git {
    Git::new(&own_environment().into_iter().collect())
}

/// Where outputs of a run's checks stay.
pub fn logs(folders: &Folders, run: &RunId) -> PathBuf {
    folders.state.join("runs").join(run.as_str()).join("landing")
}

/// Policy and walls, for what scripts do themselves.
struct Guard {
    gates: Arc<Gates>,
    walled: Arc<Walled>,
    folder: PathBuf,
}

impl StepGuard for Guard {
    fn may(&self, name: &str, wish: Wish<'_>) -> Result<(), String> {
        let sandbox = self.walled.sandbox(&self.folder);
        let (what, walls) = match wish {
            Wish::Run(line) => (Deed::Command(line.to_owned()), Ok(())),
            Wish::Read(path) => (Deed::Read(path.to_owned()), sandbox.may_read(path).map(drop)),
            Wish::Write(path) => (Deed::Write(path.to_owned()), sandbox.may_write(path).map(drop)),
        };
        walls.map_err(|refusal| refusal.to_string())?;
        let action = Action { tool: name.to_owned(), what };
        let place = Place { folder: &sandbox.folder, home: &self.gates.home };
        let judgement = self.gates.policy.judge(&action, place);
        match judgement.ruling {
            Ruling::Allow => Ok(()),
            Ruling::Deny => Err(format!("the policy denies it: {}", judgement.why)),
            Ruling::Ask => Err(format!(
                "it needs a person's word ({}), and for what scripts do themselves nobody is asked; \
                 hint: allow it in the policy",
                judgement.why
            )),
        }
    }
}

/// Behind which walls a run's host works, and under which policy.
pub struct Bounds {
    pub profile: Profile,
    pub confines: Arc<Confines>,
    pub gates: Arc<Gates>,
}

/// The host of one run; `past` is its journal so far.
pub fn build(run: &RunId, bounds: Bounds, folders: &Folders, past: &[Recorded]) -> LocalHost {
    let walled = Arc::new(Walled::new(bounds.profile, bounds.confines, &folders.state, run));
    let landings = past.iter().filter_map(|recorded| match &recorded.event {
        Event::Landing { record } => Some(record.clone()),
        _ => None,
    });
    let guard = Guard { gates: bounds.gates, walled: walled.clone(), folder: folders.working.clone() };
    LocalHost {
        run: run.clone(),
        folder: folders.working.clone(),
        state: folders.state.clone(),
        logs: logs(folders, run),
        git: git(),
        locks: Locks::new(&folders.state),
        guard: Arc::new(guard),
        commands: walled.clone(),
        checks: walled,
        landings: Mutex::new(landings.collect()),
    }
}

/// Where the agents of a run work; `base` is where their worktrees start.
pub fn workspace(run: &RunId, folders: &Folders, base: Option<String>) -> GitWorktrees {
    GitWorktrees::new(git(), folders.working.clone(), folders.state.clone(), run.clone(), base)
}

/// The commit that is checked out; none outside of a repository, or before the first commit.
pub async fn base(folders: &Folders) -> Option<String> {
    folders.repository.as_ref()?;
    let repository = Repository::find(&git(), &folders.working).await.ok()?;
    repository.head().await.ok()
}

/// Keeps the commit at which worktrees start from being collected, until the run has ended.
pub async fn keep_base(folders: &Folders, run: &RunId, base: &str) -> Result<(), Failure> {
    let Ok(repository) = Repository::find(&git(), &folders.working).await else { return Ok(()) };
    let kept = repository.set_ref(&base_kept_as(run), base).await;
    kept.map_err(|error| Failure::outside("cannot keep the commit at which worktrees start", error))
}

/// A run that has ended starts no more worktrees. Where it cannot be let go, `baya gc` does it later.
pub async fn let_base_go(folder: &Path, run: &RunId, base: &str) {
    if let Ok(repository) = Repository::find(&git(), folder).await {
        let _ = repository.drop_ref(&base_kept_as(run), base).await;
    }
}

/// How much an agent that is at work has changed in its worktree.
pub async fn changes_now(state: &Path, run: &RunId, agent: AgentNumber) -> Option<Changes> {
    let record = leftovers(state).into_iter().find(|record| record.run == *run && record.agent == agent)?;
    let repository = Repository { git: git(), root: record.root.clone(), common: record.common.clone() };
    worktree::changes(&repository, &record).await.ok()
}

/// The user's state as a commit of ours, and what there is to say of it.
pub async fn snapshot(folders: &Folders, run: &RunId) -> Result<(Option<String>, Vec<String>), Failure> {
    let found = Repository::find(&git(), &folders.working).await;
    let repository = found.map_err(|unfit| Failure::usage(unfit.to_string()).hint_if_some(unfit.hint()))?;
    let cannot =
        |error| Failure::outside("cannot commit what is not committed yet (`--snapshot-dirty`)", error);
    match dirty::snapshot(&repository, &folders.state, run).await.map_err(cannot)? {
        Some(snapshot) => {
            let kept = format!("what you have not committed is kept as {}", dirty::kept_as(run));
            Ok((Some(snapshot.commit), [kept].into_iter().chain(snapshot.notes).collect()))
        }
        None => Ok((repository.head().await.ok(), Vec::new())),
    }
}

/// Said once by a run whose worktrees start at a commit that the checkout has left.
pub async fn dirty_note(folders: &Folders) -> Vec<String> {
    let Ok(repository) = Repository::find(&git(), &folders.working).await else { return Vec::new() };
    match (dirty::is_dirty(&repository).await, repository.head().await) {
        (Ok(true), Ok(head)) => vec![format!(
            "worktrees start at the commit {}: your uncommitted changes are not in it; --snapshot-dirty takes \
             them in",
            head.get(..12).unwrap_or(&head)
        )],
        _ => Vec::new(),
    }
}
