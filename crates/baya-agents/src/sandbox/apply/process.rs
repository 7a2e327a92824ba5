//! Limits of the process itself, and the files it inherited.
//!
//! Unsafe, because these are plain libc calls; each takes no pointer that outlives the call.
#![allow(unsafe_code)]

use std::io::{Error, Result};

const OPEN_FILES_MAX: libc::rlim_t = 65_536;
/// Of the user, not of the command: stops a fork bomb, not a build.
const PROCESSES_MAX: libc::rlim_t = 16_384;

/// No core files; bounds on open files and processes, never above those already in force.
pub(super) fn limit() -> Result<()> {
    for (resource, most) in
        [(libc::RLIMIT_CORE, 0), (libc::RLIMIT_NOFILE, OPEN_FILES_MAX), (libc::RLIMIT_NPROC, PROCESSES_MAX)]
    {
        let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limits` is valid for the length of both calls.
        let failed = unsafe {
            libc::getrlimit(resource, &mut limits) != 0 || {
                limits.rlim_max = limits.rlim_max.min(most);
                limits.rlim_cur = limits.rlim_cur.min(most);
                libc::setrlimit(resource, &limits) != 0
            }
        };
        if failed {
            return Err(Error::last_os_error());
        }
    }
    Ok(())
}

/// Nothing but stdin, stdout and stderr reaches the command.
pub(super) fn close_inherited_files() {
    #[cfg(target_os = "linux")]
    // SAFETY: closes on exec only; nothing is closed that this process still uses.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) == 0 };
    #[cfg(not(target_os = "linux"))]
    let done = false;
    if !done {
        for file in 3..1024 {
            // SAFETY: as above; an error means that there is no such file.
            unsafe { libc::fcntl(file, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

/// What the running kernel has of landlock; 0: nothing.
#[cfg(target_os = "linux")]
pub(in super::super) fn landlock_version() -> i64 {
    const ASK_VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the kernel takes no attributes.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, ASK_VERSION)
    };
    answer.max(0)
}
