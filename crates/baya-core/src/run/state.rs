//! The state of a run, folded from its events. `apply` is total: any event in any order gives a state.
//!
//! Two kinds of memory live here. Agents and what they cost belong to the run's whole life. Calls,
//! frames, deliveries and timers belong to the current *generation*: one evaluation of the script from
//! its first line. Continuing a generation repeats its deliveries exactly; a new generation starts with
//! none and takes finished results from the pool by their keys.

use crate::agent::{AgentOptions, AgentProcess, AttemptEnd, CauseKind, Usage};
use crate::call::{Thrown, WorkflowTarget};
use crate::event::{Delivered, Event, Failures, Outcome, Recorded, RunStatus, ScriptRecord, Surroundings};
use crate::ids::{AgentNumber, CallId, FrameId, RunId};
use crate::limits::Limits;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where the run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Life {
    /// No event yet.
    New,
    Live,
    /// No further agent starts.
    Paused,
    /// Nothing can go on before a person acts; what is at work may finish.
    Parked(crate::agent::Cause),
    /// A person ends it; the script hears `Stopped` from every call.
    Stopping,
    /// The process lets go; nothing is delivered any more.
    Interrupted,
    Ended(RunStatus),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub number: AgentNumber,
    pub generation: u32,
    pub key: String,
    pub label: String,
    /// The group it is shown in.
    pub phase: Option<String>,
    pub prompt: String,
    pub options: AgentOptions,
    pub occurrence: u32,
    pub state: AgentState,
    /// Attempts begun, those lost in a crash included.
    pub attempts: u32,
    /// Attempts that ended by stalling.
    pub stalls: u32,
    /// Attempts that failed and are tried again.
    pub failed_attempts: u32,
    pub usage: Usage,
    /// The call of the current generation that was asked for it, and did not just reuse it.
    pub call: Option<CallId>,
    /// The first time a script heard of it: place in the journal, clock, budget reading.
    pub heard: Option<Heard>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    pub seq: u64,
    pub now_ms: i64,
    pub tokens_spent: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AgentState {
    Queued,
    Running {
        attempt: u32,
        since_ms: i64,
        process: Option<AgentProcess>,
        /// A person wants it to end.
        skipped: bool,
    },
    Finished(Outcome),
    /// Its run or its generation ended before it did.
    Dropped,
}

/// What became of a call of the current generation.
#[derive(Debug, Clone, PartialEq)]
pub enum CallFate {
    /// Waits for this agent.
    Agent(AgentNumber),
    /// Will be given the finished result of this agent of an earlier generation.
    Reuses(AgentNumber),
    Timer {
        due_ms: i64,
    },
    Workflow {
        frame: FrameId,
        target: WorkflowTarget,
        args: Option<Value>,
    },
    /// Will throw; why stands in [`State::refusals`].
    Refused,
    Settled,
}

/// A `workflow()` child.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub call: CallId,
    pub parent: FrameId,
    /// Present from `ChildStarted` on.
    pub started: Option<ChildRecord>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChildRecord {
    pub group: String,
    pub script: ScriptRecord,
    pub args: Option<Value>,
}

/// One line of what the script heard, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRecord {
    pub call: CallId,
    pub what: Delivered,
    pub now_ms: i64,
    pub tokens_spent: u64,
}

#[derive(Debug, Clone)]
pub struct State {
    pub seq: u64,
    pub life: Life,
    pub run: Option<RunId>,
    pub script: Option<ScriptRecord>,
    pub args: Option<Value>,
    pub seed: u64,
    /// The clock at the run's first start; every generation begins with it.
    pub started_ms: i64,
    pub limits: Limits,
    pub surroundings: Surroundings,
    pub generation: u32,
    pub fence: u64,
    pub ended: Option<RunEnd>,

    // --- the run's whole life
    pub agents: Vec<Agent>,
    pub usage: Usage,
    /// Subjects a warning was given about.
    pub warned: BTreeSet<String>,

