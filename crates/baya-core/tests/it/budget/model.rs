//! Random operations on a purse beside a model that recounts everything from a plain list.

use super::Dice;
use baya_core::agent::{Usage, UsageSource};
use baya_core::budget::{Ask, Caps, Currency, HoldId, Place, Purse, PurseState, Reply, Whose};
use baya_core::ids::AgentNumber;
use baya_core::money::{NanoUsd, Price};
use std::collections::BTreeMap;

const PRICES: [Option<Price>; 3] = [
    Some(Price { input: 1_000, output: 5_000, cache_read: 100, cache_write: 1_250, cache_write_long: 1_250 }),
    Some(Price {
        input: 30_000,
        output: 150_000,
        cache_read: 3_000,
        cache_write: 37_500,
        cache_write_long: 37_500,
    }),
    Some(Price { input: 7, output: 0, cache_read: 0, cache_write: 9, cache_write_long: 9 }),
];

/// What is out and what was spent, as plain lists.
#[derive(Default)]
struct Ledger {
    /// What was asked, and the limit on its output.
    out: BTreeMap<HoldId, (Ask, u64)>,
    spent: Vec<(Ask, Usage)>,
    line: BTreeMap<Place, Ask>,
}

fn belongs(whose: &Whose, ask: &Ask) -> bool {
    match whose {
        Whose::Run => true,
        Whose::Phase(title) => ask.phase.as_ref() == Some(title),
        Whose::Agent(number) => ask.agent == *number,
    }
}

/// The most a request can cost in a currency.
fn most(ask: &Ask, output: u64, currency: Currency) -> u64 {
    // Where no cap speaks of output there is no end of it.
    let output = output.min(u64::MAX / 2);
    let sent =
        Usage { cache_write: ask.input_most, output, source: UsageSource::Reported, ..Usage::default() };
    let plain = Usage { cache_write: 0, input: ask.input_most, ..sent };
    let price = |mut usage: Usage| {
        usage.charge(ask.price.as_ref());
        usage
    };
    price(sent).of(currency).max(price(plain).of(currency))
}

impl Ledger {
    fn spent(&self, whose: &Whose, currency: Currency) -> u64 {
        let mine = self.spent.iter().filter(|(ask, _)| belongs(whose, ask));
        mine.map(|(_, usage)| usage.of(currency)).sum()
    }

    fn held(&self, whose: &Whose, currency: Currency) -> u64 {
        let mine = self.out.values().filter(|(ask, _)| belongs(whose, ask));
        mine.map(|(ask, output)| most(ask, *output, currency)).sum()
    }

    /// Whether it fits beside so much.
    fn fits(&self, caps: &[(Whose, Caps)], ask: &Ask, output: u64, with_held: bool) -> bool {
        let mut limits = caps.iter().filter(|(whose, _)| belongs(whose, ask)).flat_map(|(whose, caps)| {
            Currency::ALL.into_iter().filter_map(move |currency| Some((whose, currency, caps.of(currency)?)))
        });
        limits.all(|(whose, currency, cap)| {
            let held = if with_held { self.held(whose, currency) } else { 0 };
            self.spent(whose, currency) + held + most(ask, output, currency) <= cap
        })
    }

    fn hear(&mut self, caps: &[(Whose, Caps)], ask: Ask, reply: Reply, seed: u64) {
        match reply {
            Reply::Held { hold, output_max } => {
                assert!(self.fits(caps, &ask, output_max, true), "seed {seed}: {ask:?} {output_max}");
                self.out.insert(hold, (ask, output_max));
            }
            Reply::Waits { place, .. } => {
                assert!(!self.out.is_empty(), "seed {seed}: nobody holds anything, {ask:?}");
                assert!(self.fits(caps, &ask, 1, false), "seed {seed}: it never fits, {ask:?}");
                self.line.insert(place, ask);
            }
            Reply::Reached { .. } => {
                assert!(!self.fits(caps, &ask, 16, false), "seed {seed}: it fits, {ask:?}");
            }
        }
    }
}

fn random_caps(dice: &mut Dice, scale: u64) -> Caps {
    let mut cap = |of: u64| dice.one_in(2).then(|| of + dice.below(of * 4));
    Caps {
        tokens: cap(40_000 * scale),
        input: cap(20_000 * scale),
        output: cap(30_000 * scale),
        cache: cap(20_000 * scale),
        cost: cap(400 * scale).map(NanoUsd),
        agents: None,
        wall_ms: None,
    }
}

