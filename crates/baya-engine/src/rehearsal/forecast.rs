//! Adds rehearsals up: what it would take, from those that may well happen; the worst, from all.

use super::ground::Ground;
use super::played::{Played, Totals};
use baya_core::rehearsal::{Forecast, Spread};
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of a rehearsal.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    pub is_realistic: bool,
    pub total: Totals,
    pub by_phase: BTreeMap<String, Totals>,
    /// In the order they were entered.
    pub phases: Vec<String>,
    pub unpriced: BTreeSet<String>,
    /// Kind and example.
    pub host_steps: BTreeMap<String, String>,
}

impl Kept {
    pub fn of(played: &Played) -> Kept {
        let mut host_steps = BTreeMap::new();
        for step in &played.steps {
            host_steps.entry(step.step.name().to_owned()).or_insert_with(|| step.step.words());
        }
        let mut phases = played.phases.clone();
        for agent in &played.agents {
            let title = agent.phase.clone().unwrap_or_default();
            if !phases.contains(&title) {
                phases.push(title);
            }
        }
        Kept {
            is_realistic: played.case.mood.is_realistic(),
            total: played.total,
            by_phase: played.by_phase.clone(),
            phases,
            unpriced: played.unpriced.clone(),
            host_steps,
        }
    }
}

/// `runs` earlier ones were drawn from.
pub(super) fn total(all: &[Kept], runs: u32) -> Forecast {
    forecast(all, runs, |kept| kept.total)
}

pub(super) fn of_phase(all: &[Kept], runs: u32, title: &str) -> Forecast {
    forecast(all, runs, |kept| kept.by_phase.get(title).copied().unwrap_or_default())
}

fn forecast(all: &[Kept], runs: u32, totals: impl Fn(&Kept) -> Totals) -> Forecast {
    let ground = Ground::of(runs, all.iter().filter(|kept| kept.is_realistic).map(&totals));
    let spread = |number: fn(&Totals) -> u64| {
        let mut realistic: Vec<u64> =
            all.iter().filter(|kept| kept.is_realistic).map(|kept| number(&totals(kept))).collect();
        realistic.sort_unstable();
        let worst = all.iter().map(|kept| number(&totals(kept))).max().unwrap_or_default();
        Spread {
            p10: quantile(&realistic, 10),
            p50: quantile(&realistic, 50),
            p90: quantile(&realistic, 90),
            worst,
            bound: None,
        }
    };
    // Agents are counted by the script; what each of them takes is another matter.
    let widened = |number: fn(&Totals) -> u64| {
        let mut spread = spread(number);
        ground.widen(&mut spread);
        spread
    };
    Forecast {
        agents: spread(|totals| totals.agents),
        depth: spread(|totals| totals.depth),
        tokens_in: widened(|totals| totals.tokens_in),
        tokens_out: widened(|totals| totals.tokens_out),
        cost: widened(|totals| totals.cost),
        wall_ms: widened(|totals| totals.wall_ms),
    }
}

/// The nearest rank.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
