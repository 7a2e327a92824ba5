//! One account of a purse: its caps, what is spent, what is held; and what fits into the rest.

use super::{Ask, Caps};
use crate::agent::Usage;
use crate::ids::AgentNumber;
use crate::money::NanoUsd;
use std::fmt;

/// What a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Tokens of all classes.
    Tokens,
    Input,
    Output,
    Cache,
    /// Nano-dollars.
    Cost,
}

impl Currency {
    pub const ALL: [Currency; 5] =
        [Currency::Tokens, Currency::Input, Currency::Output, Currency::Cache, Currency::Cost];

    /// The flag that sets the run's cap.
    pub fn flag(self) -> &'static str {
        match self {
            Currency::Tokens => "--budget-tokens",
            Currency::Input => "--budget-input",
            Currency::Output => "--budget-output",
            Currency::Cache => "--budget-cache",
            Currency::Cost => "--budget-usd",
        }
    }

    /// An amount of it, in words.
    pub fn amount(self, amount: u64) -> String {
        match self {
            Currency::Tokens => format!("{amount} tokens"),
            Currency::Input => format!("{amount} input tokens"),
            Currency::Output => format!("{amount} output tokens"),
            Currency::Cache => format!("{amount} cache tokens"),
            Currency::Cost => NanoUsd(amount).to_string(),
        }
    }
}

impl Caps {
    /// The cap in this currency.
    pub fn of(&self, currency: Currency) -> Option<u64> {
        match currency {
            Currency::Tokens => self.tokens,
            Currency::Input => self.input,
            Currency::Output => self.output,
            Currency::Cache => self.cache,
            Currency::Cost => self.cost.map(|cost| cost.0),
        }
    }
}

impl Usage {
    /// What was used in this currency.
    pub fn of(&self, currency: Currency) -> u64 {
        match currency {
            Currency::Tokens => self.total(),
            Currency::Input => self.input.saturating_add(self.cache_write),
            Currency::Output => self.output,
            Currency::Cache => self.cache_read.saturating_add(self.cache_write),
            Currency::Cost => self.cost.0,
        }
    }
}

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    Run,
    Phase(String),
    Agent(AgentNumber),
}

/// As it follows an amount: `the budget of $5.00 of phase `Review``.
impl fmt::Display for Whose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Run => Ok(()),
            Whose::Phase(title) => write!(out, " of phase `{title}`"),
            Whose::Agent(number) => write!(out, " of agent {number}"),
        }
    }
}

impl Whose {
    /// How its cap in this currency is raised.
    pub fn raised_by(&self, currency: Currency) -> String {
        match self {
            Whose::Run => format!("`{}` raises it", currency.flag()),
            Whose::Phase(_) => "`meta.phases[].budget` of the script raises it".to_owned(),
            Whose::Agent(_) => "the options of its call raise it".to_owned(),
        }
    }
}

/// A cap in words.
pub(super) fn cap_words(whose: &Whose, currency: Currency, cap: u64) -> String {
    format!("the budget of {}{whose}", currency.amount(cap))
}

/// How one cap stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub whose: Whose,
    pub currency: Currency,
    pub cap: u64,
    /// More than `cap` if a request used more than was held for it.
    pub spent: u64,
    pub held: u64,
}

/// An amount in each currency, in the order of [`Currency::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amounts([u64; 5]);

impl Amounts {
    pub fn used(usage: &Usage) -> Amounts {
        Amounts(Currency::ALL.map(|currency| usage.of(currency)))
    }

    /// The most that a request can use: what is sent may be read from a cache, written to it, or neither.
    pub fn most(ask: &Ask, output: u64) -> Amounts {
        let input = ask.input_most;
        let cost = ask.price.map_or(0, |price| price.most_of(input, output).0);
        Amounts([input.saturating_add(output), input, output, input, cost])
    }

    pub fn of(&self, currency: Currency) -> u64 {
        self.0[currency as usize]
    }

    pub fn times(self, times: u64) -> Amounts {
        Amounts(self.0.map(|amount| amount.saturating_mul(times)))
    }

    /// The larger in each currency.
    pub fn max(self, other: Amounts) -> Amounts {
        let mut max = self;
        max.0.iter_mut().zip(other.0).for_each(|(mine, its)| *mine = (*mine).max(its));
        max
    }

    pub fn add(&mut self, other: &Amounts) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, more)| *mine = mine.saturating_add(more));
    }

    pub fn take(&mut self, other: &Amounts) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, less)| *mine = mine.saturating_sub(less));
    }
}

const MILLION: u128 = 1_000_000;

#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub caps: Caps,
    pub spent: Amounts,
    pub held: Amounts,
    /// Holds that are open.
    pub open: u64,
}

/// Which room is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// What would be left if all that is out used nothing.
    NothingHeld,
    /// The part of what is left now that one of so many may have.
    Share(u64),
}

/// So much output fits, and which currency says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    pub output: u64,
    pub currency: Currency,
}

impl Account {
    pub fn new(caps: &Caps, spent: &Usage) -> Account {
        Account { caps: caps.clone(), spent: Amounts::used(spent), ..Account::default() }
    }

    fn room(&self, currency: Currency, room: Room) -> Option<u64> {
        let left = self.caps.of(currency)?.saturating_sub(self.spent.of(currency));
        let now = left.saturating_sub(self.held.of(currency));
        Some(match room {
            Room::NothingHeld => left,
            Room::Share(among) => now / among.max(1),
        })
    }

    /// The most output that a request can have here; `None`: no cap speaks of it. What is sent does not
    /// fit: no output.
    pub fn fit(&self, ask: &Ask, room: Room) -> Option<Fit> {
        let fits = Currency::ALL.into_iter().filter_map(|currency| {
            let output = output_in(ask, currency, self.room(currency, room)?)?;
            Some(Fit { output, currency })
        });
        fits.min_by_key(|fit| fit.output)
    }

    pub fn readings(&self, whose: &Whose) -> impl Iterator<Item = Reading> {
        Currency::ALL.into_iter().filter_map(move |currency| {
            Some(Reading {
                whose: whose.clone(),
                currency,
                cap: self.caps.of(currency)?,
                spent: self.spent.of(currency),
                held: self.held.of(currency),
            })
        })
    }
}

/// The output that so much room of a currency allows beside what is sent; `None`: as much as it likes.
fn output_in(ask: &Ask, currency: Currency, room: u64) -> Option<u64> {
    let beside_input = room.checked_sub(ask.input_most);
    match currency {
        Currency::Tokens => Some(beside_input.unwrap_or(0)),
        Currency::Input | Currency::Cache => beside_input.is_none().then_some(0),
        Currency::Output => Some(room),
        Currency::Cost => {
            let Some(price) = ask.price else { return Some(0) };
            let sent = u128::from(ask.input_most) * u128::from(price.input_most());
            let Some(left) = (u128::from(room) * MILLION).checked_sub(sent) else { return Some(0) };
            let output = left.checked_div(u128::from(price.output))?;
            Some(u64::try_from(output).unwrap_or(u64::MAX))
        }
    }
}
