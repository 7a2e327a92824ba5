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
            nano if nano < NANO / 10_000 => out.write_str("<$0.0001"),
            nano if nano < NANO / 10 => write!(out, "${dollars:.4}"),
            _ => write!(out, "${dollars:.2}"),
        }
    }
}

/// What a model costs: nano-dollars for a million tokens of each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// What is kept for an hour; 0: as `cache_write`.
    #[serde(default)]
    pub cache_write_long: u64,
}

impl Price {
    /// What so many tokens cost, rounded up.
    pub fn of(&self, usage: &Usage) -> NanoUsd {
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let long = usage.cache_write_long.min(usage.cache_write);
        let sum = part(usage.input, self.input)
            + part(usage.output, self.output)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write - long, self.cache_write)
            + part(long, self.cache_write_long.max(self.cache_write));
        NanoUsd(u64::try_from(sum.div_ceil(MILLION)).unwrap_or(u64::MAX))
    }

    /// The dearest class that tokens sent to the model can fall into.
    pub fn input_most(&self) -> u64 {
        self.input.max(self.cache_write).max(self.cache_write_long).max(self.cache_read)
    }

    /// The most that so many tokens can cost, rounded up.
    pub fn most_of(&self, sent: u64, output: u64) -> NanoUsd {
        let sent = u128::from(sent) * u128::from(self.input_most());
        let answered = u128::from(output) * u128::from(self.output);
        NanoUsd(u64::try_from((sent + answered).div_ceil(MILLION)).unwrap_or(u64::MAX))
    }

    /// That of requests which keep nothing in a cache for an hour.
    #[must_use]
    pub fn without_hour(self) -> Price {
        Price { cache_write_long: 0, ..self }
    }

    /// The dearer one, class by class.
    #[must_use]
    pub fn max(&self, other: &Price) -> Price {
        Price {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_long: self.cache_write_long.max(other.cache_write_long),
        }
    }
}

/// What requests cost that send more than so many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Tokens sent, of all classes.
    pub above: u64,
    pub price: Price,
}

/// Whose word a price is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The table that comes with the program.
    #[default]
    Shipped,
    /// The user's own file.
    User,
}

/// One model of a price table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    pub price: Price,
    /// By `above`, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    #[serde(default)]
    pub origin: Origin,
}

impl PriceRow {
    /// The price of a request that sends so many tokens.
    pub fn at(&self, sent: u64) -> Price {
        self.tiers.iter().rev().find(|tier| sent > tier.above).map_or(self.price, |tier| tier.price)
    }

    /// The dearest price of any request.
    pub fn most(&self) -> Price {
        self.up_to(u64::MAX)
    }

    /// The dearest price, class by class, of requests that send no more than so many tokens.
    pub fn up_to(&self, sent: u64) -> Price {
        let reached = self.tiers.iter().filter(|tier| sent > tier.above);
        reached.fold(self.price, |most, tier| most.max(&tier.price))
    }
}

impl From<Price> for PriceRow {
    fn from(price: Price) -> PriceRow {
        PriceRow { price, ..PriceRow::default() }
    }
}

/// The model of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelSaid<'a> {
    pub asked: Option<&'a str>,
    /// Goes before what was asked.
    pub served: Option<&'a str>,
}

/// Prices by model, as of a date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriceTable {
    /// By [`PriceTable::name`]; `provider/*` for all models of one.
    pub rows: BTreeMap<String, PriceRow>,
    /// Providers that go by another name here, as a second address of Anthropic's; by the empty one, those
    /// whose models are the makers'.
    pub same_as: BTreeMap<String, String>,
    /// When the shipped rows were taken down, as `2026-11-21`.
    pub date: String,
}

/// Those whose own price others pass on.
const MAKERS: [&str; 3] = ["anthropic", "openai", "gemini"];
/// Passes on the makers' prices.
const RESELLER: &str = "openrouter";

impl PriceTable {
    /// What a row is called: lower case, `provider/model`.
    pub fn name(provider: &str, model: &str) -> String {
        format!("{}/{}", provider.to_ascii_lowercase().replace('_', "-"), model.to_ascii_lowercase())
    }

