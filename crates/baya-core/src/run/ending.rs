//! How a run ends, and what it says of its failures.

use super::{Life, Run, RunEnd};
use crate::agent::CauseKind;
use crate::call::{LogLevel, ScriptError, ScriptErrorKind, Site};
use crate::event::{Event, Failures, Outcome, RunStatus};
use crate::run::state::AgentState;
use serde_json::Value;
use std::collections::BTreeMap;

/// Calls a script may still make after it was told to stop.
const CALLS_AFTER_STOP: usize = 10_000;

impl Run {
    /// How the run ended, once it has.
    pub fn end(&self) -> Option<&RunEnd> {
        self.state.ended.as_ref()
    }

    pub(super) fn end_with_result(&mut self, result: Option<Value>, notes: Vec<String>) {
        for note in notes {
            self.log_own(LogLevel::Warn, format!("result: {note}"));
        }
        let status = self.or_stopped(RunStatus::Completed);
        self.end_run(status, result, None);
    }

    pub(super) fn end_with_error(&mut self, error: ScriptError) {
        let budget = error.kind == ScriptErrorKind::Limit && self.was_out_of_budget();
        let status = if budget { RunStatus::Budget } else { RunStatus::Failed };
        let status = self.or_stopped(status);
        self.end_run(status, None, Some(error));
    }

    /// A call of this generation threw because a cap was reached.
    fn was_out_of_budget(&self) -> bool {
        let mut asked = self.state.asked.iter().filter_map(|number| self.state.agent(*number));
        self.state.refused.contains_key("budget reached")
            || asked.any(|agent| matches!(&agent.state, AgentState::Finished(it) if it.is_out_of_budget()))
    }

    pub(super) fn end_stuck(&mut self, site: Option<Site>) {
        let message =
            "the script waits for something that can never come: no agent, timer or workflow is pending";
        let error = ScriptError {
            kind: ScriptErrorKind::Stuck,
            name: "Deadlock".to_owned(),
            message: message.to_owned(),
            site,
            stack: Vec::new(),
        };
        let status = self.or_stopped(RunStatus::Failed);
        self.end_run(status, None, Some(error));
    }

    /// A script that was told of the stop and only waits on, or asks on and on, is not waited for.
    pub(super) fn end_if_stopped(&mut self) {
        if self.state.life != Life::Stopping {
            return;
        }
        let quiet = self.unanswered == 0 && self.outgoing.is_empty();
        let asks_on = self.state.refusals.len() > CALLS_AFTER_STOP;
        if quiet || asks_on {
            self.end_run(RunStatus::Stopped, None, None);
        }
    }

    fn or_stopped(&self, status: RunStatus) -> RunStatus {
        if self.state.life == Life::Stopping { RunStatus::Stopped } else { status }
    }

    fn end_run(&mut self, status: RunStatus, result: Option<Value>, error: Option<ScriptError>) {
        let failures = self.failures();
        self.record(Event::RunEnded { status, result, error, failures });
        self.cancel_working();
        self.redeliveries.clear();
    }

    /// Counts the agents of this generation that gave nothing.
    pub fn failures(&self) -> Failures {
        let mut causes: BTreeMap<&'static str, u32> = BTreeMap::new();
        let mut phases: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let mut failed = 0;
        for number in &self.state.asked {
            let Some(agent) = self.state.agent(*number) else { continue };
            let cause = match &agent.state {
                AgentState::Finished(Outcome::Failed(cause)) => Some(cause.kind),
                AgentState::Finished(Outcome::Answered(_)) => None,
                AgentState::Queued | AgentState::Running { .. } | AgentState::Dropped => continue,
            };
            // A landing that nobody could help has fates for its pieces; it is no lost phase.
            let phase = agent.phase.as_deref().filter(|_| agent.errand.is_none());
            let counts = phases.entry(phase.unwrap_or_default()).or_default();
            counts.0 += 1;
            if let Some(kind) = cause {
                counts.1 += 1;
                failed += 1;
                *causes.entry(CauseKind::words(kind)).or_default() += 1;
            }
        }
        let mut agents = self.state.asked.len() as u32;
        for (words, count) in &self.state.refused {
            *causes.entry(words).or_default() += count;
            failed += count;
            agents += count;
        }
        let lost = phases.iter().filter(|(title, (all, failed))| !title.is_empty() && all == failed);
        let phases_lost = lost.map(|(title, _)| (*title).to_owned()).collect();
        let mut causes: Vec<(String, u32)> =
            causes.into_iter().map(|(words, n)| (words.to_owned(), n)).collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Failures { agents, failed, causes, phases_lost }
    }
}
