//! What a lane does right after a refusal: it keeps to what the provider still has at work, so that those
//! that were refused do not come back as a storm. Pure.
//!
//! A place that becomes free is given to the next in line. After a pause, which doubles while nothing is
//! accepted, one more is tried; each acceptance allows another. After as many acceptances as the provider
//! had at work, the lane is itself again.

use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Refused rounds since the provider last accepted anything.
    setbacks: u32,
    active: Option<Active>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Active {
    /// At work when the provider refused more.
    allowed: u32,
    /// Acceptances until it is over.
    left: u32,
    /// One more may be tried from then on.
    pub until: Duration,
}

impl Recovery {
    /// A round was refused, and so many are still at work.
    pub fn begin(&mut self, at_work: u32, pause: impl Fn(u32) -> Duration, now: Duration) {
        self.setbacks += 1;
        let until = now + pause(self.setbacks);
        self.active = Some(Active { allowed: at_work, left: at_work.max(1), until });
    }

    /// One more request of the same round was refused.
    pub fn go_on(&mut self, at_work: u32) {
        if let Some(active) = &mut self.active {
            active.allowed = active.allowed.min(at_work);
            active.left = active.left.min(active.allowed.max(1));
        }
    }

    /// The provider accepted a request; so many are at work.
    pub fn accepted(&mut self, at_work: u32) {
        self.setbacks = 0;
        self.active = self.active.and_then(|active| {
            let (allowed, left) = (active.allowed.max(at_work), active.left - 1);
            (left > 0).then_some(Active { allowed, left, ..active })
        });
    }

    /// How many may be at work now; no word while there is no recovery.
    pub fn room(&self, now: Duration) -> Option<u32> {
        self.active.map(|active| active.allowed + u32::from(now >= active.until))
    }

    pub fn active(&self) -> Option<Active> {
        self.active
    }
}
