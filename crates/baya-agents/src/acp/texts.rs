//! What we say to agents beside the prompt, in blocks of their own.

use crate::api::STRUCTURED_OUTPUT;
use crate::mcp::answer::SERVER;
use serde_json::Value;

/// For every agent (C20).
const RULES: &str = "You work alone: nobody reads along and nobody answers questions, so decide what is open \
yourself and say what you assumed. Your last message is the return value of a function call: it holds the whole \
result and nothing else, no greeting and no offer of more.";

const INTERRUPTED: &str = "The work on this task was interrupted. What you did before stands: go on from there, and \
repeat nothing that is done. If you had finished, give the result again. The task was:";

const REPAIR: &str = "Turn the text below into one JSON object. Take every fact from the text and invent none; where \
the text leaves a required value open, take the plainest one that is true to it. Use no tools.";

/// How a structured answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The agent's own way.
    Native,
    Tool,
    /// A block of JSON in the last message.
    Fence,
}

/// Before the prompt: the body of the agent's type, the rules, and the form of the result.
pub(super) fn before(body: Option<&str>, form: Option<&str>, interrupted: bool) -> String {
    let body = body.filter(|body| !body.is_empty());
    let parts = body.into_iter().chain([RULES]).chain(form).chain(interrupted.then_some(INTERRUPTED));
    parts.collect::<Vec<_>>().join("\n\n")
}

pub(super) fn form(form: Form, schema: &Value) -> String {
    match form {
        Form::Native => format!("Your result meets this JSON Schema:\n{schema}"),
        Form::Tool => format!(
            "Give your result by calling the tool `{STRUCTURED_OUTPUT}` of the MCP server `{SERVER}` once, when all \
             work is done, with the whole result as its input. If your tools are hidden behind a search, search for \
             `{STRUCTURED_OUTPUT}`. Prose does not count."
        ),
        Form::Fence => format!(
            "End with one message that holds the whole result as one JSON object in a fenced block (```json), and \
             nothing else. It meets this JSON Schema:\n{schema}"
        ),
    }
}

pub(super) fn again(form: Form, error: &str, schema: &Value) -> String {
    match form {
        Form::Tool => format!(
            "That is not a usable result: {error}. Call the tool `{STRUCTURED_OUTPUT}` of the MCP server `{SERVER}` \
             with the whole result."
        ),
        Form::Native | Form::Fence => format!(
            "That is not a usable result: {error}. Give the whole result again as one JSON object in a fenced block \
             (```json). It meets this JSON Schema:\n{schema}"
        ),
    }
}

pub(super) fn repair(written: &str, error: &str, schema: &Value) -> String {
    format!(
        "{REPAIR} Answer with the object in a fenced block (```json) and nothing else. It meets this JSON Schema:\n\
         {schema}\n\nWhat is wrong with the text as it is: {error}\n\nThe text:\n\n{written}"
    )
}
