//! `todo`: the agent's list of things to do, which it replaces as a whole.

use super::memory::{Todo, TodoStatus};
use super::{Tool, ToolOutput, ToolRoom, parsed};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longer lists are refused.
const ITEMS_MAX: usize = 200;

pub struct TodoTool;

#[derive(Deserialize)]
struct Input {
    items: Vec<Todo>,
}

impl Tool for TodoTool {
    fn name(&self) -> &'static str {
        "todo"
    }

    fn description(&self) -> &'static str {
        "Replace your list of things to do."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {
            "type": "object", "required": ["text", "status"],
            "properties": {"text": {"type": "string"}, "status": {"enum": ["open", "doing", "done"]}}
        }}}})
    }

    fn only_reads(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move { replace(input, room).into() })
    }
}

fn replace(input: Value, room: &ToolRoom) -> Result<String, String> {
    let Input { items } = parsed(input)?;
    if items.len() > ITEMS_MAX {
        return Err(format!("{} items are too many, {ITEMS_MAX} are the most", items.len()));
    }
    let list = items.iter().map(line).collect::<Vec<_>>().join("\n");
    room.memory.open().todos = items;
    Ok(if list.is_empty() { "the list is empty".to_owned() } else { list })
}

fn line(item: &Todo) -> String {
    let mark = match item.status {
        TodoStatus::Open => ' ',
        TodoStatus::Doing => '~',
        TodoStatus::Done => 'x',
    };
    format!("[{mark}] {}", item.text)
}
