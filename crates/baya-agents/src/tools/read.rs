//! `read`: a text file with line numbers, a part at a time; what a folder holds.

use super::memory::Seen;
use super::place::{one_line, open};
use super::{Tool, ToolOutput, ToolRoom, near, on_disk, path_in};
use crate::backend::Deed;
use crate::sandbox::{Access, Reach};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Lines and bytes of one answer, and bytes of one line.
const LINES_MAX: u64 = 2_000;
const BYTES_MAX: usize = 50_000;
const LINE_BYTES_MAX: usize = 2_000;
/// Larger files are known by size and time only.
const HASHED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Looked at to tell text from binary.
const SNIFFED_BYTES: usize = 8 * 1024;
const ENTRIES_MAX: usize = 500;

pub struct ReadTool;

#[derive(Deserialize)]
struct Input {
    path: String,
    offset: Option<u64>,
    limit: Option<u64>,
}

impl Tool for ReadTool {
    fn name(&self) -> &'static str {
        "read"
    }

    fn description(&self) -> &'static str {
        "Read a file with line numbers, or list a folder."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["path"], "properties": {
            "path": {"type": "string"},
            "offset": {"type": "integer", "description": "first line, from 1"},
            "limit": {"type": "integer", "description": "lines"}
        }})
    }

    fn only_reads(&self) -> bool {
        true
    }

    fn deed(&self, input: &Value, room: &ToolRoom) -> Deed {
        Deed::Read(path_in(input, room))
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        on_disk(input, room, read)
    }
}

fn read(input: Input, room: &ToolRoom) -> Result<String, String> {
    let place = room.place(&input.path);
    if std::fs::symlink_metadata(&place).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(near::no_such_file(&input.path, room));
    }
    let resolved = room.readable(&input.path)?;
    if resolved.is_dir() {
        return list(&resolved, &input.path, room);
    }
    let failed = |error| format!("`{}` cannot be read: {error}", input.path);
    let mut file = open(&resolved).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    refuse_binary(&mut file, &metadata, &input.path)?;
    let seen = look(&mut file, &metadata).map_err(failed)?;
    let text = part(BufReader::with_capacity(64 * 1024, file), &input, room)?;
    room.memory.saw(&resolved, seen);
    Ok(text)
}

/// A file as it is now; the file is left at its start.
pub(super) fn look(file: &mut File, metadata: &Metadata) -> std::io::Result<Seen> {
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut hash = None;
    if metadata.len() <= HASHED_BYTES_MAX {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.take(HASHED_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        hash = Some(blake3::hash(&bytes).to_hex().to_string());
    }
    file.rewind()?;
    let modified_ns = u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX);
    Ok(Seen { bytes: metadata.len(), modified_ns, hash })
}

/// Says what a file is that is no text.
pub(super) fn refuse_binary(file: &mut File, metadata: &Metadata, path: &str) -> Result<(), String> {
    let failed = |error| format!("`{path}` cannot be read: {error}");
    let mut start = Vec::new();
    file.take(SNIFFED_BYTES as u64).read_to_end(&mut start).map_err(failed)?;
    file.rewind().map_err(failed)?;
    match kind(&start) {
        None => Ok(()),
        Some(kind) => Err(format!("`{path}` is {kind} ({} bytes), no text to read", metadata.len())),
    }
}

/// What these first bytes of a file show it to be, if it is no text.
fn kind(start: &[u8]) -> Option<&'static str> {
    let magic: [(&[u8], &str); 11] = [
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"BM\0", "a BMP image"),
        (b"%PDF-", "a PDF document"),
        (b"\x7fELF", "a program"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "gzip data"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
    ];
    if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP") {
        return Some("a WebP image");
    }
    let known = magic.into_iter().find(|(bytes, _)| start.starts_with(bytes)).map(|(_, kind)| kind);
    known.or_else(|| start.contains(&0).then_some("binary"))
}

/// The lines that were asked for, numbered, and how to read on.
fn part(mut file: impl BufRead, input: &Input, room: &ToolRoom) -> Result<String, String> {
    let failed = |error| format!("`{}` cannot be read: {error}", input.path);
    let first = input.offset.unwrap_or(1).max(1);
    let limit = input.limit.unwrap_or(LINES_MAX).clamp(1, LINES_MAX);
    let (mut text, mut number, mut crlf, mut lossy) = (String::new(), 0, false, false);
    while let Some(line) = Line::next(&mut file, room).map_err(failed)? {
        number += 1;
        if number < first {
            continue;
        }
        if number >= first.saturating_add(limit) || text.len() > BYTES_MAX {
            let shown = number - 1;
            text.push_str(&format!("(lines {first}–{shown}; the file goes on, read with offset {number})"));
            return Ok(text);
        }
        crlf |= line.bytes.ends_with(b"\r");
        lossy |= line.write(number, &mut text);
    }
    match number {
        0 => return Ok("(the file is empty)".to_owned()),
        lines if lines < first => return Err(format!("`{}` has only {lines} lines", input.path)),
        _ => {}
    }
    for (holds, note) in [(crlf, "lines end in CRLF"), (lossy, "not all of it is UTF-8")] {
        if holds {
            text.push_str(&format!("({note})\n"));
        }
    }
    Ok(text)
}

/// The beginning of a line, without its end, and how long it was.
struct Line {
    bytes: Vec<u8>,
    length: usize,
}

impl Line {
    /// Lines may be as long as the file: no more than the beginning is ever held.
    fn next(file: &mut impl BufRead, room: &ToolRoom) -> std::io::Result<Option<Line>> {
        let mut line = Line { bytes: Vec::new(), length: 0 };
        let mut begun = false;
        loop {
            if room.cancel.is_cancelled() {
                return Err(std::io::Error::other("the agent was stopped"));
            }
            let chunk = file.fill_buf()?;
            if chunk.is_empty() {
                return Ok(begun.then_some(line));
            }
            begun = true;
            let end = memchr::memchr(b'\n', chunk);
            let found = &chunk[..end.unwrap_or(chunk.len())];
            line.length += found.len();
            let room_left = LINE_BYTES_MAX.saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(&found[..found.len().min(room_left)]);
            let used = found.len() + usize::from(end.is_some());
            file.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }

    /// Writes the numbered line; says whether it was no UTF-8.
    fn write(&self, number: u64, text: &mut String) -> bool {
        let bytes = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
        let bytes = if number == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        let cut = self.length - self.bytes.len();
        let line = String::from_utf8_lossy(bytes);
        text.push_str(&format!("{number:>5}\t{line}"));
        if cut > 0 {
            text.push_str(&format!("… ({cut} bytes more)"));
        }
        text.push('\n');
        // A cut may go through a character.
        cut == 0 && matches!(line, std::borrow::Cow::Owned(_))
    }
}

fn list(folder: &Path, path: &str, room: &ToolRoom) -> Result<String, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("`{path}` cannot be listed: {error}"))?;
    let reach = Reach::of(&room.sandbox);
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| reach.access(&entry.path()) >= Access::Read)
        .map(|entry| {
            let mark = match entry.file_type() {
                Ok(kind) if kind.is_dir() => "/",
                Ok(kind) if kind.is_symlink() => "@",
                Ok(_) | Err(_) => "",
            };
            one_line(Path::new(&entry.file_name())) + mark
        })
        .collect();
    names.sort();
    let more = names.len().saturating_sub(ENTRIES_MAX);
    names.truncate(ENTRIES_MAX);
    if more > 0 {
        names.push(format!("({more} more)"));
    }
    Ok(if names.is_empty() { "(the folder is empty)".to_owned() } else { names.join("\n") })
}
