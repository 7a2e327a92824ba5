//! What a script may have its host do, besides agents: exact, free, journaled (`baya.exec` and the like).

use crate::ids::AgentNumber;
use crate::landing::{LandingOptions, Piece};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One host step as the script wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HostStep {
    /// A shell line in the working folder.
    Exec {
        command: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cwd: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
        #[serde(default)]
        retry: Retry,
        /// What it does once, however often it is asked for: steps with the same key are the same step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    ReadFile {
        path: String,
    },
    WriteFile {
        path: String,
        text: String,
    },
    Glob {
        pattern: String,
    },
    /// Files of the checkout that differ from a commit; untracked ones, too.
    ChangedFiles {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
    },
    Land {
        select: Select,
        #[serde(default)]
        options: LandingOptions,
    },
}

/// Which works are landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    Agents(Vec<AgentNumber>),
    Phase(String),
    Label(String),
}

/// Whether a step that may have happened before a crash is done again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// It is told to the script as an error; a person decides.
    #[default]
    Ask,
    Safe,
}

impl HostStep {
    /// All steps, as scripts call them.
    pub const NAMES: [&str; 6] =
        ["baya.exec", "baya.readFile", "baya.writeFile", "baya.glob", "baya.git.changedFiles", "baya.land"];

    /// As the script calls it.
    pub fn name(&self) -> &'static str {
        match self {
            HostStep::Exec { .. } => "baya.exec",
            HostStep::ReadFile { .. } => "baya.readFile",
            HostStep::WriteFile { .. } => "baya.writeFile",
            HostStep::Glob { .. } => "baya.glob",
            HostStep::ChangedFiles { .. } => "baya.git.changedFiles",
            HostStep::Land { .. } => "baya.land",
        }
    }

    /// Name and what it is about, in a line.
    pub fn words(&self) -> String {
        let about = match self {
            HostStep::Exec { command, .. } => command.clone(),
            HostStep::ReadFile { path } | HostStep::WriteFile { path, .. } => path.clone(),
            HostStep::Glob { pattern } => pattern.clone(),
            HostStep::ChangedFiles { base } => base.clone().unwrap_or_default(),
            HostStep::Land { select, .. } => match select {
                Select::Agents(agents) => format!("{} works", agents.len()),
                Select::Phase(phase) => format!("phase {phase}"),
                Select::Label(label) => format!("label {label}"),
            },
        };
        format!("{} {}", self.name(), about.lines().next().unwrap_or_default()).trim_end().to_owned()
    }

    /// Whether doing it twice is as good as doing it once.
    pub fn may_be_repeated(&self) -> bool {
        match self {
            HostStep::Exec { retry, .. } => *retry == Retry::Safe,
            // Landing knows itself how far it was.
            HostStep::ReadFile { .. }
            | HostStep::WriteFile { .. }
            | HostStep::Glob { .. }
            | HostStep::ChangedFiles { .. }
            | HostStep::Land { .. } => true,
        }
    }

    /// Equal keys are the same step.
    pub fn key(&self) -> String {
        let text = match self {
            HostStep::Exec { key: Some(key), .. } => format!("key\0{key}"),
            other => serde_json::to_string(other).unwrap_or_default(),
        };
        blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
    }
}

/// What the shell is given to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOrder {
    pub number: StepNumber,
    pub step: HostStep,
    /// For a landing: what was selected, in the order the agents were asked for.
    pub pieces: Vec<Piece>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Done(Value),
    /// The call throws; what failed, where and why.
    Failed(String),
}

/// The number of a host step within its run, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepNumber(pub u32);

impl std::fmt::Display for StepNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}", self.0)
    }
}
