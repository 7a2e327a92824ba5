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
    /// By what an agent judges each piece before it lands; empty: by [`RUBRIC`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// The model of agents that merge or review; absent: that of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How long such an agent may take.
    #[serde(skip_serializing_if = "is_default_agent_timeout")]
    pub agent_timeout_ms: u64,
}

/// What a review looks at that names nothing else.
pub const RUBRIC: &str = "it does what was asked for and nothing else, it is correct, it breaks nothing that \
                          worked, and nothing in it is half done";

const AGENT_TIMEOUT_MS: u64 = 30 * 60 * 1_000;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_default_agent_timeout(ms: &u64) -> bool {
    *ms == AGENT_TIMEOUT_MS
}

impl LandingOptions {
    /// Whether any agent may be asked.
    pub fn asks_agents(&self) -> bool {
        self.on_conflict == OnConflict::Agent || self.review.is_some()
    }
}

impl Default for LandingOptions {
    fn default() -> LandingOptions {
        LandingOptions {
            check: None,
            check_timeout_ms: 30 * 60 * 1_000,
            batch: 64,
            style: Style::default(),
            on_conflict: OnConflict::default(),
            review: None,
            model: None,
            agent_timeout_ms: AGENT_TIMEOUT_MS,
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
        /// The agent that made it go with what was there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resolved_by: Option<AgentNumber>,
    },
    /// It does not merge; which files.
    Conflict {
        files: Vec<String>,
        /// Why no agent could help, if one was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A reviewer does not want it.
    Rejected {
        by: AgentNumber,
        why: String,
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
            Fate::Landed { resolved_by: None, .. } => "landed".to_owned(),
            Fate::Landed { resolved_by: Some(by), .. } => format!("landed, merged by {by}"),
            Fate::Conflict { files, why: None } => format!("conflict in {}", files.join(", ")),
            Fate::Conflict { files, why: Some(why) } => format!("conflict in {}: {why}", files.join(", ")),
            Fate::Rejected { by, why } => format!("rejected by {by}: {why}"),
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
            Fate::Rejected { .. } => "rejected",
            Fate::CheckFailed { .. } => "check failed",
            Fate::Skipped { .. } => "skipped",
        }
    }
}