    // --- the current generation
    pub calls: BTreeMap<CallId, CallFate>,
    /// Calls up to this one are decided.
    pub calls_seen: u64,
    /// The agent a call became or reuses.
    pub agent_of_call: BTreeMap<CallId, AgentNumber>,
    pub refusals: BTreeMap<CallId, Thrown>,
    pub frames: BTreeMap<FrameId, Frame>,
    pub frame_last: u32,
    pub groups: BTreeMap<String, u32>,
    pub deliveries: Vec<DeliveryRecord>,
    pub now_ms: i64,
    pub tokens_shown: u64,
    /// How often a key was asked for in this generation.
    pub occurrences: BTreeMap<String, u32>,
    /// Agents of this generation's calls, reused ones included.
    pub asked: Vec<AgentNumber>,
    /// Calls refused by a limit of ours, by its words.
    pub limited: BTreeMap<&'static str, u32>,
    pub queue: VecDeque<AgentNumber>,
    /// Finished results that no call of this generation has taken, by key.
    pub pool: BTreeMap<String, BTreeSet<AgentNumber>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    pub status: RunStatus,
    pub result: Option<Value>,
    pub error: Option<crate::call::ScriptError>,
    pub failures: Failures,
}

impl Default for State {
    fn default() -> State {
        State {
            seq: 0,
            life: Life::New,
            run: None,
            script: None,
            args: None,
            seed: 0,
            started_ms: 0,
            limits: Limits::default(),
            surroundings: Surroundings::default(),
            generation: 0,
            fence: 0,
            ended: None,
            agents: Vec::new(),
            usage: Usage::default(),
            warned: BTreeSet::new(),
            calls: BTreeMap::new(),
            calls_seen: 0,
            agent_of_call: BTreeMap::new(),
            refusals: BTreeMap::new(),
            frames: BTreeMap::new(),
            frame_last: 0,
            groups: BTreeMap::new(),
            deliveries: Vec::new(),
            now_ms: 0,
            tokens_shown: 0,
            occurrences: BTreeMap::new(),
            asked: Vec::new(),
            limited: BTreeMap::new(),
            queue: VecDeque::new(),
            pool: BTreeMap::new(),
        }
    }
}

impl State {
    pub fn agent(&self, number: AgentNumber) -> Option<&Agent> {
        self.agents.get((number.0 as usize).checked_sub(1)?)
    }

    fn agent_mut(&mut self, number: AgentNumber) -> Option<&mut Agent> {
        self.agents.get_mut((number.0 as usize).checked_sub(1)?)
    }

