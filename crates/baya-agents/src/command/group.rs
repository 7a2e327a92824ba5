//! A process group, ended as a whole: asked first, then killed, then looked at.

use super::identity::kernel;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::time::Duration;

/// How long a group may take to end after TERM, and how long it is waited for after KILL.
const TERM_GRACE: Duration = Duration::from_millis(1_000);
const KILL_GRACE: Duration = Duration::from_millis(5_000);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The group led by a process that was started as its leader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    leader: u32,
    pid: Pid,
}

impl Group {
    pub fn of_leader(leader: u32) -> Option<Group> {
        // 0 and 1 would mean our own group and everything.
        let raw = i32::try_from(leader).ok().filter(|raw| *raw > 1)?;
        Some(Group { leader, pid: Pid::from_raw(raw)? })
    }

    pub fn runs(&self) -> bool {
        test_kill_process_group(self.pid).is_ok() && kernel::runs(self.leader)
    }

    pub fn signal(&self, signal: Signal) {
        // An error says that nobody is there any more, which is what was wanted.
        let _ = kill_process_group(self.pid, signal);
    }

    /// Ends the group; false if something in it withstands even KILL.
    pub async fn end(&self) -> bool {
        for (signal, grace) in [(Signal::TERM, TERM_GRACE), (Signal::KILL, KILL_GRACE)] {
            if !self.runs() {
                return true;
            }
            self.signal(signal);
            let gone = async {
                while self.runs() {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            if tokio::time::timeout(grace, gone).await.is_ok() {
                return true;
            }
        }
        !self.runs()
    }

    /// As [`Group::end`], for callers without a runtime.
    pub fn end_now(&self) -> bool {
        for (signal, grace) in [(Signal::TERM, TERM_GRACE), (Signal::KILL, KILL_GRACE)] {
            let mut left = grace;
            self.signal(signal);
            while self.runs() && !left.is_zero() {
                std::thread::sleep(LOOK_EVERY);
                left = left.saturating_sub(LOOK_EVERY);
            }
            if !self.runs() {
                return true;
            }
        }
        false
    }
}

/// Kills the group when an attempt is dropped before it was over.
pub(crate) struct Guard {
    pub group: Group,
    pub over: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.over {
            self.group.signal(Signal::KILL);
        }
    }
}
