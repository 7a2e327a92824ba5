//! The request log: one line when a request is received, one when it ends.
//!
//! A line is written and flushed before the answer goes out, so that what a killed client asked is on
//! disk. A request whose client goes away before its answer is complete ends as `client_gone`.

use super::reply::Tokens;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;

/// Lines kept in memory; a file has all.
const LINES_KEPT: usize = 200_000;
/// Characters of a prompt that a line shows.
const PROMPT_CHARS: usize = 200;

/// How the answer to a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Complete,
    /// Broken off by a rule.
    Cut,
    ClientGone,
}

/// Counts over all requests so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub requests: u64,
    /// Under way now, and the most at one time.
    pub open: u64,
    pub open_max: u64,
    pub ended: BTreeMap<Ended, u64>,
    pub by_status: BTreeMap<u16, u64>,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// What was asked, and how it ended.
#[derive(Debug)]
pub struct Log {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lines: VecDeque<String>,
    file: Option<File>,
    stats: Stats,
}

impl Log {
    pub(super) fn open(path: Option<&Path>) -> std::io::Result<Log> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Log { inner: Mutex::new(Inner { lines: VecDeque::new(), file, stats: Stats::default() }) })
    }

    /// The lines so far, oldest first, as JSON texts.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// The lines so far as values, as tests read them.
    pub fn entries(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a request was received.
    pub(super) fn received(self: &Arc<Self>, request: &Received<'_>) -> Ticket {
        let hash = blake3::hash(request.prompt.as_bytes()).to_hex();
        let shown: String = request.prompt.chars().take(PROMPT_CHARS).collect();
        let mut inner = self.lock();
        let stats = &mut inner.stats;
        stats.requests += 1;
        stats.open += 1;
        stats.open_max = stats.open_max.max(stats.open);
        let n = stats.requests;
        inner.write(&json!({
            "event": "received", "n": n, "ms": now_ms(), "wire": request.wire, "path": request.path,
            "model": request.model, "prompt": shown, "hash": hash.as_str(), "bytes": request.bytes,
            "stream": request.stream, "schema": request.schema, "turn": request.turn,
            "tools": request.tools,
        }));
        drop(inner);
        let (log, tokens) = (self.clone(), Tokens::default());
        Ticket { log, n, status: 0, tokens, rule: None, place: None, ended: None }
    }
}

impl Inner {
    fn write(&mut self, line: &Value) {
        let mut line = line.to_string();
        line.push('\n');
        if let Some(file) = &mut self.file {
            // A log that cannot be written must not change what the client sees.
            let _ = file.write_all(line.as_bytes());
        }
        line.pop();
        if self.lines.len() == LINES_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// What the first line says of a request.
pub(super) struct Received<'a> {
    pub wire: &'a str,
    pub path: &'a str,
    pub model: &'a str,
    pub prompt: &'a str,
    pub bytes: usize,
    pub stream: bool,
    pub schema: bool,
    pub turn: u64,
    pub tools: &'a [String],
}

/// A request under way. Dropped before it was said to have ended, its client has gone.
pub(super) struct Ticket {
    log: Arc<Log>,
    pub n: u64,
    pub status: u16,
    pub tokens: Tokens,
    pub rule: Option<usize>,
    /// What it takes of the capacity until its end.
    pub place: Option<OwnedSemaphorePermit>,
    ended: Option<Ended>,
}

impl Ticket {
    /// Notes the end, once.
    pub fn end(&mut self, how: Ended) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(how);
        self.place = None;
        let mut inner = self.log.lock();
        let stats = &mut inner.stats;
        stats.open -= 1;
        *stats.ended.entry(how).or_insert(0) += 1;
        *stats.by_status.entry(self.status).or_insert(0) += 1;
        stats.input_tokens += self.tokens.input_all();
        stats.output_tokens += self.tokens.output;
        inner.write(&json!({
            "event": "ended", "n": self.n, "ms": now_ms(), "status": self.status, "ended": how,
            "rule": self.rule, "input": self.tokens.input_all(), "output": self.tokens.output,
        }));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Ended::ClientGone);
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
