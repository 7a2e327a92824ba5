//! A crowd: 256 at once, all the same kind, under a cap that fits 200 of them as they are on average. How
//! many finish; and beside it what becomes of the bill when a run only looks before it starts something.

use super::super::Dice;
use super::plan::{PRICES, Plan};
use super::world::{Fleet, World};
use super::{seeds, tell};
use baya_core::agent::Usage;
use baya_core::budget::{Caps, Currency, OnBudget};
use baya_core::money::NanoUsd;
use std::collections::{BTreeMap, BTreeSet};

const AT_ONCE: u64 = 256;
const FIT: u64 = 200;
/// So many finish, in all but one of a hundred crowds: which agents turn out long is a matter of luck.
const FINISH: u64 = 190;
const FEWEST: u64 = 180;
/// Crowds in the suite.
const SEEDS: u64 = 25;
const CURRENCIES: [Currency; 3] = [Currency::Tokens, Currency::Output, Currency::Cost];

fn crowd(seed: u64) -> (Fleet, Currency) {
    let mut dice = Dice(seed);
    let price = PRICES[(seed % 3) as usize];
    let plans: Vec<Plan> = (0..AT_ONCE).map(|_| Plan::of_crowd(&mut dice, price)).collect();
    let currency = CURRENCIES[(seed / 3 % 3) as usize];
    let mut whole = Usage::default();
    plans.iter().for_each(|plan| whole.add(&plan.whole(&mut dice)));
    let cap = Some(whole.of(currency) * FIT / AT_ONCE);
    let caps = match currency {
        Currency::Tokens => Caps { tokens: cap, ..Caps::default() },
        Currency::Cost => Caps { cost: cap.map(NanoUsd), ..Caps::default() },
        Currency::Output | Currency::Input | Currency::Cache => Caps { output: cap, ..Caps::default() },
    };
    let fleet = Fleet {
        seed,
        plans,
        at_once: AT_ONCE as u32,
        caps,
        phases: BTreeMap::new(),
        on_budget: OnBudget::Stop,
        crashes: Vec::new(),
        skips: Vec::new(),
        stop: None,
        is_faulty: false,
    };
    (fleet, currency)
}

/// When a run looks whether its cap is reached.
#[derive(Clone, Copy)]
enum Looks {
    BeforeEachAgent,
    BeforeEachRequest,
}

/// What the crowd spends, all begun at once, in parts of its cap in a thousand.
fn naive(fleet: &Fleet, currency: Currency, looks: Looks) -> u64 {
    let mut dice = Dice(fleet.seed);
    let cap = fleet.caps.of(currency).expect("it has a cap");
    // Who has an answer next: when, which agent, which of its answers.
    let mut due: BTreeSet<(u64, usize, usize)> = BTreeSet::new();
    let wait = |agent: usize, place: usize, dice: &mut Dice| {
        300 + dice.below(2_000) + fleet.plans[agent].outputs[place]
    };
    for agent in 0..fleet.plans.len() {
        due.insert((wait(agent, 0, &mut dice), agent, 0));
    }
    let mut spent = 0;
    while let Some((now, agent, place)) = due.pop_first() {
        let plan = &fleet.plans[agent];
        spent += plan.usage(plan.input(place, 0), plan.outputs[place], &mut dice).of(currency);
        let goes_on = match looks {
            Looks::BeforeEachAgent => true,
            Looks::BeforeEachRequest => spent < cap,
        };
        if goes_on && place + 1 < plan.outputs.len() {
            due.insert((now + wait(agent, place + 1, &mut dice), agent, place + 1));
        }
    }
    spent * 1_000 / cap
}

/// The least, the middle and the most.
fn spread(mut values: Vec<u64>) -> [u64; 3] {
    values.sort_unstable();
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

#[test]
fn c52_a_cap_does_not_starve_a_crowd() {
    let (mut finished, mut spent, mut per_agent, mut per_request) = (vec![], vec![], vec![], vec![]);
    let seeds = seeds(SEEDS);
    for seed in 0..seeds {
        let (fleet, currency) = crowd(seed);
        let world = World::new(&fleet);
        let tally = world.run_to_end();
        finished.push(tally.answered);
        spent.push(tally.spent.of(currency) * 1_000 / fleet.caps.of(currency).unwrap_or(1));
        per_agent.push(naive(&fleet, currency, Looks::BeforeEachAgent));
        per_request.push(naive(&fleet, currency, Looks::BeforeEachRequest));
    }
    let starved = finished.iter().filter(|finished| **finished < FINISH).count() as u64;
    let [fewest, middle, most] = spread(finished);
    tell(&format!(
        "crowd: {seeds} seeds; of {AT_ONCE} finish {fewest} / {middle} / {most}; fewer than {FINISH}: {starved} seeds"
    ));
    let report = |name: &str, values: Vec<u64>| {
        let parts = spread(values).map(|part| format!("{:.1} %", part as f64 / 10.0));
        tell(&format!("crowd: {name} spends {} of the cap", parts.join(" / ")));
    };
    report("the purse", spent);
    report("looking before each agent", per_agent);
    report("looking before each request", per_request);
    assert!(fewest >= FEWEST && starved * 100 <= seeds, "{starved} seeds, the worst {fewest}");
}
