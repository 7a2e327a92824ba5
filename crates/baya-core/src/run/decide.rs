//! One input in, facts and intentions out.

use super::state::{AgentState, CallFate, Life};
use super::{Effect, Input, Run};
use crate::agent::{Answer, AttemptEnd, AttemptReport, Cause, CauseKind, OnFailure};
use crate::approval::{Answerer, Verdict};
use crate::call::{Delivery, LogLevel, Payload, ThrowKind, Thrown};
use crate::event::{Delivered, Event, Outcome, ScriptRecord};
use crate::ids::{AgentNumber, CallId};
use crate::limits::STALL_ATTEMPTS;
use crate::op::Op;

/// A parked run sleeps at least so long, whatever the provider's clock says.
const WAKE_MS_MIN: i64 = 1_000;
const WOKEN_BY: &str = "the provider's time of reset";

impl Run {
    pub(super) fn decide(&mut self, input: Input) {
        match input {
            Input::Stepped { generation, step } => {
                if generation == self.state.generation {
                    self.decide_step(step);
                }
            }
            Input::IsolateLost { generation, error } => {
                if generation == self.state.generation {
                    self.end_with_error(error);
                }
            }
            Input::AgentEnded { agent, attempt, report } => {
                self.decide_agent_ended(agent, attempt, report);
                self.dismiss();
            }
            Input::ApprovalAsked { agent, attempt, ticket, request } => {
                self.decide_asked(agent, attempt, ticket, request);
            }
            Input::ApprovalDue { id } => self.answer(id, Verdict::Deny, Answerer::TimeLimit),
            Input::AgentProcessStarted { agent, attempt, process } => {
                if self.is_current(agent, attempt) {
                    self.record(Event::AgentProcessStarted { agent, attempt, process });
                }
            }
            Input::AgentTurn { agent, attempt, turn } => {
                if self.is_current(agent, attempt) && self.notes_agents() {
                    self.record(Event::AgentTurn { agent, attempt, turn });
                }
            }
            Input::TimerDue { generation, call } => {
                let pending = matches!(self.state.calls.get(&call), Some(CallFate::Timer { .. }));
                if generation == self.state.generation && pending && self.hears() {
                    self.deliver(call, Delivered::Timer);
                }
            }
            Input::StepEnded { number, outcome } => self.decide_step_ended(number, outcome),
            Input::LandingRecorded { record } => {
                if self.notes_agents() {
                    self.record(Event::Landing { record });
                }
            }
            Input::ErrandAsked { ticket, errand } => self.decide_errand(ticket, &errand),
            Input::WakeDue => self.wake(),
            Input::WorkflowLoaded { generation, call, loaded } => {
                if generation == self.state.generation && self.hears() {
                    self.decide_loaded(call, loaded);
                }
            }
            Input::Op(op) => self.decide_op(op),
        }
    }

    /// Whether the script may be told anything.
    pub(super) fn hears(&self) -> bool {
        match self.state.life {
            Life::Live | Life::Paused | Life::Parked { .. } => true,
            Life::New | Life::Stopping | Life::Interrupted | Life::Ended(_) => false,
        }
    }

    pub(super) fn is_current(&self, agent: AgentNumber, attempt: u32) -> bool {
        let state = self.state.agent(agent).map(|agent| &agent.state);
        matches!(state, Some(AgentState::Running { attempt: current, .. }) if *current == attempt)
    }

