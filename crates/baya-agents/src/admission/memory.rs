//! Room in memory for processes that work as agents: each needs hundreds of megabytes, and one too many
//! has the kernel kill another.

use baya_core::agent::Wait;
use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a new process may take until its need shows in the free memory.
const GROWS_FOR: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a process of an agent needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySettings {
    pub needed_bytes: u64,
    /// By kind: `claude`, `codex`, `acp:opencode`.
    pub by_kind: BTreeMap<String, u64>,
}

impl Default for MemorySettings {
    fn default() -> MemorySettings {
        MemorySettings { needed_bytes: 300 * 1024 * 1024, by_kind: BTreeMap::new() }
    }
}

/// Tells how many bytes are free; `None`: nobody knows.
type Free = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// Lets agents' processes in, one after the other, as memory allows.
pub struct Admission {
    settings: MemorySettings,
    free: Free,
    inside: Arc<Mutex<BTreeMap<u64, Process>>>,
    /// First come, first in.
    turn: Semaphore,
}

/// A process that was let in.
struct Process {
    needed_bytes: u64,
    since: Instant,
}

/// The room of one process; dropped, it is free.
pub struct Admitted {
    number: u64,
    inside: Arc<Mutex<BTreeMap<u64, Process>>>,
}

impl Admission {
    pub fn new(settings: MemorySettings) -> Arc<Admission> {
        Admission::with_free(settings, Box::new(free_bytes))
    }

    /// Lets everybody in.
    pub fn open() -> Arc<Admission> {
        Admission::with_free(MemorySettings::default(), Box::new(|| None))
    }

    /// With another measure of what is free, for tests.
    pub fn with_free(settings: MemorySettings, free: Free) -> Arc<Admission> {
        Arc::new(Admission { settings, free, inside: Arc::default(), turn: Semaphore::new(1) })
    }

    /// Waits until a process of this kind fits, or no other of ours runs; `waiting` hears once that it
    /// waits. Given up by dropping.
    pub async fn enter(&self, kind: &str, waiting: &(dyn Fn(Wait) + Send + Sync)) -> Admitted {
        let needed = self.settings.by_kind.get(kind).copied().unwrap_or(self.settings.needed_bytes);
        let mut told = false;
        let mut tell = |free_bytes| {
            if !std::mem::replace(&mut told, true) {
                waiting(Wait::Memory { free_bytes });
            }
        };
        // The semaphore is never closed; whoever waits in front is told of as memory too.
        let turn = match self.turn.try_acquire() {
            Ok(turn) => Ok(turn),
            Err(_) => {
                tell((self.free)().unwrap_or_default());
                self.turn.acquire().await
            }
        };
        loop {
            match self.room_for(needed) {
                Ok(admitted) => {
                    drop(turn);
                    return admitted;
                }
                Err(free_bytes) => tell(free_bytes),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A place, or how many bytes are free for it.
    fn room_for(&self, needed_bytes: u64) -> Result<Admitted, u64> {
        let free = (self.free)();
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = free.filter(|_| !inside.is_empty()) {
            let growing = inside.values().filter(|process| process.since.elapsed() < GROWS_FOR);
            let left = free.saturating_sub(growing.map(|process| process.needed_bytes).sum());
            if left < needed_bytes {
                return Err(left);
            }
        }
        let number = inside.last_key_value().map_or(0, |(last, _)| last + 1);
        inside.insert(number, Process { needed_bytes, since: Instant::now() });
        Ok(Admitted { number, inside: self.inside.clone() })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// What the machine, or our control group if that has less, can still give. Linux only.
pub fn free_bytes() -> Option<u64> {
    let machine = available(&read_to_string("/proc/meminfo").ok()?)?;
    Some(left_in_group().map_or(machine, |group| machine.min(group)))
}

/// `MemAvailable:   123 kB`
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What the limit of a container leaves; page cache is given back when it is needed.
fn left_in_group() -> Option<u64> {
    let read = |name: &str| read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let cached =
        stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok());
    Some(limit.saturating_sub(used.saturating_sub(cached.unwrap_or_default())))
}
