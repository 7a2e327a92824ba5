//! One run of a program, from its start to the end of everything it started.

use crate::admission::MemoryKills;
use crate::backend::Attempt;
use crate::program::{Ended, Launch, NotStarted, Running, asks_at_terminal, launch, record};
use baya_core::agent::Progress;
use baya_core::limits::ANSWER_BYTES_MAX;
use std::collections::BTreeMap;
use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Notify;

const READ_BYTES: usize = 64 * 1024;
/// How long the output may stay open after the program itself has ended.
const AFTER_EXIT: Duration = Duration::from_millis(300);

/// What is run.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub argv: Vec<String>,
    pub environment: BTreeMap<String, String>,
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
    /// By KILL, and not by us.
    Killed {
        kills: MemoryKills,
        status: ExitStatus,
    },
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
    let Program { argv, environment } = program;
    let words = Launch { argv, environment, folder: &attempt.folder, sandbox: None };
    let kills = MemoryKills::now();
    let mut running = launch(&words).await.map_err(not_started)?;
    let pid = running.process().pid;
    let output = Output::default();
    let end = tokio::select! {
        biased;
        () = attempt.cancel.cancelled() => Err(Stopped::Cancelled),
        () = passed(limits.timeout) => Err(Stopped::TimedOut),
        () = silence(&output, limits.stall) => Err(Stopped::Silent),
        () = asks_at_terminal(pid) => Err(Stopped::Broken("asks at the terminal, and agents have none".to_owned())),
        end = work(&mut running, input, attempt, &output) => end,
    };
    let ended = running.end().await;
    if !ended.over {
        return Err(Stopped::Broken(format!("cannot be ended, process group {pid} withstands KILL")));
    }
    judge(end?, output, &ended, kills)
}

fn not_started(error: NotStarted) -> Stopped {
    match error {
        NotStarted::Empty | NotStarted::Missing(_) | NotStarted::NotRunnable { .. } => {
            Stopped::NotStarted(error.to_string())
        }
        NotStarted::NoFolder(folder) => {
            Stopped::Broken(format!("has no folder `{}` to work in", folder.display()))
        }
        NotStarted::Failed(why) => Stopped::Broken(format!("cannot be started: {why}")),
        NotStarted::Unrecorded => Stopped::Cancelled,
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
    alive: Notify,
}

async fn work(
    running: &mut Running,
    input: &str,
    attempt: &Attempt,
    output: &Output,
) -> Result<ExitStatus, Stopped> {
    // Nobody will record it any more: the run is over for this process.
    record(running.process(), attempt).await.map_err(|_| Stopped::Cancelled)?;
    running.begin().await;
    attempt.tell(Progress::Asked);
    let (stdin, stdout) = (running.take_stdin(), running.take_stdout());
    let errors = running.errors();
    let pipes = async { tokio::try_join!(give(stdin, input), take_answer(stdout, output, attempt)) };
    let talk = async {
        loop {
            errors.spoke().await;
            output.alive.notify_one();
        }
    };
    tokio::pin!(pipes, talk);
    let ended = |status: std::io::Result<ExitStatus>| {
        status.map_err(|error| Stopped::Broken(format!("cannot be waited for: {error}")))
    };
    tokio::select! {
        () = &mut talk => pending().await,
        read = &mut pipes => {
            read?;
            ended(running.exited().await)
        }
        status = running.exited() => {
            let status = ended(status)?;
            // Something it started may hold the output open for as long as it likes.
            if let Ok(read) = tokio::time::timeout(AFTER_EXIT, pipes).await {
                read?;
            }
            Ok(status)
        }
    }
}

async fn give(stdin: Option<ChildStdin>, input: &str) -> Result<(), Stopped> {
    if let Some(mut stdin) = stdin {
        // A program need not read its input.
        let _ = stdin.write_all(input.as_bytes()).await;
        let _ = stdin.shutdown().await;
    }
    Ok(())
}

async fn take_answer(pipe: Option<ChildStdout>, output: &Output, attempt: &Attempt) -> Result<(), Stopped> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; READ_BYTES];
    // An error of a pipe means that there is no more to come, as its end does.
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        output.alive.notify_one();
        let mut answer = output.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.len() + count > ANSWER_BYTES_MAX {
            return Err(Stopped::Broken(format!("wrote more than {ANSWER_BYTES_MAX} bytes")));
        }
        answer.extend_from_slice(&buffer[..count]);
        attempt.tell(Progress::Streaming { output_bytes: answer.len() as u64 });
    }
    Ok(())
}

fn judge(status: ExitStatus, output: Output, ended: &Ended, kills: MemoryKills) -> Result<Vec<u8>, Stopped> {
    if kills.concern(status) {
        return Err(Stopped::Killed { kills, status });
    }
    let said = match ended.said.as_str() {
        "" => String::new(),
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
