//! The state of a run, folded from its events. `apply` is total: any event in any order gives a state.
//!
//! Two kinds of memory live here. Agents and what they cost belong to the run's whole life. Calls,
//! frames, deliveries and timers belong to the current *generation*: one evaluation of the script from
//! its first line. Continuing a generation repeats its deliveries exactly; a new generation starts with
//! none and takes finished results from the pool by their keys.

use super::approvals::Approvals;
use super::spent::Spent;
use super::steps::Steps;
use crate::agent::{AgentOptions, AgentProcess, Usage};
use crate::budget::Caps;
use crate::call::{Thrown, WorkflowTarget};
use crate::errand::ErrandOf;
use crate::event::{Delivered, Failures, Outcome, RunStatus, ScriptRecord, Surroundings};
use crate::ids::{AgentNumber, CallId, FrameId, RunId};
use crate::limits::Limits;
use crate::step::StepNumber;
use crate::taint::{Tainted, TextIndex};
use crate::turn::TurnRecord;
use crate::work::Work;
use serde::{Deserialize, Serialize};
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
    /// Nothing can go on before a person acts or this time comes; what is at work may finish.
    Parked {
        cause: crate::agent::Cause,
        wakes_at_ms: Option<i64>,
    },
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
    pub tainted: Option<Tainted>,
    pub occurrence: u32,
    pub state: AgentState,
    /// Attempts begun, those lost in a crash included.
    pub attempts: u32,
    /// Attempts that ended by stalling.
    pub stalls: u32,
    /// Attempts that failed and are tried again.
    pub failed_attempts: u32,
    pub usage: Usage,
    /// How far it came; the next attempt goes on from there.
    pub turns: Vec<TurnRecord>,
    /// What its requests that are out can use.
    pub holding: Option<Usage>,
    /// The call of the current generation that was asked for it, and did not just reuse it.
    pub call: Option<CallId>,
    /// The first time a script heard of it: place in the journal, clock, budget reading.
    pub heard: Option<Heard>,
    /// What it left in its worktree.
    pub work: Option<Box<Work>>,
    /// A landing asked for it, not the script.
    pub errand: Option<ErrandOf>,
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

impl Agent {
    /// Nothing will be asked for it any more.
    pub fn is_over(&self) -> bool {
        match self.state {
            AgentState::Queued | AgentState::Running { .. } => false,
            AgentState::Finished(_) | AgentState::Dropped => true,
        }
    }
}

/// What became of a call of the current generation.
#[derive(Debug, Clone, PartialEq)]
pub enum CallFate {
    /// Waits for this agent.
    Agent(AgentNumber),
    /// Will be given the finished result of this agent of an earlier generation.
    Reuses(AgentNumber),
    /// Waits for this agent, which another call asked for.
    Shares(AgentNumber),
    Timer {
        due_ms: i64,
    },
    /// Waits for this host step.
    Step(StepNumber),
    /// Will be given the result of this host step of earlier.
    ReusesStep(StepNumber),
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
    /// The same by phase and by kind of label, and the time it took.
    pub spent: Spent,
    /// Of the script's phases.
    pub phase_caps: BTreeMap<String, Caps>,
    /// How far agents came that ended for want of budget or with their generation, by their key.
    pub turns_left: BTreeMap<String, Vec<Vec<TurnRecord>>>,
    /// What agents in quarantine returned.
    pub marked: TextIndex,
    /// Subjects a warning was given about.
    pub warned: BTreeSet<String>,
    /// Questions of agents to people.
    pub approvals: Approvals,

    pub steps: Steps,
    /// Something was done that may have changed files of the working folder.
    pub touched: bool,

    /// Processes of this driver that serve one agent after the other.
    pub kept: Vec<AgentProcess>,

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
    /// Calls for agents that were refused, by the reason's words.
    pub refused: BTreeMap<&'static str, u32>,
    pub queue: VecDeque<AgentNumber>,
    /// Calls of this generation that wait for another's agent.
    pub sharers: BTreeMap<AgentNumber, Vec<CallId>>,
    /// The last agents that may be shared, by key: of this generation, and those that answered before it.
    pub sharing: BTreeMap<String, AgentNumber>,
    pub shared_before: BTreeMap<String, AgentNumber>,
    /// Finished results that no call of this generation has taken, by key.
    pub pool: BTreeMap<String, BTreeSet<AgentNumber>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub status: RunStatus,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
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
            spent: Spent::default(),
            phase_caps: BTreeMap::new(),
            turns_left: BTreeMap::new(),
            marked: TextIndex::default(),
            warned: BTreeSet::new(),
            approvals: Approvals::default(),
            steps: Steps::default(),
            touched: false,
            kept: Vec::new(),
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
            refused: BTreeMap::new(),
            queue: VecDeque::new(),
            sharers: BTreeMap::new(),
            sharing: BTreeMap::new(),
            shared_before: BTreeMap::new(),
            pool: BTreeMap::new(),
        }
    }
}

impl State {
    pub fn agent(&self, number: AgentNumber) -> Option<&Agent> {
        self.agents.get((number.0 as usize).checked_sub(1)?)
    }

    pub(super) fn agent_mut(&mut self, number: AgentNumber) -> Option<&mut Agent> {
        self.agents.get_mut((number.0 as usize).checked_sub(1)?)
    }
}
