//! The processes that an agent's commands start, and their certain end.
//!
//! A command has a process group; what leaves it (a daemon) still carries our mark in its environment.
//! Both are asked to end, then killed, then looked for. What wipes its environment *and* leaves the
//! group is not found: no means of an ordinary user finds it without a cgroup.

use crate::command::group::Group;
use rustix::io::Errno;
use rustix::process::Signal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// The variable that carries the mark: the agent's, a slash, the number of the command.
pub(super) const VARIABLE: &str = "BAYA_COMMAND";

/// How long processes may take to end after TERM, and are waited for after KILL.
const TERM_GRACE: Duration = Duration::from_millis(300);
const KILL_GRACE: Duration = Duration::from_millis(1_500);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long readers may take once nobody writes any more.
const READER_GRACE: Duration = Duration::from_millis(500);

/// Ends whatever carries the mark of this agent; false if something withstands.
pub async fn end_all(mark: &str) -> bool {
    Tree { group: None, entry: format!("{VARIABLE}={mark}/"), is_prefix: true }.end().await
}

/// The processes of one command, or of all commands of an agent.
pub(super) struct Tree {
    group: Option<Group>,
    entry: String,
    is_prefix: bool,
}

impl Tree {
    pub fn of_command(leader: u32, value: &str) -> Tree {
        Tree { group: Group::of_leader(leader), entry: format!("{VARIABLE}={value}"), is_prefix: false }
    }

    pub async fn end(&self) -> bool {
        if !self.signal(Signal::TERM) || self.is_gone_within(TERM_GRACE, None).await {
            return true;
        }
        // Again and again: what was forked meanwhile is killed too.
        self.is_gone_within(KILL_GRACE, Some(Signal::KILL)).await
    }

    async fn is_gone_within(&self, grace: Duration, signal: Option<Signal>) -> bool {
        let gone = async {
            while self.visit(signal) {
                tokio::time::sleep(LOOK_EVERY).await;
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
        group.is_some() | self.visit_marked(signal)
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
        use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
        if !self.is_marked(pid) {
            return false;
        }
        let Some(held) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return false;
        };
        self.is_marked(pid)
            && signal.is_none_or(|signal| pidfd_send_signal(&held, signal) != Err(Errno::SRCH))
    }

    #[cfg(target_os = "linux")]
    fn is_marked(&self, pid: i32) -> bool {
        let folder = std::path::PathBuf::from(format!("/proc/{pid}"));
        let Ok(environment) = std::fs::read(folder.join("environ")) else { return false };
        let entry = self.entry.as_bytes();
        environment.split(|byte| *byte == 0).any(|found| match self.is_prefix {
            true => found.starts_with(entry),
            false => found == entry,
        }) && crate::command::identity::kernel::stat(&folder)
            .is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    #[cfg(not(target_os = "linux"))]
    fn visit_marked(&self, _signal: Option<Signal>) -> bool {
        false
    }
}

/// Kills when it is dropped before it was over: the caller has lost interest.
pub(super) struct Guard {
    pub tree: Tree,
    pub over: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.over {
            self.tree.signal(Signal::KILL);
        }
    }
}

/// Tasks that read what commands left in the background write.
#[derive(Clone, Default)]
pub(super) struct Background {
    readers: Arc<Mutex<JoinSet<()>>>,
}

impl Background {
    pub fn read(&self, reader: impl Future<Output = ()> + Send + 'static) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        while readers.try_join_next().is_some() {}
        readers.spawn(reader);
    }

    pub async fn end(&self) {
        let mut readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        // What is still open then is held by somebody else; dropping the readers closes our end.
        let _ =
            tokio::time::timeout(READER_GRACE, async { while readers.join_next().await.is_some() {} }).await;
    }
}
