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
