//! What the run spent, by phase and by kind of label; what may have been billed without anybody having
//! said so; and the time it took.

use super::state::{Agent, AgentState, State};
use crate::agent::{AgentOptions, CacheUse, Usage, UsageSource};
use crate::at_work::AtWork;
use crate::event::Recorded;
use crate::history::{SAMPLES_MAX, label_kind};
use crate::ids::AgentNumber;
use crate::turn::TurnRecord;
use std::collections::BTreeMap;

/// For usage that says nothing of the length of an answer.
pub(super) const REQUESTS_UNKNOWN: u32 = 0;

/// Accounts of the run's whole life.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent {
    /// By the phase an agent stood in when it spent it.
    pub phases: BTreeMap<String, Usage>,
    /// Lengths of answers, the newest last, by the label's kind.
    pub outputs: BTreeMap<String, Vec<u64>>,
    /// What requests could use that were out when their driver died or their run ended; it is in the
    /// other accounts too.
    pub may_be_billed: Usage,
    /// The clock when each phase had its first agent started.
    phases_begun: BTreeMap<String, u64>,
    at_work: AtWork,
}

impl Spent {
    /// How long the run has been at work; the time it rested is left out.
    pub fn wall_ms(&self, now_ms: i64) -> u64 {
        self.at_work.ms(now_ms)
    }

    /// The same from the first agent of a phase; 0 before it.
    pub fn phase_wall_ms(&self, title: &str, now_ms: i64) -> u64 {
        self.phases_begun.get(title).map_or(0, |begun| self.wall_ms(now_ms).saturating_sub(*begun))
    }

    /// Moves the clock.
    pub(super) fn tick(&mut self, recorded: &Recorded) {
        self.at_work.tick(recorded);
    }

    pub(super) fn begin_phase(&mut self, title: &str, now_ms: i64) {
        if !self.phases_begun.contains_key(title) {
            self.phases_begun.insert(title.to_owned(), self.wall_ms(now_ms));
        }
    }

    pub(super) fn has_begun(&self, title: &str) -> bool {
        self.phases_begun.contains_key(title)
    }

    fn add_output(&mut self, label: &str, usage: &Usage, requests: u32) {
        let is_real = !matches!(usage.source, UsageSource::None | UsageSource::Simulated);
        let Some(length) = usage.output.checked_div(u64::from(requests)).filter(|_| is_real) else { return };
        let lengths = self.outputs.entry(label_kind(label)).or_default();
        if lengths.len() == SAMPLES_MAX {
            lengths.remove(0);
        }
        lengths.push(length);
    }
}

impl State {
    /// Puts what an agent used into every account.
    pub(super) fn spend(&mut self, number: AgentNumber, usage: &Usage, requests: u32) {
        self.usage.add(usage);
        let Some(agent) = self.agent_mut(number) else { return };
        agent.usage.add(usage);
        agent.holding = None;
        let (phase, label) = (agent.phase.clone(), agent.label.clone());
        if let Some(title) = phase {
            self.spent.phases.entry(title).or_default().add(usage);
        }
        self.spent.add_output(&label, usage, requests);
    }

    /// Whoever could have said what these requests used says nothing any more: all of it counts.
    pub(super) fn bill_holdings(&mut self) {
        let held = self.agents.iter().filter_map(|agent| Some((agent.number, agent.holding?)));
        for (agent, most) in held.collect::<Vec<_>>() {
            let most = Usage { source: UsageSource::Estimated, ..most };
            self.spend(agent, &most, REQUESTS_UNKNOWN);
            self.spent.may_be_billed.add(&most);
        }
    }

    /// How far agents came that the next generation may ask for again. A worktree of theirs is not
    /// there any more, so that only those without one go on.
    pub(super) fn turns_to_keep(&self) -> BTreeMap<String, Vec<Vec<TurnRecord>>> {
        let mut kept: BTreeMap<String, Vec<Vec<TurnRecord>>> = BTreeMap::new();
        for agent in self.agents.iter().rev().filter(|agent| keeps_turns(agent)) {
            kept.entry(agent.key.clone()).or_default().push(agent.turns.clone());
        }
        kept
    }

    /// The turns that an agent with this key goes on with, the first asked first.
    pub(super) fn take_turns(&mut self, key: &str, options: &AgentOptions) -> Vec<TurnRecord> {
        let left = self.turns_left.get_mut(key).filter(|_| options.cache != CacheUse::Never);
        left.and_then(Vec::pop).unwrap_or_default()
    }
}

fn keeps_turns(agent: &Agent) -> bool {
    let may_go_on = match &agent.state {
        AgentState::Queued => true,
        AgentState::Finished(outcome) => outcome.is_out_of_budget(),
        // At work, and so not to be doubled; or given up before.
        AgentState::Running { .. } | AgentState::Dropped => false,
    };
    may_go_on && !agent.options.worktree && !agent.turns.is_empty()
}
