//! A program at work, and its certain end.

use super::group::Group;
use super::identity::identify;
use super::said::tail;
use super::tree::Tree;
use baya_core::agent::AgentProcess;
use rustix::process::Signal;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What is kept of the standard error.
const STDERR_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 16 * 1024;
/// How long a program may take to end after it was asked to; what is left then is killed.
const PATIENCE: Duration = Duration::from_millis(800);
/// How long a status, or the rest of the standard error, is waited for once nothing runs any more.
const AFTER_END: Duration = Duration::from_millis(300);

/// A process group of an agent's program. Dropped before its end it is killed.
pub struct Running {
    child: Child,
    process: AgentProcess,
    tree: Tree,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    errors: Arc<Errors>,
    reader: JoinHandle<()>,
    is_over: bool,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// None if even KILL did not end it.
    pub status: Option<ExitStatus>,
    /// Nothing that it started runs any more.
    pub over: bool,
    /// The end of its standard error, in one line.
    pub said: String,
}

/// What a program writes to its standard error; only its end is kept.
#[derive(Debug, Default)]
pub struct Errors {
    bytes: Mutex<Vec<u8>>,
    spoke: Notify,
}

impl Errors {
    /// The end of it, in one line without anything a terminal obeys.
    pub fn said(&self) -> String {
        tail(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves at the next bytes: a sign of life.
    pub async fn spoke(&self) {
        self.spoke.notified().await;
    }
}

impl Running {
    pub(super) fn of(mut child: Child, mark: String) -> Option<Running> {
        let pid = child.id()?;
        // One that has ended already stays until we take its status.
        let process = AgentProcess { mark: Some(mark.clone()), ..identify(pid)? };
        let tree = Tree::of_program(Group::of_leader(pid)?, &mark, PATIENCE);
        let errors = Arc::new(Errors::default());
        let reader = tokio::spawn(read(child.stderr.take(), errors.clone()));
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        Some(Running { child, process, tree, stdin, stdout, errors, reader, is_over: false })
    }

    pub fn process(&self) -> &AgentProcess {
        &self.process
    }

    /// It may serve other agents after its first: to be said before it is recorded.
    pub fn keep(&mut self) {
        self.process.kept = true;
    }

    /// Opens the gate: the process becomes the program. Call it once, when the process is recorded.
    pub async fn begin(&mut self) {
        if let Some(stdin) = &mut self.stdin {
            // One that has ended meanwhile is noticed by whoever reads its output.
            let _ = stdin.write_all(b"\n").await;
            let _ = stdin.flush().await;
        }
    }

    /// The program's standard input; only after [`Running::begin`].
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Its standard error, to listen to while it works.
    pub fn errors(&self) -> Arc<Errors> {
        self.errors.clone()
    }

    /// The end of what it wrote to its standard error.
    pub fn said(&self) -> String {
        self.errors.said()
    }

    /// Waits for the program itself, not for what it started.
    pub async fn exited(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Whether the program itself has not ended yet.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends all of it: asked first, then killed, then looked for.
    pub async fn end(mut self) -> Ended {
        self.stdin = None;
        let over = self.tree.end().await;
        self.is_over = over;
        // Its status is there by now; what withstands KILL has none.
        let status = tokio::time::timeout(AFTER_END, self.child.wait()).await;
        let _ = tokio::time::timeout(AFTER_END, &mut self.reader).await;
        Ended { status: status.ok().and_then(Result::ok), over, said: self.said() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.reader.abort();
        if !self.is_over {
            self.tree.signal(Signal::KILL);
        }
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, errors: Arc<Errors>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let mut bytes = errors.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(&buffer[..count]);
        let surplus = bytes.len().saturating_sub(STDERR_BYTES);
        bytes.drain(..surplus);
        drop(bytes);
        errors.spoke.notify_one();
    }
}