fn random_ask(dice: &mut Dice, agents: &[Caps]) -> Ask {
    let agent = dice.below(agents.len() as u64) as usize;
    Ask {
        agent: AgentNumber(agent as u32 + 1),
        phase: ["A", "B"].get(dice.below(3) as usize).map(|title| (*title).to_owned()),
        label: format!("kind{}", ["a", "b"][dice.below(2) as usize]),
        caps: agents[agent].clone(),
        input_most: dice.below(3_000),
        output_wanted: dice.one_in(3).then(|| 1 + dice.below(6_000)),
        output_most: dice.one_in(2).then(|| 2_000 + dice.below(30_000)),
        price: PRICES[dice.below(3) as usize],
    }
}

/// No more than was held, in random classes.
fn random_use(dice: &mut Dice, ask: &Ask, output_max: u64) -> Usage {
    let input = dice.below(ask.input_most + 1);
    let cache_read = dice.below(ask.input_most - input + 1);
    let output = dice.below(output_max.min(20_000) + 1);
    let source = UsageSource::Reported;
    let cache_write = ask.input_most - input - cache_read;
    let mut usage = Usage { input, cache_read, cache_write, output, source, ..Usage::default() };
    usage.charge(ask.price.as_ref());
    usage
}

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let agents: Vec<Caps> =
        (0..6).map(|_| if dice.one_in(3) { random_caps(&mut dice, 1) } else { Caps::default() }).collect();
    let run = random_caps(&mut dice, 5);
    let phase = random_caps(&mut dice, 2);
    let phases = BTreeMap::from([("A".to_owned(), (phase.clone(), Usage::default()))]);
    let mut caps = vec![(Whose::Run, run.clone()), (Whose::Phase("A".to_owned()), phase)];
    let numbered = agents.iter().enumerate();
    caps.extend(numbered.map(|(place, caps)| (Whose::Agent(AgentNumber(place as u32 + 1)), caps.clone())));
    let at_once = dice.below(12) as u32;
    let mut purse = Purse::open(PurseState { run, phases, at_once, ..PurseState::default() });
    let mut ledger = Ledger::default();
    for step in 0..400 {
        match dice.below(5) {
            0 | 1 if step < 300 => {
                let ask = random_ask(&mut dice, &agents);
                let reply = purse.ask(&ask);
                ledger.hear(&caps, ask, reply, seed);
            }
            2 if dice.one_in(3) => {
                let Some(place) = ledger.line.keys().next_back().copied() else { continue };
                purse.leave(place);
                ledger.line.remove(&place);
            }
            _ => {
                let place = dice.below(ledger.out.len() as u64) as usize;
                let Some(hold) = ledger.out.keys().nth(place).copied() else { continue };
                let Some((ask, output_max)) = ledger.out.remove(&hold) else { continue };
                match dice.one_in(6) {
                    true => purse.release(hold),
                    false => {
                        let used = random_use(&mut dice, &ask, output_max);
                        purse.settle(hold, &used);
                        ledger.spent.push((ask, used));
                    }
                }
            }
        }
        for (place, reply) in purse.serve() {
            let ask = ledger.line.remove(&place).expect("who is served stood in line");
            ledger.hear(&caps, ask, reply, seed);
        }
        assert_eq!(purse.held(), ledger.out.len() as u64, "seed {seed}");
        assert_eq!(purse.waiting(), ledger.line.len() as u64, "seed {seed}");
        assert!(!ledger.out.is_empty() || ledger.line.is_empty(), "seed {seed}: they wait for nobody");
        for reading in purse.readings() {
            assert_eq!(reading.spent, ledger.spent(&reading.whose, reading.currency), "seed {seed}");
            assert!(reading.held >= ledger.held(&reading.whose, reading.currency), "seed {seed}");
            assert!(purse.held() > 0 || reading.held == 0, "seed {seed}: {reading:?}");
            assert!(reading.spent + reading.held <= reading.cap, "seed {seed}: {reading:?}");
        }
    }
}

#[test]
fn c52_a_purse_agrees_with_a_recount_of_everything() {
    for seed in 0..100 {
        play(seed);
    }
}
