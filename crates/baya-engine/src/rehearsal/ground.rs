//! What a forecast stands on, and so how far a run may be from its rehearsals.
//!
//! Rehearsals are drawn from what earlier runs showed, so they are as much alike as those runs were, and
//! centred where those were. The next run is neither: runs differ as wholes (a talkative model, a larger
//! task), and few runs say little of where their middle is. p10 and p90 are moved apart by that much, as in
//! any prediction interval from a sample; the middle stays.

use super::played::Totals;
use baya_core::rehearsal::Spread;

/// How far whole runs of one script are from one another besides what their rehearsals show: the standard
/// deviation of the logarithm.
const RUN_SPREAD: f64 = 0.3;
/// How far agents are from numbers that are made up: two times in three less than a factor of 2.2.
const GUESS_SPREAD: f64 = 0.8;
/// From the middle of a bell to its p90, in standard deviations.
const P90: f64 = 1.2816;

/// What a forecast stands on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    /// Earlier runs.
    runs: u32,
    /// The share of the tokens that agents take whose like nobody has seen at work, from 0 to 1.
    guessed: f64,
}

impl Ground {
    pub(super) fn of(runs: u32, totals: impl Iterator<Item = Totals>) -> Ground {
        let (guessed, all) = totals.fold((0, 0), |(guessed, all), totals| {
            (guessed + totals.tokens_guessed, all + totals.tokens_in + totals.tokens_out)
        });
        Ground { runs, guessed: guessed as f64 / all.max(1) as f64 }
    }

    /// Moves p10 and p90 apart, by the same factor.
    pub(super) fn widen(&self, spread: &mut Spread) {
        let shown = match spread.p10 {
            0 => 0.0,
            p10 => (spread.p90 as f64 / p10 as f64).ln() / (2.0 * P90),
        };
        let apart = (P90 * (self.deviation(shown) - shown)).exp();
        spread.p10 = (spread.p10 as f64 / apart).round() as u64;
        spread.p90 = (spread.p90 as f64 * apart).round() as u64;
        spread.worst = spread.worst.max(spread.p90);
    }

    /// Of the logarithm, for a run to come; `shown` is that of the rehearsals. The mean of a sample of n is
    /// off by a further n-th of the variance.
    fn deviation(&self, shown: f64) -> f64 {
        let of_runs = match self.runs {
            0 => shown.powi(2),
            runs => (shown.powi(2) + RUN_SPREAD.powi(2)) * (1.0 + 1.0 / f64::from(runs)),
        };
        (of_runs + (self.guessed * GUESS_SPREAD).powi(2)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p10 and p90 of what was 80 to 125 in rehearsals.
    fn widened(runs: u32, tokens_guessed: u64) -> (u64, u64) {
        let totals = Totals { tokens_in: 900, tokens_out: 100, tokens_guessed, ..Totals::default() };
        let mut spread = Spread { p10: 80, p50: 100, p90: 125, worst: 125, bound: None };
        Ground::of(runs, [totals].into_iter()).widen(&mut spread);
        assert_eq!((spread.p50, spread.worst), (100, spread.p90.max(125)));
        (spread.p10, spread.p90)
    }

    #[test]
    fn the_less_is_known_the_further_p10_and_p90_are_apart() {
        assert_eq!(widened(0, 0), (80, 125), "all was written down, nothing is guessed");
        assert_eq!(widened(20, 0), (63, 158));
        assert_eq!(widened(3, 0), (60, 167));
        assert_eq!(widened(1, 0), (53, 188));
        assert_eq!(widened(3, 500), (48, 207), "half of it is of agents that were never seen");
        assert_eq!(widened(0, 1_000), (35, 286));
    }

    #[test]
    fn nothing_stays_nothing() {
        let mut spread = Spread::default();
        Ground::of(3, std::iter::empty()).widen(&mut spread);
        assert_eq!(spread, Spread::default());
    }
}
