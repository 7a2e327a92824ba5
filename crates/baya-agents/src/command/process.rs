//! One run of a program, from its start to the end of everything it started.

use super::group::{Group, Guard};
use super::identity::identify;
use super::stderr_tail::tail;
use crate::backend::{Attempt, Signal};
use baya_core::agent::Progress;
use baya_core::limits::ANSWER_BYTES_MAX;
use std::future::pending;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, oneshot};

/// What is kept of the standard error.
const STDERR_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// How long the output may stay open after the program itself has ended.
const AFTER_EXIT: Duration = Duration::from_millis(300);

/// What is run.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub argv: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// How long it may take, and be silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub timeout: Option<Duration>,
    pub stall: Option<Duration>,
}

/// Why there is no output to read.
#[derive(Debug)]
pub(super) enum Stopped {
    Cancelled,
    TimedOut,
    Silent,
    /// There is no such program, or it may not be run.
    NotStarted(String),
    /// It ended badly, or what it wrote cannot be taken; a sentence without its subject.
    Broken(String),
}

/// Runs the program on the input and gives its standard output.
pub(super) async fn run(
    program: &Program,
    input: &str,
    attempt: &Attempt,
    limits: Limits,
) -> Result<Vec<u8>, Stopped> {
    let mut child = spawn(program, attempt)?;
    let pid = child.id().ok_or_else(|| Stopped::Broken("ended before it was looked at".to_owned()))?;
    let group = Group::of_leader(pid).ok_or_else(|| Stopped::Broken(format!("has the odd pid {pid}")))?;
    let mut guard = Guard { group, over: false };
    let output = Output::default();
    let end = tokio::select! {
        biased;
        () = attempt.cancel.cancelled() => Err(Stopped::Cancelled),
        () = passed(limits.timeout) => Err(Stopped::TimedOut),
        () = silence(&output, limits.stall) => Err(Stopped::Silent),
        end = work(&mut child, pid, input, attempt, &output) => end,
    };
    guard.over = group.end().await;
    // Its status is there by now; what withstands KILL has none.
    let _ = tokio::time::timeout(AFTER_EXIT, child.wait()).await;
    if !guard.over {
        return Err(Stopped::Broken(format!("cannot be ended, process group {pid} withstands KILL")));
    }
    judge(end?, output)
}

fn spawn(program: &Program, attempt: &Attempt) -> Result<Child, Stopped> {
    let (name, arguments) =
        program.argv.split_first().ok_or_else(|| Stopped::NotStarted("`argv` is empty".to_owned()))?;
    if !attempt.folder.is_dir() {
        return Err(Stopped::Broken(format!("has no folder `{}` to work in", attempt.folder.display())));
    }
    Command::new(name)
        .args(arguments)
        .env_clear()
        .envs(program.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&attempt.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(name, &error))
}

fn not_started(name: &str, error: &std::io::Error) -> Stopped {
    match error.kind() {
        ErrorKind::NotFound => Stopped::NotStarted(format!("there is no program `{name}`")),
        ErrorKind::PermissionDenied => Stopped::NotStarted(format!("`{name}` may not be run: {error}")),
        // Too many processes, no memory: another agent may have more luck.
        _ => Stopped::Broken(format!("cannot be started: {error}")),
    }
}

async fn passed(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => pending().await,
    }
}

async fn silence(output: &Output, stall: Option<Duration>) {
    let Some(stall) = stall else { return pending().await };
    while tokio::time::timeout(stall, output.alive.notified()).await.is_ok() {}
}

/// What has been read so far; kept outside of the reading, which may be given up.
#[derive(Default)]
struct Output {
    answer: Mutex<Vec<u8>>,
    errors: Mutex<Vec<u8>>,
    alive: Notify,
}

async fn work(
    child: &mut Child,
    pid: u32,
    input: &str,
    attempt: &Attempt,
    output: &Output,
) -> Result<ExitStatus, Stopped> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    record(pid, attempt).await?;
    attempt.tell(Progress::Asked);
    let pipes = async {
        tokio::try_join!(
            give(stdin, input),
            take_answer(stdout, output, attempt),
            take_errors(stderr, output)
        )
    };
    tokio::pin!(pipes);
    let ended = |status: std::io::Result<ExitStatus>| {
        status.map_err(|error| Stopped::Broken(format!("cannot be waited for: {error}")))
    };
    tokio::select! {
        read = &mut pipes => {
            read?;
            ended(child.wait().await)
        }
        status = child.wait() => {
            let status = ended(status)?;
            // Something it started may hold the output open for as long as it likes.
            if let Ok(read) = tokio::time::timeout(AFTER_EXIT, pipes).await {
                read?;
            }
            Ok(status)
        }
    }
}

/// Tells of the process and waits until that is on disk.
async fn record(pid: u32, attempt: &Attempt) -> Result<(), Stopped> {
    // One that has ended already is not waited for: it stays until we take its status.
    let process = identify(pid).ok_or_else(|| Stopped::Broken("ended before it was looked at".to_owned()))?;
    let (recorded, heard) = oneshot::channel();
    (attempt.signals)(Signal::ProcessStarted { process, recorded });
    // Nobody will record it any more: the run is over for this process.
    heard.await.map_err(|_| Stopped::Cancelled)
}

async fn give(stdin: Option<ChildStdin>, input: &str) -> Result<(), Stopped> {
    if let Some(mut stdin) = stdin {
        // A program need not read its input.
        let _ = stdin.write_all(input.as_bytes()).await;
        let _ = stdin.shutdown().await;
    }
    Ok(())
}

async fn take_answer(
    pipe: Option<impl AsyncRead + Unpin>,
    output: &Output,
    attempt: &Attempt,
) -> Result<(), Stopped> {
    let took = |bytes: &[u8]| {
        let mut answer = output.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Err(Stopped::Broken(format!("wrote more than {ANSWER_BYTES_MAX} bytes")));
        }
        answer.extend_from_slice(bytes);
        attempt.tell(Progress::Streaming { output_bytes: answer.len() as u64 });
        Ok(())
    };
    take(pipe, &output.alive, took).await
}

async fn take_errors(pipe: Option<impl AsyncRead + Unpin>, output: &Output) -> Result<(), Stopped> {
    let took = |bytes: &[u8]| {
        let mut errors = output.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.extend_from_slice(bytes);
        let surplus = errors.len().saturating_sub(STDERR_BYTES);
        errors.drain(..surplus);
        Ok(())
    };
    take(pipe, &output.alive, took).await
}

async fn take(
    pipe: Option<impl AsyncRead + Unpin>,
    alive: &Notify,
    mut took: impl FnMut(&[u8]) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; READ_BYTES];
    // An error of a pipe means that there is no more to come, as its end does.
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        alive.notify_one();
        took(&buffer[..count])?;
    }
    Ok(())
}

fn judge(status: ExitStatus, output: Output) -> Result<Vec<u8>, Stopped> {
    let errors = output.errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    let said = match tail(&errors) {
        said if said.is_empty() => String::new(),
        said => format!(": {said}"),
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(output.answer.into_inner().unwrap_or_else(PoisonError::into_inner)),
        (Some(code), _) => Err(Stopped::Broken(format!("ended with exit status {code}{said}"))),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Err(Stopped::Broken(format!("was ended by signal {signal}{said}")))
        }
    }
}
