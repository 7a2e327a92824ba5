//! Folding events into the state, one kind of event at a time.

use super::spent::REQUESTS_UNKNOWN;
use super::state::{
    Agent, AgentState, CallFate, ChildRecord, DeliveryRecord, Frame, Heard, Life, RunEnd, State,
};
use crate::agent::{AttemptEnd, CacheUse, CauseKind, Usage};
use crate::budget::phase_caps;
use crate::call::Thrown;
use crate::event::{Delivered, Event, Outcome, Recorded};
use crate::ids::{AgentNumber, CallId};
use crate::reuse;
use crate::turn::TurnRecord;

impl State {
    /// Folds one fact into the state.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        self.spent.tick(recorded);
        if let Some(call) = call_of(&recorded.event) {
            self.calls_seen = self.calls_seen.max(call.0);
        }
        self.withdraw_questions(&recorded.event);
        self.touched = self.touched || reuse::touches(&recorded.event, self);
        match &recorded.event {
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::DriverStarted { .. }
            | Event::LimitsChanged { .. }
            | Event::RunParked { .. }
            | Event::RunPaused { .. }
            | Event::RunContinued { .. }
            | Event::StopRequested { .. }
            | Event::RunInterrupted { .. }
            | Event::RunEnded { .. } => self.apply_to_run(&recorded.event),
            Event::PhaseEntered { call, .. } => self.settle(*call),
            Event::Logged { call, about, .. } => {
                if let Some(call) = call {
                    self.settle(*call);
                }
                self.warned.extend(about.clone());
            }
            Event::TimerSet { call, due_ms } => {
                self.calls.insert(*call, CallFate::Timer { due_ms: *due_ms });
            }
            Event::TimerCleared { timer, .. } => self.settle(*timer),
            Event::StepStarted { .. }
            | Event::StepReused { .. }
            | Event::StepEnded { .. }
            | Event::Landing { .. } => {
                let decided = self.steps.apply(&recorded.event);
                self.calls.extend(decided);
            }
            Event::ChildRequested { .. } | Event::ChildStarted { .. } | Event::ChildEnded { .. } => {
                self.apply_to_child(&recorded.event);
            }
            Event::CallRefused { call, thrown } => self.apply_refusal(*call, thrown),
            Event::AgentQueued { .. }
            | Event::AgentReused { .. }
            | Event::AgentShared { .. }
            | Event::AgentStarted { .. }
            | Event::AgentProcessStarted { .. }
            | Event::AgentTurn { .. }
            | Event::AgentSkipRequested { .. }
            | Event::AttemptEnded { .. }
            | Event::AgentFinished { .. } => self.apply_to_agent(recorded),
            Event::ApprovalAsked { .. } | Event::ApprovalAnswered { .. } => {
                self.apply_to_approval(&recorded.event);
            }
            Event::Delivered { call, what, now_ms, tokens_spent } => {
                let record =
                    DeliveryRecord { call: *call, what: *what, now_ms: *now_ms, tokens_spent: *tokens_spent };
                self.apply_delivery(recorded.seq, record);
            }
        }
    }

    fn apply_to_run(&mut self, event: &Event) {
        match event {
            Event::RunStarted { run, script, args, seed, now_ms, limits, surroundings, version: _ } => {
                self.life = Life::Live;
                self.run = Some(run.clone());
                self.script = Some(script.clone());
                self.args = args.clone();
                self.seed = *seed;
                self.started_ms = *now_ms;
                self.now_ms = *now_ms;
                self.limits = limits.clone();
                self.surroundings = surroundings.clone();
                self.phase_caps = phase_caps(&script.meta).unwrap_or_default();
            }
            Event::RunResumed { generation, script, args } => {
                if let Some(script) = script {
                    self.script = Some(script.clone());
                    self.phase_caps = phase_caps(&script.meta).unwrap_or_default();
                }
                if let Some(args) = args {
                    self.args = Some(args.clone());
                }
                self.begin_generation(*generation);
            }
            Event::DriverStarted { fence, surroundings, pid: _ } => {
                self.fence = *fence;
                self.surroundings = surroundings.clone();
                // Whoever drives ended them before it wrote this.
                self.kept.clear();
                self.bill_holdings();
                self.requeue_lost();
            }
            Event::LimitsChanged { limits } => self.limits = limits.clone(),
            Event::RunParked { cause, wakes_at_ms } => {
                self.life = Life::Parked { cause: cause.clone(), wakes_at_ms: *wakes_at_ms };
            }
            Event::RunPaused { .. } => self.life = Life::Paused,
            Event::RunContinued { .. } => self.life = Life::Live,
            Event::StopRequested { .. } => self.life = Life::Stopping,
            Event::RunInterrupted { .. } => self.life = Life::Interrupted,
            Event::RunEnded { status, result, error, failures } => {
                // Nothing is written of what ends after it.
                self.bill_holdings();
                self.life = Life::Ended(*status);
                let (result, error, failures) = (result.clone(), error.clone(), failures.clone());
                self.ended = Some(RunEnd { status: *status, result, error, failures });
            }
            _ => {}
        }
    }

    fn begin_generation(&mut self, generation: u32) {
        self.bill_holdings();
        self.turns_left = self.turns_to_keep();
        self.generation = generation;
        self.steps.begin_generation();
        self.life = Life::Live;
        self.ended = None;
        self.calls.clear();
        self.calls_seen = 0;
        self.agent_of_call.clear();
        self.refusals.clear();
        self.frames.clear();
        self.frame_last = 0;
        self.groups.clear();
        self.deliveries.clear();
        self.now_ms = self.started_ms;
        self.tokens_shown = 0;
        self.occurrences.clear();
        self.asked.clear();
        self.refused.clear();
        self.queue.clear();
        self.pool.clear();
        self.sharers.clear();
        self.sharing.clear();
        self.shared_before.clear();
        for agent in &mut self.agents {
            agent.call = None;
            agent.turns = Vec::new();
            match agent.state {
                AgentState::Finished(Outcome::Answered(_)) => {
                    if agent.options.cache == CacheUse::Shared {
                        self.shared_before.insert(agent.key.clone(), agent.number);
                    }
                    if agent.options.cache != CacheUse::Never && agent.errand.is_none() {
                        self.pool.entry(agent.key.clone()).or_default().insert(agent.number);
                    }
                }
                AgentState::Queued | AgentState::Running { .. } => agent.state = AgentState::Dropped,
                AgentState::Finished(Outcome::Failed(_)) | AgentState::Dropped => {}
            }
        }
    }

    /// What was at work for an earlier driver is lost and waits again, in the order it was asked for.
    fn requeue_lost(&mut self) {
        self.life = match self.life {
            Life::Interrupted | Life::Parked { .. } => Life::Live,
            ref other => other.clone(),
        };
        for agent in &mut self.agents {
            if matches!(agent.state, AgentState::Running { .. }) {
                agent.state = AgentState::Queued;
            }
        }
        // Errands wait until somebody asks for them again.
        let waits = |agent: &&Agent| agent.state == AgentState::Queued && agent.errand.is_none();
        let waiting = self.agents.iter().filter(waits);
        self.queue = waiting.map(|agent| agent.number).collect();
    }

    fn apply_to_child(&mut self, event: &Event) {
        match event {
            Event::ChildRequested { call, frame, parent, target, args } => {
                self.frame_last = self.frame_last.max(frame.0);
                self.frames.insert(*frame, Frame { call: *call, parent: *parent, started: None });
                let fate = CallFate::Workflow { frame: *frame, target: target.clone(), args: args.clone() };
                self.calls.insert(*call, fate);
            }
            Event::ChildStarted { frame, group, script, args, .. } => {
                *self.groups.entry(script.name.clone()).or_default() += 1;
                if let Some(child) = self.frames.get_mut(frame) {
                    let (group, script, args) = (group.clone(), script.clone(), args.clone());
                    child.started = Some(ChildRecord { group, script, args });
                }
            }
            Event::ChildEnded { call, .. } => self.settle(*call),
            _ => {}
        }
    }

    fn apply_refusal(&mut self, call: CallId, thrown: &Thrown) {
        if let Some(words) = thrown.kind.refused_agent() {
            *self.refused.entry(words).or_default() += 1;
        }
        if let Some(number) = self.drop_queued(call) {
            self.asked.retain(|asked| *asked != number);
        }
        self.refusals.insert(call, thrown.clone());
        self.calls.insert(call, CallFate::Refused);
    }

    fn apply_to_agent(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::AgentQueued { .. } => self.apply_queued(&recorded.event),
            Event::AgentReused { .. } => self.apply_reused(&recorded.event),
            Event::AgentShared { agent, call, .. } => self.apply_shared(*agent, *call),
            Event::AgentStarted { agent, attempt } => {
                if self.queue.front() == Some(agent) {
                    self.queue.pop_front();
                } else {
                    self.queue.retain(|waiting| waiting != agent);
                }
                if let Some(title) = self.agent(*agent).and_then(|agent| agent.phase.clone()) {
                    self.spent.begin_phase(&title, recorded.at_ms);
                }
                if let Some(agent) = self.agent_mut(*agent) {
                    agent.attempts = *attempt;
                    let since_ms = recorded.at_ms;
                    agent.state =
                        AgentState::Running { attempt: *attempt, since_ms, process: None, skipped: false };
                }
            }
            Event::AgentProcessStarted { agent, process: started, .. } => {
                if started.kept && !self.kept.contains(started) {
                    self.kept.push(started.clone());
                }
                if let Some(AgentState::Running { process, .. }) =
                    self.agent_mut(*agent).map(|a| &mut a.state)
                {
                    *process = Some(started.clone());
                }
            }
            Event::AgentTurn { agent, turn, .. } => {
                if let Some(cost) = turn.cost() {
                    self.spend(*agent, &cost.usage, cost.requests);
                }
                if let Some(agent) = self.agent_mut(*agent) {
                    match turn {
                        TurnRecord::Holding { most } => {
                            agent.holding = Some(*most).filter(|most| most.total() > 0)
                        }
                        _ => agent.turns.push(turn.clone()),
                    }
                }
            }
            Event::AgentSkipRequested { agent, .. } => {
                if let Some(AgentState::Running { skipped, .. }) =
                    self.agent_mut(*agent).map(|a| &mut a.state)
                {
                    *skipped = true;
                }
            }
            Event::AttemptEnded { agent, end, usage, .. } => {
                self.spend(*agent, usage, REQUESTS_UNKNOWN);
                self.queue_again(*agent, end);
            }
            Event::AgentFinished { agent, outcome, usage, work, requests, .. } => {
                self.spend(*agent, usage, *requests);
                self.mark_words(*agent, outcome);
                if let Some(agent) = self.agent_mut(*agent) {
                    if !outcome.is_out_of_budget() {
                        agent.turns = Vec::new();
                    }
                    agent.work = work.clone();
                    agent.state = AgentState::Finished(outcome.clone());
                }
            }
            _ => {}
        }
    }

    /// An errand waits until somebody asks for it; all others stand in the queue.
    fn queue_again(&mut self, number: AgentNumber, end: &AttemptEnd) {
        let Some(agent) = self.agent_mut(number) else { return };
        agent.state = AgentState::Queued;
        count_failed_attempt(agent, end);
        if agent.errand.is_none() {
            self.queue.push_back(number);
        }
    }

    fn apply_shared(&mut self, agent: AgentNumber, call: CallId) {
        self.calls.insert(call, CallFate::Shares(agent));
        self.agent_of_call.insert(call, agent);
        self.sharers.entry(agent).or_default().push(call);
    }

    fn apply_reused(&mut self, event: &Event) {
        let Event::AgentReused { agent, call, key, occurrence, phase, .. } = event else { return };
        self.asked.push(*agent);
        self.occurrences.insert(key.clone(), occurrence + 1);
        if *call != CallId::NONE {
            self.calls.insert(*call, CallFate::Reuses(*agent));
            self.agent_of_call.insert(*call, *agent);
        }
        if let Some(left) = self.pool.get_mut(key) {
            left.remove(agent);
        }
        if let Some(agent) = self.agent_mut(*agent) {
            agent.phase = phase.clone();
        }
    }

    fn apply_queued(&mut self, event: &Event) {
        let Event::AgentQueued {
            agent,
            call,
            key,
            occurrence,
            label,
            phase,
            prompt,
            options,
            tainted,
            errand,
            ..
        } = event
        else {
            return;
        };
        let turns = self.take_turns(key, options);
        self.asked.push(*agent);
        self.occurrences.insert(key.clone(), occurrence + 1);
        if *call != CallId::NONE {
            self.calls.insert(*call, CallFate::Agent(*agent));
            self.agent_of_call.insert(*call, *agent);
            self.queue.push_back(*agent);
        }
        if options.cache == CacheUse::Shared {
            self.sharing.insert(key.clone(), *agent);
        }
        self.agents.push(Agent {
            number: *agent,
            generation: self.generation,
            key: key.clone(),
            label: label.clone(),
            phase: phase.clone(),
            prompt: prompt.clone(),
            options: options.clone(),
            tainted: tainted.clone(),
            occurrence: *occurrence,
            state: AgentState::Queued,
            attempts: 0,
            stalls: 0,
            failed_attempts: 0,
            usage: Usage::default(),
            turns,
            holding: None,
            call: (*call != CallId::NONE).then_some(*call),
            heard: None,
            work: None,
            errand: *errand,
        });
    }

    fn apply_delivery(&mut self, seq: u64, record: DeliveryRecord) {
        let DeliveryRecord { call, what, now_ms, tokens_spent } = record.clone();
        self.now_ms = now_ms;
        self.tokens_shown = tokens_spent;
        if let Delivered::Agent(number) = what
            && let Some(agent) = self.agent_mut(number)
            && agent.heard.is_none()
        {
            agent.heard = Some(Heard { seq, now_ms, tokens_spent });
        }
        if let Delivered::Step(number) = what {
            self.steps.note_heard(number, Heard { seq, now_ms, tokens_spent });
        }
        if what == Delivered::Stop {
            self.drop_queued(call);
        }
        self.settle(call);
        self.deliveries.push(record);
    }

    /// The agent of the call will not start; one that is at work goes on and may still finish.
    fn drop_queued(&mut self, call: CallId) -> Option<AgentNumber> {
        let Some(CallFate::Agent(number)) = self.calls.get(&call) else { return None };
        let number = *number;
        let agent = self.agent_mut(number)?;
        if agent.state != AgentState::Queued {
            return None;
        }
        agent.state = AgentState::Dropped;
        self.queue.retain(|waiting| *waiting != number);
        Some(number)
    }

    fn settle(&mut self, call: CallId) {
        self.calls.insert(call, CallFate::Settled);
    }
}

