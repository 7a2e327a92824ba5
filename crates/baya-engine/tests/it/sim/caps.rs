//! The crash simulator under caps: agents are paid request by request, the driver dies after every event of
//! the journal, and a run that waits for a larger cap is given one.
//!
//! Asserted, whatever happens: what the provider bills is within every cap, in every currency; after the
//! end nothing is held and nobody waits; what the journal has of an agent is not asked for again. A run
//! that pauses at its caps comes to the result that it has without any.

use super::script::{Dice, Feature, RandomScript, random_script};
use super::tell;
use super::till::{Billed, Till};
use super::world::{World, limits};
use baya_core::agent::Usage;
use baya_core::budget::{Caps, Currency, OnBudget};
use baya_core::event::{Event, Recorded};
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;
use baya_core::run::{Life, Run, RunEnd};

/// Played in the suite, each crashed after every event; `cargo xtask proofs caps` plays more.
const SEEDS: u64 = 12;

#[derive(Default)]
struct Tally {
    crashes: u64,
    raises: u64,
    out_when_it_died: u64,
    starved: u64,
}

#[test]
fn c52_a_crash_after_any_event_overshoots_no_cap() {
    let mut tally = Tally::default();
    let seeds = std::env::var("BAYA_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        play(seed, &mut tally);
    }
    let Tally { crashes, raises, out_when_it_died, starved } = tally;
    tell(&format!(
        "simulator under caps: {seeds} seeds, {crashes} crashes, {out_when_it_died} with requests out, \
         {raises} raised caps, {starved} runs that ended at a cap"
    ));
    assert!([crashes / 100, raises, out_when_it_died / 100, starved].iter().all(|times| *times > seeds / 10));
}

/// `BAYA_SIM_SEED=7 cargo test -p baya-engine --test it sim::caps::one_seed -- --nocapture`
#[test]
fn one_seed() {
    let seed = std::env::var("BAYA_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    play(seed, &mut Tally::default());
}

/// A journal, and what was billed on the way.
struct Lives {
    journal: Vec<Recorded>,
    bill: Vec<Billed>,
    end: RunEnd,
}

fn play(seed: u64, tally: &mut Tally) {
    let script = random_script(seed);
    let free = World::fresh_with(&script, seed, limits(&script, seed), Some(Till::default()));
    let free = live_on(&script, free, &mut Tally::default());
    let limits = capped(&script, seed, &free.bill);
    let pauses = limits.on_budget == OnBudget::Pause;
    // What a script sees of its budget depends on what else is at work; beyond a cap on agents its calls
    // throw.
    let sees_caps = script.features.contains(&Feature::Budget) || limits.caps.agents.is_some();
    let is_same = pauses && !sees_caps;
    let check = |lives: &Lives, context: &str| {
        if is_same {
            let (end, expected) = (&lives.end, &free.end);
            assert_eq!((end.status, &end.result), (expected.status, &expected.result), "{context}");
        }
    };
    let world = World::fresh_with(&script, seed, limits, Some(Till::default()));
    let whole = live_on(&script, world, tally);
    check(&whole, &format!("seed {seed}"));
    tally.starved += u64::from(!pauses && whole.end.result != free.end.result);
    for crash in 1..whole.journal.len() {
        let context = format!("seed {seed}, crashed after event {crash}");
        let lives = crashed(&script, &whole, crash, 1_000, tally);
        check(&lives, &context);
        // And once more, in the middle of the second life.
        let middle = (crash + lives.journal.len()) / 2;
        if crash % 7 == 0 && middle > crash && middle < lives.journal.len() {
            let again = crashed(&script, &lives, middle, 2_000, tally);
            check(&again, &format!("{context}, then after {middle}"));
        }
    }
}

/// The driver died when this much was on disk; what was out by then is billed.
fn crashed(script: &RandomScript, lives: &Lives, crash: usize, fence: u64, tally: &mut Tally) -> Lives {
    let before = lives.journal[..crash].to_vec();
    let till = Till::found(&before, &lives.bill);
    tally.crashes += 1;
    let run = Run::load(&before);
    tally.out_when_it_died += u64::from(run.state().agents.iter().any(|agent| agent.holding.is_some()));
    let more = matches!(run.state().life, Life::Parked { .. }).then(|| raised(&run.state().limits));
    live_on(script, World::resumed_with(script, before, fence, more, Some(till)), tally)
}

/// To the end; a run that waits for a larger cap is given one.
fn live_on<'a>(script: &'a RandomScript, mut world: World<'a>, tally: &mut Tally) -> Lives {
    for fence in 3_000..3_100 {
        let is_parked = matches!(world.run_until_over(), Life::Parked { .. });
        let state = world.state();
        let (used, limits, end): (Usage, Limits, _) =
            (state.usage, state.limits.clone(), state.ended.clone());
        let till = world.till.take().expect("its agents are paid");
        till.check_end(&used);
        assert!(asked(&world.journal) <= u64::from(limits.agents_cap()), "more agents than the cap");
        if !is_parked {
            let end = end.expect("it is over");
            return Lives { journal: world.journal, bill: till.bill, end };
        }
        tally.raises += 1;
        let till = Till::found(&world.journal, &till.bill);
        world = World::resumed_with(script, world.journal, fence, Some(raised(&limits)), Some(till));
    }
    panic!("a hundred larger caps are not enough");
}

/// Agents that the script asked for since it was last begun anew; who was not done then has a new number.
fn asked(journal: &[Recorded]) -> u64 {
    let generation = journal.iter().rposition(|recorded| matches!(recorded.event, Event::RunResumed { .. }));
    let asked = journal[generation.unwrap_or(0)..]
        .iter()
        .filter(|recorded| matches!(recorded.event, Event::AgentQueued { .. } | Event::AgentReused { .. }));
    asked.count() as u64
}

/// Caps of which some are too small for what the run takes without.
fn capped(script: &RandomScript, seed: u64, bill: &[Billed]) -> Limits {
    let mut dice = Dice::new(seed ^ 0xCA95);
    let mut cap = |currency: Currency| {
        let whole: u64 = bill.iter().map(|billed| billed.usage.of(currency)).sum();
        (dice.below(2) == 0).then(|| 1 + whole * (15 + dice.below(110)) / 100)
    };
    let caps = Caps {
        tokens: cap(Currency::Tokens),
        input: cap(Currency::Input),
        output: cap(Currency::Output),
        cache: cap(Currency::Cache),
        cost: cap(Currency::Cost).map(NanoUsd),
        agents: (dice.below(5) == 0).then(|| 1 + dice.below(6) as u32),
        wall_ms: None,
    };
    let on_budget = if dice.below(2) == 0 { OnBudget::Stop } else { OnBudget::Pause };
    Limits { caps: Box::new(caps), on_budget, ..limits(script, seed) }
}

fn raised(limits: &Limits) -> Limits {
    let more = |cap: u64| 2 * cap + 3_000;
    let Caps { tokens, input, output, cache, cost, agents, wall_ms } = (*limits.caps).clone();
    let caps = Caps {
        tokens: tokens.map(more),
        input: input.map(more),
        output: output.map(more),
        cache: cache.map(more),
        cost: cost.map(|cost| NanoUsd(more(cost.0) + 30_000_000)),
        agents,
        wall_ms,
    };
    Limits { caps: Box::new(caps), budget_tokens: limits.budget_tokens.map(more), ..limits.clone() }
}
