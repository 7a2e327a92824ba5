//! `glob`: files by the pattern of their path, newest first.

use super::walk::{is_file, walk};
use super::{Tool, ToolOutput, ToolRoom, on_disk, path_in};
use crate::backend::Deed;
use futures_util::future::BoxFuture;
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::SystemTime;

/// Paths of one answer.
const PATHS_MAX: usize = 200;

pub struct GlobTool;

#[derive(Deserialize)]
struct Input {
    pattern: String,
    path: Option<String>,
}

impl Tool for GlobTool {
    fn name(&self) -> &'static str {
        "glob"
    }

    fn description(&self) -> &'static str {
        "Find files by pattern (`src/**/*.rs`), newest first."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["pattern"], "properties": {
            "pattern": {"type": "string"}, "path": {"type": "string"}
        }})
    }

    fn only_reads(&self) -> bool {
        true
    }

    fn deed(&self, input: &Value, room: &ToolRoom) -> Deed {
        Deed::Read(path_in(input, room))
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        on_disk(input, room, glob)
    }
}

fn glob(input: Input, room: &ToolRoom) -> Result<String, String> {
    let root = room.readable(input.path.as_deref().unwrap_or("."))?;
    if !root.is_dir() {
        return Err(format!("`{}` is no folder", input.path.unwrap_or_default()));
    }
    let matcher = matcher(&input.pattern)?;
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in walk(&root, room).flatten() {
        if room.cancel.is_cancelled() {
            return Err("the agent was stopped".to_owned());
        }
        let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
        if is_file(&entry) && (matcher.is_match(relative) || matcher.is_match(entry.path())) {
            let modified = entry.metadata().ok().and_then(|metadata| metadata.modified().ok());
            found.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), entry.into_path()));
        }
    }
    found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.cmp(other)));
    Ok(answer(&found, room))
}

/// A pattern without a folder is looked for in every folder.
pub(super) fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let text = pattern.strip_prefix("./").unwrap_or(pattern);
    let text = if text.contains('/') { text.to_owned() } else { format!("**/{text}") };
    let glob = GlobBuilder::new(&text).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| format!("the pattern `{pattern}` is not usable: {error}"))
}

fn answer(found: &[(SystemTime, PathBuf)], room: &ToolRoom) -> String {
    if found.is_empty() {
        return "no files".to_owned();
    }
    let mut lines: Vec<_> = found.iter().take(PATHS_MAX).map(|(_, path)| room.shown(path)).collect();
    let more = found.len().saturating_sub(PATHS_MAX);
    if more > 0 {
        lines.push(format!("({more} more files)"));
    }
    lines.join("\n")
}
