//! From words to a process that waits behind its gate.

use super::record::{Gone, record};
use super::running::Running;
use super::tree::MARK_OF_PROGRAMS;
use crate::backend::Attempt;
use crate::sandbox::Sandbox;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::process::Command;

/// Waits for a line; at the end of its input it ends instead of becoming the program.
const GATE: &str = "read -r go && exec \"$@\"";
const SHELL: &str = "/bin/sh";

/// What is started, and where.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The program and its arguments; never a shell line.
    pub argv: &'a [String],
    /// The whole environment of the program.
    pub environment: &'a BTreeMap<String, String>,
    pub folder: &'a Path,
    /// None: it may do what we may.
    pub sandbox: Option<&'a Sandbox>,
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("`argv` is empty")]
    Empty,
    #[error("there is no program `{0}`")]
    Missing(String),
    #[error("`{program}` may not be run: {why}")]
    NotRunnable { program: String, why: String },
    #[error("there is no folder `{}` to work in", .0.display())]
    NoFolder(PathBuf),
    /// Too many processes, no memory: another try may have more luck.
    #[error("it cannot be started: {0}")]
    Failed(#[source] Error),
    /// Nobody keeps the journal any more: the run is over for this process of ours.
    #[error("nobody could write down that it was started")]
    Unrecorded,
}

impl From<Gone> for NotStarted {
    fn from(Gone: Gone) -> NotStarted {
        NotStarted::Unrecorded
    }
}

impl NotStarted {
    /// Every agent would meet the same: the program is not there, or not to be run.
    pub fn is_for_all(&self) -> bool {
        match self {
            NotStarted::Empty | NotStarted::Missing(_) | NotStarted::NotRunnable { .. } => true,
            NotStarted::NoFolder(_) | NotStarted::Failed(_) | NotStarted::Unrecorded => false,
        }
    }
}

/// Starts a process group of its own that becomes the program with [`Running::begin`].
pub async fn launch(launch: &Launch<'_>) -> Result<Running, NotStarted> {
    let program = launch.argv.first().ok_or(NotStarted::Empty)?;
    if !launch.folder.is_dir() {
        return Err(NotStarted::NoFolder(launch.folder.to_owned()));
    }
    let path = launch.environment.get("PATH").map(String::as_str).unwrap_or_default();
    look(program, path, launch.folder)?;
    let mark = new_mark();
    let mut command = match launch.sandbox {
        Some(sandbox) => sealed(launch, sandbox),
        None => bare(launch),
    };
    command.env(MARK_OF_PROGRAMS, &mark);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(NotStarted::Failed)?;
    Running::of(child, mark)
        .ok_or_else(|| NotStarted::Failed(Error::other("it ended before it was looked at")))
}

/// [`launch`], [`record`] and [`Running::begin`]: from words to a program at work that the journal knows.
pub async fn start(words: &Launch<'_>, attempt: &Attempt) -> Result<Running, NotStarted> {
    let mut running = launch(words).await?;
    record(running.process(), attempt).await?;
    running.begin().await;
    Ok(running)
}

fn sealed(launch: &Launch<'_>, sandbox: &Sandbox) -> Command {
    let mut sandbox = sandbox.clone();
    sandbox.environment.clone_from(launch.environment);
    sandbox.gated = true;
    sandbox.command(launch.argv, launch.folder)
}

fn bare(launch: &Launch<'_>) -> Command {
    let mut command = Command::new(SHELL);
    command.args(["-c", GATE, SHELL]).args(launch.argv);
    command.env_clear().envs(launch.environment).current_dir(launch.folder).process_group(0);
    command
}

/// Whether the program is there, as the gate will find it: a name in `PATH`, a path from the folder.
fn look(program: &str, path: &str, folder: &Path) -> Result<(), NotStarted> {
    let candidates: Vec<PathBuf> = match program.contains('/') {
        true => vec![folder.join(program)],
        false => std::env::split_paths(path).map(|place| folder.join(place).join(program)).collect(),
    };
    let mut why = None;
    for candidate in candidates {
        match std::fs::metadata(&candidate) {
            Ok(meta) if !meta.is_file() => drop(why.get_or_insert("it is no file".to_owned())),
            Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
                why.get_or_insert("it is not executable".to_owned());
            }
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => drop(why.get_or_insert(error.to_string())),
        }
    }
    let program = program.to_owned();
    Err(match why {
        Some(why) => NotStarted::NotRunnable { program, why },
        None => NotStarted::Missing(program),
    })
}

/// No other process of this machine, of any process of ours, ever has the same.
fn new_mark() -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let own = super::identity::identify(std::process::id());
    let (pid, started) = own.map_or((std::process::id(), 0), |own| (own.pid, own.started));
    format!("{started}-{pid}-{number}")
}
