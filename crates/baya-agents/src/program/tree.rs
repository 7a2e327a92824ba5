//! Everything that a program or a command started: a process group, and what left the group but still
//! carries its mark in the environment.
//!
//! Asked to end first, then killed, then looked for until nothing is left. What wipes its environment
//! *and* leaves the group is not found: no means of an ordinary user finds it without a cgroup. It stays
//! under its policy.

use super::group::Group;
use rustix::process::Signal;
use std::time::Duration;

/// The variable that carries the mark of an agent's program.
pub(crate) const MARK_OF_PROGRAMS: &str = "BAYA_PROGRAM";
/// The variable that carries the mark of a command of an agent's tools: the agent's, a slash, a number.
pub(crate) const MARK_OF_COMMANDS: &str = "BAYA_COMMAND";

/// How long what was killed is waited for.
const KILL_GRACE: Duration = Duration::from_millis(1_200);
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A group, a mark, or both.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    group: Option<Group>,
    entry: String,
    is_prefix: bool,
    patience: Duration,
}

impl Tree {
    pub fn of_program(group: Group, mark: &str, patience: Duration) -> Tree {
        let entry = format!("{MARK_OF_PROGRAMS}={mark}");
        Tree { group: Some(group), entry, is_prefix: false, patience }
    }

    /// What carries the mark of a program whose group is not known to be its own any more.
    pub fn left_by_program(mark: &str, patience: Duration) -> Tree {
        Tree { group: None, entry: format!("{MARK_OF_PROGRAMS}={mark}"), is_prefix: false, patience }
    }

    pub fn of_command(leader: u32, mark: &str, patience: Duration) -> Tree {
        let entry = format!("{MARK_OF_COMMANDS}={mark}");
        Tree { group: Group::of_leader(leader), entry, is_prefix: false, patience }
    }

    /// All commands whose mark begins so.
    pub fn of_agent(mark: &str, patience: Duration) -> Tree {
        let entry = format!("{MARK_OF_COMMANDS}={mark}/");
        Tree { group: None, entry, is_prefix: true, patience }
    }

    /// False if something withstands even KILL.
    pub async fn end(&self) -> bool {
        if !self.signal(Signal::TERM) || self.is_gone_within(self.patience, None).await {
            return true;
        }
        // Again and again: what was forked meanwhile is killed too.
        self.is_gone_within(KILL_GRACE, Some(Signal::KILL)).await
    }

    /// As [`Tree::end`], for callers without a runtime; says also whether anything was there.
    pub fn end_now(&self) -> (bool, bool) {
        if !self.signal(Signal::TERM) {
            return (false, true);
        }
        for (grace, signal) in [(self.patience, None), (KILL_GRACE, Some(Signal::KILL))] {
            let (mut left, mut pause) = (grace, LOOK_FIRST);
            while !left.is_zero() {
                if !self.visit(signal) {
                    return (true, true);
                }
                std::thread::sleep(pause);
                left = left.saturating_sub(pause);
                pause = (pause * 2).min(LOOK_EVERY);
            }
        }
        (true, !self.visit(None))
    }

    async fn is_gone_within(&self, grace: Duration, signal: Option<Signal>) -> bool {
        let gone = async {
            let mut pause = LOOK_FIRST;
            while self.visit(signal) {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOK_EVERY);
            }
        };
        tokio::time::timeout(grace, gone).await.is_ok()
    }

    /// Signals all that run; says whether any did.
    pub fn signal(&self, signal: Signal) -> bool {
        self.visit(Some(signal))
    }

    fn visit(&self, signal: Option<Signal>) -> bool {
        let group = self.group.filter(Group::runs);
        if let (Some(group), Some(signal)) = (group, signal) {
            group.signal(signal);
        }
        // While only looking, one that runs is enough.
        (signal.is_none() && group.is_some()) || (group.is_some() | self.visit_marked(signal))
    }

    #[cfg(target_os = "linux")]
    fn visit_marked(&self, signal: Option<Signal>) -> bool {
        let Ok(entries) = std::fs::read_dir("/proc") else { return false };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| self.visit_if_marked(*pid, signal)).count() > 0
    }

    /// Held by a descriptor first, so that the process that was looked at is the one that is signalled.
    #[cfg(target_os = "linux")]
    fn visit_if_marked(&self, pid: i32, signal: Option<Signal>) -> bool {
        use rustix::io::Errno;
        use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
        if !self.is_marked(pid) {
            return false;
        }
        let Some(held) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return false;
        };
        if !self.is_marked(pid) {
            return false;
        }
        // Once is enough: many programs take a second TERM as an order to drop everything.
        let of_group = self.group.filter(Group::runs).is_some_and(|group| group.has(pid));
        of_group || signal.is_none_or(|signal| pidfd_send_signal(&held, signal) != Err(Errno::SRCH))
    }

    #[cfg(target_os = "linux")]
    fn is_marked(&self, pid: i32) -> bool {
        let folder = std::path::PathBuf::from(format!("/proc/{pid}"));
        let Ok(environment) = std::fs::read(folder.join("environ")) else { return false };
        let entry = self.entry.as_bytes();
        pid != std::process::id().cast_signed()
            && environment.split(|byte| *byte == 0).any(|found| match self.is_prefix {
                true => found.starts_with(entry),
                false => found == entry,
            })
            && super::identity::kernel::stat(&folder).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    #[cfg(not(target_os = "linux"))]
    fn visit_marked(&self, _signal: Option<Signal>) -> bool {
        false
    }
}
