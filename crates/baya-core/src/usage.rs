//! What agents used: tokens by class, who counted them, and what they cost.

use crate::money::{NanoUsd, Price};
use serde::{Deserialize, Serialize};

/// Tokens, in the provider's own count. Classes do not overlap: `input` is without cache tokens,
/// `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// Of `cache_write`: what is kept for an hour, which costs more.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_long: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning: u64,
    pub source: UsageSource,
    /// What the tokens with a known price cost, by the prices of that day.
    #[serde(skip_serializing_if = "is_free")]
    pub cost: NanoUsd,
    /// Tokens whose price is in `cost`.
    #[serde(skip_serializing_if = "is_zero")]
    pub priced: u64,
    /// Tokens of models nobody has a price for.
    #[serde(skip_serializing_if = "is_zero")]
    pub unpriced: u64,
    /// Tokens of requests whose answers were not taken: broken off, or not as they were to be.
    #[serde(skip_serializing_if = "is_zero")]
    pub rejected: u64,
    /// Of `cost`: what those cost.
    #[serde(skip_serializing_if = "is_free")]
    pub rejected_cost: NanoUsd,
}

fn is_free(cost: &NanoUsd) -> bool {
    *cost == NanoUsd::default()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageSource {
    /// Nobody counted and nothing was asked.
    #[default]
    None,
    /// Made up: a simulated agent.
    Simulated,
    /// Counted by our own gateway from the provider's answers.
    Gateway,
    /// What the provider or the program reported.
    Reported,
    /// Counted from the text, about 4 bytes a token. The last one: a sum is as sure as its least sure part.
    Estimated,
}

impl Usage {
    /// About 4 bytes a token; for when nobody reported.
    pub fn estimate(prompt: &str, answer: &str) -> Usage {
        let tokens = |text: &str| (text.len() as u64).div_ceil(4);
        Usage {
            input: tokens(prompt),
            output: tokens(answer),
            source: UsageSource::Estimated,
            ..Usage::default()
        }
    }

    /// All classes together.
    pub fn total(&self) -> u64 {
        self.sent().saturating_add(self.output)
    }

    /// Tokens that went to the model.
    pub fn sent(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    pub fn add(&mut self, other: &Usage) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.cache_write_long += other.cache_write_long;
        self.reasoning += other.reasoning;
        self.source = self.source.max(other.source);
        self.cost += other.cost;
        self.priced += other.priced;
        self.unpriced += other.unpriced;
        self.rejected += other.rejected;
        self.rejected_cost += other.rejected_cost;
    }

    /// Puts the price on tokens that have none yet, once; without a price they are unpriced, never free.
    /// What is charged already stays as it is.
    pub fn charge(&mut self, price: Option<&Price>) {
        if !self.is_uncharged() {
            return;
        }
        let rest = self.total() - self.priced - self.unpriced;
        match price {
            Some(price) if rest == self.total() => {
                self.cost = price.of(self);
                self.priced = rest;
                // Which tokens were for nothing is not known by class.
                let share = u128::from(self.cost.0) * u128::from(self.rejected) / u128::from(rest);
                self.rejected_cost = NanoUsd(u64::try_from(share).unwrap_or(self.cost.0));
            }
            // Of which classes the rest is, nobody knows any more.
            Some(_) | None => self.unpriced += rest,
        }
    }

    /// What it was used for was not taken.
    pub fn reject(&mut self) {
        (self.rejected, self.rejected_cost) = (self.total(), self.cost);
    }

    /// Somebody was asked for tokens on which no word of a price was said yet.
    pub fn is_uncharged(&self) -> bool {
        match self.source {
            UsageSource::None | UsageSource::Simulated => false,
            UsageSource::Gateway | UsageSource::Reported | UsageSource::Estimated => {
                self.total() > self.priced + self.unpriced
            }
        }
    }
}
