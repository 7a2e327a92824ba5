//! Runs git once.

use super::{GitError, Locked, Session};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Variables of the user that git may see: where things are, never what git is to do.
const PASSED: [&str; 9] = [
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "SSH_AUTH_SOCK",
];
/// What could run a program of somebody else's, write behind our back, or ask a person.
const SWITCHED_OFF: [&str; 13] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.editor=false",
    "core.askPass=",
    "core.sshCommand=false",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "submodule.recurse=false",
    "protocol.ext.allow=never",
    "core.quotePath=false",
];
/// How long a call may take unless it says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);
const TRIES_WHEN_BUSY: u32 = 40;
const BUSY_PAUSE: Duration = Duration::from_millis(25);
/// What is kept of what git says about a failure.
const SAID_CHARS: usize = 600;

/// The git of this machine.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    environment: BTreeMap<String, String>,
}

/// What a call printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub status: i32,
    pub stdout: Vec<u8>,
}

/// One call that is being put together.
#[derive(Debug, Clone)]
pub struct Call {
    git: Git,
    arguments: Vec<OsString>,
    folder: PathBuf,
    set: Vec<(&'static str, OsString)>,
    settings: Vec<String>,
    input: Option<Vec<u8>>,
    holding: Option<Arc<File>>,
    patience: Duration,
    /// Statuses that are answers and no failures.
    answers: Vec<i32>,
}

impl Git {
    /// `environment` is that of the person; little of it is passed on.
    pub fn new(environment: &BTreeMap<String, String>) -> Git {
        let passed = environment.iter().filter(|(name, _)| PASSED.contains(&name.as_str()));
        let mut own: BTreeMap<String, String> =
            passed.map(|(name, value)| (name.clone(), value.clone())).collect();
        let fixed =
            [("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_ADVICE", "0"), ("GIT_PAGER", "cat")];
        own.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Git { program: PathBuf::from("git"), environment: own }
    }

    /// A file of git's settings of the person, where git itself looks for it; empty: nowhere.
    pub fn settings_of_home(&self, name: &str) -> String {
        let of = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        let folder =
            of("XDG_CONFIG_HOME").cloned().or_else(|| of("HOME").map(|home| format!("{home}/.config")));
        folder.map(|folder| format!("{folder}/git/{name}")).unwrap_or_default()
    }

    /// A call in this folder; hooks, monitors, signing, prompts and housekeeping are switched off.
    pub fn call<S: AsRef<OsStr>>(&self, folder: &Path, arguments: impl IntoIterator<Item = S>) -> Call {
        Call {
            git: self.clone(),
            arguments: arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
            folder: folder.to_owned(),
            set: Vec::new(),
            settings: Vec::new(),
            input: None,
            holding: None,
            patience: PATIENCE,
            answers: vec![0],
        }
    }

    /// `(major, minor)`.
    pub async fn version(&self) -> Result<(u32, u32), GitError> {
        let said = self.call(Path::new("/"), ["--version"]).text().await?;
        let numbers = said.split_whitespace().nth(2).unwrap_or_default();
        let mut parts = numbers.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
            _ => Err(GitError::Unreadable { said }),
        }
    }
}

impl Call {
    /// Further arguments.
    #[must_use]
    pub fn also<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Call {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// The administrative folder, whatever the work tree's own `.git` says.
    #[must_use]
    pub fn git_dir(self, folder: &Path) -> Call {
        self.set("GIT_DIR", folder)
    }

    #[must_use]
    pub fn work_tree(self, folder: &Path) -> Call {
        self.set("GIT_WORK_TREE", folder)
    }

    #[must_use]
    pub fn index(self, file: &Path) -> Call {
        self.set("GIT_INDEX_FILE", file)
    }

    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Call {
        self.set.push((name, value.as_ref().to_owned()));
        self
    }

    /// A setting for this call, over all files.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Call {
        self.settings.push(format!("{name}={value}"));
        self
    }

    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Call {
        self.input = Some(bytes.into());
        self
    }

    /// The lock is this call's too, should we be killed: nobody else gets it before the call has ended.
    #[must_use]
    pub fn holding(mut self, lock: &Locked) -> Call {
        self.holding = Some(lock.file());
        self
    }

    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Call {
        self.patience = patience;
        self
    }

    /// This status is an answer, too.
    #[must_use]
    pub fn answers(mut self, status: i32) -> Call {
        self.answers.push(status);
        self
    }

    /// Standard output without the line break at its end.
    pub async fn text(self) -> Result<String, GitError> {
        let output = self.output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// Only whether it worked.
    pub async fn done(self) -> Result<(), GitError> {
        self.output().await.map(drop)
    }

    /// Calls, and calls again for a while when another git stood in the way.
    pub async fn output(self) -> Result<Output, GitError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once().await {
                Err(error) if error.is_contention() && tries < TRIES_WHEN_BUSY => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    /// Starts a git that answers one question after the other.
    pub fn session(self) -> Result<Session, GitError> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| self.not_started(&error))?;
        Session::new(child, self.name(), self.patience)
    }

    async fn once(&self) -> Result<Output, GitError> {
        let mut command = self.command();
        command.stdin(self.stdin()?);
        let mut child = command.spawn().map_err(|error| self.not_started(&error))?;
        let (stdin, input) = (child.stdin.take(), self.input.clone());
        let give = async move {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // Git that ends early says why by its status.
                let _ = stdin.write_all(&input).await;
            }
        };
        let ended = async { tokio::join!(give, child.wait_with_output()).1 };
        let timed_out = || GitError::TimedOut { what: self.name(), seconds: self.patience.as_secs() };
        let ended = tokio::time::timeout(self.patience, ended).await.map_err(|_| timed_out())?;
        let ended = ended.map_err(|error| GitError::NotStarted { why: error.to_string() })?;
        let status = ended.status.code().unwrap_or(-1);
        if self.answers.contains(&status) {
            return Ok(Output { status, stdout: ended.stdout });
        }
        Err(GitError::Failed { what: self.name(), status, said: said(&ended.stderr, &ended.stdout) })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.git.program);
        for setting in SWITCHED_OFF.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.arg("-c").arg(setting);
        }
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.git.environment)
            .envs(self.set.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// What holds a lock reads an empty file.
    fn stdin(&self) -> Result<Stdio, GitError> {
        match (&self.input, &self.holding) {
            (Some(_), _) => Ok(Stdio::piped()),
            (None, Some(lock)) => {
                let own = lock.try_clone().map_err(|error| self.not_started(&error))?;
                Ok(Stdio::from(own))
            }
            (None, None) => Ok(Stdio::null()),
        }
    }

    fn not_started(&self, error: &std::io::Error) -> GitError {
        if !self.folder.is_dir() {
            return GitError::io("work in", &self.folder, error);
        }
        GitError::NotStarted { why: error.to_string() }
    }

    /// The subcommand, for messages.
    fn name(&self) -> String {
        let words = self.arguments.iter().map(|argument| argument.to_string_lossy());
        words.take(2).collect::<Vec<_>>().join(" ")
    }
}

/// The lines that matter, in one.
fn said(stderr: &[u8], stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(if stderr.is_empty() { stdout } else { stderr });
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let joined = lines.collect::<Vec<_>>().join("; ");
    joined.chars().take(SAID_CHARS).collect()
}
