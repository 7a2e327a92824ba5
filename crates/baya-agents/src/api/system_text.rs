//! The system text of an agent: its type's body or ours, how its result is taken, the memory files.

use super::structured::Rung;
use serde_json::Value;
use std::path::Path;

/// For agents without a type.
const DEFAULT_BODY: &str = "You are an agent: you work on one task and give back one result.";

/// For every agent (C20).
const RULES: &str = "You work alone: nobody reads along and nobody answers questions, so decide what is open \
yourself and say what you assumed. Your last message is the return value of a function call: it holds the whole \
result and nothing else, no greeting and no offer of more.";

/// For agents with tools.
const WORK: &str = "Call tools that do not depend on each other in one answer. Look before you change anything, and \
check what you changed.";

/// For an agent whose result is text.
pub(super) fn for_text(body: Option<&str>, memory: &str) -> String {
    join(&[body_or_default(body), RULES, memory])
}

/// For an agent that works with tools in a folder.
pub(super) fn for_work(body: Option<&str>, memory: &str, folder: &Path, schema: Option<&Value>) -> String {
    let place = format!("Your folder is `{}`; relative paths start there. {WORK}", folder.display());
    let form = schema.map(|schema| Rung::ToolAsked.instruction(schema)).unwrap_or_default();
    join(&[body_or_default(body), RULES, &place, &form, memory])
}

/// For an agent whose result meets a schema.
pub(super) fn for_schema(body: Option<&str>, memory: &str, rung: Rung, schema: &Value) -> String {
    let form = rung.instruction(schema);
    join(&[body_or_default(body), RULES, &form, memory])
}

fn body_or_default(body: Option<&str>) -> &str {
    body.filter(|body| !body.is_empty()).unwrap_or(DEFAULT_BODY)
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}
