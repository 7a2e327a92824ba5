//! Every limit, with its name, its default, and the message that says how to raise it.

use crate::budget::{Caps, OnBudget};
use crate::call::ScriptLimits;
use serde::{Deserialize, Serialize};

/// The source of a script, in bytes (C01).
pub const SCRIPT_BYTES_MAX: usize = 512 * 1024;
/// Brackets open at the same place of a script.
pub const SCRIPT_BRACKETS_MAX: usize = 200;
/// Operators and keywords in a row, at all open bracket levels of a script together.
pub const SCRIPT_CHAIN_MAX: usize = 3_000;
/// Levels of arrays and objects inside `meta`.
pub const META_DEPTH_MAX: usize = 64;
/// Files one script may import, directly and through others.
pub const SCRIPT_FILES_MAX: usize = 256;
/// Log lines a view keeps; the journal has all.
pub const LOG_LINES_IN_VIEW: usize = 1_000;
/// Inputs the driver decides on in one commit.
pub const INPUTS_PER_COMMIT: usize = 256;
/// Answers of one agent, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Characters of a default label (C23).
pub const LABEL_CHARS: usize = 60;
/// Values above this many bytes are stored apart, by hash.
pub const INLINE_BYTES_MAX: usize = 1024;
/// Blobs above this many bytes are files, by hash.
pub const BLOB_ROW_BYTES_MAX: usize = 256 * 1024;
/// Wrong structured answers before an agent gives up (C32); `MAX_STRUCTURED_OUTPUT_RETRIES`.
pub const STRUCTURED_OUTPUT_TRIES: u32 = 5;
/// Attempts at an agent that stalls.
pub const STALL_ATTEMPTS: u32 = 2;
/// How often an agent that is a program is told to go on after it fell silent or died, in one attempt.
pub const PROGRAM_GOES_ON_MAX: u32 = 2;
/// No sign of life of an agent that is a program for this long: stalled; `stallMs`.
pub const PROGRAM_STALL_MS: u64 = 180_000;
/// One message to an agent that is a program; `timeoutMs`.
pub const AGENT_WALL_MS_MAX: u64 = 6 * 60 * 60 * 1000;
/// Tries of one request that fails in a way another try may cure.
pub const REQUEST_RETRIES: u32 = 4;
/// A request to the gateway, in bytes; providers take less.
pub const GATEWAY_REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// No byte for so long in an exchange through the gateway: it ends.
pub const GATEWAY_SILENCE_MS: u64 = 10 * 60 * 1000;
/// Tries of one request that the provider has no room for, before the agent hears of it.
pub const GATEWAY_TRIES: u32 = 5;
/// With fewer tokens left under an agent's cap, no request begins: no provider answers in less.
pub const GATEWAY_ROOM_MIN: u64 = 16;

/// Characters in a row that two texts must share to count as the same words (`taint`).
pub const TAINT_CHARS: usize = 24;
/// Characters of free text that agents in quarantine may return in one run, all together.
pub const MARKED_CHARS_MAX: usize = 1_000_000;
/// Places of one prompt that are fenced one by one; more are fenced as one.
pub const FENCES_MAX: usize = 64;
/// Characters of answers that `show --flow` compares.
pub const FLOW_CHARS_MAX: usize = 2_000_000;

/// A pause the provider asks for is waited for in place up to here, in milliseconds; a longer one parks
/// the run. `requests.wait_in_place` in the settings.
pub const WAIT_IN_PLACE_MS: u64 = 5 * 60 * 1000;
/// See [`Limits::reset_wait_ms`]: six hours.
pub const RESET_WAIT_MS: u64 = 6 * 60 * 60 * 1000;
/// Answers of one agent that may call tools; `maxTurns`.
pub const AGENT_TURNS_MAX: u32 = 100;

/// The limits of a run, journaled with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Agents in the run's whole life; `--max-agents`.
    pub agents_max: u32,
    /// Agents at work at the same time; `--concurrency`.
    pub concurrency: u32,
    /// The same per model; `[concurrency.models]` in the settings.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub concurrency_by_model: std::collections::BTreeMap<String, u32>,
    /// `budget.total` in output tokens; `--budget`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
    /// Beyond it no request goes out (C52); `--budget-tokens`, `--budget-usd` and others.
    #[serde(default, skip_serializing_if = "Caps::is_open")]
    pub caps: Box<Caps>,
    /// `--on-budget`.
    #[serde(default)]
    pub on_budget: OnBudget,
    /// The longest wait for the reset of a usage limit after which the run goes on by itself;
    /// `requests.reset_wait` in the settings.
    #[serde(default = "reset_wait_ms")]
    pub reset_wait_ms: u64,
    pub script: ScriptLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            agents_max: 1_000,
            concurrency: 8,
            concurrency_by_model: Default::default(),
            budget_tokens: None,
            caps: Box::default(),
            on_budget: OnBudget::default(),
            reset_wait_ms: RESET_WAIT_MS,
            script: ScriptLimits::default(),
        }
    }
}

/// Of runs that began before there was such a limit.
fn reset_wait_ms() -> u64 {
    RESET_WAIT_MS
}

impl Default for ScriptLimits {
    fn default() -> ScriptLimits {
        ScriptLimits {
            memory_bytes: 256 * 1024 * 1024,
            stack_bytes: 1024 * 1024,
            cpu_ms: 30_000,
            depth_max: 1,
            list_max: 4_096,
        }
    }
}

/// How long a server of tools may take to start and to say what it can.
pub const MCP_START_MS: u64 = 15_000;
/// How long one call of its tools may take.
pub const MCP_CALL_MS: u64 = 300_000;
/// How often a server that dies is started in one run.
pub const MCP_STARTS_MAX: u32 = 3;
/// Tools of servers that one agent is told of; name them in `tools` to choose which.
pub const MCP_TOOLS_MAX: usize = 64;
/// What all of them together may say of themselves.
pub const MCP_TOOLS_BYTES_MAX: usize = 64 * 1024;
/// What one of them may say of itself.
pub const MCP_ABOUT_BYTES_MAX: usize = 2 * 1024;
