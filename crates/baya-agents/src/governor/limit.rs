//! How many at once: additive increase, a cut to nine tenths, and what was last good. Pure arithmetic.
//!
//! Each round of successes (as many as the limit, while the lane was full) adds one; before the first
//! refusal up to eight, so that little time is lost on the way up. A refusal cuts to nine tenths, once per round
//! trip: requests that were out at the last cut do not cut again. Where the provider refused, the lane
//! stays just below for some rounds before it tries one more again.

use super::RememberedLimit;

/// Requests more per round.
const STEP: f64 = 1.0;
/// The same before the first refusal.
const STEP_FIRST: f64 = 8.0;
/// What a cut leaves.
const CUT: f64 = 0.9;
/// Rounds just below what was refused before one more is tried.
const ROUNDS_HELD: f64 = 16.0;

#[derive(Debug, Clone)]
pub(super) struct Limit {
    at_once: f64,
    first: f64,
    max: f64,
    /// The most that went well below a refusal.
    good: Option<u32>,
    /// Rounds spent at `good`, or above it.
    held: f64,
    cuts: u64,
    /// The most at work at a success.
    proven: u32,
}

impl Limit {
    pub fn new(first: u32, max: u32, known: Option<RememberedLimit>) -> Limit {
        let max = max.max(1);
        let at_once = known.map_or(first, |known| known.at_once).clamp(1, max);
        Limit {
            at_once: f64::from(at_once),
            first: f64::from(first.clamp(1, max)),
            max: f64::from(max),
            good: known.filter(|known| known.refused_more).map(|known| known.at_once.clamp(1, max)),
            held: 0.0,
            cuts: 0,
            proven: 0,
        }
    }

    pub fn at_once(&self) -> u32 {
        (self.at_once as u32).max(1)
    }

    /// Cuts so far; a request keeps the number it began with.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// One more went well, when so many were at work, itself among them; only in a lane that was full
    /// meanwhile that proves anything.
    pub fn succeeded(&mut self, at_work: u32, was_full: bool) {
        self.proven = self.proven.max(at_work.min(self.at_once()));
        if !was_full {
            return;
        }
        let round = 1.0 / self.at_once;
        match self.good {
            None if self.cuts == 0 => self.grow(STEP_FIRST.min(self.at_once) * round),
            None => self.grow(STEP * round),
            Some(good) if self.at_once < f64::from(good) => {
                self.at_once = (self.at_once + STEP * round).min(f64::from(good));
            }
            Some(good) => self.hold(good, round),
        }
    }

    fn grow(&mut self, by: f64) {
        self.at_once = (self.at_once + by).min(self.max);
    }

    /// At what was good, or one above it on trial.
    fn hold(&mut self, good: u32, round: f64) {
        self.held += round;
        let on_trial = self.at_once() > good;
        if on_trial && self.held >= 1.0 {
            (self.good, self.held) = (None, 0.0);
        } else if !on_trial && self.held >= ROUNDS_HELD {
            self.at_once = (f64::from(good) + 1.0).min(self.max);
            self.held = 0.0;
        }
    }

    /// The provider refused a request that began after so many cuts, when so many were at work. Whether
    /// that cut the limit.
    pub fn refused(&mut self, began_after: u64, at_work: u32) -> bool {
        let cuts = began_after == self.cuts;
        if cuts {
            let from = self.at_once.min(f64::from(at_work).max(self.first));
            self.at_once = (from * CUT).max(1.0);
            self.cuts += 1;
            self.good = None;
        }
        let below = at_work.saturating_sub(1).max(self.at_once());
        self.good = Some(self.good.map_or(below, |good| good.min(below)));
        self.held = 0.0;
        cuts
    }

    /// `None`: nothing was found out.
    pub fn remembered(&self) -> Option<RememberedLimit> {
        match self.good {
            Some(good) => Some(RememberedLimit { at_once: good, refused_more: true }),
            None if self.proven > 0 => {
                let at_once = self.proven.max(self.first as u32).min(self.at_once());
                Some(RememberedLimit { at_once, refused_more: false })
            }
            None => None,
        }
    }
}