    fn decide_agent_ended(&mut self, number: AgentNumber, attempt: u32, report: AttemptReport) {
        self.at_work.remove(&(number, attempt));
        let Some(agent) = self.state.agent(number) else { return };
        let AgentState::Running { attempt: current, skipped, .. } = agent.state else { return };
        if current != attempt {
            return;
        }
        let (stalls, failed) = (agent.stalls, agent.failed_attempts);
        let retries = agent.options.retries.unwrap_or(0);
        let phase = agent.phase.clone();
        if !self.notes_agents() {
            return;
        }
        let end = self.check_answer(number, report.end.clone());
        let end = self.check_markable(number, end);
        let failed_for_good = match end {
            AttemptEnd::Answered(answer) => {
                return self.finish(number, attempt, Outcome::Answered(answer), report);
            }
            AttemptEnd::Cancelled if skipped => Cause::new(CauseKind::Skipped, "a person skipped it"),
            AttemptEnd::Cancelled => match self.out_of_time(phase.as_deref()) {
                Some(cause) if self.pauses() => return self.park(number, attempt, report, cause),
                Some(cause) if self.hears() || self.is_tended() => cause,
                _ => return self.try_again(number, attempt, report, AttemptEnd::Cancelled),
            },
            AttemptEnd::Failed(cause) if cause.kind == CauseKind::Budget && self.pauses() => {
                return self.park(number, attempt, report, cause);
            }
            // Nothing of a run that rests can be parked.
            AttemptEnd::Unusable(cause) if self.is_tended() => cause,
            AttemptEnd::Unusable(cause) => return self.park(number, attempt, report, cause),
            AttemptEnd::Failed(cause) => {
                let stall_left = cause.kind == CauseKind::Stalled && stalls + 1 < STALL_ATTEMPTS;
                let again = cause.kind.is_retried_by_run() && failed < retries;
                if self.hears() && (stall_left || again) {
                    return self.try_again(number, attempt, report, AttemptEnd::Failed(cause));
                }
                cause
            }
        };
        self.finish(number, attempt, Outcome::Failed(failed_for_good), report);
    }

    /// No value reaches the script that did not pass its schema, whatever the backend claims (C33).
    fn check_answer(&mut self, number: AgentNumber, end: AttemptEnd) -> AttemptEnd {
        let AttemptEnd::Answered(answer) = &end else { return end };
        let Some(schema) = self.state.agent(number).and_then(|agent| agent.options.schema.as_ref()) else {
            return match answer {
                Answer::Text(_) => end,
                Answer::Json(value) => AttemptEnd::Answered(Answer::Text(value.to_string())),
            };
        };
        let checked = match (&self.schemas.of(schema).schema, answer) {
            (Ok(schema), Answer::Json(value)) => schema.validate(value),
            (Ok(_), Answer::Text(_)) => Err("the answer is text, not an object".to_owned()),
            (Err(error), _) => Err(error.clone()),
        };
        match checked {
            Ok(()) => end,
            Err(error) => AttemptEnd::Failed(Cause::new(CauseKind::SchemaUnmet, error)),
        }
    }

    pub(super) fn finish(
        &mut self,
        agent: AgentNumber,
        attempt: u32,
        outcome: Outcome,
        report: AttemptReport,
    ) {
        let since_ms = match self.state.agent(agent).map(|agent| &agent.state) {
            Some(AgentState::Running { since_ms, .. }) => *since_ms,
            _ => self.now_ms,
        };
        self.record(Event::AgentFinished {
            agent,
            attempt,
            outcome,
            usage: report.usage,
            model_asked: report.model_asked,
            model_served: report.model_served,
            requests: report.requests,
            rung: report.rung,
            drafts: report.drafts,
            notes: report.notes,
            duration_ms: (self.now_ms - since_ms).max(0) as u64,
            work: report.work,
            borrowed: None,
        });
        if self.state.agent(agent).is_some_and(|agent| agent.options.worktree) {
            self.effect(Effect::ClearWorkspace { agent });
        }
        self.tell_errand(agent);
        if self.hears() {
            self.deliver_outcome(agent);
        }
    }

    /// Hands the outcome to the call that waits for it, if one does.
    pub(super) fn deliver_outcome(&mut self, agent: AgentNumber) {
        let waiting = self.waiting_for(agent);
        if !waiting.is_empty() && !self.is_out_of_budget(agent) {
            self.log_null(agent);
        }
        for call in waiting {
            self.deliver(call, Delivered::Agent(agent));
        }
    }

