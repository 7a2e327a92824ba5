//! The run's side of caps: what the purse is opened with, what is used up before an agent starts, and
//! the time that is over. Room for single requests is the purse's (C52).

use super::state::State;
use super::{ERRANDS_PHASE, Effect, Life, Resumption, Run};
use crate::agent::{Cause, CauseKind};
use crate::budget::{Caps, Currency, OnBudget, PurseState, Whose, phase_caps};
use crate::call::{ThrowKind, Thrown};
use crate::event::Event;
use crate::ids::{AgentNumber, CallId};
use crate::limits::Limits;
use std::collections::BTreeMap;

/// A cap that is reached: what it is, and how it is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedUp {
    /// As `the budget of $5.00 is used up ($5.01 spent)`.
    pub message: String,
    /// As `` `--budget-usd` raises it``.
    pub hint: String,
}

impl UsedUp {
    fn thrown(&self) -> Thrown {
        Thrown { kind: ThrowKind::Budget, message: format!("{}; {}", self.message, self.hint) }
    }

    fn cause(&self) -> Cause {
        Cause::new(CauseKind::Budget, &self.message).hint(&self.hint)
    }
}

impl Limits {
    /// Whether any cap needs requests to be counted.
    fn meters(&self, phases: &BTreeMap<String, Caps>) -> bool {
        self.budget_tokens.is_some() || self.caps.meters() || phases.values().any(Caps::meters)
    }

    /// `--max-agents` or the cap, whichever is smaller.
    pub fn agents_cap(&self) -> u32 {
        self.caps.agents.map_or(self.agents_max, |cap| cap.min(self.agents_max))
    }
}

impl State {
    /// What a purse of this run is opened with; `None`: no cap counts what requests use.
    pub fn purse(&self) -> Option<PurseState> {
        if !self.limits.meters(&self.phase_caps) {
            return None;
        }
        let phases = self.phase_caps.iter().map(|(title, caps)| {
            let spent = self.spent.phases.get(title).copied().unwrap_or_default();
            (title.clone(), (caps.clone(), spent))
        });
        let open = self.agents.iter().filter(|agent| !agent.is_over());
        Some(PurseState {
            run: (*self.limits.caps).clone(),
            total: self.limits.budget_tokens,
            run_spent: self.usage,
            phases: phases.collect(),
            outputs: self.spent.outputs.clone(),
            agents_spent: open.map(|agent| (agent.number, agent.usage)).collect(),
            at_once: self.limits.concurrency,
        })
    }

    /// The cap of the run, if one is reached.
    fn run_used_up(&self, limits: &Limits, now_ms: i64) -> Option<UsedUp> {
        let total = limits.budget_tokens.filter(|total| self.usage.output >= *total);
        if let Some(total) = total {
            let message =
                format!("the budget of {total} output tokens is used up ({} spent)", self.usage.output);
            return Some(UsedUp { message, hint: "`--budget` raises it".to_owned() });
        }
        let wall_ms = self.spent.wall_ms(now_ms);
        used_up(&Whose::Run, &limits.caps, |currency| self.usage.of(currency), wall_ms)
    }

    /// The cap of the phase, if one is reached.
    fn phase_used_up(&self, title: &str, now_ms: i64) -> Option<UsedUp> {
        let caps = self.phase_caps.get(title)?;
        let spent = self.spent.phases.get(title).copied().unwrap_or_default();
        let wall_ms = self.spent.phase_wall_ms(title, now_ms);
        used_up(&Whose::Phase(title.to_owned()), caps, |currency| spent.of(currency), wall_ms)
    }

    fn has_caps(&self) -> bool {
        self.limits.budget_tokens.is_some() || !self.limits.caps.is_open() || !self.phase_caps.is_empty()
    }
}

fn used_up(whose: &Whose, caps: &Caps, spent: impl Fn(Currency) -> u64, wall_ms: u64) -> Option<UsedUp> {
    let reached = Currency::ALL.into_iter().find_map(|currency| {
        let cap = caps.of(currency)?;
        (spent(currency) >= cap).then_some((currency, cap))
    });
    if let Some((currency, cap)) = reached {
        let message = format!(
            "the budget of {}{whose} is used up ({} spent)",
            currency.amount(cap),
            currency.amount(spent(currency))
        );
        return Some(UsedUp { message, hint: whose.raised_by(currency) });
    }
    let cap = caps.wall_ms.filter(|cap| wall_ms >= *cap)?;
    let hint = match whose {
        Whose::Run => "`--max-time` raises it".to_owned(),
        Whose::Phase(_) | Whose::Agent(_) => whose.raised_by(Currency::Tokens),
    };
    Some(UsedUp { message: format!("the time of {}{whose} is used up", span(cap)), hint })
}

