//! `grep`: lines by regular expression, with ripgrep's libraries.

mod sink;

use super::glob::matcher;
use super::place::open;
use super::walk::{is_file, walk};
use super::{Tool, ToolOutput, ToolRoom, on_disk, path_in};
use crate::backend::Deed;
use futures_util::future::BoxFuture;
use globset::GlobMatcher;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use sink::Found;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Of one answer.
const LINES_MAX: usize = 250;
const BYTES_MAX: usize = 30_000;
const CONTEXT_MAX: usize = 20;
/// Of one search.
const TIME_MAX: Duration = Duration::from_secs(60);
/// One line of a file that is searched; longer ones are passed over with the file.
const HEAP_BYTES: usize = 16 * 1024 * 1024;
/// Of the compiled expression.
const REGEX_BYTES: usize = 10 * 1024 * 1024;

pub struct GrepTool;

#[derive(Deserialize)]
struct Input {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    context: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Content,
    Files,
    Count,
}

impl Tool for GrepTool {
    fn name(&self) -> &'static str {
        "grep"
    }

    fn description(&self) -> &'static str {
        "Search files for a regular expression."
    }

    fn input_schema(&self) -> Value {
        json!({"type": "object", "required": ["pattern"], "properties": {
            "pattern": {"type": "string"}, "path": {"type": "string"},
            "glob": {"type": "string", "description": "which files"},
            "mode": {"enum": ["content", "files", "count"]},
            "context": {"type": "integer", "description": "lines around"}
        }})
    }

    fn only_reads(&self) -> bool {
        true
    }

    fn deed(&self, input: &Value, room: &ToolRoom) -> Deed {
        Deed::Read(path_in(input, room))
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput> {
        on_disk(input, room, grep)
    }
}

fn grep(input: Input, room: &ToolRoom) -> Result<String, String> {
    let root = room.readable(input.path.as_deref().unwrap_or("."))?;
    let regex = regex(&input.pattern)?;
    let glob = input.glob.as_deref().map(matcher).transpose()?;
    let mut search = Search { searcher: searcher(&input), mode: input.mode, answer: Answer::default() };
    let begun = Instant::now();
    for path in files(&root, glob, room) {
        if room.cancel.is_cancelled() {
            return Err("the agent was stopped".to_owned());
        }
        if begun.elapsed() > TIME_MAX {
            let seconds = TIME_MAX.as_secs();
            return Err(format!(
                "the search took more than {seconds} s\nhint: narrow it by `path` or `glob`"
            ));
        }
        search.file(&path, &regex, room);
        if search.answer.is_full() {
            break;
        }
    }
    Ok(search.answer.text(input.mode))
}

fn regex(pattern: &str) -> Result<RegexMatcher, String> {
    let built =
        RegexMatcherBuilder::new().size_limit(REGEX_BYTES).line_terminator(Some(b'\n')).build(pattern);
    built.map_err(|error| format!("the pattern `{pattern}` is not usable: {error}"))
}

fn searcher(input: &Input) -> Searcher {
    let context = if input.mode == Mode::Content { input.context.min(CONTEXT_MAX) } else { 0 };
    SearcherBuilder::new()
        .line_number(true)
        .before_context(context)
        .after_context(context)
        .heap_limit(Some(HEAP_BYTES))
        .binary_detection(BinaryDetection::quit(0))
        .build()
}

/// A file that was named is searched in any case.
fn files(root: &Path, glob: Option<GlobMatcher>, room: &ToolRoom) -> impl Iterator<Item = PathBuf> {
    let root = root.to_owned();
    walk(&root, room).flatten().filter(is_file).map(ignore::DirEntry::into_path).filter(move |path| {
        let relative = path.strip_prefix(&root).unwrap_or(path);
        let relative = if relative.as_os_str().is_empty() { path } else { relative };
        glob.as_ref().is_none_or(|glob| glob.is_match(relative) || glob.is_match(path))
    })
}

struct Search {
    searcher: Searcher,
    mode: Mode,
    answer: Answer,
}

impl Search {
    /// What cannot be read, and what is binary, is passed over.
    fn file(&mut self, path: &Path, regex: &RegexMatcher, room: &ToolRoom) {
        let Ok(file) = open(path) else { return };
        let lines_left = LINES_MAX.saturating_sub(self.answer.lines.len());
        let mut found = Found::new(self.mode, lines_left, room.cancel.clone());
        let searched = self.searcher.search_file(regex, &file, &mut found);
        if searched.is_err() || found.is_binary || found.count == 0 {
            return;
        }
        let name = room.shown(path);
        match self.mode {
            Mode::Files => self.answer.push(name),
            Mode::Count => self.answer.push(format!("{name}: {}", found.count)),
            Mode::Content => {
                self.answer.push(name);
                found.lines.into_iter().for_each(|line| self.answer.push(line));
            }
        }
        self.answer.is_cut |= found.is_cut;
    }
}

#[derive(Default)]
struct Answer {
    lines: Vec<String>,
    bytes: usize,
    is_cut: bool,
}

impl Answer {
    fn push(&mut self, line: String) {
        if self.lines.len() >= LINES_MAX || self.bytes >= BYTES_MAX {
            self.is_cut = true;
            return;
        }
        self.bytes += line.len() + 1;
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.is_cut
    }

    fn text(mut self, mode: Mode) -> String {
        if self.lines.is_empty() {
            return "no matches".to_owned();
        }
        if self.is_cut {
            let hint = if mode == Mode::Content { ", or use mode `files`" } else { "" };
            self.lines.push(format!("(cut after {} lines; narrow the search{hint})", self.lines.len()));
        }
        self.lines.join("\n")
    }
}