    /// Calls that wait for the agent: the one that asked for it first.
    pub(super) fn waiting_for(&self, number: AgentNumber) -> Vec<CallId> {
        let own = self.state.agent(number).and_then(|agent| agent.call);
        let own = own.filter(|call| self.state.calls.get(call) == Some(&CallFate::Agent(number)));
        let sharers = self.state.sharers.get(&number).into_iter().flatten().copied();
        let waits = |call: &CallId| self.state.calls.get(call) == Some(&CallFate::Shares(number));
        own.into_iter().chain(sharers.filter(waits)).collect()
    }

    /// Its call throws; where that makes a null, one line counts all of them (C43).
    fn is_out_of_budget(&self, number: AgentNumber) -> bool {
        let state = self.state.agent(number).map(|agent| &agent.state);
        matches!(state, Some(AgentState::Finished(outcome)) if outcome.is_out_of_budget())
    }

    /// A null never comes without a line that says why (C25).
    fn log_null(&mut self, number: AgentNumber) {
        let Some(agent) = self.state.agent(number) else { return };
        let AgentState::Finished(Outcome::Failed(cause)) = &agent.state else { return };
        let gives = if throw_of(agent.options.on_failure, cause).is_some() { "threw" } else { "gave null" };
        let text = format!("agent {number} `{}` {gives}: {}", agent.label, cause.message);
        self.log_own(LogLevel::Warn, text);
    }

    pub(super) fn log_own(&mut self, level: LogLevel, text: String) {
        self.record(Event::Logged { call: None, level, text, about: None });
    }

    fn try_again(&mut self, agent: AgentNumber, attempt: u32, report: AttemptReport, end: AttemptEnd) {
        let AttemptReport { usage, model_asked, model_served, requests, drafts, .. } = report;
        self.record(Event::AttemptEnded {
            agent,
            attempt,
            end,
            usage,
            model_asked,
            model_served,
            requests,
            drafts,
        });
        self.requeue_errand(agent);
    }

    /// What would hit every agent stops the run at its first occurrence; nothing is lost.
    fn park(&mut self, agent: AgentNumber, attempt: u32, report: AttemptReport, cause: Cause) {
        self.try_again(agent, attempt, report, AttemptEnd::Unusable(cause.clone()));
        let wakes_at_ms = self.wakes_at(&cause);
        let is_news = match self.state.life {
            Life::Live | Life::Paused => true,
            // What no time cures, or a later one, counts more.
            Life::Parked { wakes_at_ms: Some(known), .. } => wakes_at_ms.is_none_or(|at_ms| at_ms > known),
            Life::Parked { wakes_at_ms: None, .. } => false,
            Life::New | Life::Stopping | Life::Interrupted | Life::Ended(_) => false,
        };
        if is_news {
            self.record(Event::RunParked { cause, wakes_at_ms });
            if let Some(at_ms) = wakes_at_ms {
                self.effect(Effect::Wake { at_ms });
            }
        }
    }

    /// When a run that is parked for this cause goes on by itself: where the provider said when, that is
    /// not too far away, and nobody has paused the run.
    fn wakes_at(&self, cause: &Cause) -> Option<i64> {
        let reset_ms = cause.retry_at_ms.filter(|_| self.state.life != Life::Paused)?;
        let latest_ms = self.now_ms.saturating_add_unsigned(self.state.limits.reset_wait_ms);
        (reset_ms <= latest_ms).then(|| reset_ms.max(self.now_ms + WAKE_MS_MIN))
    }

    fn wake(&mut self) {
        self.end_what_is_late();
        if let Life::Parked { wakes_at_ms: Some(at_ms), .. } = self.state.life
            && self.now_ms >= at_ms
        {
            self.record(Event::RunContinued { by: WOKEN_BY.to_owned() });
            self.set_time_limit();
        }
    }

    fn decide_loaded(&mut self, call: CallId, loaded: Result<Box<ScriptRecord>, String>) {
        let Some(CallFate::Workflow { frame, args, .. }) = self.state.calls.get(&call).cloned() else {
            return;
        };
        let script = match loaded {
            Ok(script) => *script,
            Err(message) => return self.refuse(call, Thrown { kind: ThrowKind::Workflow, message }),
        };
        if let Err(message) = super::resume::check_args(&script.meta, args.as_ref()) {
            let message = format!("workflow `{}`: {message}", script.name);
            return self.refuse(call, Thrown { kind: ThrowKind::Workflow, message });
        }
        let group = match self.state.groups.get(&script.name).copied().unwrap_or(0) {
            0 => format!("▸ {}", script.name),
            times => format!("▸ {} #{}", script.name, times + 1),
        };
        self.record(Event::ChildStarted { call, frame, group, script, args });
        self.deliver(call, Delivered::Child);
    }

