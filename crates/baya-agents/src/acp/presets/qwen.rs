//! Qwen Code. It hides the tools of MCP servers behind a search, so prompts name them.

use super::{Place, Preset, SetUp, as_it_is, no_meta};
use crate::gateway::Dialect;
use serde_json::json;

pub(super) const PRESET: Preset = Preset {
    name: "qwen",
    argv: &["qwen", "--acp"],
    install: "npm install -g @qwen-code/qwen-code",
    dialects: &[Dialect::OpenAiChat],
    start_ms: 60_000,
    has_own_port: false,
    set_up,
    model: as_it_is,
    meta: no_meta,
    is_native: false,
};

fn set_up(place: &Place<'_>) -> SetUp {
    let mut made = SetUp::default();
    let settings = json!({
        "security": {"auth": {"selectedType": "openai"}},
        "general": {"disableAutoUpdate": true},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "tools": {"exclude": ["task", "agent", "cron_create", "ask_user_question"]},
    });
    // Below the home that the process is given.
    made.files.push(("home/.qwen/settings.json".into(), settings.to_string()));
    if let Some(models) = place.models {
        made.set("OPENAI_BASE_URL", models.base_url.as_str());
        made.set("OPENAI_API_KEY", models.key.as_str());
        made.set("OPENAI_MODEL", models.model.as_str());
    }
    made
}
