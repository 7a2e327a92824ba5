//! What crosses the border between a script and the engine: calls out, deliveries in.
//!
//! The isolate is a function: a [`Start`] and a list of [`Delivery`] values give a list of [`Step`]
//! values, always the same ones. Everything a script can perceive (results, the clock, budget
//! readings, the random seed) is inside a `Start` or a `Delivery`.

use crate::ids::{CallId, FrameId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A linked script, ready to evaluate: the units in evaluation order, the entry last.
///
/// The text of a unit is one JavaScript expression whose positions are those of the user's file. It
/// evaluates to a function. A library unit is called with the namespaces of `imports` and returns its
/// exports as an object; the entry is called with `meta` and then the namespaces of its `imports`,
/// and returns a promise of the run's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub units: Vec<Unit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The file's name as errors show it.
    pub file: String,
    pub text: String,
    /// Characters before the user's own on line 1, to subtract from its columns; nearly always 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift: u32,
    /// Indexes into [`Program::units`], all smaller than this unit's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<usize>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What the isolate is given first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub program: Program,
    /// `meta` as the script's own `meta` constant shows it.
    pub meta: Value,
    /// `None` is `undefined`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
    pub args: Option<Value>,
    pub seed: u64,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// `budget.total`, in output tokens.
    pub budget_total: Option<u64>,
    pub tokens_spent: u64,
    pub limits: ScriptLimits,
}

/// What one stretch of script may use (C15).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptLimits {
    pub memory_bytes: u64,
    pub stack_bytes: u64,
    /// CPU time of each stretch between two waits.
    pub cpu_ms: u64,
    /// How deep `workflow()` may nest.
    pub depth_max: u32,
    /// Elements in a list given to `parallel` or `pipeline`.
    pub list_max: u32,
}

/// One use of a host function by the script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub id: CallId,
    pub frame: FrameId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    #[serde(flatten)]
    pub kind: CallKind,
}

/// Where in the user's files, 1-based; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    pub file: String,
    pub line: u32,
    pub column: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CallKind {
    /// `agent(prompt, options)`. Members of `options` that are `undefined` are already gone.
    Agent {
        prompt: String,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        options: Map<String, Value>,
        /// What `phase()` said last in this frame; `options.phase` goes before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<String>,
    },
    /// `workflow(nameOrRef, args)`.
    Workflow {
        target: WorkflowTarget,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        args: Option<Value>,
    },
    /// The evaluation of a child's frame ended; its caller inside the isolate already knows.
    FrameEnded {
        ended: FrameId,
        /// The message of the error that ended it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    Phase {
        title: String,
    },
    Log {
        level: LogLevel,
        text: String,
    },
    /// `baya.exec(…)` and its like.
    Step {
        step: crate::step::HostStep,
    },
    SetTimer {
        delay_ms: u64,
    },
    ClearTimer {
        timer: CallId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowTarget {
    Name(String),
    Path(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// What the isolate answers: once for a [`Start`], once for each batch of deliveries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How many deliveries this answers; 0 for the answer to `Start`.
    pub settled: u32,
    pub calls: Vec<Call>,
    pub state: StepState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// The script waits for calls that are not settled yet.
    Waiting,
    /// The script returned. `None` is `undefined`.
    Done {
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
        value: Option<Value>,
        /// What was changed to make the value plain data (BigInt, cycles), one sentence each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    Threw {
        error: ScriptError,
    },
    /// The script waits for something that can never come (C16).
    Stuck {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        site: Option<Site>,
    },
}

/// How a script failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptError {
    pub kind: ScriptErrorKind,
    /// The error's `name`, as `TypeError`; for a thrown value that is no error, its type.
    pub name: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Innermost first, user's files only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Site>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptErrorKind {
    /// The script threw, or a promise it awaited was rejected.
    Thrown,
    /// More CPU than allowed between two waits.
    CpuLimit,
    MemoryLimit,
    StackLimit,
    /// The process that evaluates the script died.
    IsolateLost,
    /// One of our own limits (agents, budget) ended it.
    Limit,
    /// It waits for something that can never come (C16).
    Stuck,
}

/// A result handed to the script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub to: CallId,
    pub payload: Payload,
    /// What the script's clock says from now on; never goes back.
    pub now_ms: i64,
    /// What `budget.spent()` says from now on.
    pub tokens_spent: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The call resolves to this value.
    Value(Value),
    /// As `Value`, and what `baya.work()` says of it.
    Worked { value: Value, work: Value },
    /// The call rejects.
    Throw(Thrown),
    /// The timer of a `SetTimer` call fires.
    Fired,
    /// The child of a `Workflow` call starts in a frame of its own.
    Child(Box<Child>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    pub frame: FrameId,
    /// `meta.name`, put before its log lines.
    pub name: String,
    pub program: Program,
    pub meta: Value,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::event::present")]
    pub args: Option<Value>,
}

/// An error the engine throws into the script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thrown {
    pub kind: ThrowKind,
    pub message: String,
}

/// Why the engine throws (C26, C53); scripts see it as `error.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrowKind {
    Stopped,
    AgentLimit,
    Budget,
    AgentType,
    /// The schema is not usable.
    Schema,
    /// No answer met the schema.
    SchemaUnmet,
    Stalled,
    Isolation,
    /// The prompt holds text that an agent in quarantine returned, and the settings forbid it.
    Taint,
    /// An option or feature that this version does not have, or a value of the wrong type.
    Option,
    Workflow,
    /// `onFailure: 'throw'`: the agent failed in a way that otherwise gives null.
    AgentFailed,
    /// A host step failed.
    Step,
}

impl ThrowKind {
    /// Our own limits: inside `parallel` and `pipeline` one line counts them all (C43).
    pub fn is_limit(self) -> bool {
        matches!(self, ThrowKind::AgentLimit | ThrowKind::Budget)
    }

    /// Why an agent was refused before it was there, in the words of a count; none: the refusal is of no
    /// agent, or of one that counts itself.
    pub fn refused_agent(self) -> Option<&'static str> {
        match self {
            ThrowKind::AgentLimit => Some("agent limit reached"),
            ThrowKind::Budget => Some("budget reached"),
            ThrowKind::AgentType => Some("no such agent type"),
            ThrowKind::Schema => Some("unusable schema"),
            ThrowKind::Isolation => Some("no worktree"),
            ThrowKind::Taint => Some("tainted prompt"),
            ThrowKind::Option => Some("unusable option"),
            ThrowKind::Stopped
            | ThrowKind::SchemaUnmet
            | ThrowKind::Stalled
            | ThrowKind::Workflow
            | ThrowKind::AgentFailed
            | ThrowKind::Step => None,
        }
    }
}