    fn decide_op(&mut self, op: Op) {
        match op {
            Op::Stop { by } => {
                if self.hears() {
                    self.stop(by);
                }
            }
            Op::Interrupt { by } => {
                if self.hears() || self.state.life == Life::Stopping {
                    self.record(Event::RunInterrupted { by });
                    self.cancel_working();
                }
            }
            Op::Skip { agent, by } => self.skip(agent, by),
            Op::Answer { id, answer, by } => self.answer(id, answer, Answerer::Person(by)),
            Op::Pause { by } => {
                if self.state.life == Life::Live {
                    self.record(Event::RunPaused { by });
                }
            }
            Op::Continue { by } => {
                if self.state.life == Life::Paused {
                    self.record(Event::RunContinued { by });
                    self.set_time_limit();
                }
            }
        }
    }

    fn stop(&mut self, by: String) {
        self.record(Event::StopRequested { by });
        self.cancel_working();
        let open: Vec<CallId> =
            self.state.calls.iter().filter(|(_, fate)| is_open(fate)).map(|(call, _)| *call).collect();
        self.redeliveries.clear();
        for call in open {
            self.deliver(call, Delivered::Stop);
        }
        self.end_if_stopped();
    }

    pub(super) fn cancel_working(&mut self) {
        let working = self.state.agents.iter().filter_map(|agent| match agent.state {
            AgentState::Running { attempt, .. } => Some((agent.number, attempt)),
            AgentState::Queued | AgentState::Finished(_) | AgentState::Dropped => None,
        });
        for (agent, attempt) in working.collect::<Vec<_>>() {
            self.effect(Effect::CancelAgent { agent, attempt });
        }
    }

    fn skip(&mut self, number: AgentNumber, by: String) {
        let state = self.state.agent(number).map(|agent| agent.state.clone());
        match state {
            Some(AgentState::Running { attempt, .. }) => {
                self.record(Event::AgentSkipRequested { agent: number, by });
                self.effect(Effect::CancelAgent { agent: number, attempt });
            }
            Some(AgentState::Queued) => {
                let attempt = self.state.agent(number).map_or(1, |agent| agent.attempts + 1);
                let cause = Cause::new(CauseKind::Skipped, format!("{by} skipped it before it started"));
                self.record(Event::AgentStarted { agent: number, attempt });
                let report = AttemptReport::new(AttemptEnd::Cancelled);
                self.finish(number, attempt, Outcome::Failed(cause), report);
            }
            Some(AgentState::Finished(_) | AgentState::Dropped) | None => {}
        }
    }

    /// The call throws.
    pub(super) fn refuse(&mut self, call: CallId, thrown: Thrown) {
        self.record(Event::CallRefused { call, thrown });
        self.deliver(call, Delivered::Refusal);
    }

    /// Says something to the script: a fact first, then the delivery itself.
    pub(super) fn deliver(&mut self, call: CallId, what: Delivered) {
        let payload = self.payload(call, what);
        let (now_ms, tokens_spent) = self.readings(what);
        self.record(Event::Delivered { call, what, now_ms, tokens_spent });
        self.outgoing.push(Delivery { to: call, payload, now_ms, tokens_spent });
    }

    /// The clock and the budget reading that go with a delivery; neither goes back. A result handed out
    /// again carries what was read when it was first heard.
    fn readings(&self, what: Delivered) -> (i64, u64) {
        let heard = match what {
            Delivered::Agent(number) => self.state.agent(number).and_then(|agent| agent.heard),
            Delivered::Step(number) => self.state.steps.get(number).and_then(|step| step.heard),
            Delivered::Refusal | Delivered::Timer | Delivered::Child | Delivered::Stop => None,
        };
        let (now_ms, spent) = match heard {
            Some(heard) => (heard.now_ms, heard.tokens_spent),
            None => (self.now_ms, self.state.usage.output),
        };
        (now_ms.max(self.state.now_ms), spent.max(self.state.tokens_shown))
    }

