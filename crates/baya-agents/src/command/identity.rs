//! Which process a pid means: a pid is given out again, a pid with its start time and its boot is not.

use super::group::Group;
use baya_core::agent::AgentProcess;

/// The running process with this pid, as it is recorded.
pub(super) fn identify(pid: u32) -> Option<AgentProcess> {
    Some(AgentProcess { pid, started: kernel::started(pid)?, boot: kernel::boot() })
}

/// Ends the process group of an agent that an earlier driver left at work; says whether it was there.
/// Nothing is sent unless pid, start time and boot are those that were recorded.
pub fn end_survivor(process: &AgentProcess) -> bool {
    if identify(process.pid).as_ref() != Some(process) {
        return false;
    }
    Group::of_leader(process.pid).is_some_and(|group| {
        group.end_now();
        true
    })
}

#[cfg(target_os = "linux")]
pub(crate) mod kernel {
    use std::path::Path;

    /// What `/proc/PID/stat` says.
    pub(crate) struct Stat {
        pub state: char,
        pub group: u32,
        pub started: u64,
    }

    pub(crate) fn stat(proc_entry: &Path) -> Option<Stat> {
        let text = std::fs::read_to_string(proc_entry.join("stat")).ok()?;
        // The name stands in brackets and may hold anything; the fields after it are numbered from 3.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        Some(Stat {
            state: fields.first()?.chars().next()?,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// Clock ticks since boot.
    pub(in super::super) fn started(pid: u32) -> Option<u64> {
        stat(Path::new(&format!("/proc/{pid}"))).map(|stat| stat.started)
    }

    /// The boot, and the space of pids: containers of one machine share the boot.
    pub(in super::super) fn boot() -> String {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("{} {}", boot.trim(), space.display())
    }

    /// Whether a process of this group still runs; one that has ended and waits to be reaped does not.
    pub(in super::super) fn runs(group: u32) -> bool {
        let Ok(entries) = std::fs::read_dir("/proc") else { return true };
        let processes = entries.flatten().filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        });
        processes
            .filter_map(|entry| stat(&entry.path()))
            .any(|stat| stat.group == group && !matches!(stat.state, 'Z' | 'X'))
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) mod kernel {
    use std::process::Command;

    fn said(program: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    }

    /// A number made of the start time as `ps` tells it.
    pub(in super::super) fn started(pid: u32) -> Option<u64> {
        let text = said("ps", &["-o", "lstart=", "-p", &pid.to_string()])?;
        let hash = blake3::hash(text.as_bytes());
        let bytes = hash.as_bytes().first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    }

    pub(in super::super) fn boot() -> String {
        said("sysctl", &["-n", "kern.boottime"]).unwrap_or_default()
    }

    pub(in super::super) fn runs(group: u32) -> bool {
        let states = said("ps", &["-o", "stat=", "-g", &group.to_string()]).unwrap_or_default();
        states.lines().any(|state| !state.trim_start().starts_with('Z'))
    }
}
