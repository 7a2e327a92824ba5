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
/// So many finish at least, in every crowd. Which agents turn out long is a matter of luck: were they simply
/// begun in the order in which they came, and nothing held or lost, it would be as few in some crowds.
const FINISH: u64 = 190;
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

/// How many would finish one after the other, each of them known to the token, until the cap is reached.
fn in_turn(fleet: &Fleet, currency: Currency) -> u64 {
    let mut dice = Dice(fleet.seed);
    let cap = fleet.caps.of(currency).expect("it has a cap");
    let spent = fleet.plans.iter().scan(0, |spent, plan| {
        *spent += plan.whole(&mut dice).of(currency);
        Some(*spent)
    });
    spent.take_while(|spent| *spent <= cap).count() as u64
}

/// The least, the middle and the most.
fn spread(mut values: Vec<u64>) -> [u64; 3] {
    values.sort_unstable();
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

fn tell_finished(name: &str, finished: &[(Currency, u64)]) {
    for currency in CURRENCIES {
        let of_currency = finished.iter().filter(|(its, _)| *its == currency);
        let [fewest, middle, most] = spread(of_currency.map(|(_, finished)| *finished).collect());
        tell(&format!("crowd: {name}, {currency:?}: {fewest} / {middle} / {most} of {AT_ONCE} finish"));
    }
}

#[test]
fn c52_a_cap_does_not_starve_a_crowd() {
    let (mut finished, mut one_by_one) = (vec![], vec![]);
    let (mut spent, mut per_agent, mut per_request) = (vec![], vec![], vec![]);
    let seeds = seeds(SEEDS);
    for seed in 0..seeds {
        let (fleet, currency) = crowd(seed);
        let tally = World::new(&fleet).run_to_end();
        finished.push((currency, tally.answered));
        one_by_one.push((currency, in_turn(&fleet, currency)));
        spent.push(tally.spent.of(currency) * 1_000 / fleet.caps.of(currency).unwrap_or(1));
        per_agent.push(naive(&fleet, currency, Looks::BeforeEachAgent));
        per_request.push(naive(&fleet, currency, Looks::BeforeEachRequest));
    }
    let starved = finished.iter().filter(|(_, finished)| *finished < FINISH).count() as u64;
    tell(&format!("crowd: {seeds} seeds; fewer than {FINISH} finish in {starved} of them"));
    tell_finished("the purse", &finished);
    tell_finished("one by one, nothing lost", &one_by_one);
    let report = |name: &str, values: Vec<u64>| {
        let parts = spread(values).map(|part| format!("{:.1} %", part as f64 / 10.0));
        tell(&format!("crowd: {name} spends {} of the cap", parts.join(" / ")));
    };
    report("the purse", spent);
    report("looking before each agent", per_agent);
    report("looking before each request", per_request);
    assert_eq!(starved, 0, "crowds in which fewer than {FINISH} finish");
}
