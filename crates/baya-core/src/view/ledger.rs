//! What a run cost, line by line: a fold over its events.
//!
//! A line is what one attempt at one agent used of one model on one day. Waste is what led to no answer
//! of an agent: attempts that failed, answers that were not taken, agents that were given up. Saved is
//! what would have been bought again: results that a later generation took over, answers of earlier runs,
//! and what a resumed run had already.
//!
//! Invariant: the usage of all lines is the usage of all events since the given time.

use crate::agent::{AttemptEnd, CauseKind, Usage, UsageSource};
use crate::event::{Event, Outcome, Recorded};
use crate::ids::{AgentNumber, FrameId, RunId};
use crate::money::NanoUsd;
use crate::turn::TurnRecord;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 86_400_000;

/// The books of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    pub run: Option<RunId>,
    /// `meta.name`.
    pub name: String,
    lines: BTreeMap<Key, Line>,
    agents: BTreeMap<AgentNumber, Account>,
    /// What happened before is not written down.
    since_ms: i64,
    /// Agents of the present generation.
    present: BTreeSet<AgentNumber>,
    groups: BTreeMap<FrameId, String>,
    has_driver: bool,
    /// What a driver found done, until it is clear whether it goes on or begins anew.
    found: Vec<(AgentNumber, i64)>,
}

/// What makes a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    agent: AgentNumber,
    /// 0: nothing was tried, a result was taken over.
    attempt: u32,
    day: i64,
    model: Option<String>,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    pub agent: AgentNumber,
    /// From 1; 0: its result was taken over.
    pub attempt: u32,
    /// Since 1970-01-01.
    pub day: i64,
    pub label: String,
    pub phase: Option<String>,
    /// The group of the workflow it belongs to, if that is not the run's own.
    pub child: Option<String>,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
    /// To models, as far as they were counted.
    pub requests: u32,
    pub usage: Usage,
    /// Of `usage`: what led to nothing.
    pub waste: Waste,
    /// What was not bought again.
    pub saved: Usage,
    /// How often its result was taken over.
    pub taken: u32,
}

/// Tokens that led to nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Waste {
    pub tokens: u64,
    pub cost: NanoUsd,
}

impl Waste {
    /// Answers that were not taken.
    fn rejected(usage: &Usage) -> Waste {
        Waste { tokens: usage.rejected, cost: usage.rejected_cost }
    }

    /// All besides.
    fn rest(usage: &Usage) -> Waste {
        let tokens = usage.total().saturating_sub(usage.rejected);
        Waste { tokens, cost: usage.cost.saturating_sub(usage.rejected_cost) }
    }

    pub fn add(&mut self, other: Waste) {
        self.tokens += other.tokens;
        self.cost += other.cost;
    }
}

/// What is known of one agent.
#[derive(Debug, Clone, Default, PartialEq)]
struct Account {
    label: String,
    phase: Option<String>,
    child: Option<String>,
    model: Option<String>,
    /// What may still lead to an answer.
    open: Vec<(Option<Key>, Usage)>,
    /// What led to what it has come to.
    kept: Usage,
    /// What may be out, in which attempt; see [`TurnRecord::Holding`].
    holding: Option<(u32, Usage)>,
    is_answered: bool,
    is_over: bool,
    /// Calls that take its answer without an agent of their own.
    shared_by: u32,
}

/// One thing that was used.
struct Used<'a> {
    agent: AgentNumber,
    attempt: u32,
    usage: &'a Usage,
    requests: u32,
    asked: Option<&'a String>,
    served: Option<&'a String>,
}

impl Ledger {
    /// The books of all that happened from this moment on.
    pub fn since(since_ms: i64) -> Ledger {
        Ledger { since_ms, ..Ledger::default() }
    }

    pub fn of<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Ledger {
        let mut ledger = Ledger::since(i64::MIN);
        events.into_iter().for_each(|recorded| ledger.apply(recorded));
        ledger
    }

