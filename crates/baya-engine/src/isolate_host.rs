//! Keeps the isolate of a run: in a child process of our own binary, or in a thread for embedding and
//! tests. Deliveries go in, steps come out as inputs; the end of an isolate is an input too.

use baya_core::call::{Delivery, ScriptError, ScriptErrorKind, ScriptLimits, Start, Step};
use baya_core::run::Input;
use baya_js::Message;
use baya_js::watchdog::{ChildEnd, answer_within, explain};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

/// Where scripts are evaluated.
#[derive(Debug, Clone)]
pub enum IsolateKind {
    /// A child process: this program with these arguments runs `baya_js::child::main`.
    Child { program: PathBuf, args: Vec<String> },
    /// A thread of this process: no protection against memory errors of the JS engine.
    InThread,
}

type Inputs = Arc<dyn Fn(Input) + Send + Sync>;

/// A running isolate; dropping it ends it.
pub struct IsolateHost {
    messages: mpsc::UnboundedSender<Message>,
    _task: AbortOnDrop,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How many stretches of a message may use all of their CPU time before the parent ends the child.
const STRETCHES_PER_MESSAGE: usize = 4;

/// How many deliveries travel in one message.
const DELIVERIES_PER_MESSAGE: usize = 512;

impl IsolateHost {
    /// Starts an isolate and gives it what the script heard so far.
    pub fn start(
        kind: &IsolateKind,
        generation: u32,
        start: Box<Start>,
        deliveries: Vec<Delivery>,
        inputs: Inputs,
    ) -> IsolateHost {
        let (messages, outbox) = mpsc::unbounded_channel();
        let limits = start.limits.clone();
        let kind = kind.clone();
        let task = tokio::spawn(async move {
            let told = inputs.clone();
            let lost = match kind {
                IsolateKind::Child { program, args } => {
                    run_child(program, args, limits, outbox, move |step| {
                        told(Input::Stepped { generation, step })
                    })
                    .await
                }
                IsolateKind::InThread => {
                    run_thread(outbox, move |step| told(Input::Stepped { generation, step })).await
                }
            };
            if let Err(error) = lost {
                inputs(Input::IsolateLost { generation, error });
            }
        });
        let host = IsolateHost { messages, _task: AbortOnDrop(task) };
        host.send(Message::Start(start));
        host.deliver(deliveries);
        host
    }

    pub fn deliver(&self, deliveries: Vec<Delivery>) {
        let mut rest = deliveries;
        while !rest.is_empty() {
            let tail = rest.split_off(rest.len().min(DELIVERIES_PER_MESSAGE));
            self.send(Message::Deliver(rest));
            rest = tail;
        }
    }

    fn send(&self, message: Message) {
        // An isolate that is gone has said so by an input of its own.
        let _ = self.messages.send(message);
    }
}

async fn run_child(
    program: PathBuf,
    args: Vec<String>,
    limits: ScriptLimits,
    outbox: mpsc::UnboundedReceiver<Message>,
    told: impl Fn(Step),
) -> Result<(), ScriptError> {
    let mut command = Command::new(&program);
    command.args(&args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A Ctrl-C in a terminal goes to the whole process group; what it means is for us to decide.
    command.process_group(0);
    let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
        lost(format!("the isolate `{}` could not be started: {error}", program.display()))
    })?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(lost("the isolate has no pipes".to_owned()));
    };
    let wall = answer_within(&limits, STRETCHES_PER_MESSAGE);
    match converse(stdin, stdout, wall, outbox, told).await {
        Ended::Closed => Ok(()),
        Ended::Silent => {
            let _ = child.kill().await;
            Err(explain(ChildEnd::TimedOut, &limits))
        }
        Ended::Garbled(why) => {
            let _ = child.kill().await;
            Err(lost(format!("the isolate answered what cannot be read: {why}")))
        }
        Ended::Gone => Err(reason_of(&mut child, &limits).await),
    }
}

enum Ended {
    /// We let go.
    Closed,
    /// The child closed its side.
    Gone,
    Silent,
    Garbled(String),
}

/// Writes messages and reads steps, each at its own pace: neither side ever waits for the other's pipe.
async fn converse(
    mut stdin: ChildStdin,
    stdout: ChildStdout,
    wall: Duration,
    mut outbox: mpsc::UnboundedReceiver<Message>,
    told: impl Fn(Step),
) -> Ended {
    let open = std::sync::atomic::AtomicI64::new(0);
    let write = async {
        while let Some(message) = outbox.recv().await {
            open.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut line = match serde_json::to_vec(&message) {
                Ok(line) => line,
                Err(error) => return Ended::Garbled(error.to_string()),
            };
            line.push(b'\n');
            if stdin.write_all(&line).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        Ended::Closed
    };
    let read = async {
        let mut lines = BufReader::with_capacity(64 * 1024, stdout);
        let mut line = Vec::new();
        loop {
            let waiting = open.load(std::sync::atomic::Ordering::Relaxed) > 0;
            let next = lines.read_until(b'\n', &mut line);
            let read = match tokio::time::timeout(wall, next).await {
                Ok(read) => read,
                Err(_) if waiting || open.load(std::sync::atomic::Ordering::Relaxed) > 0 => {
                    return Ended::Silent;
                }
                Err(_) => continue,
            };
            match read {
                Ok(0) | Err(_) => return Ended::Gone,
                Ok(_) => {}
            }
            open.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            match serde_json::from_slice(&line) {
                Ok(step) => told(step),
                Err(error) => return Ended::Garbled(error.to_string()),
            }
            line.clear();
        }
    };
    tokio::select! {
        ended = write => ended,
        ended = read => ended,
    }
}

async fn reason_of(child: &mut Child, limits: &ScriptLimits) -> ScriptError {
    let status = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
    match status {
        Ok(Ok(status)) => explain(ChildEnd::from(status), limits),
        Ok(Err(error)) => lost(format!("the isolate is gone: {error}")),
        Err(_) => lost("the isolate closed its pipe and hangs".to_owned()),
    }
}

async fn run_thread(
    mut outbox: mpsc::UnboundedReceiver<Message>,
    told: impl Fn(Step),
) -> Result<(), ScriptError> {
    let (steps, mut answers) = mpsc::unbounded_channel();
    let thread = baya_js::in_thread(move |step| drop(steps.send(step)));
    let thread = thread.map_err(|error| lost(format!("the isolate could not be started: {error}")))?;
    loop {
        tokio::select! {
            message = outbox.recv() => match message {
                Some(message) => thread.send(message).map_err(|error| lost(error.to_string()))?,
                None => return Ok(()),
            },
            step = answers.recv() => match step {
                Some(step) => told(step),
                None => return Err(lost("the thread of the isolate ended".to_owned())),
            },
        }
    }
}

fn lost(message: String) -> ScriptError {
    ScriptError {
        kind: ScriptErrorKind::IsolateLost,
        name: "Error".to_owned(),
        message,
        site: None,
        stack: Vec::new(),
    }
}
