//! Agent types (C27): what a name in `agentType` stands for.
//!
//! A type is a Markdown file with YAML front matter; its body is the system text. The nearest folder
//! goes first, up to the repository root, then the user's folders, then plugins (as `plugin:name`),
//! then what is built in. A file that cannot be used is listed with the reason and never used: a
//! fallback to a wider type would widen privileges. Tool fields are recorded as they stand.

mod builtin;
mod front_matter;

use baya_core::agent::Effort;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Larger files are listed as broken.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Folders below an agents folder that are looked into.
const DEPTH_MAX: u32 = 4;

/// One agent type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentType {
    /// Case matters; spaces are fine.
    pub name: String,
    pub description: String,
    /// `None`: all there are.
    pub tools: Option<Vec<String>>,
    pub disallowed_tools: Vec<String>,
    /// As in the option `model` of `agent()`.
    pub model: Option<String>,
    pub effort: Option<Effort>,
    pub permission_mode: Option<String>,
    pub max_turns: Option<u32>,
    pub mcp_servers: Option<Value>,
    pub isolation: Option<String>,
    /// The system text.
    pub body: String,
    pub origin: Origin,
}

/// Where a type comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    BuiltIn,
    File(PathBuf),
}

/// A file that names no usable type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub path: PathBuf,
    pub reason: String,
}

/// Every type that can be named here, and the files that cannot be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentTypes {
    types: BTreeMap<String, AgentType>,
    broken: Vec<Broken>,
}

/// Reads all agent types that a run in `folder` can name.
pub fn find(
    folder: &Path,
    repository_root: Option<&Path>,
    user_folders: &[PathBuf],
    plugin_folders: &[(String, PathBuf)],
) -> AgentTypes {
    let mut found = AgentTypes::default();
    for place in crate::memory_files::from_folder_to_root(folder, repository_root) {
        found.read_folder(&place.join(".baya/agents"), None);
        found.read_folder(&place.join(".claude/agents"), None);
    }
    for place in user_folders {
        found.read_folder(place, None);
    }
    for (plugin, place) in plugin_folders {
        found.read_folder(place, Some(plugin));
    }
    found.add_built_in();
    found
}

impl AgentTypes {
    /// Only what is built in.
    pub fn built_in() -> AgentTypes {
        let mut types = AgentTypes::default();
        types.add_built_in();
        types
    }

    pub fn get(&self, name: &str) -> Option<&AgentType> {
        self.types.get(name)
    }

    /// In alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        self.types.keys().map(String::as_str).collect()
    }

    /// In alphabetical order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &AgentType> {
        self.types.values()
    }

    /// Files that are not used, with the reason.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    fn add_built_in(&mut self) {
        for agent_type in builtin::all() {
            self.add(agent_type);
        }
    }

    /// The first of a name stays: callers go from near to far.
    fn add(&mut self, agent_type: AgentType) {
        self.types.entry(agent_type.name.clone()).or_insert(agent_type);
    }

    fn read_folder(&mut self, folder: &Path, plugin: Option<&str>) {
        for path in markdown_files(folder) {
            match read_file(&path) {
                Ok(mut agent_type) => {
                    if let Some(plugin) = plugin {
                        agent_type.name = format!("{plugin}:{}", agent_type.name);
                    }
                    self.add(agent_type);
                }
                Err(reason) => self.broken.push(Broken { path, reason }),
            }
        }
    }
}

/// All `*.md` files below the folder, sorted, so that the order of a directory never matters.
fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect_markdown(folder, DEPTH_MAX, &mut files);
    files.sort();
    files
}

fn collect_markdown(folder: &Path, depth_left: u32, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() && depth_left > 0 {
            collect_markdown(&path, depth_left - 1, files);
        } else if path.extension().is_some_and(|extension| extension == "md") && path.is_file() {
            files.push(path);
        }
    }
}

fn read_file(path: &Path) -> Result<AgentType, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let mut agent_type = front_matter::parse(&text)?;
    agent_type.origin = Origin::File(path.to_owned());
    Ok(agent_type)
}
