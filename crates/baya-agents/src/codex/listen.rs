//! The lines of `codex exec --json`. What is not known is a sign of life and nothing else: its versions
//! differ.

use crate::cli::{Span, Told};
use baya_core::agent::{Usage, UsageSource};
use serde_json::Value;

/// How much of a command stands in the line for people.
const LINE_CHARS: usize = 160;

pub(super) fn hear(line: &Value) -> Vec<Told> {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match text("type").as_str() {
        "thread.started" => vec![Told::Session(text("thread_id"))],
        "item.started" => item(line, Stage::Started),
        "item.completed" => item(line, Stage::Ended),
        "turn.completed" => {
            let used = line.get("usage").map(|usage| Told::Used(usage_of(usage), Span::Session));
            used.into_iter().chain([Told::Finished]).collect()
        }
        // Before it gives up it says so in the next line again.
        "error" => vec![Told::Trouble(text("message"))],
        "turn.failed" => {
            let why = line.pointer("/error/message").and_then(Value::as_str).unwrap_or("it did not say why");
            vec![failure(why), Told::Finished]
        }
        _ => vec![Told::Alive],
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Started,
    Ended,
}

fn item(line: &Value, stage: Stage) -> Vec<Told> {
    let Some(item) = line.get("item") else { return vec![Told::Alive] };
    let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("type"), stage) {
        ("agent_message", Stage::Ended) => vec![Told::Message(text("text").to_owned())],
        ("agent_message" | "reasoning" | "todo_list" | "error", _) => vec![Told::Alive],
        ("", _) => vec![Told::Alive],
        (tool, Stage::Started) => vec![Told::Using(tool.to_owned())],
        (tool, Stage::Ended) => vec![Told::Acted(acted(tool, item))],
    }
}

/// What it did, in a line for people.
fn acted(tool: &str, item: &Value) -> String {
    let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
    let what = match tool {
        "command_execution" => {
            let status = item.get("exit_code").and_then(Value::as_i64);
            let status = status.filter(|code| *code != 0).map(|code| format!(" (exit status {code})"));
            return format!("bash {}{}", short(text("command")), status.unwrap_or_default());
        }
        "file_change" => {
            let changes =
                item.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let paths = changes.iter().filter_map(|change| change.get("path")?.as_str());
            return format!("edit {}", short(&paths.collect::<Vec<_>>().join(" ")));
        }
        "mcp_tool_call" => format!("{} {}", text("server"), text("tool")),
        "web_search" => text("query").to_owned(),
        _ => String::new(),
    };
    format!("{tool} {}", short(&what)).trim_end().to_owned()
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn failure(why: &str) -> Told {
    // An API's own error comes as its JSON text.
    let said = serde_json::from_str::<Value>(why).ok();
    let said = said.as_ref().and_then(|said| said.pointer("/error/message")?.as_str()).unwrap_or(why);
    match said.contains("max_output_tokens") {
        true => Told::Limited("the model's own limit cut the answer off".to_owned()),
        false => Told::Failed(said.to_owned()),
    }
}

/// Its input includes what the cache gave, its output what was thought.
fn usage_of(usage: &Value) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (cache_read, cache_write) = (count("cached_input_tokens"), count("cache_write_input_tokens"));
    Usage {
        input: count("input_tokens").saturating_sub(cache_read + cache_write),
        output: count("output_tokens"),
        cache_read,
        cache_write,
        reasoning: count("reasoning_output_tokens"),
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(line: Value, expected: &[Told]) {
        assert_eq!(hear(&line), expected, "{line}");
    }

    #[test]
    fn the_lines_of_codex_are_understood() {
        check(json!({"type": "thread.started", "thread_id": "t-1"}), &[Told::Session("t-1".to_owned())]);
        let command =
            json!({"type": "command_execution", "command": "/bin/bash -lc\n'cargo  test'", "exit_code": 101});
        let started = json!({"type": "item.started", "item": command});
        check(started, &[Told::Using("command_execution".to_owned())]);
        let ended = json!({"type": "item.completed", "item": command});
        check(ended, &[Told::Acted("bash /bin/bash -lc 'cargo test' (exit status 101)".to_owned())]);
        let change =
            json!({"type": "file_change", "changes": [{"path": "a.rs", "kind": "update"}, {"path": "b"}]});
        check(json!({"type": "item.completed", "item": change}), &[Told::Acted("edit a.rs b".to_owned())]);
        let message = json!({"type": "agent_message", "text": " done\n"});
        check(json!({"type": "item.completed", "item": message}), &[Told::Message(" done\n".to_owned())]);
        // An `error` item is a warning, not a failure.
        let warning = json!({"type": "error", "message": "model metadata not found"});
        check(json!({"type": "item.completed", "item": warning}), &[Told::Alive]);
        let failed = json!({"type": "turn.failed", "error": {"message": "{\"error\":{\"message\":\"no\"}}"}});
        check(failed, &[Told::Failed("no".to_owned()), Told::Finished]);
        check(json!({"type": "something.new"}), &[Told::Alive]);
    }

    #[test]
    fn tokens_are_in_classes_that_do_not_overlap() {
        let line = json!({"type": "turn.completed", "usage": {"input_tokens": 100, "cached_input_tokens": 60,
            "cache_write_input_tokens": 10, "output_tokens": 7, "reasoning_output_tokens": 5}});
        let Some(Told::Used(usage, Span::Session)) = hear(&line).first().cloned() else { panic!("no usage") };
        assert_eq!(
            (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning),
            (30, 60, 10, 7, 5)
        );
        assert_eq!(usage.total(), 107);
    }
}
