//! The check of a merged tree: a command in a worktree that belongs to the queue alone.
//!
//! The folder stays between checks, so that what a build left (and the repository ignores) saves time;
//! what a check changed or left in the tree itself is thrown away before the next one.

use crate::git::{GitError, Repository};
use baya_core::ids::RunId;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::future::Future;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How much of a log is kept in the journal.
const SAID_CHARS: usize = 2_000;

/// Starts the command; the binary's own seals it in.
pub trait CheckRunner: Send + Sync {
    /// Runs a shell line in `folder`; all it prints goes to `log`. Ends the whole process tree after
    /// `limit`.
    fn run<'a>(
        &'a self,
        line: &'a str,
        folder: &'a Path,
        log: &'a Path,
        limit: Duration,
    ) -> Pin<Box<dyn Future<Output = CheckEnd> + Send + 'a>>;
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckEnd {
    Passed,
    Failed(i32),
    TimedOut,
    NotStarted,
}

/// A check without walls around it, in a process group of its own.
#[derive(Debug, Clone)]
pub struct ShellCheck {
    pub environment: BTreeMap<String, String>,
}

impl CheckRunner for ShellCheck {
    fn run<'a>(
        &'a self,
        line: &'a str,
        folder: &'a Path,
        log: &'a Path,
        limit: Duration,
    ) -> Pin<Box<dyn Future<Output = CheckEnd> + Send + 'a>> {
        Box::pin(async move {
            let Ok((out, err)) = File::create(log).and_then(|file| Ok((file.try_clone()?, file))) else {
                return CheckEnd::NotStarted;
            };
            let mut command = tokio::process::Command::new("sh");
            command.arg("-c").arg(line).current_dir(folder).env_clear().envs(&self.environment);
            command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).kill_on_drop(true);
            let Ok(mut child) = command.spawn() else { return CheckEnd::NotStarted };
            let group = child.id();
            let ended = tokio::time::timeout(limit, child.wait()).await;
            end_group(group);
            match ended {
                Ok(Ok(status)) if status.success() => CheckEnd::Passed,
                Ok(Ok(status)) => CheckEnd::Failed(status.code().unwrap_or(-1)),
                Ok(Err(_)) => CheckEnd::NotStarted,
                Err(_) => {
                    let _ = child.wait().await;
                    CheckEnd::TimedOut
                }
            }
        })
    }
}

/// Nothing of a check lives longer than the check.
fn end_group(leader: Option<u32>) {
    let pid = leader.and_then(|leader| rustix::process::Pid::from_raw(leader.cast_signed()));
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

/// The worktree in which merged trees are checked.
#[derive(Clone)]
pub(super) struct CheckRoom<'a> {
    repository: &'a Repository,
    folder: PathBuf,
    logs: PathBuf,
}

/// What a check said.
pub(super) struct Checked {
    pub passed: bool,
    pub said: String,
    pub log: PathBuf,
    pub duration_ms: u64,
}

impl<'a> CheckRoom<'a> {
    /// `logs` is where outputs stay.
    pub fn new(repository: &'a Repository, state: &Path, run: &RunId, logs: &Path) -> CheckRoom<'a> {
        let folder = state.join("worktrees").join(run.as_str()).join(format!("{run}.landing"));
        CheckRoom { repository, folder, logs: logs.to_owned() }
    }

    /// Checks out a commit and runs the line there.
    pub async fn check(
        &self,
        runner: &dyn CheckRunner,
        line: &str,
        commit: &str,
        limit: Duration,
    ) -> Result<Checked, GitError> {
        self.place(commit).await?;
        make_private(&self.logs)?;
        let log = self.logs.join(format!("check-{}.log", &commit[..commit.len().min(12)]));
        let since = Instant::now();
        let end = runner.run(line, &self.folder, &log, limit).await;
        let duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let said = match end {
            CheckEnd::Passed => String::new(),
            CheckEnd::Failed(status) => format!("exit status {status}: {}", tail(&log)),
            CheckEnd::TimedOut => format!("no end within {} s: {}", limit.as_secs(), tail(&log)),
            CheckEnd::NotStarted => "the check could not be started".to_owned(),
        };
        Ok(Checked { passed: end == CheckEnd::Passed, said, log, duration_ms })
    }

    /// Makes the folder, if it is not there.
    pub async fn prepare(&self, commit: &str) -> Result<(), GitError> {
        if self.folder.join(".git").is_file() { Ok(()) } else { self.place(commit).await }
    }

    async fn place(&self, commit: &str) -> Result<(), GitError> {
        let git = &self.repository.git;
        if !self.folder.join(".git").is_file() {
            make_private(self.folder.parent().unwrap_or(Path::new("/")))?;
            let _ = std::fs::remove_dir_all(&self.folder);
            let folder = self.folder.display().to_string();
            let words = ["worktree", "add", "--quiet", "--force", "--force", "--detach", &folder, commit];
            return git.call(&self.repository.root, words).done().await;
        }
        let _ = std::fs::remove_file(self.entry().join("index.lock"));
        // Detached as it is, the branch that moves is its own.
        git.call(&self.folder, ["reset", "--hard", "--quiet", commit]).done().await?;
        git.call(&self.folder, ["clean", "-ffdq"]).done().await
    }

    fn entry(&self) -> PathBuf {
        self.repository.common.join("worktrees").join(self.folder.file_name().unwrap_or_default())
    }

    /// The worktree goes; logs stay.
    pub async fn close(&self) -> Result<(), GitError> {
        if !self.folder.exists() {
            return Ok(());
        }
        let folder = self.folder.display().to_string();
        let words = ["worktree", "remove", "--force", "--force", &folder];
        self.repository.git.call(&self.repository.root, words).done().await?;
        if let Some(above) = self.folder.parent() {
            // Only if it was the last one.
            let _ = std::fs::remove_dir(above);
        }
        Ok(())
    }
}

pub(super) fn make_private(folder: &Path) -> Result<(), GitError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| GitError::io("make the folder", folder, &error))
}

fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SAID_CHARS * 4)..]);
    let text = text.trim_end();
    let skip = text.chars().count().saturating_sub(SAID_CHARS);
    text.chars().skip(skip).collect()
}
