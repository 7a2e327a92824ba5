//! Which process a pid means: a pid is given out again, a pid with its start time and its boot is not.

use super::group::Group;
use super::tree::Tree;
use baya_core::agent::AgentProcess;
use std::time::Duration;

/// How long what an earlier driver left may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(800);

/// The running process with this pid, as it is recorded.
pub(super) fn identify(pid: u32) -> Option<AgentProcess> {
    Some(AgentProcess { pid, started: kernel::started(pid)?, boot: kernel::boot(), mark: None, kept: false })
}

/// Ends what an earlier driver left at work for an agent; says whether there was anything. Its process
/// group is signalled only if pid, start time and boot are those that were recorded, or if one of the
/// group carries the recorded mark; what left the group, only by its mark.
pub fn end_survivor(process: &AgentProcess) -> bool {
    if process.boot != kernel::boot() {
        return false;
    }
    let is_itself = kernel::started(process.pid) == Some(process.started);
    let group = Group::of_leader(process.pid)
        .filter(|_| is_itself || process.mark.as_deref().is_some_and(|mark| led(process.pid, mark)));
    let tree = match (group, process.mark.as_deref()) {
        (Some(group), mark) => Tree::of_program(group, mark.unwrap_or(NO_MARK), PATIENCE),
        (None, Some(mark)) => Tree::left_by_program(mark, PATIENCE),
        (None, None) => return false,
    };
    tree.end_now().0
}

/// A mark that nobody has.
const NO_MARK: &str = "-";

/// Whether the group has no leader any more, and one in it carries the mark. The kernel gives no pid out
/// again while a group has it as its number, so the whole group is the one that was recorded.
fn led(group: u32, mark: &str) -> bool {
    kernel::members(group).iter().any(|pid| {
        *pid != group && kernel::carries(*pid, &format!("{}={mark}", super::tree::MARK_OF_PROGRAMS))
    })
}

/// How often a program is looked at that may wait for a terminal.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Resolves when something of this group has been stopped, as the kernel does with whoever reads a
/// terminal that is not its own.
pub async fn asks_at_terminal(group: u32) {
    while !kernel::has_stopped(group) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
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
    pub(crate) fn started(pid: u32) -> Option<u64> {
        stat(Path::new(&format!("/proc/{pid}"))).map(|stat| stat.started)
    }

    /// The boot, and the space of pids: containers of one machine share the boot.
    pub(crate) fn boot() -> String {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("{} {}", boot.trim(), space.display())
    }

    /// Whether a process of this group still runs; one that has ended and waits to be reaped does not.
    pub(crate) fn runs(group: u32) -> bool {
        !members(group).is_empty()
    }

    /// Those of this group that run.
    pub(crate) fn members(group: u32) -> Vec<u32> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let runs_in_group = |pid: &u32| {
            stat(Path::new(&format!("/proc/{pid}")))
                .is_some_and(|stat| stat.group == group && !matches!(stat.state, 'Z' | 'X'))
        };
        pids.filter(runs_in_group).collect()
    }

    pub(crate) fn has_stopped(group: u32) -> bool {
        let state = |pid: u32| stat(Path::new(&format!("/proc/{pid}"))).map(|stat| stat.state);
        members(group).into_iter().any(|pid| state(pid) == Some('T'))
    }

    /// Whether a process has this entry in its environment.
    pub(crate) fn carries(pid: u32, entry: &str) -> bool {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|found| found == entry.as_bytes())
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
    pub(crate) fn started(pid: u32) -> Option<u64> {
        let text = said("ps", &["-o", "lstart=", "-p", &pid.to_string()])?;
        let hash = blake3::hash(text.as_bytes());
        let bytes = hash.as_bytes().first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    }

    pub(crate) fn boot() -> String {
        said("sysctl", &["-n", "kern.boottime"]).unwrap_or_default()
    }

    pub(crate) fn runs(group: u32) -> bool {
        !members(group).is_empty()
    }

    pub(crate) fn members(group: u32) -> Vec<u32> {
        let lines = said("ps", &["-o", "pid=,stat=", "-g", &group.to_string()]).unwrap_or_default();
        let pair = |line: &str| {
            let (pid, state) = line.trim().split_once(char::is_whitespace)?;
            (!state.trim_start().starts_with('Z')).then(|| pid.parse().ok())?
        };
        lines.lines().filter_map(pair).collect()
    }

    pub(crate) fn has_stopped(group: u32) -> bool {
        let states = said("ps", &["-o", "stat=", "-g", &group.to_string()]).unwrap_or_default();
        states.lines().any(|state| state.trim_start().starts_with('T'))
    }

    pub(crate) fn carries(pid: u32, entry: &str) -> bool {
        let line = said("ps", &["-Eww", "-o", "command=", "-p", &pid.to_string()]).unwrap_or_default();
        line.split_whitespace().any(|word| word == entry)
    }
}
