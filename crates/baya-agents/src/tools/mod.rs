//! What an agent can do besides talking: one file per tool.
//!
//! A tool gets the input the model wrote (checked against [`Tool::input_schema`] before) and a
//! [`ToolRoom`]; it answers with a text for the model. What goes wrong inside a tool is a text for the
//! model too, marked as an error: the agent may try something else.
//!
//! File tools work in our own, unconfined process: they ask the sandbox about each path, and open what
//! it answered without following any symbolic link, so that a path cannot be exchanged in between.

mod bash;
pub mod clamp;
mod edit;
mod glob;
mod grep;
pub mod memory;
mod near;
pub(crate) mod output;
mod place;
pub mod processes;
mod read;
pub mod set;
mod todo;
mod walk;
mod web_fetch;
mod write;

pub use set::{Filter, NAMES, ToolSet, set};
pub use web_fetch::WebFetchTool;

use crate::admission::Slots;
use crate::backend::{Deed, Gatekeeper, OpenGate};
use crate::egress::Pass;
use crate::sandbox::Sandbox;
use futures_util::future::BoxFuture;
use memory::Memory;
use processes::Background;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

pub trait Tool: Send + Sync {
    /// As models know it: `read`, `bash`.
    fn name(&self) -> &str;

    /// One or two sentences for the model; every word is paid for by every agent.
    fn description(&self) -> &str;

    fn input_schema(&self) -> Value;

    /// Calls that only read may run side by side and need no write permission.
    fn only_reads(&self) -> bool;

    /// What a call with this input would do, for the gatekeeper.
    fn deed(&self, input: &Value, _room: &ToolRoom) -> Deed {
        Deed::Other(format!("{} {input}", self.name()))
    }

    /// What it returns may have been written by anybody: a page of the web, a server of others.
    fn is_untrusted(&self) -> bool {
        false
    }

    fn call<'a>(&'a self, input: Value, room: &'a ToolRoom) -> BoxFuture<'a, ToolOutput>;
}

/// Where the tools of one agent work. Clones are the same room.
#[derive(Clone)]
pub struct ToolRoom {
    /// The agent's folder; relative paths start here.
    pub folder: PathBuf,
    /// Where outputs that are too long for the model are kept whole; the agent may read it, and must not
    /// be allowed to write it.
    pub kept: PathBuf,
    /// Runs commands; file tools ask it what may be read and written.
    pub sandbox: Arc<Sandbox>,
    pub cancel: CancellationToken,
    /// Stands in the environment of every process that commands start; the same for every attempt at
    /// one agent of one run, and no other. Whoever carries it is ended with the agent.
    pub mark: String,
    pub memory: Memory,
    /// The way out of commands, if there is one.
    pub pass: Option<Arc<Pass>>,
    /// Asked before a tool does anything, and which files searches may look into.
    pub gate: Arc<dyn Gatekeeper>,
    /// What heavy commands wait for; none: nothing.
    pub slots: Option<Arc<Slots>>,
    background: Background,
    /// The room's own folders are there.
    prepared: Arc<OnceLock<()>>,
}

impl ToolRoom {
    pub fn new(mut sandbox: Sandbox, kept: PathBuf, mark: String, cancel: CancellationToken) -> ToolRoom {
        sandbox.readable.push(kept.clone());
        ToolRoom {
            folder: sandbox.folder.clone(),
            kept,
            sandbox: Arc::new(sandbox),
            cancel,
            background: Background::new(&mark),
            mark,
            memory: Memory::default(),
            pass: None,
            gate: Arc::new(OpenGate),
            slots: None,
            prepared: Arc::default(),
        }
    }

    /// Makes the folders that tools need beside the agent's own. Most agents call no tool and get none.
    pub fn prepare(&self) -> Result<(), String> {
        if self.prepared.get().is_some() {
            return Ok(());
        }
        for folder in [&self.sandbox.temporary, &self.kept] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))?;
        }
        self.prepared.get_or_init(|| ());
        Ok(())
    }

    /// Whether a tool was called here.
    pub fn is_prepared(&self) -> bool {
        self.prepared.get().is_some()
    }

    /// Numbers what is kept of outputs; the same number never comes twice for one agent.
    pub(crate) fn next_number(&self) -> u64 {
        let mut memory = self.memory.open();
        memory.commands += 1;
        memory.commands
    }

    /// Ends everything that the agent's commands left running; false if something withstands. Called
    /// when an agent is over, and before one that an earlier process of ours left is taken up again.
    pub async fn end(&self) -> bool {
        self.background.end().await
    }
}

/// What the model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    pub text: String,
    pub is_error: bool,
}

impl ToolOutput {
    pub fn of(text: impl Into<String>) -> ToolOutput {
        ToolOutput { text: text.into(), is_error: false }
    }

    pub fn error(text: impl Into<String>) -> ToolOutput {
        ToolOutput { text: text.into(), is_error: true }
    }
}

impl From<Result<String, String>> for ToolOutput {
    fn from(result: Result<String, String>) -> ToolOutput {
        match result {
            Ok(text) => ToolOutput::of(text),
            Err(text) => ToolOutput::error(text),
        }
    }
}

/// The place that `path` of an input names; without one, the agent's folder.
fn path_in(input: &Value, room: &ToolRoom) -> PathBuf {
    room.place(input.get("path").and_then(Value::as_str).unwrap_or("."))
}

/// The input as the tool knows it.
fn parsed<T: DeserializeOwned>(input: Value) -> Result<T, String> {
    serde_json::from_value(input).map_err(|error| format!("the input is not usable: {error}"))
}

/// Runs a tool that waits for the disk where that holds up nobody.
fn on_disk<T: DeserializeOwned + Send + 'static>(
    input: Value,
    room: &ToolRoom,
    tool: fn(T, &ToolRoom) -> Result<String, String>,
) -> BoxFuture<'static, ToolOutput> {
    let room = room.clone();
    Box::pin(async move {
        let work = tokio::task::spawn_blocking(move || tool(parsed(input)?, &room));
        match work.await {
            Ok(result) => result.into(),
            Err(error) => ToolOutput::error(format!("the tool itself broke: {error}")),
        }
    })
}
