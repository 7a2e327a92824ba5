//! Whether a program is still at work: lines it writes, bytes that pass the gateway, a tool that runs.

use crate::gateway::Grant;
use crate::program::{Errors, asks_at_terminal};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a tool of the program may run without any other sign of life.
const TOOL_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a program may be silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Before its first sign of life.
    pub first: Duration,
    /// Between two of them.
    pub idle: Duration,
    /// The whole message.
    pub wall: Duration,
}

/// Signs of life of one program.
#[derive(Debug, Default)]
pub(super) struct Life {
    beat: Notify,
    tools_open: AtomicU32,
}

impl Life {
    pub fn beat(&self) {
        self.beat.notify_one();
    }

    pub fn tool_started(&self) {
        self.tools_open.fetch_add(1, Ordering::Relaxed);
    }

    pub fn tool_ended(&self) {
        let one_less = |open: u32| Some(open.saturating_sub(1));
        let _ = self.tools_open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

/// Why a program is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// No sign of life at all.
    NeverSpoke(Duration),
    Silent(Duration),
    /// It wants to read from a terminal, and there is none for it.
    AtTerminal,
    TookTooLong(Duration),
}

/// Resolves when the program is lost.
pub(super) async fn lost(life: &Life, errors: &Errors, grant: &Grant, pid: u32, patience: Patience) -> Lost {
    let started = Instant::now();
    let (mut last, mut spoke) = (started, false);
    let stopped = asks_at_terminal(pid);
    tokio::pin!(stopped);
    loop {
        let limit = match (life.tools_open.load(Ordering::Relaxed), spoke) {
            (1.., _) => patience.idle.max(TOOL_MAX),
            (0, true) => patience.idle,
            (0, false) => patience.first,
        };
        let left = limit.saturating_sub(last.elapsed()).min(patience.wall.saturating_sub(started.elapsed()));
        tokio::select! {
            () = life.beat.notified() => (last, spoke) = (Instant::now(), true),
            () = errors.spoke() => last = Instant::now(),
            () = grant.active() => (last, spoke) = (Instant::now(), true),
            () = &mut stopped => return Lost::AtTerminal,
            () = tokio::time::sleep(left) => {
                if started.elapsed() >= patience.wall {
                    return Lost::TookTooLong(patience.wall);
                }
                if last.elapsed() >= limit {
                    return if spoke { Lost::Silent(limit) } else { Lost::NeverSpoke(limit) };
                }
            }
        }
    }
}
