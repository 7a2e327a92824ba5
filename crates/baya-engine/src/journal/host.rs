//! Who and when we are: clocks that a set-back wall clock does not fool, and processes that can be told
//! from others that got the same number later.
//!
//! Linux reads `/proc`. Elsewhere `ps` and `sysctl` answer, a little slower and just as safe.

use std::process::id;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// An instant on two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the Unix epoch; may be set back.
    pub wall_ms: i64,
    /// Milliseconds since the machine started, sleep included; never goes back before the next start.
    pub boot_ms: i64,
}

/// Where the journal gets the time from.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

impl Moment {
    pub fn now() -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        Moment { wall_ms, boot_ms: platform::uptime_ms().unwrap_or(wall_ms) }
    }

    pub fn clock() -> Clock {
        Arc::new(Moment::now)
    }
}

/// A process that may drive a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    /// The kernel's start time of the process, in its own unit.
    pub started: u64,
    /// Which start of which machine, and which space of process numbers.
    pub boot: String,
    /// The machine's name.
    pub host: String,
}

impl Owner {
    pub fn this_process() -> Owner {
        Owner {
            pid: id(),
            started: platform::start_time(id()).unwrap_or(0),
            boot: platform::boot(),
            host: platform::host(),
        }
    }

    /// Whether the process still runs; only for one of this boot and this space of process numbers.
    pub fn is_alive(&self) -> bool {
        platform::start_time(self.pid) == Some(self.started)
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs::{read_link, read_to_string};

    pub fn uptime_ms() -> Option<i64> {
        let text = read_to_string("/proc/uptime").ok()?;
        let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some((seconds * 1000.0) as i64)
    }

    /// Field 22 of `/proc/PID/stat`, in ticks since boot; none for a dead process that nobody waited for.
    pub fn start_time(pid: u32) -> Option<u64> {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, also spaces and parentheses.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X" | "x") {
            return None;
        }
        fields.nth(18)?.parse().ok()
    }

    pub fn boot() -> String {
        let boot = read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let space = read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default();
        format!("{} {space}", boot.trim())
    }

    pub fn host() -> String {
        read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::process::Command;

    fn said(program: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    }

    /// Unknown here without unsafe code; the wall clock stands in.
    pub fn uptime_ms() -> Option<i64> {
        None
    }

    /// A hash of the start time as `ps` prints it.
    pub fn start_time(pid: u32) -> Option<u64> {
        let text = said("ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
        let (state, started) = text.split_once(char::is_whitespace)?;
        if state.starts_with('Z') {
            return None;
        }
        let hash = blake3::hash(started.trim().as_bytes());
        let bytes: [u8; 8] = hash.as_bytes()[..8].try_into().ok()?;
        Some(u64::from_le_bytes(bytes) >> 1)
    }

    pub fn boot() -> String {
        said("sysctl", &["-n", "kern.bootsessionuuid"]).unwrap_or_default()
    }

    pub fn host() -> String {
        said("hostname", &[]).unwrap_or_default()
    }
}
