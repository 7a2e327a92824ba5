//! Fleets of agents on one purse: the real run core and the real purse in a world without time, where
//! requests take long, fail, are cancelled, and the driver dies. The provider keeps its own bill.
//!
//! Asserted after everything that happens: the bill is within every cap, in every currency, in the run and
//! in each phase; after the end nothing is held and nobody waits.

// The long proof is asked for by the environment, and tells what it saw.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod crowd;
mod plan;
mod world;

use super::Dice;
use baya_core::agent::Usage;
use baya_core::budget::{Caps, Currency, OnBudget};
use baya_core::money::NanoUsd;
use plan::Plan;
use std::collections::BTreeMap;
use std::io::Write;
use world::{Fleet, World};

/// Fleets in the suite.
const SEEDS: u64 = 100;

/// `BAYA_FLEET_SEEDS=2000` is the long proof (`cargo xtask proofs caps`).
pub fn seeds(in_suite: u64) -> u64 {
    std::env::var("BAYA_FLEET_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(in_suite)
}

/// Shown in the log of a passing run, too: the test harness keeps only what macros print.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What a fleet came to.
#[derive(Debug, Default)]
pub struct Tally {
    pub crashes: u64,
    pub retries: u64,
    pub cancels: u64,
    pub cut: u64,
    pub waits: u64,
    pub raised: u64,
    pub reached: u64,
    pub answered: u64,
    pub agents: u64,
    pub spent: Usage,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.crashes += other.crashes;
        self.retries += other.retries;
        self.cancels += other.cancels;
        self.cut += other.cut;
        self.waits += other.waits;
        self.raised += other.raised;
        self.reached += other.reached;
        self.answered += other.answered;
        self.agents += other.agents;
        self.spent.add(&other.spent);
    }
}

/// Caps that all of it would overshoot, or just not, in some currencies.
fn caps_for(dice: &mut Dice, plans: &[&Plan]) -> Caps {
    let mut whole = Usage::default();
    plans.iter().for_each(|plan| whole.add(&plan.whole(dice)));
    let mut cap =
        |currency| dice.one_in(2).then(|| (whole.of(currency) * (20 + dice.below(120)) / 100).max(1));
    Caps {
        tokens: cap(Currency::Tokens),
        input: cap(Currency::Input),
        output: cap(Currency::Output),
        cache: cap(Currency::Cache),
        cost: cap(Currency::Cost).map(NanoUsd),
        agents: None,
        wall_ms: None,
    }
}

fn random_fleet(seed: u64) -> Fleet {
    let mut dice = Dice(seed);
    let count = if seed.is_multiple_of(10) { 256 } else { 1 + dice.below(60) };
    let plans: Vec<Plan> = (0..count).map(|_| Plan::random(&mut dice)).collect();
    let at_once = if seed.is_multiple_of(10) { 256 } else { 1 + dice.below(40) as u32 };
    let caps = caps_for(&mut dice, &plans.iter().collect::<Vec<_>>());
    let mut phases = BTreeMap::new();
    for title in ["A", "B"] {
        let its: Vec<&Plan> = plans.iter().filter(|plan| plan.phase == Some(title)).collect();
        if dice.one_in(3) && !its.is_empty() {
            phases.insert(title.to_owned(), caps_for(&mut dice, &its));
        }
    }
    let on_budget = if dice.one_in(2) { OnBudget::Stop } else { OnBudget::Pause };
    let crashes = (0..dice.below(3)).map(|_| dice.below(60_000) as i64).collect();
    let skips = (0..dice.below(4)).map(|_| dice.below(60_000) as i64).collect();
    let stop = dice.one_in(8).then(|| dice.below(100_000) as i64);
    Fleet { seed, plans, at_once, caps, phases, on_budget, crashes, skips, stop, is_faulty: true }
}

#[test]
fn c52_no_fleet_overshoots_a_cap() {
    let mut sum = Tally::default();
    let seeds = seeds(SEEDS);
    for seed in 0..seeds {
        let fleet = random_fleet(seed);
        sum.add(&World::new(&fleet).run_to_end());
    }
    tell(&format!("fleets: {seeds} seeds, {sum:?}"));
    let happened = [sum.crashes, sum.retries, sum.cancels, sum.cut, sum.waits, sum.raised, sum.reached];
    assert!(happened.iter().all(|times| *times > seeds / 20), "{sum:?}");
}

/// `BAYA_FLEET_SEED=7 cargo test -p baya-core --test it budget::fleet::one_fleet -- --nocapture`
#[test]
fn one_fleet() {
    let seed = std::env::var("BAYA_FLEET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let fleet = random_fleet(seed);
    println!("{fleet:#?}");
    println!("{:?}", World::new(&fleet).run_to_end());
}