    /// By agent, attempt, day and model.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.values()
    }

    pub fn apply(&mut self, recorded: &Recorded) {
        if !matches!(recorded.event, Event::LimitsChanged { .. }) {
            self.settle_found(matches!(recorded.event, Event::RunResumed { .. }));
        }
        let at_ms = recorded.at_ms;
        match &recorded.event {
            Event::RunStarted { run, script, .. } => {
                (self.run, self.name) = (Some(run.clone()), script.name.clone());
            }
            Event::RunResumed { script, .. } => {
                self.bill_holdings(at_ms);
                self.name =
                    script.as_ref().map_or(std::mem::take(&mut self.name), |script| script.name.clone());
                self.give_up();
            }
            Event::DriverStarted { .. } => {
                self.bill_holdings(at_ms);
                self.find(at_ms);
            }
            Event::RunEnded { .. } => self.bill_holdings(at_ms),
            Event::ChildStarted { frame, group, .. } => drop(self.groups.insert(*frame, group.clone())),
            Event::AgentQueued { agent, frame, label, phase, options, .. } => {
                self.present.insert(*agent);
                let child = self.groups.get(frame).cloned();
                let (label, phase, model) = (label.clone(), phase.clone(), options.model.clone());
                self.agents.insert(*agent, Account { label, phase, child, model, ..Account::default() });
            }
            Event::AgentReused { agent, phase, .. } => {
                self.present.insert(*agent);
                self.account(*agent).phase.clone_from(phase);
                let saved = self.account(*agent).kept;
                self.save(*agent, at_ms, &saved);
            }
            Event::AgentShared { agent, .. } => self.account(*agent).shared_by += 1,
            Event::AgentTurn { agent, attempt, turn } => self.turn(*agent, *attempt, turn, at_ms),
            Event::AttemptEnded { .. } => self.end_attempt(&recorded.event, at_ms),
            Event::AgentFinished { .. } => self.finish(&recorded.event, at_ms),
            Event::LimitsChanged { .. }
            | Event::RunParked { .. }
            | Event::RunPaused { .. }
            | Event::RunContinued { .. }
            | Event::StopRequested { .. }
            | Event::RunInterrupted { .. }
            | Event::PhaseEntered { .. }
            | Event::Logged { .. }
            | Event::TimerSet { .. }
            | Event::TimerCleared { .. }
            | Event::StepStarted { .. }
            | Event::StepReused { .. }
            | Event::StepEnded { .. }
            | Event::Landing { .. }
            | Event::ChildRequested { .. }
            | Event::ChildEnded { .. }
            | Event::CallRefused { .. }
            | Event::AgentStarted { .. }
            | Event::AgentProcessStarted { .. }
            | Event::AgentSkipRequested { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::Delivered { .. } => {}
        }
    }

    fn turn(&mut self, agent: AgentNumber, attempt: u32, turn: &TurnRecord, at_ms: i64) {
        if let TurnRecord::Holding { most } = turn {
            self.account(agent).holding = Some((attempt, *most)).filter(|(_, most)| most.total() > 0);
        }
        let Some(cost) = turn.cost() else { return };
        let (usage, requests, served) = (&cost.usage, cost.requests, cost.model_served.as_ref());
        let key = self.note(&Used { agent, attempt, usage, requests, asked: None, served }, at_ms);
        self.account(agent).open.push((key, *usage));
    }

    fn end_attempt(&mut self, event: &Event, at_ms: i64) {
        let Event::AttemptEnded { agent, attempt, end, usage, model_asked, model_served, requests, .. } =
            event
        else {
            return;
        };
        let (asked, served) = (model_asked.as_ref(), model_served.as_ref());
        let used = Used { agent: *agent, attempt: *attempt, usage, requests: *requests, asked, served };
        let key = self.note(&used, at_ms);
        self.waste(key.as_ref(), Waste::rest(usage));
        if is_not_gone_on_with(end) {
            self.waste_open(*agent);
        }
    }

    fn finish(&mut self, event: &Event, at_ms: i64) {
        let Event::AgentFinished {
            agent,
            attempt,
            outcome,
            usage,
            model_asked,
            model_served,
            requests,
            borrowed,
            ..
        } = event
        else {
            return;
        };
        let (asked, served) = (model_asked.as_ref(), model_served.as_ref());
        let used = Used { agent: *agent, attempt: *attempt, usage, requests: *requests, asked, served };
        if let Some(borrowed) = borrowed {
            self.account(*agent).kept = borrowed.saved;
            self.save(*agent, at_ms, &borrowed.saved);
        } else {
            let key = self.note(&used, at_ms);
            self.account(*agent).open.push((key, *usage));
        }
        let account = self.account(*agent);
        account.is_over = true;
        match outcome {
            Outcome::Answered(_) => {
                account.is_answered = true;
                for (_, usage) in std::mem::take(&mut account.open) {
                    account.kept.add(&usage);
                }
                let (sharers, saved) = (account.shared_by, account.kept);
                (0..sharers).for_each(|_| self.save(*agent, at_ms, &saved));
            }
            Outcome::Failed(_) => self.waste_open(*agent),
        }
    }

    /// What was out when its driver went counts as used, for nothing.
    fn bill_holdings(&mut self, at_ms: i64) {
        let held = self.agents.iter_mut();
        let held = held.filter_map(|(agent, account)| Some((*agent, account.holding.take()?)));
        for (agent, (attempt, most)) in held.collect::<Vec<_>>() {
            let usage = &Usage { source: UsageSource::Estimated, ..most };
            let key =
                self.note(&Used { agent, attempt, usage, requests: 0, asked: None, served: None }, at_ms);
            self.waste(key.as_ref(), Waste::rest(usage));
        }
    }

    /// Writes down what was used; where, if it is to be written down at all.
    fn note(&mut self, used: &Used<'_>, at_ms: i64) -> Option<Key> {
        let Used { agent, attempt, usage, requests, asked, served } = *used;
        let account = self.account(agent);
        account.holding = None;
        let asked = asked.or(account.model.as_ref()).cloned();
        let model = served.or(asked.as_ref()).cloned();
        let key = Key { agent, attempt, day: at_ms.div_euclid(DAY_MS), model };
        (at_ms >= self.since_ms).then(|| {
            let served = served.cloned();
            let line = self.line(&key);
            line.model_asked = asked.or(line.model_asked.take());
            line.model_served = served.or(line.model_served.take());
            line.requests += requests;
            line.usage.add(usage);
            line.waste.add(Waste::rejected(usage));
            key
        })
    }

    fn waste(&mut self, key: Option<&Key>, waste: Waste) {
        if let Some(line) = key.and_then(|key| self.lines.get_mut(key)) {
            line.waste.add(waste);
        }
    }

    fn waste_open(&mut self, agent: AgentNumber) {
        for (key, usage) in std::mem::take(&mut self.account(agent).open) {
            self.waste(key.as_ref(), Waste::rest(&usage));
        }
    }

    fn save(&mut self, agent: AgentNumber, at_ms: i64, saved: &Usage) {
        if at_ms < self.since_ms {
            return;
        }
        let model = self.model_of(agent);
        let line = self.line(&Key { agent, attempt: 0, day: at_ms.div_euclid(DAY_MS), model: model.clone() });
        line.model_served = model;
        line.saved.add(saved);
        line.taken += 1;
    }

    /// The model of its last attempt.
    fn model_of(&self, agent: AgentNumber) -> Option<String> {
        let first = Key { agent, attempt: 1, day: i64::MIN, model: None };
        let last =
            Key { agent: AgentNumber(agent.0.saturating_add(1)), attempt: 0, day: i64::MIN, model: None };
        let known = self.lines.range(first..last).next_back().and_then(|(key, _)| key.model.clone());
        known.or_else(|| self.agents.get(&agent).and_then(|account| account.model.clone()))
    }

    /// What a new driver has not to buy again, if it goes on where the last one was.
    fn find(&mut self, at_ms: i64) {
        if !std::mem::replace(&mut self.has_driver, true) {
            return;
        }
        self.found = self.present.iter().map(|agent| (*agent, at_ms)).collect();
    }

    fn settle_found(&mut self, begins_anew: bool) {
        for (agent, at_ms) in std::mem::take(&mut self.found) {
            let account = self.account(agent);
            let mut saved = account.kept;
            account.open.iter().for_each(|(_, usage)| saved.add(usage));
            let has_something = account.is_answered || (!account.is_over && saved.total() > 0);
            if has_something && !begins_anew {
                self.save(agent, at_ms, &saved);
            }
        }
    }

    /// A new generation begins: whoever has not finished is not gone on with.
    fn give_up(&mut self) {
        self.present.clear();
        let unfinished = self.agents.iter().filter(|(_, account)| !account.is_over);
        let unfinished: Vec<AgentNumber> = unfinished.map(|(agent, _)| *agent).collect();
        unfinished.into_iter().for_each(|agent| self.waste_open(agent));
    }

    fn account(&mut self, agent: AgentNumber) -> &mut Account {
        self.agents.entry(agent).or_default()
    }

    fn line(&mut self, key: &Key) -> &mut Line {
        let account = self.agents.entry(key.agent).or_default();
        let fresh = || Line {
            agent: key.agent,
            attempt: key.attempt,
            day: key.day,
            label: account.label.clone(),
            phase: account.phase.clone(),
            child: account.child.clone(),
            ..Line::default()
        };
        self.lines.entry(key.clone()).or_insert_with(fresh)
    }
}

/// The next attempt begins from nothing.
fn is_not_gone_on_with(end: &AttemptEnd) -> bool {
    match end {
        AttemptEnd::Failed(cause) => cause.kind != CauseKind::Stalled,
        AttemptEnd::Unusable(_) | AttemptEnd::Cancelled | AttemptEnd::Answered(_) => false,
    }
}
