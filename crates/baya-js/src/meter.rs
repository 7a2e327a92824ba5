//! What a stretch of script may use, and whether it used more (C15).
//!
//! QuickJS asks from time to time whether to go on. Once the answer was no, the stretch ends with an
//! exception that no script can catch, and the isolate is over: an interrupted promise stays pending
//! without a trace, so what is remembered here is the only witness.

use crate::os;
use baya_core::call::{ScriptError, ScriptErrorKind, ScriptLimits};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Set once an allocation was refused.
pub(crate) type Refused = Rc<Cell<bool>>;

/// When the running stretch of a thread must be over.
pub(crate) type Deadline = Arc<StretchEnd>;
pub(crate) const IDLE: u64 = u64::MAX;

/// In nanoseconds of the CPU time of the thread that evaluates; [`IDLE`] while nothing runs.
pub(crate) struct StretchEnd {
    nanos: AtomicU64,
    clock: os::SharedClock,
}

/// A deadline of a thread that evaluates nothing yet.
pub(crate) fn deadline() -> Deadline {
    Arc::new(StretchEnd { nanos: AtomicU64::new(IDLE), clock: os::SharedClock::default() })
}

impl StretchEnd {
    /// The calling thread evaluates, for so long from now.
    pub(crate) fn set(&self, cpu_ms: u64) {
        let end = self.clock.now_of_caller() + Duration::from_millis(cpu_ms);
        self.nanos.store(end.as_nanos() as u64, Ordering::Release);
    }

    pub(crate) fn clear(&self) {
        self.nanos.store(IDLE, Ordering::Release);
    }

    /// CPU time left until so long after the end; none: nothing runs.
    pub(crate) fn left(&self, grace: Duration) -> Option<Duration> {
        let end = self.nanos.load(Ordering::Acquire);
        let over = || (Duration::from_nanos(end) + grace).saturating_sub(self.clock.now());
        (end != IDLE).then(over)
    }
}

#[derive(Clone)]
pub(crate) struct Meter {
    limits: ScriptLimits,
    started: Rc<Cell<Duration>>,
    cpu_spent: Rc<Cell<bool>>,
    pub(crate) memory_refused: Refused,
    deadline: Option<Deadline>,
}

impl Meter {
    pub(crate) fn new(limits: ScriptLimits, deadline: Option<Deadline>) -> Meter {
        Meter {
            limits,
            started: Rc::new(Cell::new(Duration::ZERO)),
            cpu_spent: Rc::default(),
            memory_refused: Refused::default(),
            deadline,
        }
    }

    pub(crate) fn limits(&self) -> &ScriptLimits {
        &self.limits
    }

    pub(crate) fn begin(&self) {
        self.started.set(os::thread_cpu());
        if let Some(deadline) = &self.deadline {
            deadline.set(self.limits.cpu_ms);
        }
    }

    /// Whether the stretch must end; once yes, always yes.
    pub(crate) fn is_over(&self) -> bool {
        if self.is_broken() {
            return true;
        }
        let used = os::thread_cpu().saturating_sub(self.started.get());
        self.cpu_spent.set(used > Duration::from_millis(self.limits.cpu_ms));
        self.cpu_spent.get()
    }

    /// Whether a limit was hit that leaves nothing to go on with.
    pub(crate) fn is_broken(&self) -> bool {
        self.cpu_spent.get() || self.memory_refused.get()
    }

    pub(crate) fn broken(&self) -> Option<ScriptError> {
        if self.memory_refused.get() {
            return Some(memory_limit(&self.limits));
        }
        self.cpu_spent.get().then(|| cpu_limit(&self.limits))
    }
}

pub(crate) fn memory_limit(limits: &ScriptLimits) -> ScriptError {
    limit(
        ScriptErrorKind::MemoryLimit,
        "MemoryLimit",
        format!(
            "the script needs more than {} MiB of memory\nhint: raise `memory` in `[script]` of the settings, \
             or `--script-memory`",
            limits.memory_bytes / (1024 * 1024)
        ),
    )
}

pub(crate) fn stack_limit(limits: &ScriptLimits) -> ScriptError {
    limit(
        ScriptErrorKind::StackLimit,
        "StackLimit",
        format!(
            "the script calls too deep: its stack is {} KiB\nhint: look for a function that calls itself \
             without end; `stack` in `[script]` of the settings raises the limit",
            limits.stack_bytes / 1024
        ),
    )
}

pub(crate) fn cpu_limit(limits: &ScriptLimits) -> ScriptError {
    limit(
        ScriptErrorKind::CpuLimit,
        "CpuLimit",
        format!(
            "the script computed for more than {} s without waiting for anything\nhint: look for a loop \
             without end; `cpu` in `[script]` of the settings, or `--script-cpu`, raises the limit",
            limits.cpu_ms as f64 / 1000.0
        ),
    )
}

fn limit(kind: ScriptErrorKind, name: &str, message: String) -> ScriptError {
    ScriptError { kind, name: name.to_owned(), message, site: None, stack: Vec::new() }
}
