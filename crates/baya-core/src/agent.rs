//! What one agent is asked to do, and how it ends. Backends turn an [`AgentTask`] into an
//! [`AttemptReport`]; the run decides what the script hears of it.

use crate::ids::{AgentNumber, RunId};
use crate::turn::TurnRecord;
pub use crate::usage::{Usage, UsageSource};
use crate::work::{Changes, Work};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything a backend needs for one attempt at one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentTask {
    pub run: RunId,
    pub agent: AgentNumber,
    /// From 1.
    pub attempt: u32,
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Goes out verbatim, in a text block of its own. Marked text in it is fenced already.
    pub prompt: String,
    /// What the marks around words that nobody vouches for say; see [`AgentTask::data_rule`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// What the agent has to know of the folder it works in; each backend tells it apart from the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How often the run has asked the same before.
    #[serde(default)]
    pub asked_before: u32,
    /// For randomness that must repeat: simulated answers, jitter.
    pub seed: u64,
    pub options: AgentOptions,
    /// How far earlier attempts came; the attempt goes on from there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnRecord>,
}

/// The options of `agent()`, parsed. Absent means: the backend's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// As the script says it: an alias, `inherit`, an id, or `provider/model` (C28).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub worktree: bool,
    /// No sign of life for this long: stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// The whole attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Tries after the first, for failures that another try may cure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Only these tools, of those that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disallowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bash_command_clamp: Option<Value>,
    /// Where its worktree starts, if not at the run's base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The call resolves to `{result, work}` (C72).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub work: bool,
    /// Reads only, sees no secret, and what it returns is marked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quarantine: bool,
    /// The folder it works in, below the run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    pub cache: CacheUse,
    pub on_failure: OnFailure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    #[default]
    Null,
    Throw,
}

/// Whether finished results of this call may be used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheUse {
    #[default]
    Run,
    Never,
    /// Equal calls that are made while one of them is at work are one agent.
    Shared,
}

/// What an agent gave back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The final text, untrimmed; may be empty (C22).
    Text(String),
    /// The validated object of a call with a schema (C30).
    Json(Value),
}

