//! What a request asks, whatever its wire.

use super::failure::Failure;
use super::{anthropic, gemini, ollama, openai_chat, openai_responses};
use serde_json::Value;

/// The tool through which structured answers are given. Agents that are programs have it from a server of
/// ours, whose name they put before it.
const STRUCTURED_TOOL: &str = "StructuredOutput";
/// Between the name of a group of tools and that of one of them, where a wire has groups: no tool's own
/// name can hold it.
pub(super) const GROUP_MARK: char = '.';

/// The form of a model API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Anthropic,
    OpenAiChat,
    OpenAiResponses,
    Gemini,
    Ollama,
}

impl Wire {
    pub fn name(self) -> &'static str {
        match self {
            Wire::Anthropic => "anthropic",
            Wire::OpenAiChat => "openai-chat",
            Wire::OpenAiResponses => "openai-responses",
            Wire::Gemini => "gemini",
            Wire::Ollama => "ollama",
        }
    }
}

/// A request for an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    pub model: String,
    /// The last text of the user.
    pub prompt: String,
    pub structured: Structured,
    /// Other tools that may be called.
    pub tools: Vec<String>,
    /// Which answer of its conversation this is, from 1.
    pub turn: u64,
    pub delivery: Delivery,
    /// The answer shall say how many tokens were used.
    pub wants_usage: bool,
    /// Tokens that the answer may have.
    pub output_max: Option<u64>,
    /// What was given of this answer before, when the rest of it is asked for.
    pub so_far: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Streamed,
}

/// How a structured answer is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Structured {
    No,
    /// By calling this tool.
    Tool {
        name: String,
        schema: Value,
    },
    /// As text that is JSON.
    Text {
        schema: Value,
    },
}

impl Structured {
    pub fn schema(&self) -> Option<&Value> {
        match self {
            Structured::No => None,
            Structured::Tool { schema, .. } | Structured::Text { schema } => Some(schema),
        }
    }
}

/// A tool as offered: its name and the schema of its input.
pub(super) struct Tool {
    pub name: String,
    pub schema: Value,
}

/// Which tool the request says must be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ToolChoice {
    Free,
    Never,
    Any,
    Named(String),
}

/// The path's own part of a Gemini request.
pub(super) struct InPath {
    pub model: String,
    pub delivery: Delivery,
}

pub(super) fn read(wire: Wire, in_path: Option<InPath>, body: &[u8]) -> Result<Ask, Failure> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::BadRequest(format!("the body is no JSON: {error}")))?;
    match (wire, in_path) {
        (Wire::Anthropic, _) => anthropic::read(&body),
        (Wire::OpenAiChat, _) => openai_chat::read(&body),
        (Wire::OpenAiResponses, _) => openai_responses::read(&body),
        (Wire::Gemini, Some(in_path)) => gemini::read(&body, in_path),
        (Wire::Gemini, None) => Err(Failure::BadRequest("the path names no model".to_owned())),
        (Wire::Ollama, _) => ollama::read(&body),
    }
}

/// Tools that may be called, beside the one for structured answers.
pub(super) fn callable(tools: &[Tool], choice: &ToolChoice) -> Vec<String> {
    let free = matches!(choice, ToolChoice::Free | ToolChoice::Any);
    let others = tools.iter().filter(|tool| free && !is_structured(&tool.name));
    others.map(|tool| tool.name.clone()).collect()
}

/// Ours, or one that a server of ours offers.
fn is_structured(name: &str) -> bool {
    name.strip_suffix(STRUCTURED_TOOL)
        .is_some_and(|before| before.is_empty() || before.ends_with('_') || before.ends_with(GROUP_MARK))
}

/// What is offered, without a server's tool for structured answers if it was called since the user last
/// spoke: a program goes on after it, where our own agent is done.
pub(super) fn still_offered(tools: Vec<Tool>, called: &[String]) -> Vec<Tool> {
    let is_over = |tool: &Tool| {
        tool.name != STRUCTURED_TOOL && is_structured(&tool.name) && called.contains(&tool.name)
    };
    tools.into_iter().filter(|tool| !is_over(tool)).collect()
}

/// What the user said last, and after it, everything.
pub(super) fn since_user_spoke<'m>(said: &'m Value, parts: &str) -> &'m [Value] {
    let list = said.as_array().map_or([].as_slice(), Vec::as_slice);
    let spoken = |message: &Value| role(message) == "user" && last_text(&message[parts]).is_some();
    let last = list.iter().rposition(spoken);
    &list[last.unwrap_or(0)..]
}

/// Which answer the conversation asks for: what the model said stands between what it was told.
pub(super) fn turn(said: &Value, is_model: impl Fn(&Value) -> bool) -> u64 {
    let mut turn = 1;
    let mut speaks = false;
    for item in said.as_array().into_iter().flatten() {
        let models = is_model(item);
        turn += u64::from(models && !speaks);
        speaks = models;
    }
    turn
}

pub(super) fn is_assistant(message: &Value) -> bool {
    role(message) == "assistant"
}

/// The way a structured answer is asked for: our tool, a tool that must be called, or a text format.
pub(super) fn structured(tools: Vec<Tool>, choice: ToolChoice, format: Option<Value>) -> Structured {
    let only = tools.len() == 1;
    let is_asked = |tool: &Tool| match &choice {
        ToolChoice::Never => false,
        ToolChoice::Named(name) => *name == tool.name,
        ToolChoice::Any => only || is_structured(&tool.name),
        ToolChoice::Free => is_structured(&tool.name),
    };
    match (tools.into_iter().find(is_asked), format) {
        (Some(Tool { name, schema }), _) => Structured::Tool { name, schema },
        (None, Some(schema)) => Structured::Text { schema },
        (None, None) => Structured::No,
    }
}

/// The text of the last message of the user that has one; of several blocks the last.
pub(super) fn last_user_text(messages: &Value, parts: &str) -> Result<String, Failure> {
    let list = messages.as_array().ok_or_else(|| missing("a list of messages"))?;
    let said = list.iter().rev().filter(|message| role(message) == "user");
    said.filter_map(|message| last_text(&message[parts]))
        .next()
        .ok_or_else(|| missing("a message of the user"))
}

fn role(message: &Value) -> &str {
    message["role"].as_str().unwrap_or("user")
}

fn last_text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => {
            let is_text =
                |block: &&Value| matches!(block["type"].as_str(), None | Some("text" | "input_text"));
            let texts = blocks.iter().rev().filter(is_text);
            texts.filter_map(|block| block["text"].as_str()).next().map(str::to_owned)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

pub(super) fn missing(what: &str) -> Failure {
    Failure::BadRequest(format!("the request has not got {what}"))
}

pub(super) fn text_at(body: &Value, key: &str) -> Result<String, Failure> {
    body[key].as_str().map(str::to_owned).ok_or_else(|| missing(&format!("`{key}`")))
}

pub(super) fn delivery(stream: bool) -> Delivery {
    if stream { Delivery::Streamed } else { Delivery::Whole }
}
