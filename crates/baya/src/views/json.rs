//! The run as lines of JSON: one event each, small, and one last line that says all.
//!
//! Long texts are cut, with their length beside them: a line per event must stay linear in the number
//! of agents. `show --json` has everything.

use super::sanitise;
use baya_core::agent::{Progress, Wait};
use baya_core::event::{Event, Recorded};
use baya_core::ids::AgentNumber;
use baya_core::view::RunView;
use baya_core::work::Changes;
use serde_json::{Map, Value, json};

/// Characters of a text that stay.
const TEXT_CHARS: usize = 200;
/// Bytes of a nested value that stay.
const VALUE_BYTES: usize = 600;

/// The line of an event, after `view` has applied it; `None` for the run's end, whose line is [`ended`].
pub fn line(recorded: &Recorded, view: &RunView) -> Option<String> {
    let mut value = event(recorded, Extent::Short);
    match &recorded.event {
        Event::RunEnded { .. } => return None,
        Event::ApprovalAsked { id, .. } => value["answer_with"] = json!(view.answer_command(*id)),
        _ => {}
    }
    Some(sanitise::json(&value.to_string()))
}

/// The line of an agent that begins to wait for something else, or, with `null`, waits no longer. No
/// event: it has no place in the journal.
pub fn waits_changed(
    agent: AgentNumber,
    attempt: u32,
    before: Option<&Progress>,
    now: &Progress,
) -> Option<String> {
    let (before, now) = (before.and_then(wait_of), wait_of(now));
    let is_news = match (before, now) {
        // How many there are changes often, and concerns nobody alone.
        (Some(Wait::Provider { provider, .. }), Some(Wait::Provider { provider: now, .. })) => {
            provider != now
        }
        (before, now) => before != now,
    };
    if !is_news {
        return None;
    }
    let value = json!({"type": "agent_waits", "agent": agent, "attempt": attempt, "wait": now});
    Some(sanitise::json(&value.to_string()))
}

/// The line of an agent that has changed something more, or less, in its worktree. No event either.
pub fn changed(agent: AgentNumber, attempt: u32, changes: &Changes) -> String {
    let mut value = json!({"type": "agent_changed", "agent": agent, "attempt": attempt});
    value["changes"] = json!(changes);
    value.to_string()
}

fn wait_of(progress: &Progress) -> Option<&Wait> {
    match progress {
        Progress::Waiting { wait } => Some(wait),
        Progress::Asked
        | Progress::Streaming { .. }
        | Progress::Retrying { .. }
        | Progress::Reasking { .. }
        | Progress::Using { .. }
        | Progress::Changed { .. } => None,
    }
}

/// How much of an event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Short,
    Whole,
}

/// An event with its `type` first.
pub fn event(recorded: &Recorded, extent: Extent) -> Value {
    let written = serde_json::to_value(recorded).unwrap_or_default();
    let Value::Object(mut fields) = written else { return written };
    let mut out = Map::new();
    out.insert("type".to_owned(), fields.shift_remove("event").unwrap_or_default());
    out.insert("seq".to_owned(), fields.shift_remove("seq").unwrap_or_default());
    out.insert("at_ms".to_owned(), fields.shift_remove("at_ms").unwrap_or_default());
    for (key, value) in fields {
        match (extent, key.as_str()) {
            (Extent::Whole, _) => drop(out.insert(key, value)),
            (Extent::Short, "surroundings") => drop(out.insert(key, without_lists(value))),
            (Extent::Short, "script") => drop(out.insert(key, script(value))),
            (Extent::Short, _) => insert_short(&mut out, key, value),
        }
    }
    Value::Object(out)
}

/// A script without its text.
fn script(mut value: Value) -> Value {
    if let Some(script) = value.as_object_mut() {
        script.shift_remove("program");
        script.shift_remove("sources");
    }
    value
}

/// What was found around the run, without the names of all there is.
fn without_lists(mut value: Value) -> Value {
    if let Some(found) = value.as_object_mut() {
        found.retain(|_, value| !value.is_array() && !value.is_object());
    }
    value
}

fn insert_short(out: &mut Map<String, Value>, key: String, value: Value) {
    match value {
        Value::String(text) => match short(&text) {
            None => drop(out.insert(key, Value::String(text))),
            Some((cut, chars)) => {
                out.insert(format!("{key}_chars"), json!(chars));
                out.insert(key, Value::String(cut));
            }
        },
        Value::Object(fields) => {
            let mut inner = Map::new();
            fields.into_iter().for_each(|(key, value)| insert_short(&mut inner, key, value));
            insert_small(out, key, Value::Object(inner));
        }
        Value::Array(items) => {
            let cut = |item| match item {
                Value::String(text) => Value::String(short(&text).map_or(text, |(cut, _)| cut)),
                other => other,
            };
            insert_small(out, key, Value::Array(items.into_iter().map(cut).collect()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => drop(out.insert(key, value)),
    }
}

/// A value that is still large becomes the beginning of its text.
fn insert_small(out: &mut Map<String, Value>, key: String, value: Value) {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES {
        out.insert(key, value);
        return;
    }
    insert_short(out, key, Value::String(text));
}

/// The beginning and the length of a long text.
fn short(text: &str) -> Option<(String, usize)> {
    let (end, _) = text.char_indices().nth(TEXT_CHARS)?;
    Some((format!("{}…", &text[..end]), text.chars().count()))
}

/// The last line of every `--json`: what became of the run, or why there is none.
pub fn ended(end: &Ended) -> String {
    let value = json!({"type": "run_ended", "run": end.run, "status": end.status, "result": end.result,
        "error": end.error, "failures": end.failures, "denied": end.denied, "usage": end.usage,
        "budget": end.budget});
    sanitise::json(&value.to_string())
}

/// The fields of a `run_ended` line.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    pub run: Value,
    pub status: Value,
    pub result: Value,
    pub error: Value,
    pub failures: Value,
    /// Actions that no person answered for.
    pub denied: Value,
    /// What it used and cost in its whole life.
    pub usage: Value,
    /// Caps, and what is spent of them.
    pub budget: Value,
}

/// The last line where nothing ran.
pub fn refused(failure: &crate::failure::Failure) -> String {
    ended(&Ended { status: json!("refused"), error: failure.to_json(), ..Ended::default() })
}
