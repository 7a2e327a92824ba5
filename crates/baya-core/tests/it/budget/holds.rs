//! What is held for a request is no less than any use of it can cost that the hold permits.

use super::Dice;
use baya_core::agent::{Usage, UsageSource};
use baya_core::budget::{Ask, Caps, Currency, Purse, PurseState, Reply};
use baya_core::ids::AgentNumber;
use baya_core::money::{NanoUsd, Price, PriceRow, Tier};

const PLENTY: u64 = 1 << 50;

fn random_price(dice: &mut Dice) -> Price {
    let mut price = || if dice.one_in(6) { 0 } else { dice.below(80_000_000_000) };
    Price {
        input: price(),
        output: price(),
        cache_read: price(),
        cache_write: price(),
        cache_write_long: price(),
    }
}

/// Dear requests need not be dearer in each class.
fn random_row(dice: &mut Dice) -> PriceRow {
    let mut row = PriceRow::from(random_price(dice));
    for above in [1_000, 50_000, 200_000] {
        if dice.one_in(2) {
            row.tiers.push(Tier { above, price: random_price(dice) });
        }
    }
    row
}

/// No more than may be sent and answered, in random classes, as the provider charges it.
fn random_use(dice: &mut Dice, row: &PriceRow, input_most: u64, output_max: u64) -> Usage {
    let mut left = if dice.one_in(3) { input_most } else { dice.below(input_most + 1) };
    let mut part = |dice: &mut Dice| {
        let part = if dice.one_in(4) { left } else { dice.below(left + 1) };
        left -= part;
        part
    };
    let (input, cache_read, cache_write) = (part(dice), part(dice), part(dice));
    let output = if dice.one_in(3) { output_max } else { dice.below(output_max + 1) };
    let cache_write_long = dice.below(cache_write + 1);
    let source = UsageSource::Reported;
    let mut usage =
        Usage { input, cache_read, cache_write, cache_write_long, output, source, ..Usage::default() };
    usage.charge(Some(&row.at(usage.sent())));
    usage
}

#[test]
fn c52_no_use_that_a_hold_permits_exceeds_it() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let row = random_row(&mut dice);
        let input_most = dice.below(400_000);
        let run = Caps {
            tokens: Some(PLENTY),
            input: Some(PLENTY),
            output: Some(PLENTY),
            cache: Some(PLENTY),
            cost: Some(NanoUsd(PLENTY)),
            ..Caps::default()
        };
        let mut purse = Purse::open(PurseState { run, at_once: 1, ..PurseState::default() });
        let reply = purse.ask(&Ask {
            agent: AgentNumber(1),
            phase: None,
            label: "review".to_owned(),
            caps: Caps::default(),
            input_most,
            output_wanted: Some(1 + dice.below(30_000)),
            output_most: None,
            price: Some(row.up_to(input_most)),
        });
        let Reply::Held { output_max, .. } = reply else { panic!("seed {seed}: {reply:?}") };
        let held = purse.readings();
        for _ in 0..100 {
            let used = random_use(&mut dice, &row, input_most, output_max);
            for reading in &held {
                let used_of = used.of(reading.currency);
                assert!(used_of <= reading.held, "seed {seed}: {used:?} and {reading:?}");
            }
        }
        assert_eq!(held.len(), Currency::ALL.len());
    }
}

/// A dollar cap lets a short request out that would not fit at the price of long ones.
#[test]
fn c52_short_requests_are_held_at_the_price_of_short_ones() {
    let dollars = |dollars: u64| Price { input: dollars * 1_000_000_000, ..Price::default() };
    let tiers = vec![Tier { above: 100_000, price: dollars(10) }];
    let row = PriceRow { tiers, ..PriceRow::from(dollars(1)) };
    let held = |sent| row.up_to(sent).most_of(sent, 0).to_dollars();
    assert_eq!([held(100_000), held(200_000)], [0.1, 2.0]);
}