    /// The dearest price that a request to this model can have; an empty provider: the model's maker.
    pub fn price(&self, provider: &str, model: &str) -> Option<Price> {
        self.row(provider, model).map(|(_, row)| row.most())
    }

    /// The dearest price of a request that sends no more than so many tokens.
    pub fn price_up_to(&self, provider: &str, model: &str, sent: u64) -> Option<Price> {
        self.row(provider, model).map(|(_, row)| row.up_to(sent))
    }

    /// The price of a request that sends so many tokens.
    pub fn price_at(&self, provider: &str, model: &str, sent: u64) -> Option<Price> {
        self.row(provider, model).map(|(_, row)| row.at(sent))
    }

    /// The row for a model and its name; a dated or prefixed id falls back to the plain one.
    pub fn row(&self, provider: &str, model: &str) -> Option<(&str, &PriceRow)> {
        let ids = ids_of(model);
        let known = |provider: &str| {
            let all = std::iter::once("*");
            let names = ids.iter().map(String::as_str).chain(all).map(|id| PriceTable::name(provider, id));
            names.into_iter().find_map(|name| self.rows.get_key_value(&name))
        };
        let own = Some(provider).filter(|provider| !provider.is_empty());
        let other = own.and_then(|provider| self.same_as.get(provider)).map(String::as_str);
        let passes_on = [Some(provider), other].into_iter().flatten().any(|it| matches!(it, "" | RESELLER));
        let makers: &[&str] = if passes_on { &MAKERS } else { &[] };
        let found = own.into_iter().chain(other).chain(makers.iter().copied()).find_map(known);
        found.map(|(name, row)| (name.as_str(), row))
    }

    /// The row for what was served, or for what was asked if nobody said or only a longer id of it served.
    pub fn row_for(&self, provider: &str, said: ModelSaid<'_>) -> Option<(&str, &PriceRow)> {
        let by_served = said.served.and_then(|served| self.row(provider, served));
        let asked = said.asked.filter(|asked| said.served.is_none_or(|served| is_snapshot(served, asked)));
        by_served.or_else(|| asked.and_then(|asked| self.row(provider, asked)))
    }

    /// Puts the price on what a request used, unless it is there already. Of several requests, summed, the
    /// dearest price that one of them can have had.
    pub fn charge(&self, provider: &str, said: ModelSaid<'_>, usage: &mut Usage) {
        if usage.is_uncharged() {
            let price = self.row_for(provider, said).map(|(_, row)| row.at(usage.sent()));
            usage.charge(price.as_ref());
        }
    }
}

/// An id and the plainer ones it stands for, in that order.
fn ids_of(model: &str) -> Vec<String> {
    let model = model.trim().to_ascii_lowercase();
    let bare = model.rsplit('/').next().unwrap_or(&model).to_owned();
    let mut ids = vec![model, bare];
    let dashed = |id: &String| id.starts_with("claude").then(|| id.replace('.', "-"));
    ids.extend(ids.iter().filter_map(dashed).collect::<Vec<_>>());
    ids.extend(ids.iter().filter_map(|id| undated(id)).collect::<Vec<_>>());
    ids
}

/// Without `-20260105`, `-2026-01-05`, `@20260105` or `-latest` at its end.
fn undated(id: &str) -> Option<String> {
    if let Some((plain, _)) = id.split_once('@') {
        return Some(plain.to_owned());
    }
    if let Some(plain) = id.strip_suffix("-latest") {
        return Some(plain.to_owned());
    }
    let plain = id.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    let date = id[plain.len()..].trim_start_matches('-');
    // Digits of a version may stand before those of the date.
    let start = [8, 10].into_iter().find_map(|len| {
        let at = date.len().checked_sub(len)?;
        let tail = &date[at..];
        let is_date = tail.starts_with("20") && tail.matches('-').count() == (len - 8);
        let is_apart = at == 0 || date[..at].ends_with('-');
        (is_date && is_apart).then_some(id.len() - len)
    })?;
    id.get(..start.checked_sub(1)?).map(str::to_owned)
}

/// `served` is a longer name of what was asked.
fn is_snapshot(served: &str, asked: &str) -> bool {
    let (served, asked) = (served.to_ascii_lowercase(), asked.to_ascii_lowercase());
    let rest = served.strip_prefix(&asked);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '@', ':']))
}
