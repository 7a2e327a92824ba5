//! Dollars, and what tokens cost. Whole numbers throughout, so that sums are exact; a price that is not
//! known is `None`, never 0.

use crate::agent::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, AddAssign};

/// US dollars in thousand-millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

const NANO: u64 = 1_000_000_000;
const MILLION: u128 = 1_000_000;

impl NanoUsd {
    /// `None`: negative, not a number, or more than there is.
    pub fn from_dollars(dollars: f64) -> Option<NanoUsd> {
        let nano = dollars * NANO as f64;
        (nano >= 0.0 && nano < u64::MAX as f64).then(|| NanoUsd(nano.round() as u64))
    }

    /// For people and for JSON.
    pub fn to_dollars(self) -> f64 {
        self.0 as f64 / NANO as f64
    }

    #[must_use]
    pub fn saturating_sub(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_sub(other.0))
    }
}

impl Add for NanoUsd {
    type Output = NanoUsd;
    fn add(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: NanoUsd) {
        *self = *self + other;
    }
}

/// As `$12.34`; below a dollar with as many digits as it takes to tell two amounts apart.
impl fmt::Display for NanoUsd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.to_dollars();
        match self.0 {
            0 => out.write_str("$0"),
            nano if nano < 10_000 => out.write_str("<$0.0001"),
            nano if nano < NANO / 10 => write!(out, "${dollars:.4}"),
            _ => write!(out, "${dollars:.2}"),
        }
    }
}

/// What a model costs: nano-dollars for a million tokens of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

impl Price {
    /// What so many tokens cost, rounded up.
    pub fn of(&self, usage: &Usage) -> NanoUsd {
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = part(usage.input, self.input)
            + part(usage.output, self.output)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write);
        NanoUsd(u64::try_from(sum.div_ceil(MILLION)).unwrap_or(u64::MAX))
    }

    /// The dearest class that tokens sent to the model can fall into.
    pub fn input_most(&self) -> u64 {
        self.input.max(self.cache_write).max(self.cache_read)
    }
}

/// Prices by model, as of a date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriceTable {
    /// `provider/model` or a bare model id, lower case.
    pub rows: BTreeMap<String, Price>,
}

impl PriceTable {
    /// The price of this model at this provider; a dated or prefixed id falls back to the plain one.
    pub fn price(&self, provider: &str, model: &str) -> Option<Price> {
        let (provider, model) = (provider.to_ascii_lowercase(), model.to_ascii_lowercase());
        let bare = model.rsplit('/').next().unwrap_or(&model);
        let names =
            [format!("{provider}/{model}"), format!("{provider}/{bare}"), model.clone(), bare.to_owned()];
        names.iter().find_map(|name| self.rows.get(name)).copied()
    }
}
