//! Ends an isolate that QuickJS itself cannot end.
//!
//! Some loops inside QuickJS never ask whether to go on (`replaceAll` with a long text, `join` of a sparse
//! array). The child process watches its own CPU time and ends itself with [`EXIT_CPU`]; the parent, who
//! trusts nothing, kills a child that has not answered after [`answer_within`], and reads any end with
//! [`explain`].

use crate::meter::{self, Deadline};
use crate::os;
use baya_core::call::{ScriptError, ScriptErrorKind, ScriptLimits};
use std::thread::{self, Thread};
use std::time::Duration;

/// Exit status of a child whose script blocked for longer than its CPU limit and [`GRACE`].
pub const EXIT_CPU: i32 = 90;
/// Exit status of a child that could not close itself off; it evaluates nothing then.
pub const EXIT_NO_SANDBOX: i32 = 91;
/// Exit status of a child that was sent something else than a message.
pub const EXIT_PROTOCOL: i32 = 92;
/// Exit status of a child that found a fault in itself.
pub const EXIT_FAULT: i32 = 93;

/// How far over the CPU limit a stretch may get before the process ends: QuickJS is asked first.
pub const GRACE: Duration = Duration::from_secs(2);
/// The same under a [`crate::child::Guard`].
pub const GUARD_GRACE: Duration = Duration::from_millis(500);
/// Wall time per CPU time that a parent grants: the machine may be busy with other things.
const WALL_PER_CPU: u32 = 4;

/// How long a parent waits for the step that answers a message with so many deliveries.
pub fn answer_within(limits: &ScriptLimits, deliveries: usize) -> Duration {
    let stretches = u32::try_from(deliveries.max(1)).unwrap_or(u32::MAX);
    (Duration::from_millis(limits.cpu_ms) + GRACE).saturating_mul(WALL_PER_CPU).saturating_mul(stretches)
}

/// How a child process ended, as its parent sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildEnd {
    Exited(i32),
    Signalled(i32),
    /// Killed by the parent after [`answer_within`].
    TimedOut,
}

impl From<std::process::ExitStatus> for ChildEnd {
    fn from(status: std::process::ExitStatus) -> ChildEnd {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return ChildEnd::Signalled(signal);
        }
        ChildEnd::Exited(status.code().unwrap_or(EXIT_FAULT))
    }
}

/// Why the run has no isolate any more.
pub fn explain(end: ChildEnd, limits: &ScriptLimits) -> ScriptError {
    match end {
        ChildEnd::Exited(EXIT_CPU) | ChildEnd::TimedOut => meter::cpu_limit(limits),
        ChildEnd::Exited(EXIT_NO_SANDBOX) => lost(
            "the process that evaluates the script could not be closed off from this machine, so it did not \
             start\nhint: the kernel must allow seccomp filters; a newer kernel or a laxer container does",
        ),
        ChildEnd::Exited(EXIT_PROTOCOL) => {
            lost("the process that evaluates the script did not understand its input")
        }
        ChildEnd::Exited(status) => {
            lost(&format!("the process that evaluates the script ended with exit status {status}"))
        }
        ChildEnd::Signalled(signal) => {
            lost(&format!("the process that evaluates the script was ended by signal {signal}"))
        }
    }
}

fn lost(message: &str) -> ScriptError {
    ScriptError {
        kind: ScriptErrorKind::IsolateLost,
        name: "IsolateLost".to_owned(),
        message: message.to_owned(),
        site: None,
        stack: Vec::new(),
    }
}

/// The watching thread's handle: to be woken when a batch begins.
pub(crate) struct Watch {
    thread: Thread,
    deadline: Deadline,
}

impl Watch {
    /// Starts the thread; it sleeps until [`Watch::begin`].
    pub(crate) fn start(deadline: Deadline, grace: Duration) -> std::io::Result<Watch> {
        let watched = deadline.clone();
        let handle =
            thread::Builder::new().name("baya-watchdog".to_owned()).spawn(move || watch(&watched, grace))?;
        Ok(Watch { thread: handle.thread().clone(), deadline })
    }

    /// The calling thread begins a batch; each of its stretches moves the deadline.
    pub(crate) fn begin(&self, limits_cpu_ms: u64) {
        self.deadline.set(limits_cpu_ms);
        self.thread.unpark();
    }

    pub(crate) fn end(&self) {
        self.deadline.clear();
    }
}

fn watch(deadline: &Deadline, grace: Duration) -> ! {
    loop {
        match deadline.left(grace) {
            None => thread::park(),
            Some(Duration::ZERO) => os::exit_now(EXIT_CPU),
            // The CPU time of a thread passes at most as fast as wall time.
            Some(left) => thread::park_timeout(left),
        }
    }
}
