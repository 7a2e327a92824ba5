//! What the tools of one agent remember between calls: files as they were read, the list of things to
//! do, the folder the shell is in. Plain data, so that an agent that is taken up again knows it too.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Clones are the same memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    remembered: Arc<Mutex<Remembered>>,
}

/// The whole content of a [`Memory`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// By path, symbolic links resolved.
    pub files: BTreeMap<PathBuf, Seen>,
    pub todos: Vec<Todo>,
    /// Where the last shell command left the shell.
    pub shell_folder: Option<PathBuf>,
    /// Shell commands so far.
    pub commands: u64,
}

/// A file as it was when the agent last saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub bytes: u64,
    /// Since the epoch.
    pub modified_ns: u64,
    /// Of the content; absent for large files.
    pub hash: Option<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    pub text: String,
    #[serde(default)]
    pub status: TodoStatus,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TodoStatus {
    #[default]
    Open,
    Doing,
    Done,
}

impl Memory {
    pub fn new(remembered: Remembered) -> Memory {
        Memory { remembered: Arc::new(Mutex::new(remembered)) }
    }

    /// A copy of all that is remembered.
    pub fn remembered(&self) -> Remembered {
        self.open().clone()
    }

    /// What was seen of a file, if it was.
    pub fn seen(&self, file: &Path) -> Option<Seen> {
        self.open().files.get(file).cloned()
    }

    pub fn saw(&self, file: &Path, seen: Seen) {
        self.open().files.insert(file.to_owned(), seen);
    }

    pub(super) fn open(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Whether a file that looks like this now is still what was seen.
    pub fn is_still(&self, now: &Seen) -> bool {
        match (&self.hash, &now.hash) {
            (Some(then), Some(now)) => then == now,
            _ => self.bytes == now.bytes && self.modified_ns == now.modified_ns,
        }
    }
}