/// A stretch of time for people.
fn span(ms: u64) -> String {
    match ms {
        ms if ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

impl Run {
    /// Why the run cannot go on with these caps, before it is tried: a cap was lowered below what is
    /// spent, or the run waits for a larger one and none was given.
    ///
    /// # Errors
    /// The cap, and how it is raised.
    pub fn check_caps(&self, resumption: &Resumption) -> Result<(), UsedUp> {
        let old = &self.state.limits;
        let new = resumption.limits.as_ref().unwrap_or(old);
        let waits = match &self.state.life {
            Life::Parked { cause, .. } => cause.kind == CauseKind::Budget,
            Life::New | Life::Live | Life::Paused | Life::Stopping | Life::Interrupted | Life::Ended(_) => {
                false
            }
        };
        let is_changed = new.caps != old.caps || new.budget_tokens != old.budget_tokens;
        if !waits && !is_changed {
            return Ok(());
        }
        self.state.run_used_up(new, self.now_ms).map_or(Ok(()), Err)?;
        let meta = resumption.script.as_ref().map(|script| &script.meta);
        let phases = meta.map(|meta| phase_caps(meta).unwrap_or_default());
        let is_edited = phases.is_some_and(|phases| phases != self.state.phase_caps);
        match &self.state.life {
            Life::Parked { cause, .. } if waits && !is_changed && !is_edited => Err(UsedUp {
                message: cause.message.clone(),
                hint: cause.hint.clone().unwrap_or_else(|| "a larger cap lets it go on".to_owned()),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn open_purse(&mut self) {
        if let Some(purse) = self.state.purse() {
            self.effect(Effect::OpenPurse(Box::new(purse)));
        }
        self.set_time_limit();
    }

    /// The cap that an agent of this phase meets before it starts, if one is reached.
    fn used_up(&self, phase: Option<&str>) -> Option<UsedUp> {
        if !self.state.has_caps() {
            return None;
        }
        let of_run = self.state.run_used_up(&self.state.limits, self.now_ms);
        of_run.or_else(|| self.state.phase_used_up(phase?, self.now_ms))
    }

    /// Whether a call may become an agent. A run that pauses lets it: the agent waits.
    pub(super) fn check_budget(&self, phase: Option<&str>) -> Result<(), Thrown> {
        match self.state.limits.on_budget {
            OnBudget::Stop => self.used_up(phase).map_or(Ok(()), |used_up| Err(used_up.thrown())),
            OnBudget::Pause | OnBudget::Ask => Ok(()),
        }
    }

    /// Agents in the run's whole life, and in each phase with a cap (C26).
    pub(super) fn check_agent_limit(&self, phase: Option<&str>) -> Result<(), Thrown> {
        let thrown = |message| Err(Thrown { kind: ThrowKind::AgentLimit, message });
        let most = self.state.limits.agents_cap();
        if self.state.asked.len() as u64 >= u64::from(most) {
            return thrown(format!(
                "this run may use {most} agents and has asked for all of them; `--max-agents` raises it"
            ));
        }
        let caps = phase.and_then(|title| Some((title, self.state.phase_caps.get(title)?.agents?)));
        let Some((title, most)) = caps else { return Ok(()) };
        let agents = self.state.asked.iter().filter_map(|number| self.state.agent(*number));
        let asked = agents.filter(|agent| agent.phase.as_deref() == Some(title)).count();
        if (asked as u64) < u64::from(most) {
            return Ok(());
        }
        thrown(format!(
            "phase `{title}` may use {most} agents and has asked for all of them; \
             `meta.phases[].budget` of the script raises it"
        ))
    }

    /// Queued agents whose account is used up: their calls throw, or the run parks.
    pub(super) fn settle_queue(&mut self) {
        if !self.state.has_caps() {
            return;
        }
        let queued: Vec<(AgentNumber, Option<CallId>, Option<String>)> = self
            .state
            .queue
            .iter()
            .filter_map(|number| self.state.agent(*number))
            .map(|agent| (agent.number, agent.call, agent.phase.clone()))
            .collect();
        for (number, call, phase) in queued {
            let Some(used_up) = self.used_up(phase.as_deref()) else { continue };
            match (self.state.limits.on_budget, call) {
                (OnBudget::Stop, Some(_)) => {
                    for call in self.waiting_for(number).into_iter().rev() {
                        self.refuse(call, used_up.thrown());
                    }
                }
                (OnBudget::Stop, None) => {}
                (OnBudget::Pause | OnBudget::Ask, _) => return self.park_for(used_up.cause()),
            }
        }
    }

    /// Errands whose account is used up: they fail, or the run parks, unless it rests.
    pub(super) fn settle_errands(&mut self) {
        if !self.state.has_caps() || !self.has_queued_errands() {
            return;
        }
        let Some(used_up) = self.used_up(Some(ERRANDS_PHASE)) else { return };
        match self.state.limits.on_budget {
            OnBudget::Pause | OnBudget::Ask if !self.is_tended() => self.park_for(used_up.cause()),
            OnBudget::Stop | OnBudget::Pause | OnBudget::Ask => self.fail_queued_errands(&used_up.cause()),
        }
    }

    /// A cap that is reached parks the run, and ends no call.
    pub(super) fn pauses(&self) -> bool {
        match self.state.limits.on_budget {
            OnBudget::Stop => false,
            OnBudget::Pause | OnBudget::Ask => self.hears(),
        }
    }

    fn park_for(&mut self, cause: Cause) {
        if matches!(self.state.life, Life::Live | Life::Paused) {
            self.record(Event::RunParked { cause, wakes_at_ms: None });
        }
    }

    /// Why an agent that was cancelled does not go on: its time is over.
    pub(super) fn out_of_time(&self, phase: Option<&str>) -> Option<Cause> {
        let time_only = |caps: &Caps| Caps { wall_ms: caps.wall_ms, ..Caps::default() };
        let spent = |_| 0;
        let wall_ms = self.state.spent.wall_ms(self.now_ms);
        let of_run = used_up(&Whose::Run, &time_only(&self.state.limits.caps), spent, wall_ms);
        let of_phase = || {
            let title = phase?;
            let caps = time_only(self.state.phase_caps.get(title)?);
            let wall_ms = self.state.spent.phase_wall_ms(title, self.now_ms);
            used_up(&Whose::Phase(title.to_owned()), &caps, spent, wall_ms)
        };
        of_run.or_else(of_phase).map(|used_up| used_up.cause())
    }

    /// Agents whose time is over are cancelled; what becomes of them is decided when they have ended.
    pub(super) fn end_what_is_late(&mut self) {
        let late: Vec<(AgentNumber, u32)> = self
            .at_work
            .keys()
            .filter(|(number, _)| {
                let phase = self.state.agent(*number).and_then(|agent| agent.phase.as_deref());
                self.out_of_time(phase).is_some()
            })
            .copied()
            .collect();
        for (agent, attempt) in late {
            self.effect(Effect::CancelAgent { agent, attempt });
        }
        self.set_time_limit();
    }

    /// The first agent of a phase whose time is limited is about to start.
    pub(super) fn begins_clock_of(&self, title: &str) -> bool {
        let is_limited = self.state.phase_caps.get(title).is_some_and(|caps| caps.wall_ms.is_some());
        is_limited && !self.state.spent.has_begun(title)
    }

    /// Wakes the run when the next time is over, of the run or of a phase that has begun.
    pub(super) fn set_time_limit(&mut self) {
        if self.state.life != Life::Live {
            return;
        }
        let spent = &self.state.spent;
        let of_run = self.state.limits.caps.wall_ms.map(|cap| (cap, spent.wall_ms(self.now_ms)));
        let of_phases = self.state.phase_caps.iter().filter_map(|(title, caps)| {
            let cap = caps.wall_ms.filter(|_| spent.has_begun(title))?;
            Some((cap, spent.phase_wall_ms(title, self.now_ms)))
        });
        let left = of_run.into_iter().chain(of_phases).map(|(cap, wall_ms)| cap.saturating_sub(wall_ms));
        if let Some(left_ms) = left.filter(|left_ms| *left_ms > 0).min() {
            let at_ms = self.now_ms.saturating_add_unsigned(left_ms);
            self.effect(Effect::Wake { at_ms });
        }
    }
}
