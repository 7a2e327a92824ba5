//! Whether the kernel killed a process for memory.

use baya_core::agent::{Cause, CauseKind};
use std::fs::read_to_string;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

const KILL: i32 = 9;
/// How shells and containers tell of a program that KILL ended.
const KILL_STATUS: i32 = 128 + KILL;

const HINT: &str = "run fewer agents at once: `--concurrency`, or more memory per agent in `[memory]`";

/// The kernel's count of processes it killed for memory, taken before a process starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryKills {
    count: Option<u64>,
}

impl MemoryKills {
    pub fn now() -> MemoryKills {
        MemoryKills { count: count() }
    }

    /// For tests: as if the count had been this.
    pub fn of(count: u64) -> MemoryKills {
        MemoryKills { count: Some(count) }
    }

    /// Why a program ended that nobody of us killed; nothing if it was not by KILL.
    pub fn cause(&self, name: &str, status: ExitStatus) -> Option<Cause> {
        self.told(name, status, count())
    }

    /// Adds to a failure that the system killed for memory meanwhile, if it did.
    pub fn hint(&self, cause: &mut Cause) {
        self.hinted(cause, count());
    }

    /// As [`MemoryKills::hint`], with the count of afterwards.
    pub fn hinted(&self, cause: &mut Cause, after: Option<u64>) {
        let killed = matches!((self.count, after), (Some(before), Some(after)) if after > before);
        if killed && cause.kind == CauseKind::Program && !cause.message.contains("memory") {
            cause.message.push_str("; the system ran out of memory meanwhile and killed a process");
            cause.hint.get_or_insert_with(|| HINT.to_owned());
        }
    }

    /// Whether the program ended by KILL.
    pub fn concern(&self, status: ExitStatus) -> bool {
        status.signal() == Some(KILL) || status.code() == Some(KILL_STATUS)
    }

    /// As [`MemoryKills::cause`], with the count of afterwards.
    pub fn told(&self, name: &str, status: ExitStatus, after: Option<u64>) -> Option<Cause> {
        if !self.concern(status) {
            return None;
        }
        let message = match (self.count, after) {
            (Some(before), Some(after)) if after > before => {
                format!("`{name}` was killed by the system, which ran out of memory")
            }
            // The system did not: whoever it was, memory is not to blame.
            (Some(_), Some(_)) => return None,
            _ => format!("`{name}` was killed from outside (SIGKILL), most likely because memory ran out"),
        };
        Some(Cause::new(CauseKind::Program, message).hint(HINT))
    }
}

/// Of the machine and of our control group; Linux only.
fn count() -> Option<u64> {
    let counted = |path: &str, name: &str| {
        let text = read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    let machine = counted("/proc/vmstat", "oom_kill ");
    let group = counted("/sys/fs/cgroup/memory.events", "oom_kill ");
    match (machine, group) {
        (None, None) => None,
        (machine, group) => Some(machine.unwrap_or_default() + group.unwrap_or_default()),
    }
}
