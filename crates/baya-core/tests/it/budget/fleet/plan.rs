//! What each agent of a fleet will ask for, from a seed: heavy-tailed answers, several requests, prices
//! thirty times apart.

use super::super::Dice;
use baya_core::agent::{Usage, UsageSource};
use baya_core::money::Price;

pub const PRICES: [Price; 3] = [
    price(250_000_000, 1_250_000_000),
    price(3_000_000_000, 15_000_000_000),
    price(5_000_000_000, 75_000_000_000),
];

const fn price(input: u64, output: u64) -> Price {
    let cache_write = input + input / 4;
    Price { input, output, cache_read: input / 10, cache_write, cache_write_long: cache_write }
}

/// One agent.
#[derive(Debug, Clone)]
pub struct Plan {
    pub label: String,
    pub phase: Option<&'static str>,
    pub in_child: bool,
    pub price: Price,
    pub output_wanted: Option<u64>,
    /// The model's own limit, if anybody knows it.
    pub output_most: Option<u64>,
    pub prompt_tokens: u64,
    /// How long its answers are, if nobody cuts them.
    pub outputs: Vec<u64>,
}

/// The share of answers that is longer than x falls with x to the power of -1.5: the mean is thrice the
/// shortest, one in a hundred is twenty times as long.
fn heavy(dice: &mut Dice, power: f64, shortest: u64, longest: u64) -> u64 {
    let tail = (1.0 - dice.part()).powf(-1.0 / power);
    ((shortest as f64 * tail) as u64).min(longest)
}

impl Plan {
    pub fn random(dice: &mut Dice) -> Plan {
        let in_child = dice.one_in(5);
        Plan {
            label: format!("{} {}", ["review", "fix", "judge"][dice.below(3) as usize], dice.below(1_000)),
            phase: if in_child { None } else { [None, Some("A"), Some("B")][dice.below(3) as usize] },
            in_child,
            price: PRICES[dice.below(3) as usize],
            output_wanted: dice.one_in(6).then(|| 200 + dice.below(4_000)),
            output_most: (!dice.one_in(4)).then_some(32_000),
            prompt_tokens: heavy(dice, 1.5, 300, 20_000),
            outputs: (0..=dice.below(4)).map(|_| heavy(dice, 1.5, 250, 30_000)).collect(),
        }
    }

    /// One of a crowd that all do the same.
    pub fn of_crowd(dice: &mut Dice, price: Price) -> Plan {
        Plan {
            label: format!("review {}", dice.below(1_000)),
            phase: None,
            in_child: false,
            price,
            output_wanted: None,
            output_most: Some(32_000),
            prompt_tokens: 500 + dice.below(1_500),
            outputs: (0..3 + dice.below(3)).map(|_| heavy(dice, 2.5, 250, 30_000)).collect(),
        }
    }

    /// What is sent before the answer at this place, when so much of it is there already.
    pub fn input(&self, place: usize, got: u64) -> u64 {
        self.prompt_tokens + self.outputs.iter().take(place).sum::<u64>() + got
    }

    /// What one request uses; what was sent before comes from the cache, if the dice say so.
    pub fn usage(&self, input: u64, output: u64, dice: &mut Dice) -> Usage {
        let cache_read = if dice.one_in(2) { input / 2 } else { 0 };
        let cache_write = if dice.one_in(2) { (input - cache_read) / 2 } else { 0 };
        let source = UsageSource::Reported;
        let plain = input - cache_read - cache_write;
        let mut usage = Usage { input: plain, cache_read, cache_write, output, source, ..Usage::default() };
        usage.charge(Some(&self.price));
        usage
    }

    /// The most that a request can be billed, in every class.
    pub fn most(&self, input_most: u64, output: u64) -> Usage {
        let source = UsageSource::Estimated;
        let mut usage = Usage { cache_write: input_most, output, source, ..Usage::default() };
        usage.charge(Some(&self.price));
        usage
    }

    /// All of it, uncut.
    pub fn whole(&self, dice: &mut Dice) -> Usage {
        let mut sum = Usage::default();
        for (place, output) in self.outputs.iter().enumerate() {
            sum.add(&self.usage(self.input(place, 0), *output, dice));
        }
        sum
    }
}
