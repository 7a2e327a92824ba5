//! Claude Code by its adapter.

use super::{Place, Preset, SetUp, as_it_is};
use crate::gateway::Dialect;
use serde_json::{Map, Value, json};

/// What would start agents, or work, behind the run's back.
const DENIED: [&str; 12] = [
    "Workflow",
    "Agent",
    "Task",
    "TeamCreate",
    "TeamDelete",
    "SendMessage",
    "CronCreate",
    "CronDelete",
    "CronList",
    "EnterWorktree",
    "ExitWorktree",
    "AskUserQuestion",
];

pub(super) const PRESET: Preset = Preset {
    name: "claude-agent-acp",
    argv: &["claude-agent-acp"],
    install: "npm install -g @agentclientprotocol/claude-agent-acp",
    dialects: &[Dialect::Anthropic],
    start_ms: 60_000,
    has_own_port: false,
    set_up,
    model: as_it_is,
    meta,
    is_native: true,
};

fn set_up(place: &Place<'_>) -> SetUp {
    let mut made = SetUp::default();
    made.set("CLAUDE_CONFIG_DIR", place.private.join("claude").display().to_string());
    made.set_all(&[
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("IS_SANDBOX", "1"),
    ]);
    if let Some(models) = place.models {
        made.set("ANTHROPIC_BASE_URL", models.base_url.as_str());
        made.set("ANTHROPIC_API_KEY", models.key.as_str());
        made.set("ANTHROPIC_MODEL", models.model.as_str());
        made.set("ANTHROPIC_SMALL_FAST_MODEL", models.small.as_str());
    }
    made
}

fn meta(schema: Option<&Value>) -> Option<Map<String, Value>> {
    let mut options = json!({"disallowedTools": DENIED});
    if let Some(schema) = schema {
        options["outputFormat"] = json!({"type": "json_schema", "schema": schema});
    }
    let mut meta = Map::new();
    meta.insert("claudeCode".to_owned(), json!({"options": options}));
    Some(meta)
}
