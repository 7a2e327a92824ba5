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

/// Waits for one byte on stdin and takes no more: the rest is the command's. False at the end of it.
pub(super) fn is_let_in() -> bool {
    let mut byte = [0_u8];
    loop {
        match rustix::io::read(std::io::stdin(), &mut byte) {
            Ok(count) => return count == 1,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Owning files is all that is left of root's powers: chown, ignore modes, change modes, keep set-id bits.
/// The others lead around the rules: one that counts events, for one, may read anybody's environment.
#[cfg(target_os = "linux")]
const POWERS_KEPT: [libc::c_ulong; 4] = [0, 1, 3, 4];

/// Takes from the command what it would get for being root, here or in a user space of its own.
#[cfg(target_os = "linux")]
pub(super) fn drop_powers() -> Result<()> {
    let none: libc::c_ulong = 0;
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong;
    // SAFETY: no pointers, here and below.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear, none, none, none) };
    let held =
        |power: libc::c_ulong| unsafe { libc::prctl(libc::PR_CAPBSET_READ, power, none, none, none) == 1 };
    for power in (0..64).filter(|power| !POWERS_KEPT.contains(power) && held(*power)) {
        let failed = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, power, none, none, none) != 0 };
        // Whoever is not root gets none of them anyway.
        if failed && unsafe { libc::geteuid() } == 0 {
            return Err(Error::last_os_error());
        }
    }
    Ok(())
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
