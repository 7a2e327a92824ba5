//! A process group: whether anything in it runs, and signals to all of it.

use super::identity::kernel;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

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

    /// Whether this process is in it.
    #[cfg(target_os = "linux")]
    pub fn has(&self, pid: i32) -> bool {
        let folder = std::path::PathBuf::from(format!("/proc/{pid}"));
        kernel::stat(&folder).is_some_and(|stat| stat.group == self.leader)
    }

    pub fn signal(&self, signal: Signal) {
        // An error says that nobody is there any more, which is what was wanted.
        let _ = kill_process_group(self.pid, signal);
    }
}
