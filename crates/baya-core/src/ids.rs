//! Names for things: runs, agents, calls, frames. Newtypes, so that one is never taken for another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A run's id, `wf_xxxxxxxx-xxx` in lower-case hex (C60).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// The number of an agent within its run, from 1, in the order the script asked for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentNumber(pub u32);

/// The number of a call within one generation of a run, from 1, given by the isolate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

impl CallId {
    /// Of what no call of the script asked for.
    pub const NONE: CallId = CallId(0);
}

/// The number of a question of a run's agents to a person, from 1; `q3` to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(pub u32);

/// A script being evaluated: 0 is the run's own, others are `workflow()` children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameId(pub u32);

impl FrameId {
    pub const MAIN: FrameId = FrameId(0);
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a run id; run ids look like `wf_1a2b3c4d-5e6`")]
pub struct NotARunId(pub String);

impl RunId {
    /// The id made of 44 bits of the caller's randomness.
    pub fn from_random(bits: u64) -> RunId {
        RunId(format!("wf_{:08x}-{:03x}", (bits >> 12) & 0xffff_ffff, bits & 0xfff))
    }

    pub fn parse(text: &str) -> Result<RunId, NotARunId> {
        let hex = |part: &str, len: usize| {
            part.len() == len && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let shape = text.strip_prefix("wf_").and_then(|rest| rest.split_once('-'));
        match shape {
            Some((head, tail)) if hex(head, 8) && hex(tail, 3) => Ok(RunId(text.to_owned())),
            _ => Err(NotARunId(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = NotARunId;
    fn try_from(text: String) -> Result<RunId, NotARunId> {
        RunId::parse(&text)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AgentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "q{}", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}", self.0)
    }
}
