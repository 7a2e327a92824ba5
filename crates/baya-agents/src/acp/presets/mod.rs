//! Agents that are known by name: how each is started, told where models are, and kept from starting
//! agents of its own. One file each.
//!
//! What a preset sets holds for one process only and stands in its environment and its private folder;
//! nothing of the person's own configuration is read or written.

mod claude;
mod codex;
mod gemini;
mod goose;
mod opencode;
mod qwen;

use crate::gateway::Dialect;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An agent that is known by name.
#[derive(Debug)]
pub struct Preset {
    /// As it stands behind `acp:`.
    pub name: &'static str,
    pub argv: &'static [&'static str],
    /// What a person types to get it.
    pub install: &'static str,
    /// What it speaks to models, best first; none: it cannot be told where they are.
    pub dialects: &'static [Dialect],
    /// The longest its first answer may take.
    pub start_ms: u64,
    /// It talks to itself over a port.
    pub has_own_port: bool,
    pub(super) set_up: fn(&Place<'_>) -> SetUp,
    /// The model as its sessions name it.
    pub(super) model: fn(&str) -> String,
    /// What goes along with a new session, given the schema of its answer.
    pub(super) meta: fn(Option<&Value>) -> Option<Map<String, Value>>,
    /// Its own way to a structured answer is in `meta`.
    pub(super) is_native: bool,
}

/// All of them, by name.
pub const PRESETS: [&Preset; 6] =
    [&claude::PRESET, &codex::PRESET, &gemini::PRESET, &goose::PRESET, &opencode::PRESET, &qwen::PRESET];

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.into_iter().find(|preset| preset.name == name)
}

/// What a process is set up with.
pub(super) struct Place<'a> {
    /// Its own folder, which it may write.
    pub private: &'a Path,
    pub own_port: Option<u16>,
    pub models: Option<&'a Models>,
    pub read_only: bool,
}

/// Where models are for a process, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Models {
    pub dialect: Dialect,
    pub base_url: String,
    pub key: String,
    pub model: String,
    /// For small things: titles, summaries.
    pub small: String,
    /// Tokens of the model's context, where that is known.
    pub context: Option<u64>,
}

/// What a preset adds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SetUp {
    pub words: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Below the private folder.
    pub files: Vec<(PathBuf, String)>,
}

impl SetUp {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    fn set_all(&mut self, values: &[(&str, &str)]) {
        values.iter().for_each(|(name, value)| self.set(name, *value));
    }
}

fn no_meta(_: Option<&Value>) -> Option<Map<String, Value>> {
    None
}

fn as_it_is(model: &str) -> String {
    model.to_owned()
}
