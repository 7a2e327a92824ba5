//! Facts of a run, past tense, in the order they were committed. The journal is a list of these; all
//! else (the run's state, every view, every replay) is folded from them.
//!
//! Changing an event: add fields with a default, or raise [`EVENT_VERSION`] and keep the old reading.

use crate::agent::{AgentOptions, AgentProcess, Answer, AttemptEnd, Cause, CauseKind, Usage};
use crate::approval::{Answerer, ApprovalRequest, Verdict};
use crate::call::{LogLevel, Program, ScriptError, Site, Thrown};
use crate::errand::ErrandOf;
use crate::ids::{AgentNumber, ApprovalId, CallId, FrameId, RunId};
use crate::landing::LandingRecord;
use crate::limits::Limits;
use crate::reuse::Borrowed;
use crate::step::{HostStep, StepNumber, StepOutcome};
use crate::taint::{TaintUse, Tainted};
use crate::turn::TurnRecord;
use crate::work::Work;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the event format this binary writes. A journal with a newer one is not opened.
pub const EVENT_VERSION: u32 = 1;

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// From 1, without gaps.
    pub seq: u64,
    /// When it was decided, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    #[serde(flatten)]
    pub event: Event,
}

/// A script as a run keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptRecord {
    /// `meta.name`.
    pub name: String,
    /// Where it was read from, for people.
    pub path: String,
    /// Hash over the entry's text and all imported files (C09).
    pub hash: String,
    pub meta: Value,
    pub program: Program,
    /// The files as the user wrote them: name and text, the entry last.
    pub sources: Vec<(String, String)>,
}

/// What a driver found around it when it took the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// The working folder.
    pub folder: String,
    /// Names `agentType` may have.
    pub agent_types: Vec<String>,
    pub in_git_repository: bool,
    /// Those of `agent_types` whose agents work in worktrees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_types_isolated: Vec<String>,
    /// The commit at which worktrees start; a resume takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The state of the repository with all that is not committed; known where answers of earlier runs may
    /// be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The backend for calls that name none, as `anthropic`, `simulated`, `command`.
    pub backend: String,
    /// Names the option `backend` may have.
    pub backends: Vec<String>,
    /// Those of `backends` whose agents change files by themselves; they need a real worktree.
    pub backends_with_tools: Vec<String>,
    /// Those of `backends` whose agents can be held to `quarantine`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends_with_quarantine: Vec<String>,
    /// Those of `agent_types` whose tools only look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_types_that_look: Vec<String>,
    /// How model ids begin that the default backend is known to have; empty: any id will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models_known: Vec<String>,
    /// What becomes of prompts with marked text in them.
    pub taint: TaintUse,
    /// Options of `agent()` that agents of a backend cannot be held to, by its name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub options_refused: std::collections::BTreeMap<String, Vec<String>>,
    /// No model is asked by the default backend.
    pub simulated: bool,
    /// The model of agents that name none, if the user said one; a resume takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The file with the rules of simulated agents; a resume takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// How much the tools of agents may do; a resume takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    // --- the run
    RunStarted {
        run: RunId,
        version: u32,
        script: ScriptRecord,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        args: Option<Value>,
        seed: u64,
        now_ms: i64,
        limits: Limits,
        surroundings: Surroundings,
    },
    /// A new generation begins: the script starts anew and takes finished results by their keys.
    RunResumed {
        /// The run's first one is 0; people are told one more.
        generation: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<ScriptRecord>,
        /// Replaces the arguments, if given.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        args: Option<Value>,
    },
    /// A process took the run; what was at work before it is lost.
    DriverStarted {
        fence: u64,
        pid: u32,
        surroundings: Surroundings,
    },
    /// The caps were changed by `resume`.
    LimitsChanged {
        limits: Limits,
    },
    /// Nothing can go on before a person acts, or the time comes at which the run goes on by itself.
    RunParked {
        cause: Cause,
        /// Milliseconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wakes_at_ms: Option<i64>,
    },
    RunPaused {
        by: String,
    },
    RunContinued {
        by: String,
    },
    /// A person asked to end the run.
    StopRequested {
        by: String,
    },
    /// The process let go of the run; it stays open.
    RunInterrupted {
        by: String,
    },
    RunEnded {
        status: RunStatus,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        result: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ScriptError>,
        failures: Failures,
    },

    // --- what the script said
    PhaseEntered {
        call: CallId,
        frame: FrameId,
        title: String,
    },
    Logged {
        /// Absent for lines of our own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        level: LogLevel,
        text: String,
        /// What a warning is about that is given once per run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<String>,
    },
    TimerSet {
        call: CallId,
        due_ms: i64,
    },
    TimerCleared {
        call: CallId,
        timer: CallId,
    },
    /// A host step is being done.
    StepStarted {
        number: StepNumber,
        call: CallId,
        frame: FrameId,
        key: String,
        step: HostStep,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<Site>,
    },
    /// The call takes the result of a step that was done before.
    StepReused {
        number: StepNumber,
        call: CallId,
        frame: FrameId,
    },
    StepEnded {
        number: StepNumber,
        outcome: StepOutcome,
    },
    /// What happened while work was landed, by the script or by a person.
    Landing {
        record: LandingRecord,
    },
    ChildRequested {
        call: CallId,
        frame: FrameId,
        parent: FrameId,
        target: crate::call::WorkflowTarget,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        args: Option<Value>,
    },
    ChildStarted {
        call: CallId,
        frame: FrameId,
        /// `▸ name`, `▸ name #2`.
        group: String,
        script: ScriptRecord,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        args: Option<Value>,
    },
    ChildEnded {
        /// The `workflow()` call that started it.
        call: CallId,
        /// The call by which the isolate told of the end.
        end_call: CallId,
        frame: FrameId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The call throws without having become an agent or a child.
    CallRefused {
        call: CallId,
        thrown: Thrown,
    },

    // --- agents
    AgentQueued {
        agent: AgentNumber,
        /// [`CallId::NONE`] for an errand.
        call: CallId,
        frame: FrameId,
        /// Hash of the prompt and the options that matter (C62).
        key: String,
        /// Which of the equal keys of its generation, from 0.
        occurrence: u32,
        label: String,
        /// The group it is shown in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<String>,
        prompt: String,
        options: AgentOptions,
        /// Words of agents in quarantine that the prompt holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tainted: Option<Tainted>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<Site>,
        /// A landing asks for it, not the script.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errand: Option<ErrandOf>,
    },
    /// The call takes the finished result of an agent of an earlier generation.
    AgentReused {
        agent: AgentNumber,
        call: CallId,
        frame: FrameId,
        key: String,
        occurrence: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<String>,
        label: String,
    },
    /// The call waits for an agent that another call asked for, and hears what that one hears.
    AgentShared {
        agent: AgentNumber,
        call: CallId,
        frame: FrameId,
    },
    AgentStarted {
        agent: AgentNumber,
        attempt: u32,
    },
    /// A process works for the agent.
    AgentProcessStarted {
        agent: AgentNumber,
        attempt: u32,
        process: AgentProcess,
    },
    /// The agent came one step further.
    AgentTurn {
        agent: AgentNumber,
        attempt: u32,
        turn: TurnRecord,
    },
    /// A person wants the agent to end; its call gives null.
    AgentSkipRequested {
        agent: AgentNumber,
        by: String,
    },
    /// The agent waits for a person before it acts.
    ApprovalAsked {
        agent: AgentNumber,
        attempt: u32,
        id: ApprovalId,
        request: ApprovalRequest,
    },
    ApprovalAnswered {
        id: ApprovalId,
        answer: Verdict,
        by: Answerer,
    },
    /// An attempt ended without ending the agent.
    AttemptEnded {
        agent: AgentNumber,
        attempt: u32,
        end: AttemptEnd,
        #[serde(default)]
        usage: Usage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model_asked: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model_served: Option<String>,
        #[serde(default)]
        requests: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drafts: Vec<String>,
    },
    AgentFinished {
        agent: AgentNumber,
        attempt: u32,
        outcome: Outcome,
        #[serde(default)]
        usage: Usage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model_asked: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model_served: Option<String>,
        #[serde(default)]
        requests: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rung: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drafts: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
        /// From the start of the attempt.
        duration_ms: u64,
        /// What it left in its worktree.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        work: Option<Box<Work>>,
        /// It did not work: its answer is that of an earlier run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        borrowed: Option<Box<Borrowed>>,
    },

    // --- what the script heard
    Delivered {
        call: CallId,
        what: Delivered,
        now_ms: i64,
        tokens_spent: u64,
    },
}