impl Answer {
    pub fn to_value(&self) -> Value {
        match self {
            Answer::Text(text) => Value::String(text.clone()),
            Answer::Json(value) => value.clone(),
        }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    Answered(Answer),
    Failed(Cause),
    /// What would hit every agent: a refused key, no credit, an unknown model, a provider that is
    /// down. The run parks, the agent did not fail.
    Unusable(Cause),
    /// The attempt was cancelled by us.
    Cancelled,
}

impl AttemptEnd {
    /// The end that a cause makes: of this agent alone, or of all for now.
    pub fn of(cause: Cause) -> AttemptEnd {
        match cause.kind.concerns_all() {
            true => AttemptEnd::Unusable(cause),
            false => AttemptEnd::Failed(cause),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptReport {
    pub end: AttemptEnd,
    /// What no recorded turn carries.
    #[serde(default)]
    pub usage: Usage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_asked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_served: Option<String>,
    /// Requests made, retries included, that no recorded turn carries; 0 for a backend that does not count.
    #[serde(default)]
    pub requests: u32,
    /// How the structured answer was got: `native`, `tool`, `text`, `repair`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<String>,
    /// What the agent wrote that is not in the answer: texts that met no schema, refused tool input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drafts: Vec<String>,
    /// Facts worth telling, as `the provider rewrote the schema`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What it left in its worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Box<Work>>,
}

impl AttemptReport {
    pub fn new(end: AttemptEnd) -> AttemptReport {
        AttemptReport {
            end,
            usage: Usage::default(),
            model_asked: None,
            model_served: None,
            requests: 0,
            rung: None,
            drafts: Vec::new(),
            notes: Vec::new(),
            work: None,
        }
    }
}

/// Why an agent failed, or why no agent can work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub kind: CauseKind,
    /// What failed, where and why; one line, lower case, no final stop.
    pub message: String,
    /// What the user can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When it may work again, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<i64>,
}

impl Cause {
    pub fn new(kind: CauseKind, message: impl Into<String>) -> Cause {
        Cause { kind, message: message.into(), hint: None, retry_at_ms: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Cause {
        self.hint = Some(hint.into());
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The provider answered with an error, after all retries.
    Api,
    /// No connection, or the answer broke off, after all retries.
    Network,
    /// The model refused the request.
    Refused,
    /// The model's own limit cut the answer off, or the context was too long.
    Limit,
    /// `timeoutMs` passed.
    Timeout,
    /// No sign of life for `stallMs`.
    Stalled,
    /// No answer met the schema.
    SchemaUnmet,
    /// The program ended with an error status, or what it printed cannot be read.
    Program,
    /// The backend panicked; a bug of ours.
    Panic,
    /// A person stopped or skipped the agent.
    Skipped,
    /// A hook of the user did not let it begin.
    Vetoed,
    /// A cap of the run, of its phase or of its own is reached.
    Budget,
    /// The key is missing or refused.
    Key,
    /// No credit, or a usage limit that lasts.
    Credit,
    UnknownModel,
    /// The provider cannot be reached at all.
    ProviderDown,
}

impl CauseKind {
    /// Whether the run, and not only the backend, tries again when the call's `retries` allow it.
    pub fn is_retried_by_run(self) -> bool {
        matches!(self, CauseKind::Program | CauseKind::Timeout | CauseKind::Panic)
    }

    /// Whether every agent would meet the same: the run parks then.
    pub fn concerns_all(self) -> bool {
        match self {
            CauseKind::Key | CauseKind::Credit | CauseKind::UnknownModel | CauseKind::ProviderDown => true,
            CauseKind::Api
            | CauseKind::Network
            | CauseKind::Refused
            | CauseKind::Limit
            | CauseKind::Timeout
            | CauseKind::Stalled
            | CauseKind::SchemaUnmet
            | CauseKind::Program
            | CauseKind::Panic
            | CauseKind::Skipped
            | CauseKind::Vetoed
            | CauseKind::Budget => false,
        }
    }

    /// Two or three words for a summary that counts causes.
    pub fn words(self) -> &'static str {
        match self {
            CauseKind::Api => "provider error",
            CauseKind::Network => "network failure",
            CauseKind::Refused => "refused by the model",
            CauseKind::Limit => "model's limit",
            CauseKind::Timeout => "timed out",
            CauseKind::Stalled => "stalled",
            CauseKind::SchemaUnmet => "schema never met",
            CauseKind::Program => "program failed",
            CauseKind::Panic => "backend panicked",
            CauseKind::Skipped => "skipped by a person",
            CauseKind::Vetoed => "vetoed by a hook",
            CauseKind::Budget => "budget reached",
            CauseKind::Key => "key refused",
            CauseKind::Credit => "no credit",
            CauseKind::UnknownModel => "unknown model",
            CauseKind::ProviderDown => "provider down",
        }
    }
}

/// A process started for an agent, so that a later driver can end survivors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentProcess {
    pub pid: u32,
    /// The kernel's start time of the process: a pid alone may have been given out again.
    pub started: u64,
    /// Which boot of which machine.
    pub boot: String,
    /// Stands in the environment of all that the process started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// It may serve other agents after this one, and so be there when this one is finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// What is known of a running attempt before it ends; shown, not journaled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The request is out.
    Asked,
    /// So much of the answer has arrived.
    Streaming { output_bytes: u64 },
    /// Waits before it tries again.
    Retrying { why: String, wait_ms: u64 },
    /// The answer did not meet the schema and is asked for again.
    Reasking { why: String, tries: u32 },
    /// A tool is at work.
    Using { tool: String },
    /// Nothing is at work for the agent before something else has happened.
    Waiting { wait: Wait },
    /// So much is different in its worktree, seen from outside. It does not say what the agent is doing.
    Changed { changes: Changes },
}

/// What an agent waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Its provider takes no more than so many requests at once.
    Provider { provider: String, at_once: u32 },
    /// Its provider asked for a pause, until milliseconds since the Unix epoch.
    Pause { provider: String, until_ms: i64 },
    /// Another agent with the same beginning goes first, so that this one finds it in the cache.
    Prefix { first: AgentNumber },
    /// All slots for commands as heavy as this one are taken.
    Slot { command: String },
    /// Another agent's process would not fit into the memory that is free.
    Memory { free_bytes: u64 },
    /// A person has to answer this question.
    Approval { id: String, question: String },
    /// What is left of a cap is held by requests that are out.
    Budget { cap: String },
    /// A program is being started; what for.
    Start { program: String },
}
