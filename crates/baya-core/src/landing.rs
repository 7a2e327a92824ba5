//! Landing: the work of agents, merged piece by piece into a branch of ours.
//!
//! What is recorded is enough to go on after a crash: merges are made again and come out the same, since
//! their dates are those of the beginning; a check is never run twice on the same commit.

use crate::ids::AgentNumber;
use serde::{Deserialize, Serialize};

/// The work of one agent, as it waits to be landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub agent: AgentNumber,
    /// For the commit's subject and for people.
    pub label: String,
    pub base: String,
    pub head: String,
}

impl Piece {
    /// The label in one line; of a piece without one, the agent.
    pub fn label_line(&self) -> String {
        let label = self.label.split_whitespace().collect::<Vec<_>>().join(" ");
        if label.is_empty() { format!("agent {}", self.agent.0) } else { label }
    }
}

/// How pieces are landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LandingOptions {
    /// A shell line that must succeed on the merged tree before the branch advances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    pub check_timeout_ms: u64,
    /// Pieces that are checked together.
    pub batch: u32,
    pub style: Style,
    pub on_conflict: OnConflict,
}

impl Default for LandingOptions {
    fn default() -> LandingOptions {
        LandingOptions {
            check: None,
            check_timeout_ms: 30 * 60 * 1_000,
            batch: 64,
            style: Style::default(),
            on_conflict: OnConflict::default(),
        }
    }
}

/// What becomes of a piece's own commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// One commit per piece.
    #[default]
    Squash,
    /// A merge commit per piece.
    Merge,
    /// Each of its commits again.
    Rebase,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// The piece stays where it is.
    #[default]
    Skip,
    /// Nothing more is landed.
    Stop,
    /// An agent is given both sides.
    Agent,
}

/// One fact of a landing, in the order they became true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum LandingRecord {
    Begun {
        /// From 1.
        landing: u32,
        /// As `refs/heads/baya/wf_…`.
        branch: String,
        /// Where the branch was, or where it begins.
        tip: String,
        pieces: Vec<Piece>,
        options: LandingOptions,
        /// The date of every commit it makes, in seconds since the Unix epoch.
        date_s: i64,
    },
    Checked {
        commit: String,
        passed: bool,
        /// The end of what it printed; whole in `log`.
        said: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
        duration_ms: u64,
    },
    /// The branch is at this commit.
    Advanced {
        to: String,
    },
    Decided {
        agent: AgentNumber,
        fate: Fate,
    },
    Ended {
        landing: u32,
        /// Why it ended before its last piece.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<String>,
    },
}

/// What became of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Landed {
        commit: String,
    },
    /// It does not merge; which files.
    Conflict {
        files: Vec<String>,
    },
    /// The merged tree did not pass.
    CheckFailed {
        said: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    Skipped {
        why: String,
    },
}

impl Fate {
    /// With the reason, in a line.
    pub fn words(&self) -> String {
        match self {
            Fate::Landed { .. } => "landed".to_owned(),
            Fate::Conflict { files } => format!("conflict in {}", files.join(", ")),
            Fate::CheckFailed { said, .. } => {
                format!("check failed: {}", said.lines().last().unwrap_or_default().trim())
            }
            Fate::Skipped { why } => format!("skipped: {why}"),
        }
    }

    /// For a table.
    pub fn word(&self) -> &'static str {
        match self {
            Fate::Landed { .. } => "landed",
            Fate::Conflict { .. } => "conflict",
            Fate::CheckFailed { .. } => "check failed",
            Fate::Skipped { .. } => "skipped",
        }
    }
}
