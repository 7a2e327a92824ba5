//! Lines of ledgers, added up by what one wants to know.
//!
//! Ledgers come one after the other and are forgotten: what is kept is one sum for each group.

use super::ledger::{Ledger, Line, Waste};
use crate::agent::{Usage, UsageSource};
use crate::calendar::date_of_day;
use crate::history::label_kind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What lines are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Attempt,
    Agent,
    Phase,
    /// The kind of label: `review src/a.rs` and `review src/b.rs` are one.
    Label,
    Model,
    Run,
    Day,
    Child,
}

impl By {
    pub const ALL: [By; 8] =
        [By::Attempt, By::Agent, By::Phase, By::Label, By::Model, By::Run, By::Day, By::Child];

    pub fn name(self) -> &'static str {
        match self {
            By::Attempt => "attempt",
            By::Agent => "agent",
            By::Phase => "phase",
            By::Label => "label",
            By::Model => "model",
            By::Run => "run",
            By::Day => "day",
            By::Child => "child",
        }
    }
}

/// What a group of lines comes to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sum {
    pub agents: u32,
    /// Of them: with tokens that nobody has a price for.
    pub agents_unpriced: u32,
    pub attempts: u32,
    pub requests: u32,
    pub usage: Usage,
    pub waste: Waste,
    pub saved: Usage,
    /// Results that were taken over.
    pub taken: u32,
    /// Tokens by who counted them.
    pub counted_by: CountedBy,
    /// Where it is the same for all: one model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_asked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_served: Option<String>,
    /// Lines with an attempt.
    #[serde(skip)]
    tried: u32,
}

/// Tokens by how sure their number is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CountedBy {
    /// The provider, or the program that asked it.
    pub provider: u64,
    pub gateway: u64,
    pub estimated: u64,
    pub simulated: u64,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub name: String,
    pub sum: Sum,
}

/// Sums by group, over any number of runs.
#[derive(Debug, Clone)]
pub struct Rollup {
    by: By,
    groups: BTreeMap<Order, Group>,
    total: Sum,
    runs: u32,
}

/// Runs as they came, all else by its name or number.
type Order = (u32, u32, u32, String);

impl Rollup {
    pub fn new(by: By) -> Rollup {
        Rollup { by, groups: BTreeMap::new(), total: Sum::default(), runs: 0 }
    }

    pub fn add(&mut self, ledger: &Ledger) {
        self.runs += 1;
        let mut seen = BTreeMap::new();
        for line in ledger.lines() {
            let (order, name) = self.group_of(ledger, line);
            let agents: &mut Agents = seen.entry(order.clone()).or_default();
            agents.add(line);
            let group = self.groups.entry(order).or_insert_with(|| Group { name, sum: Sum::default() });
            group.sum.add(line);
        }
        let mut all = Agents::default();
        for (order, agents) in seen {
            if let Some(group) = self.groups.get_mut(&order) {
                agents.count_in(&mut group.sum);
            }
            all.merge(agents);
        }
        ledger.lines().for_each(|line| self.total.add(line));
        all.count_in(&mut self.total);
    }

    /// Runs that have been added.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    pub fn total(&self) -> &Sum {
        &self.total
    }

    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    fn group_of(&self, ledger: &Ledger, line: &Line) -> (Order, String) {
        let run = ledger.run.as_ref().map_or("", |run| run.as_str());
        let by_name = |name: String| ((0, 0, 0, name.clone()), name);
        match self.by {
            By::Attempt => {
                let name = match line.attempt {
                    0 => format!("{run} {} {}, taken over", line.agent, line.label),
                    attempt => format!("{run} {} {}, attempt {attempt}", line.agent, line.label),
                };
                ((self.runs, line.agent.0, line.attempt, String::new()), name)
            }
            By::Agent => {
                ((self.runs, line.agent.0, 0, String::new()), format!("{run} {} {}", line.agent, line.label))
            }
            By::Phase => by_name(line.phase.clone().unwrap_or_default()),
            By::Label => by_name(label_kind(&line.label)),
            By::Model => by_name(line.model_served.clone().or(line.model_asked.clone()).unwrap_or_default()),
            By::Run => ((self.runs, 0, 0, String::new()), format!("{run} {}", ledger.name)),
            By::Day => {
                let (year, month, day) = date_of_day(line.day);
                by_name(format!("{year:04}-{month:02}-{day:02}"))
            }
            By::Child => by_name(line.child.clone().unwrap_or_default()),
        }
    }
}

impl Sum {
    /// What a ledger comes to in all.
    pub fn of(ledger: &Ledger) -> Sum {
        let mut rollup = Rollup::new(By::Run);
        rollup.add(ledger);
        rollup.total
    }

    /// How much of what was sent came from a cache, in percent.
    pub fn cache_share(&self) -> Option<u64> {
        (self.usage.cache_read * 100).checked_div(self.usage.sent())
    }

    fn add(&mut self, line: &Line) {
        if line.attempt > 0 {
            let is_first = self.tried == 0;
            let same = |known: &Option<String>, other: &Option<String>| {
                Some(other).filter(|other| is_first || known == *other).cloned().flatten()
            };
            self.model_asked = same(&self.model_asked, &line.model_asked);
            self.model_served = same(&self.model_served, &line.model_served);
            self.tried += 1;
        }
        self.requests += line.requests;
        self.usage.add(&line.usage);
        self.waste.add(line.waste);
        self.saved.add(&line.saved);
        self.taken += line.taken;
        self.counted_by.add(&line.usage);
    }
}

impl CountedBy {
    fn add(&mut self, usage: &Usage) {
        let count = match usage.source {
            UsageSource::None => return,
            UsageSource::Simulated => &mut self.simulated,
            UsageSource::Gateway => &mut self.gateway,
            UsageSource::Reported => &mut self.provider,
            UsageSource::Estimated => &mut self.estimated,
        };
        *count += usage.total();
    }
}

/// Whom the lines of a group are about, within one run.
#[derive(Default)]
struct Agents {
    all: BTreeSet<u32>,
    unpriced: BTreeSet<u32>,
    attempts: BTreeSet<(u32, u32)>,
}

impl Agents {
    fn add(&mut self, line: &Line) {
        self.all.insert(line.agent.0);
        if line.usage.unpriced > 0 {
            self.unpriced.insert(line.agent.0);
        }
        if line.attempt > 0 {
            self.attempts.insert((line.agent.0, line.attempt));
        }
    }

    fn merge(&mut self, other: Agents) {
        self.all.extend(other.all);
        self.unpriced.extend(other.unpriced);
        self.attempts.extend(other.attempts);
    }

    fn count_in(&self, sum: &mut Sum) {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        sum.agents += count(self.all.len());
        sum.agents_unpriced += count(self.unpriced.len());
        sum.attempts += count(self.attempts.len());
    }
}
