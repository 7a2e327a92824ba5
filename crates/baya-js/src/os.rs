//! The few things only the operating system knows: CPU time used, ending at once, resource limits.
//!
//! Nothing here is visible to a script. Unsafe, because these are plain libc calls without a safe
//! wrapper; each takes no pointer that outlives the call.
#![allow(unsafe_code)]

use std::time::Duration;

/// The CPU time the calling thread has used.
#[cfg(unix)]
pub(crate) fn thread_cpu() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Where there is no CPU clock, the time that passed: never less than the CPU time.
#[cfg(not(unix))]
pub(crate) fn thread_cpu() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// The CPU clock of one thread, which another one may read.
///
/// Where threads cannot read one another's, it is the clock of the process: no slower than any of them.
#[derive(Default)]
pub(crate) struct SharedClock {
    #[cfg(target_os = "linux")]
    id: std::sync::OnceLock<libc::clockid_t>,
}

impl SharedClock {
    /// The clock is that of the calling thread from the first call on.
    pub(crate) fn now_of_caller(&self) -> Duration {
        #[cfg(target_os = "linux")]
        self.id.get_or_init(own_clock);
        self.now()
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn now(&self) -> Duration {
        self.id.get().map_or(Duration::ZERO, |id| read(*id))
    }

    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn now(&self) -> Duration {
        read(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    #[cfg(not(unix))]
    pub(crate) fn now(&self) -> Duration {
        thread_cpu()
    }
}

#[cfg(target_os = "linux")]
fn own_clock() -> libc::clockid_t {
    let mut id = libc::CLOCK_PROCESS_CPUTIME_ID;
    // SAFETY: `id` is a valid place for the length of the call, and the thread is the calling one.
    let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &mut id) };
    if failed == 0 { id } else { libc::CLOCK_PROCESS_CPUTIME_ID }
}

#[cfg(unix)]
fn read(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the length of the call; a clock that is gone leaves it.
    unsafe { libc::clock_gettime(id, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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
