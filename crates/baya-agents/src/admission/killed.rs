//! Whether the kernel killed a process for memory.

use baya_core::agent::{Cause, CauseKind};
use std::fs::read_to_string;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

const KILL: i32 = 9;
/// How shells and containers tell of a program that KILL ended.
const KILL_STATUS: i32 = 128 + KILL;

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

    /// As [`MemoryKills::cause`], with the count of afterwards.
    pub fn told(&self, name: &str, status: ExitStatus, after: Option<u64>) -> Option<Cause> {
        let killed = status.signal() == Some(KILL) || status.code() == Some(KILL_STATUS);
        if !killed {
            return None;
        }
        let is_certain = matches!((self.count, after), (Some(before), Some(after)) if after > before);
        let message = match is_certain {
            true => format!("`{name}` was killed by the system, which ran out of memory"),
            false => {
                format!("`{name}` was killed from outside (SIGKILL), most likely because memory ran out")
            }
        };
        let hint = "run fewer agents at once: `--concurrency`, or more memory per agent in `[memory]`";
        Some(Cause::new(CauseKind::Program, message).hint(hint))
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
