//! What settings say of caps: `budget`, a number of output tokens or a table.

use super::file::{Count, Duration};
use crate::commands::limit_flags::on_budget;
use crate::quantity;
use baya_core::budget::OnBudget;
use baya_core::limits::Limits;
use baya_core::money::NanoUsd;
use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Value;

/// `budget = "500k"`, or `[budget]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetTable {
    /// Output tokens that scripts see as `budget.total`.
    pub total: Option<Count>,
    /// Tokens of all classes.
    pub tokens: Option<Count>,
    pub usd: Option<Dollars>,
    pub input: Option<Count>,
    pub output: Option<Count>,
    pub cache: Option<Count>,
    pub time: Option<Duration>,
    /// What happens at a cap.
    pub on: Option<WhatHappens>,
}

/// The one form or the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BudgetSection(pub BudgetTable);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(pub NanoUsd);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhatHappens(pub OnBudget);

impl<'de> Deserialize<'de> for BudgetSection {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<BudgetSection, D::Error> {
        let table = match Value::deserialize(input)? {
            Value::Table(table) => table.try_into().map_err(|error: toml::de::Error| {
                D::Error::custom(format!("`[budget]`: {}", error.message().trim()))
            })?,
            plain => BudgetTable {
                total: Some(Count(quantity::count(&text(&plain)).map_err(D::Error::custom)?)),
                ..BudgetTable::default()
            },
        };
        Ok(BudgetSection(table))
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Dollars, D::Error> {
        let value = Value::deserialize(input)?;
        quantity::dollars(&text(&value)).map(Dollars).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for WhatHappens {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<WhatHappens, D::Error> {
        let word = String::deserialize(input)?;
        on_budget(&word).map(WhatHappens).map_err(D::Error::custom)
    }
}

/// A number, or the text that says one.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl BudgetTable {
    /// Both together: of two caps the narrower one, so that no file widens what another allows. What
    /// happens at a cap is this one's word first.
    #[must_use]
    pub fn and(self, other: BudgetTable) -> BudgetTable {
        let count = |one: Option<Count>, two: Option<Count>| {
            one.into_iter().chain(two).map(|count| count.0).min().map(Count)
        };
        let usd = self.usd.into_iter().chain(other.usd).map(|usd| usd.0).min().map(Dollars);
        let time = self.time.into_iter().chain(other.time).map(|time| time.0).min().map(Duration);
        BudgetTable {
            total: count(self.total, other.total),
            tokens: count(self.tokens, other.tokens),
            usd,
            input: count(self.input, other.input),
            output: count(self.output, other.output),
            cache: count(self.cache, other.cache),
            time,
            on: self.on.or(other.on),
        }
    }

    /// Sets the caps of a run.
    pub fn put(&self, limits: &mut Limits) {
        limits.budget_tokens = self.total.map(|count| count.0);
        limits.caps.tokens = self.tokens.map(|count| count.0);
        limits.caps.cost = self.usd.map(|usd| usd.0);
        limits.caps.input = self.input.map(|count| count.0);
        limits.caps.output = self.output.map(|count| count.0);
        limits.caps.cache = self.cache.map(|count| count.0);
        limits.caps.wall_ms = self.time.map(|time| time.0);
        limits.on_budget = self.on.map(|on| on.0).unwrap_or_default();
    }
}
