//! Questions that agents put to people before they act, and what is answered.
//!
//! What decides that a question is asked is the business of policies, outside of here. A question waits
//! in the run's state; only the agent that asked it waits with it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What an agent asks before it does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// The tool it would do it with.
    pub tool: String,
    /// What it would do, in a line: `git push origin main`.
    pub action: String,
    /// Which rule asks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What `always` stands for; a later request that covers nothing else is not asked any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
    #[serde(default)]
    pub patience: Patience,
}

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patience {
    /// Nobody is there: a denial at once.
    #[default]
    Nobody,
    Forever,
    /// Then it is a denial.
    For {
        ms: u64,
    },
}

/// What a person says to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Allow,
    Deny,
    /// Allow it, and what the question covers, to every agent of the run.
    Always,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// By what means: `baya answer`.
    Person(String),
    /// Nobody was there.
    Nobody,
    /// Its time was over.
    TimeLimit,
    /// The run, or the attempt that asked, is over.
    End,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub answer: Verdict,
    pub by: Answerer,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Always => "always",
        }
    }
}

impl fmt::Display for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answerer::Person(by) => f.write_str(by),
            Answerer::Nobody => f.write_str("nobody"),
            Answerer::TimeLimit => f.write_str("its time limit"),
            Answerer::End => f.write_str("the end of its agent"),
        }
    }
}
