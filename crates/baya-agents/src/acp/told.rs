//! What an agent of the protocol tells and asks, in our own words, so that one file knows the protocol's.

use baya_core::agent::Usage;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// What comes from an agent while it works.
#[derive(Debug)]
pub(super) enum Told {
    /// A piece of what it says; pieces with the same `message` belong together.
    Text { message: Option<String>, text: String },
    /// A piece of what it thinks.
    Thought { bytes: usize },
    /// A tool call began or came further.
    Tool(ToolStep),
    /// May it do this?
    Asked(Question),
    /// Anything else: a sign of life.
    Other,
}

/// How far a tool call is. What it does not say is as before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ToolStep {
    pub id: String,
    pub title: Option<String>,
    /// The tool's own name, from agents that say it.
    pub name: Option<String>,
    pub kind: Option<ToolKind>,
    pub status: Option<ToolStatus>,
    pub paths: Vec<PathBuf>,
    /// What it is called with, in the agent's own form.
    pub input: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolKind {
    Read,
    Edit,
    Delete,
    Move,
    Search,
    Execute,
    Think,
    Fetch,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolStatus {
    Begun,
    Completed,
    Failed,
}

/// A question for permission. Not answered, the agent is told that nobody will.
#[derive(Debug)]
pub(super) struct Question {
    pub call: ToolStep,
    pub reply: oneshot::Sender<Reply>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Allow,
    Reject,
}

/// What an agent says of itself when it is greeted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    pub load: bool,
    pub resume: bool,
    pub close: bool,
    pub title: bool,
}

/// A session and what can be set in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub id: String,
    pub options: Vec<Setting>,
    /// Ids of models, from agents that list them apart.
    pub models: Vec<String>,
}

/// Something that a session lets be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub id: String,
    pub topic: Topic,
    pub current: String,
    pub choices: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Model,
    Effort,
    Other,
}

/// How a turn ended, as the agent says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TurnEnd {
    pub stop: Stop,
    /// What it reports; some count the last request only.
    pub usage: Option<Usage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Done,
    TokenLimit,
    TurnLimit,
    Refused,
    Cancelled,
    /// A word of a newer protocol.
    Unknown,
}

/// Why a request was not answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    /// The agent hung up.
    #[error("hung up")]
    Gone,
    #[error("wants a login: {0}")]
    LoginNeeded(String),
    #[error("knows no `{0}`")]
    Unknown(&'static str),
    #[error("answers with an error: {0}")]
    Said(String),
    #[error("speaks version {0} of the protocol, and not version 1")]
    Version(u64),
}

/// An MCP server that a session gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub name: String,
    pub argv: Vec<String>,
}
