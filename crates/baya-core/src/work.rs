//! What an agent left in its worktree: where it is kept, and how much it is.

use crate::ids::AgentNumber;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Files a [`Work`] names; the commit has them all.
pub const WORK_FILES_MAX: usize = 1_000;
/// A longer patch is not journaled; the commit has it.
pub const WORK_PATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An agent's changes as commits of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The commit it started from.
    pub base: String,
    /// The commit that holds everything it left; `base` if it changed nothing.
    pub head: String,
    /// The branch it worked on, as `baya-work/wf_…/3`.
    pub branch: String,
    /// What keeps `head` from being collected, as `refs/baya/wf_…/3`; absent if nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_as: Option<String>,
    pub files_changed: u64,
    pub lines_added: u64,
    pub lines_removed: u64,
    /// The first so many.
    pub files: Vec<FileWork>,
    /// As `git apply` takes it, against `base`; absent if it is too long or no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// How much an agent that is still at work has changed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub files_changed: u64,
    pub lines_added: u64,
    pub lines_removed: u64,
}

/// One file of a work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWork {
    /// From the repository's root; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// Absent for files that are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
}

impl Work {
    /// As scripts see it.
    pub fn to_script(&self, agent: AgentNumber) -> Value {
        json!({
            "agent": agent, "base": self.base, "head": self.head, "branch": self.branch,
            "changed": !self.is_empty(), "filesChanged": self.files_changed,
            "linesAdded": self.lines_added, "linesRemoved": self.lines_removed,
            "files": self.files, "patch": self.patch,
        })
    }

    /// Whether anything is there to be landed.
    pub fn is_empty(&self) -> bool {
        self.base == self.head
    }
}