    /// Folds one fact into the state.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        if let Some(call) = call_of(&recorded.event) {
            self.calls_seen = self.calls_seen.max(call.0);
        }
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
            Event::ChildRequested { .. } | Event::ChildStarted { .. } | Event::ChildEnded { .. } => {
                self.apply_to_child(&recorded.event);
            }
            Event::CallRefused { call, thrown } => self.apply_refusal(*call, thrown),
            Event::AgentQueued { .. }
            | Event::AgentReused { .. }
            | Event::AgentStarted { .. }
            | Event::AgentProcessStarted { .. }
            | Event::AgentSkipRequested { .. }
            | Event::AttemptEnded { .. }
            | Event::AgentFinished { .. } => self.apply_to_agent(recorded),
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
            }
            Event::RunResumed { generation, script, args } => {
                if let Some(script) = script {
                    self.script = Some(script.clone());
                }
                if let Some(args) = args {
                    self.args = Some(args.clone());
                }
                self.begin_generation(*generation);
            }
            Event::DriverStarted { fence, surroundings, pid: _ } => {
                self.fence = *fence;
                self.surroundings = surroundings.clone();
                self.requeue_lost();
            }
            Event::LimitsChanged { limits } => self.limits = limits.clone(),
            Event::RunParked { cause } => self.life = Life::Parked(cause.clone()),
            Event::RunPaused { .. } => self.life = Life::Paused,
            Event::RunContinued { .. } => self.life = Life::Live,
            Event::StopRequested { .. } => self.life = Life::Stopping,
            Event::RunInterrupted { .. } => self.life = Life::Interrupted,
            Event::RunEnded { status, result, error, failures } => {
                self.life = Life::Ended(*status);
                let (result, error, failures) = (result.clone(), error.clone(), failures.clone());
                self.ended = Some(RunEnd { status: *status, result, error, failures });
            }
            _ => {}
        }
    }

    fn begin_generation(&mut self, generation: u32) {
        self.generation = generation;
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
        self.limited.clear();
        self.queue.clear();
        self.pool.clear();
        for agent in &mut self.agents {
            agent.call = None;
            match agent.state {
                AgentState::Finished(Outcome::Answered(_)) => {
                    if agent.options.cache != crate::agent::CacheUse::Never {
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
            Life::Interrupted | Life::Parked(_) => Life::Live,
            ref other => other.clone(),
        };
        for agent in &mut self.agents {
            if matches!(agent.state, AgentState::Running { .. }) {
                agent.state = AgentState::Queued;
            }
        }
        let waiting = self.agents.iter().filter(|agent| agent.state == AgentState::Queued);
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
        if thrown.kind.is_limit() {
            let words = match thrown.kind {
                crate::call::ThrowKind::Budget => "budget reached",
                _ => "agent limit reached",
            };
            *self.limited.entry(words).or_default() += 1;
        }
        if let Some(number) = self.drop_queued(call) {
            self.asked.retain(|asked| *asked != number);
        }
        self.refusals.insert(call, thrown.clone());
        self.calls.insert(call, CallFate::Refused);
    }

    fn apply_to_agent(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::AgentQueued { agent, call, key, occurrence, label, phase, prompt, options, .. } => {
                self.asked.push(*agent);
                self.occurrences.insert(key.clone(), occurrence + 1);
                self.calls.insert(*call, CallFate::Agent(*agent));
                self.agent_of_call.insert(*call, *agent);
                self.queue.push_back(*agent);
                self.agents.push(Agent {
                    number: *agent,
                    generation: self.generation,
                    key: key.clone(),
                    label: label.clone(),
                    phase: phase.clone(),
                    prompt: prompt.clone(),
                    options: options.clone(),
                    occurrence: *occurrence,
                    state: AgentState::Queued,
                    attempts: 0,
                    stalls: 0,
                    failed_attempts: 0,
                    usage: Usage::default(),
                    call: Some(*call),
                    heard: None,
                });
            }
            Event::AgentReused { agent, call, key, occurrence, phase, .. } => {
                self.asked.push(*agent);
                self.occurrences.insert(key.clone(), occurrence + 1);
                self.calls.insert(*call, CallFate::Reuses(*agent));
                self.agent_of_call.insert(*call, *agent);
                if let Some(left) = self.pool.get_mut(key) {
                    left.remove(agent);
                }
                if let Some(agent) = self.agent_mut(*agent) {
                    agent.phase = phase.clone();
                }
            }
            Event::AgentStarted { agent, attempt } => {
                if self.queue.front() == Some(agent) {
                    self.queue.pop_front();
                } else {
                    self.queue.retain(|waiting| waiting != agent);
                }
                if let Some(agent) = self.agent_mut(*agent) {
                    agent.attempts = *attempt;
                    let since_ms = recorded.at_ms;
                    agent.state =
                        AgentState::Running { attempt: *attempt, since_ms, process: None, skipped: false };
                }
            }
            Event::AgentProcessStarted { agent, process: started, .. } => {
                if let Some(AgentState::Running { process, .. }) =
                    self.agent_mut(*agent).map(|a| &mut a.state)
                {
                    *process = Some(started.clone());
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
                self.usage.add(usage);
                self.queue.push_back(*agent);
                if let Some(agent) = self.agent_mut(*agent) {
                    agent.usage.add(usage);
                    agent.state = AgentState::Queued;
                    count_failed_attempt(agent, end);
                }
            }
            Event::AgentFinished { agent, outcome, usage, .. } => {
                self.usage.add(usage);
                if let Some(agent) = self.agent_mut(*agent) {
                    agent.usage.add(usage);
                    agent.state = AgentState::Finished(outcome.clone());
                }
            }
            _ => {}
        }
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
        AttemptEnd::Failed(_) => agent.failed_attempts += 1,
        AttemptEnd::Unusable(_) | AttemptEnd::Cancelled | AttemptEnd::Answered(_) => {}
    }
}

/// The call an event decides, if it decides one.
fn call_of(event: &Event) -> Option<CallId> {
    match event {
        Event::PhaseEntered { call, .. }
        | Event::TimerSet { call, .. }
        | Event::TimerCleared { call, .. }
        | Event::ChildRequested { call, .. }
        | Event::CallRefused { call, .. }
        | Event::AgentQueued { call, .. }
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
        | Event::AgentStarted { .. }
        | Event::AgentProcessStarted { .. }
        | Event::AgentSkipRequested { .. }
        | Event::AttemptEnded { .. }
        | Event::AgentFinished { .. }
        | Event::Delivered { .. } => None,
    }
}
