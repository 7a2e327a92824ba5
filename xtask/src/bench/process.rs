//! A process of ours and its children, measured: time, processor time, peak memory.
//!
//! Processor time is what the kernel says when the process is waited for, its own children included;
//! memory is the high-water mark of each process, read while they live (Linux only; 0 elsewhere).
#![allow(unsafe_code)] // wait4 tells the processor time, prctl adopts orphans; std has neither.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// What a process and its children used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    pub wall_ms: f64,
    pub cpu_ms: f64,
    /// Sum of the high-water marks of all its processes.
    pub peak_kb: u64,
    /// As a shell tells it: 128 + signal if one ended it.
    pub status: i32,
}

/// Grandchildren whose parent died become ours, so that they are counted and waited for.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    // SAFETY: sets an attribute of our own process; no memory is involved.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
    };
}

/// A process under measurement.
pub struct Measured {
    child: Child,
    began: Instant,
    sampler: Sampler,
}

impl Measured {
    /// Takes over waiting for the process.
    pub fn new(child: Child, began: Instant) -> Measured {
        let sampler = Sampler::start(child.id() as i32);
        Measured { child, began, sampler }
    }

    fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn kill(&self) {
        // SAFETY: the process is our child and not waited for yet, so the pid is its own.
        unsafe { libc::kill(self.pid(), libc::SIGKILL) };
    }

    pub fn peak_kb(&self) -> u64 {
        self.sampler.peak_kb()
    }

    /// Waits for its end.
    pub fn wait(self) -> Result<Used, String> {
        let root = self.pid();
        let (status, mut cpu_ms) = wait4(root, 0).ok_or("the process was lost")?;
        let wall_ms = self.began.elapsed().as_secs_f64() * 1000.0;
        let peak_kb = self.sampler.peak_kb();
        // Children that outlived it.
        for pid in self.sampler.stop() {
            cpu_ms += if pid == root { 0.0 } else { wait4(pid, 0).map_or(0.0, |(_, cpu_ms)| cpu_ms) };
        }
        Ok(Used { wall_ms, cpu_ms, peak_kb, status })
    }
}

/// Status and processor time of a child of ours; `None` if it is none.
fn wait4(pid: i32, options: i32) -> Option<(i32, f64)> {
    let mut status = 0;
    // SAFETY: both out-parameters live through the call; an all-zero rusage is valid.
    let (found, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &mut status, options, &mut usage), usage)
    };
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1000.0 + time.tv_usec as f64 / 1000.0;
    let code =
        if libc::WIFSIGNALED(status) { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) };
    (found == pid).then(|| (code, ms(usage.ru_utime) + ms(usage.ru_stime)))
}

/// Reads the memory of a tree of processes while it lives.
struct Sampler {
    peaks: Arc<Mutex<BTreeMap<i32, u64>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    fn start(root: i32) -> Sampler {
        let peaks = Arc::new(Mutex::new(BTreeMap::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&peaks), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                sample(root, &shared);
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        Sampler { peaks, over, thread: Some(thread) }
    }

    fn peak_kb(&self) -> u64 {
        self.peaks.lock().map(|peaks| peaks.values().sum()).unwrap_or_default()
    }

    /// All processes that were seen.
    fn stop(mut self) -> Vec<i32> {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.peaks.lock().map(|peaks| peaks.keys().copied().collect()).unwrap_or_default()
    }
}

fn sample(root: i32, peaks: &Mutex<BTreeMap<i32, u64>>) {
    let mut pending = vec![root];
    while let Some(pid) = pending.pop() {
        if let (Some(peak), Ok(mut peaks)) = (high_water_kb(pid), peaks.lock()) {
            peaks.insert(pid, peak);
        }
        pending.extend(children(pid));
    }
}

/// `VmHWM` of a living process.
fn high_water_kb(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn measured(line: &str) -> Measured {
        let child = Command::new("sh").args(["-c", line]).spawn().expect("a shell");
        Measured::new(child, Instant::now())
    }

    #[test]
    fn a_process_is_waited_for_with_its_status() {
        let used = measured("exit 3").wait().expect("its end");
        assert_eq!(used.status, 3);
        assert!(used.wall_ms > 0.0);
    }

    #[test]
    fn a_killed_process_says_so() {
        let measured = measured("exec sleep 600");
        measured.kill();
        assert_eq!(measured.wait().expect("its end").status, 128 + libc::SIGKILL);
    }

    #[test]
    fn the_time_of_children_counts() {
        let busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        let used = measured(&format!("(sh -c '{busy}'); exit 0")).wait().expect("its end");
        assert!(used.cpu_ms > 0.5, "{used:?}");
    }
}