    pub(super) fn payload(&self, call: CallId, what: Delivered) -> Payload {
        match what {
            Delivered::Agent(number) => self.with_work(number, self.outcome_payload(number)),
            Delivered::Step(number) => self.step_payload(number),
            Delivered::Timer => Payload::Fired,
            Delivered::Refusal => match self.state.refusals.get(&call) {
                Some(thrown) => Payload::Throw(thrown.clone()),
                None => stopped(),
            },
            Delivered::Child => self.child_payload(call),
            Delivered::Stop => stopped(),
        }
    }

    fn outcome_payload(&self, number: AgentNumber) -> Payload {
        let Some(agent) = self.state.agent(number) else { return stopped() };
        match &agent.state {
            AgentState::Finished(Outcome::Answered(answer)) => Payload::Value(answer.to_value()),
            AgentState::Finished(Outcome::Failed(cause)) => match throw_of(agent.options.on_failure, cause) {
                Some(kind) => {
                    let message = format!("agent {number} `{}`: {}", agent.label, with_way_out(cause));
                    Payload::Throw(Thrown { kind, message })
                }
                None => Payload::Value(serde_json::Value::Null),
            },
            AgentState::Queued | AgentState::Running { .. } | AgentState::Dropped => stopped(),
        }
    }
}

impl Run {
    /// What `baya.work()` says of it goes with the result (C72).
    fn with_work(&self, number: AgentNumber, payload: Payload) -> Payload {
        let Some(agent) = self.state.agent(number) else { return payload };
        let work = agent.work.as_ref().map(|work| work.to_script(number));
        let Payload::Value(value) = payload else { return payload };
        // A failed agent stays null.
        let value = match agent.options.work && !value.is_null() {
            true => serde_json::json!({ "result": value, "work": work }),
            false => value,
        };
        match work {
            Some(work) => Payload::Worked { value, work },
            None => Payload::Value(value),
        }
    }
}

fn stopped() -> Payload {
    Payload::Throw(Thrown { kind: ThrowKind::Stopped, message: "the run is being stopped".to_owned() })
}

fn is_open(fate: &CallFate) -> bool {
    match fate {
        CallFate::Agent(_) | CallFate::Reuses(_) | CallFate::Shares(_) | CallFate::Timer { .. } => true,
        CallFate::Workflow { .. } | CallFate::Step(_) | CallFate::ReusesStep(_) => true,
        CallFate::Refused | CallFate::Settled => false,
    }
}

/// What a cap that is reached is raised by stands in its message, as with calls that no agent came of.
fn with_way_out(cause: &Cause) -> String {
    match cause.hint.as_ref().filter(|_| cause.kind == CauseKind::Budget) {
        Some(hint) => format!("{}; {hint}", cause.message),
        None => cause.message.clone(),
    }
}

/// How the script hears of a failure: null, unless the contract says that it throws (C25, C26).
fn throw_of(on_failure: OnFailure, cause: &Cause) -> Option<ThrowKind> {
    match cause.kind {
        CauseKind::SchemaUnmet => Some(ThrowKind::SchemaUnmet),
        CauseKind::Stalled => Some(ThrowKind::Stalled),
        CauseKind::Budget => Some(ThrowKind::Budget),
        CauseKind::Api
        | CauseKind::Network
        | CauseKind::Refused
        | CauseKind::Limit
        | CauseKind::Timeout
        | CauseKind::Program
        | CauseKind::Panic
        | CauseKind::Skipped
        | CauseKind::Vetoed
        | CauseKind::Key
        | CauseKind::Credit
        | CauseKind::UnknownModel
        | CauseKind::ProviderDown => (on_failure == OnFailure::Throw).then_some(ThrowKind::AgentFailed),
    }
}
