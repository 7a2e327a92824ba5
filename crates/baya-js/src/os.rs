//! The few things only the operating system knows: CPU time used, ending at once, resource limits.
//!
//! Nothing here is visible to a script. Unsafe, because these are plain libc calls without a safe
//! wrapper; each takes no pointer that outlives the call.
#![allow(unsafe_code)]

use std::time::Duration;

/// The CPU time the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    cpu(Clock::Thread)
}

/// The CPU time the whole process has used.
pub(crate) fn process_cpu() -> Duration {
    cpu(Clock::Process)
}

enum Clock {
    Thread,
    Process,
}

#[cfg(unix)]
fn cpu(clock: Clock) -> Duration {
    let id = match clock {
        Clock::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
        Clock::Process => libc::CLOCK_PROCESS_CPUTIME_ID,
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the length of the call.
    unsafe { libc::clock_gettime(id, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Where there is no CPU clock, the time that passed: never less than the CPU time.
#[cfg(not(unix))]
fn cpu(_: Clock) -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// Local time is UTC from here on. Call it while the process has one thread.
pub(crate) fn fix_time_zone() {
    // SAFETY: no other thread exists that could read the environment.
    unsafe { std::env::set_var("TZ", "UTC") };
}

/// Closes what the parent left open besides stdin, stdout and stderr.
pub(crate) fn close_inherited_files() {
    #[cfg(target_os = "linux")]
    // SAFETY: nothing of this process owns a file above 2 yet; an older kernel answers with an error.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}

/// No core files, hardly any open files, an address space that a runaway cannot fill the machine with.
pub(crate) fn limit_resources() -> std::io::Result<()> {
    #[cfg(unix)]
    for (resource, most) in [
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, OPEN_FILES_MAX),
        #[cfg(target_os = "linux")]
        (libc::RLIMIT_AS, ADDRESS_SPACE_MAX),
    ] {
        limit(resource, most)?;
    }
    Ok(())
}

#[cfg(unix)]
const OPEN_FILES_MAX: libc::rlim_t = 16;
/// Far above any memory limit for scripts: stacks and arenas are reserved, not used.
#[cfg(target_os = "linux")]
const ADDRESS_SPACE_MAX: libc::rlim_t = 64 * 1024 * 1024 * 1024;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
type Resource = libc::c_int;

#[cfg(unix)]
fn limit(resource: Resource, most: libc::rlim_t) -> std::io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a valid rlimit for the length of each call.
    let done = unsafe {
        if libc::getrlimit(resource, &mut now) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        let most = most.min(now.rlim_max);
        libc::setrlimit(resource, &libc::rlimit { rlim_cur: most, rlim_max: most })
    };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Ends the process without running anything else: no exit handlers, no buffers.
pub(crate) fn exit_now(status: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: `_exit` has no preconditions and does not return.
    unsafe {
        libc::_exit(status)
    }
    #[cfg(not(unix))]
    std::process::exit(status)
}
