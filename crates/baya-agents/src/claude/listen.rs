//! The lines of `claude -p --output-format stream-json --verbose`.
//!
//! Its traps: an error of the API ends as `subtype: success` with `is_error`; a denied tool ends well and
//! stands in `permission_denials`. What is not known is a sign of life.

use crate::cli::{Span, Told};
use baya_core::agent::{Usage, UsageSource};
use serde_json::Value;

/// How much of a tool's input stands in the line for people.
const LINE_CHARS: usize = 160;

pub(super) fn hear(line: &Value) -> Vec<Told> {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let session = text("session_id").map(|session| Told::Session(session.to_owned()));
    let told = match (text("type").unwrap_or_default(), text("subtype").unwrap_or_default()) {
        ("system", "init") => text("model").map(|model| Told::Model(model.to_owned())).into_iter().collect(),
        ("assistant", _) => assistant(line),
        ("user", _) => tool_results(line),
        ("result", subtype) => result(line, subtype),
        _ => vec![Told::Alive],
    };
    session.into_iter().chain(told).collect()
}

fn blocks(line: &Value) -> &[Value] {
    line.pointer("/message/content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn assistant(line: &Value) -> Vec<Told> {
    // What a subagent says is not the agent's own.
    if line.get("parent_tool_use_id").is_some_and(Value::is_string) {
        return vec![Told::Alive];
    }
    let texts = blocks(line).iter().filter(|block| block["type"] == "text");
    let text: String = texts.filter_map(|block| block.get("text")?.as_str()).collect();
    let tools = blocks(line).iter().filter(|block| block["type"] == "tool_use");
    let mut told: Vec<Told> = tools.flat_map(used).collect();
    told.extend(
        Some(Told::Message(text)).filter(|_| blocks(line).iter().any(|block| block["type"] == "text")),
    );
    told
}

/// The line for people is written when the tool starts: its end names only a number.
fn used(tool: &Value) -> [Told; 2] {
    let name = tool.get("name").and_then(Value::as_str).unwrap_or("a tool");
    let input = tool.get("input").unwrap_or(&Value::Null);
    let telling = ["command", "file_path", "path", "pattern", "url", "query"];
    let what = telling.iter().find_map(|key| input.get(key)?.as_str()).unwrap_or_default();
    [Told::Using(name.to_owned()), Told::Doing(format!("{name} {}", short(what)).trim_end().to_owned())]
}

fn tool_results(line: &Value) -> Vec<Told> {
    let ended = blocks(line).iter().filter(|block| block["type"] == "tool_result");
    ended.map(|_| Told::Done).collect()
}

fn result(line: &Value, subtype: &str) -> Vec<Told> {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    let mut told = Vec::new();
    if let Some(usage) = line.get("usage") {
        told.push(Told::Used(usage_of(usage), Span::Message));
    }
    let denials =
        line.get("permission_denials").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let denied = denials.iter().filter_map(|denial| denial.get("tool_name")?.as_str());
    told.extend(denied.map(|tool| Told::Note(format!("`claude` was denied its tool `{tool}`"))));
    let is_error = line.get("is_error").and_then(Value::as_bool).unwrap_or(false);
    let said = text("result").or(text("terminal_reason")).unwrap_or(subtype);
    match (subtype, is_error) {
        ("error_max_turns", _) => {
            told.push(Told::Limited("the agent had no result when its turns were used".to_owned()))
        }
        ("error_max_structured_output_retries", _) => {
            told.extend(text("result").map(|text| Told::Message(text.to_owned())));
            told.push(Told::Unmet);
        }
        ("success", false) => {
            let structured = line.get("structured_output").filter(|value| value.is_object());
            told.extend(structured.cloned().map(Told::Structured));
            told.extend(text("result").map(|text| Told::Message(text.to_owned())));
        }
        _ => told.push(Told::Failed(said.to_owned())),
    }
    told.push(Told::Finished);
    told
}

/// Its input is without what the cache gave.
fn usage_of(usage: &Value) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    Usage {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
        reasoning: 0,
        cache_write_long: usage
            .pointer("/cache_creation/ephemeral_1h_input_tokens")
            .and_then(Value::as_u64)
            .unwrap_or(0),
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
