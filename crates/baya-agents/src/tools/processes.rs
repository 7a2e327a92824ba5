//! The processes that an agent's commands start, and their certain end.
//!
//! A command has a process group; what leaves it (a daemon) still carries our mark in its environment.
//! Both are asked to end, then killed, then looked for. What wipes its environment *and* leaves the
//! group is not found: no means of an ordinary user finds it without a cgroup.

use crate::command::group::Group;
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
        for (signal, grace) in [(Signal::TERM, TERM_GRACE), (Signal::KILL, KILL_GRACE)] {
            if !self.signal(signal) {
                return true;
            }
            let gone = async {
                // Looking signals again: what was forked meanwhile hears of it too.
                while self.signal(signal) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            if tokio::time::timeout(grace, gone).await.is_ok() {
                return true;
            }
        }
        !self.signal(Signal::KILL)
    }

    /// Signals all that run; says whether any did.
    pub fn signal(&self, signal: Signal) -> bool {
        let group = self.group.filter(Group::runs);
        if let Some(group) = group {
            group.signal(signal);
        }
        group.is_some() | self.signal_marked(signal)
    }

    #[cfg(target_os = "linux")]
    fn signal_marked(&self, signal: Signal) -> bool {
        let Ok(entries) = std::fs::read_dir("/proc") else { return false };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| self.signal_if_marked(*pid, signal)).count() > 0
    }

    /// Held by a descriptor first, so that the process that was looked at is the one that is signalled.
    #[cfg(target_os = "linux")]
    fn signal_if_marked(&self, pid: i32, signal: Signal) -> bool {
        use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
        if !self.is_marked(pid) {
            return false;
        }
        let Some(held) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return false;
        };
        self.is_marked(pid) && pidfd_send_signal(&held, signal).is_ok()
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
    fn signal_marked(&self, _signal: Signal) -> bool {
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
