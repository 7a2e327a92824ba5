//! `write`: a whole file, new or in place of one that the agent has read.

use super::memory::Seen;
use super::place::{kind_unless_regular, open, put};
use super::read::look;
use super::{Tool, ToolOutput, ToolRoom, on_disk, path_in};
use crate::backend::Deed;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub struct WriteTool;

#[derive(Deserialize)]
struct Input {
    path: String,
    content: String,
}

impl Tool for WriteTool {
    fn name(&self) -> &'static str {
        "write"
    }

    fn description(&self) -> &'static str {
        "Write a whole file. An existing file must have been read before."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["path", "content"], "properties": {
            "path": {"type": "string"}, "content": {"type": "string"}
        }})
    }

    fn only_reads(&self) -> bool {
        false
    }

    fn deed(&self, input: &Value, room: &ToolRoom) -> Deed {
        Deed::Write(path_in(input, room))
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        on_disk(input, room, write)
    }
}

fn write(input: Input, room: &ToolRoom) -> Result<String, String> {
    let resolved = room.writable(&input.path)?;
    let existing = existing(&resolved, &input.path)?;
    if let Some(existing) = &existing {
        match room.memory.seen(&resolved) {
            None => return Err(format!("`{}` exists and was not read yet\nhint: read it first", input.path)),
            Some(seen) => refuse_changed(&seen, &existing.now, &input.path)?,
        }
    }
    let mode = existing.as_ref().map(|existing| existing.mode);
    place(&resolved, input.content.as_bytes(), mode, &input.path, room)?;
    let verb = if existing.is_some() { "replaced" } else { "created" };
    let (bytes, lines) = (input.content.len(), input.content.lines().count());
    Ok(format!("{verb} `{}`: {lines} lines, {bytes} bytes", input.path))
}

struct Existing {
    now: Seen,
    mode: u32,
}

fn existing(resolved: &Path, path: &str) -> Result<Option<Existing>, String> {
    let failed = |error| format!("`{path}` cannot be written: {error}");
    let metadata = match std::fs::symlink_metadata(resolved) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if let Some(kind) = kind_unless_regular(&metadata) {
        return Err(format!("`{path}` is {kind}, no file to write"));
    }
    let mut file = open(resolved).map_err(failed)?;
    let now = look(&mut file, &metadata).map_err(failed)?;
    Ok(Some(Existing { now, mode: metadata.permissions().mode() }))
}

/// Work of others, or of a command, is not overwritten unseen.
pub(super) fn refuse_changed(seen: &Seen, now: &Seen, path: &str) -> Result<(), String> {
    if seen.is_still(now) {
        return Ok(());
    }
    Err(format!("`{path}` changed since you read it; nothing was written\nhint: read it again"))
}

/// Puts the file in place and remembers it as it is then.
pub(super) fn place(
    resolved: &Path,
    bytes: &[u8],
    mode: Option<u32>,
    path: &str,
    room: &ToolRoom,
) -> Result<(), String> {
    let failed = |error| format!("`{path}` cannot be written: {error}");
    put(resolved, bytes, mode).map_err(failed)?;
    let mut file = open(resolved).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    room.memory.saw(resolved, look(&mut file, &metadata).map_err(failed)?);
    Ok(())
}
