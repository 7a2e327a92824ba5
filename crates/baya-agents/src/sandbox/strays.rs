//! Processes that left the group of their command, a daemon say: found by the temporary folder that every
//! command of an agent carries in its environment, and ended for certain.
//!
//! One that wipes its environment is not found; it stays under its policy.

use std::path::Path;

/// Kills whatever still runs with this temporary folder; false if something withstands. On systems without
/// `/proc` there is nothing to find it by.
pub async fn end_strays(temporary: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return linux::end(temporary).await;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = temporary;
        true
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::Duration;

    /// Together with the time that their group was given, below two seconds.
    const PATIENCE: Duration = Duration::from_millis(900);
    const LOOK_EVERY: Duration = Duration::from_millis(10);

    pub(super) async fn end(temporary: &Path) -> bool {
        let mark = [b"TMPDIR=", temporary.as_os_str().as_bytes()].concat();
        let gone = async {
            // Each may have started another before it was killed.
            while kill_marked(&mark) > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.is_ok()
    }

    fn kill_marked(mark: &[u8]) -> usize {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| kill_if_marked(*pid, mark)).count()
    }

    /// Whether it was there. The descriptor is taken first, so that the one looked at is the one killed.
    fn kill_if_marked(pid: i32, mark: &[u8]) -> bool {
        if pid == std::process::id().cast_signed() || !is_marked(pid, mark) {
            return false;
        }
        let Some(Ok(process)) = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) else {
            return false;
        };
        is_marked(pid, mark) && pidfd_send_signal(process, Signal::KILL).is_ok()
    }

    /// Those that ended and wait to be reaped have no environment any more.
    fn is_marked(pid: i32, mark: &[u8]) -> bool {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark)
    }
}
