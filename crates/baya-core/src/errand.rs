//! Errands: what a landing has agents of the run do, and no call of the script: make two sides go together,
//! or judge a piece.

use crate::ids::AgentNumber;
use crate::landing::{LandingOptions, Piece};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One question of a landing to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    pub piece: Piece,
    pub ask: ErrandAsk,
    /// Of the landing.
    pub options: LandingOptions,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandAsk {
    /// The piece does not go with what has landed.
    Resolve(Box<Sides>),
    /// Whether the piece may land.
    Review {
        /// Its changes against its base, as git shows them.
        patch: String,
    },
}

/// Both sides of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// What has landed so far.
    pub tip: String,
    /// A commit that has both sides, with marks where they do not agree.
    pub marked: String,
    pub files: Vec<String>,
    /// What git says of it.
    pub said: Vec<String>,
    /// Whose pieces have landed.
    pub landed: Vec<AgentNumber>,
}

/// What an agent of ours was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrandOf {
    pub kind: ErrandKind,
    /// Whose work it is about.
    pub piece: AgentNumber,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrandKind {
    Resolve,
    Review,
}

impl ErrandAsk {
    pub fn kind(&self) -> ErrandKind {
        match self {
            ErrandAsk::Resolve(_) => ErrandKind::Resolve,
            ErrandAsk::Review { .. } => ErrandKind::Review,
        }
    }
}

/// What came of an errand.
#[derive(Debug, Clone, PartialEq)]
pub enum ErrandEnd {
    Answered {
        agent: AgentNumber,
        answer: Value,
        /// The commit that has what it left, if it worked in a worktree.
        head: Option<String>,
    },
    Failed {
        /// `None`: no agent could be asked.
        agent: Option<AgentNumber>,
        why: String,
    },
}
