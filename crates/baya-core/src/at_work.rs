//! How long a run has been at work. The time in which nobody drove it, or in which it was parked or paused,
//! is left out: it is what `--max-time` counts, and what people are told.

use crate::event::{Event, Recorded};

/// A clock that stands still while its run rests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtWork {
    worked_ms: u64,
    since_ms: Option<i64>,
    last_ms: i64,
}

impl AtWork {
    /// Up to this moment.
    pub fn ms(&self, now_ms: i64) -> u64 {
        self.worked_ms + self.since_ms.map_or(0, |since_ms| (now_ms - since_ms).max(0).unsigned_abs())
    }

    /// Up to the last event.
    pub fn told_ms(&self) -> u64 {
        self.ms(self.last_ms)
    }

    /// Moves the clock.
    pub fn tick(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunStarted { .. } | Event::DriverStarted { .. } => {
                // The one before may have died without a word.
                self.rest(self.last_ms);
                self.since_ms = Some(recorded.at_ms);
            }
            Event::RunContinued { .. } => self.since_ms = self.since_ms.or(Some(recorded.at_ms)),
            Event::RunParked { .. }
            | Event::RunPaused { .. }
            | Event::RunInterrupted { .. }
            | Event::RunEnded { .. } => self.rest(recorded.at_ms),
            _ => {}
        }
        self.last_ms = recorded.at_ms;
    }

    fn rest(&mut self, at_ms: i64) {
        self.worked_ms = self.ms(at_ms);
        self.since_ms = None;
    }
}