fn count_failed_attempt(agent: &mut Agent, end: &AttemptEnd) {
    match end {
        AttemptEnd::Failed(cause) if cause.kind == CauseKind::Stalled => agent.stalls += 1,
        AttemptEnd::Failed(_) => {
            agent.failed_attempts += 1;
            // What led to a failure of its own is not gone on with.
            agent.turns = Vec::new();
        }
        AttemptEnd::Unusable(_) | AttemptEnd::Cancelled | AttemptEnd::Answered(_) => {}
    }
}

/// The call an event decides, if it decides one.
fn call_of(event: &Event) -> Option<CallId> {
    match event {
        Event::PhaseEntered { call, .. }
        | Event::TimerSet { call, .. }
        | Event::StepStarted { call, .. }
        | Event::StepReused { call, .. }
        | Event::TimerCleared { call, .. }
        | Event::ChildRequested { call, .. }
        | Event::CallRefused { call, .. }
        | Event::AgentQueued { call, .. }
        | Event::AgentShared { call, .. }
        | Event::AgentReused { call, .. } => Some(*call),
        Event::Logged { call, .. } => *call,
        Event::ChildEnded { end_call, .. } => Some(*end_call),
        Event::RunStarted { .. }
        | Event::RunResumed { .. }
        | Event::DriverStarted { .. }
        | Event::LimitsChanged { .. }
        | Event::RunParked { .. }
        | Event::RunPaused { .. }
        | Event::RunContinued { .. }
        | Event::StopRequested { .. }
        | Event::RunInterrupted { .. }
        | Event::RunEnded { .. }
        | Event::ChildStarted { .. }
        | Event::StepEnded { .. }
        | Event::Landing { .. }
        | Event::AgentStarted { .. }
        | Event::AgentProcessStarted { .. }
        | Event::AgentTurn { .. }
        | Event::AgentSkipRequested { .. }
        | Event::AttemptEnded { .. }
        | Event::AgentFinished { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::Delivered { .. } => None,
    }
}