/// How an agent ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answered(Answer),
    Failed(Cause),
}

impl Outcome {
    /// A cap ended it; with a larger one it could have gone on.
    pub fn is_out_of_budget(&self) -> bool {
        matches!(self, Outcome::Failed(cause) if cause.kind == CauseKind::Budget)
    }
}

/// The journal's short form of a payload: what it says stands in earlier events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// The outcome of this agent, which may be of an earlier generation.
    Agent(AgentNumber),
    /// The `CallRefused` of this call.
    Refusal,
    Timer,
    /// The end of this host step.
    Step(StepNumber),
    /// The `ChildStarted` of this call.
    Child,
    /// The run is being stopped.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Completed,
    Failed,
    Refused,
    Stopped,
    Interrupted,
    Budget,
    NeedsPerson,
}

/// Agents that gave nothing, counted by cause, and phases in which all failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failures {
    pub agents: u32,
    pub failed: u32,
    /// `(cause in words, how many)`, most first.
    pub causes: Vec<(String, u32)>,
    /// Groups of which every agent failed.
    pub phases_lost: Vec<String>,
}

impl Failures {
    /// Every agent of the run failed, and this is why.
    pub fn are_all_for(&self, kind: CauseKind) -> bool {
        let known = self.causes.iter().all(|(words, _)| words == kind.words());
        self.agents > 0 && self.failed == self.agents && known
    }

    /// Every agent of the run, or of a phase, failed.
    pub fn is_total(&self) -> bool {
        (self.agents > 0 && self.failed == self.agents) || !self.phases_lost.is_empty()
    }
}

/// Keeps `null` and "absent" apart: `Some(Value::Null)` is written as null, `None` not at all.
pub(crate) mod present {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub fn serialize<S: Serializer>(value: &Option<Value>, out: S) -> Result<S::Ok, S::Error> {
        value.serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(input).map(Some)
    }
}
