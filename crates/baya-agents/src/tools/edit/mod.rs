//! `edit`: one text in a file for another.
//!
//! The old text has to be there exactly, and once. If it is not, the same lines with other white space
//! at their ends will do. Files are bytes: what is no UTF-8 elsewhere in the file stays as it is.

mod find;

use super::place::open;
use super::read::{look, refuse_binary};
use super::write::{place, refuse_changed};
use super::{Tool, ToolOutput, ToolRoom, near, on_disk, path_in};
use crate::backend::Deed;
use find::{Change, Found};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use similar::TextDiff;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// Larger files are not edited as text.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Of the diff in the answer.
const DIFF_LINES_MAX: usize = 100;
const DIFF_LINE_CHARS_MAX: usize = 500;
const DIFF_TIME: Duration = Duration::from_millis(500);
/// Line numbers that are told of one text.
const NUMBERS_MAX: usize = 20;

pub struct EditTool;

#[derive(Deserialize)]
struct Input {
    path: String,
    old: String,
    new: String,
    #[serde(default)]
    all: bool,
}

impl Tool for EditTool {
    fn name(&self) -> &'static str {
        "edit"
    }

    fn description(&self) -> &'static str {
        "Replace `old`, which must occur once unless `all`, by `new`."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["path", "old", "new"], "properties": {
            "path": {"type": "string"}, "old": {"type": "string"}, "new": {"type": "string"},
            "all": {"type": "boolean"}
        }})
    }

    fn only_reads(&self) -> bool {
        false
    }

    fn deed(&self, input: &Value, room: &ToolRoom) -> Deed {
        Deed::Write(path_in(input, room))
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        on_disk(input, room, edit)
    }
}

fn edit(input: Input, room: &ToolRoom) -> Result<String, String> {
    let path = &input.path;
    if input.old.is_empty() {
        return Err("`old` is empty\nhint: `write` makes new files".to_owned());
    }
    if input.old == input.new {
        return Err("`old` and `new` are the same".to_owned());
    }
    let missing = std::fs::symlink_metadata(room.place(path));
    if missing.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(near::no_such_file(path, room));
    }
    let resolved = room.writable(path)?;
    let failed = |error| format!("`{path}` cannot be edited: {error}");
    let mut file = open(&resolved).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(format!("`{path}` has {} bytes, more than `edit` works on", metadata.len()));
    }
    refuse_binary(&mut file, &metadata, path)?;
    let now = look(&mut file, &metadata).map_err(failed)?;
    if let Some(seen) = room.memory.seen(&resolved) {
        refuse_changed(&seen, &now, path)?;
    }
    let mut before = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut before).map_err(failed)?;
    let change = changed(&before, &input)?;
    place(&resolved, &change.after, Some(metadata.permissions().mode()), path, room)?;
    Ok(report(&before, &change, path))
}

fn changed(before: &[u8], input: &Input) -> Result<Change, String> {
    let change = match find::change(before, &input.old, &input.new, input.all) {
        Found::Change(change) => change,
        Found::Many(lines) => return Err(many(&lines, &input.path)),
        Found::None { near } => return Err(none(input, &near)),
    };
    if change.after == before {
        return Err(format!("`{}` would stay as it is", input.path));
    }
    Ok(change)
}

fn many(lines: &[usize], path: &str) -> String {
    let hint = "hint: give more of the lines around it in `old`, or set `all`";
    format!("`old` occurs {} times in `{path}`, on lines {}\n{hint}", lines.len(), numbers(lines))
}

fn none(input: &Input, near: &[usize]) -> String {
    let hint = if has_line_numbers(&input.old) {
        "\nhint: `old` begins with line numbers, which are not in the file".to_owned()
    } else if near.is_empty() {
        "\nhint: read the file again".to_owned()
    } else {
        format!("\nhint: its first line is also on line {}, but what follows differs", numbers(near))
    };
    format!("`old` does not occur in `{}`{hint}", input.path)
}

fn numbers(lines: &[usize]) -> String {
    let told = lines.iter().take(NUMBERS_MAX).map(usize::to_string).collect::<Vec<_>>().join(", ");
    if lines.len() > NUMBERS_MAX { told + ", …" } else { told }
}

/// Whether each line begins as in the answers of `read`.
fn has_line_numbers(old: &str) -> bool {
    old.lines().all(|line| {
        let number = line.split_once('\t').map(|(number, _)| number.trim());
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn report(before: &[u8], change: &Change, path: &str) -> String {
    let mut text = match change.count {
        1 => format!("edited `{path}`"),
        count => format!("edited `{path}` in {count} places"),
    };
    if change.is_tolerant {
        text.push_str("; white space was not as in `old`");
    }
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(&change.after));
    let diff = TextDiff::configure().timeout(DIFF_TIME).diff_lines(before.as_ref(), after.as_ref());
    let mut unified = diff.unified_diff();
    let unified = unified.context_radius(2).missing_newline_hint(true).to_string();
    for line in unified.lines().take(DIFF_LINES_MAX) {
        text.push('\n');
        text.extend(line.chars().take(DIFF_LINE_CHARS_MAX));
    }
    let more = unified.lines().count().saturating_sub(DIFF_LINES_MAX);
    if more > 0 {
        text.push_str(&format!("\n({more} more lines of the diff)"));
    }
    text
}
