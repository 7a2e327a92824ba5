//! Codex by its adapter, which starts `codex app-server` and speaks for it.

use super::{Models, Place, Preset, SetUp, as_it_is, no_meta};
use crate::gateway::Dialect;
use serde_json::json;

/// The variable its provider takes the key from.
const KEY: &str = "BAYA_GATEWAY_KEY";

pub(super) const PRESET: Preset = Preset {
    name: "codex-acp",
    argv: &["codex-acp"],
    install: "npm install -g @agentclientprotocol/codex-acp",
    dialects: &[Dialect::OpenAiResponses],
    start_ms: 30_000,
    has_own_port: false,
    set_up,
    model: as_it_is,
    meta: no_meta,
    is_native: false,
};

fn set_up(place: &Place<'_>) -> SetUp {
    let mut made = SetUp::default();
    let home = place.private.join("codex");
    made.set("CODEX_HOME", home.display().to_string());
    // Our sandbox is around it; its own cannot be built inside of another.
    made.set_all(&[("NO_BROWSER", "1"), ("INITIAL_AGENT_MODE", "agent-full-access")]);
    let mut config = String::new();
    if let Some(models) = place.models {
        made.set(KEY, models.key.as_str());
        made.set("MODEL_PROVIDER", "baya");
        config.push_str(&provider(models));
    }
    config.push_str("\n[features]\nmulti_agent = false\ngoals = false\napps = false\n");
    made.files.push(("codex/config.toml".into(), config));
    made
}

fn provider(models: &Models) -> String {
    // A JSON string is a TOML string, too.
    let (model, base_url) = (json!(models.model), json!(models.base_url));
    format!(
        "model = {model}\nmodel_provider = \"baya\"\ncheck_for_update_on_startup = false\n\n[model_providers.baya]\n\
         name = \"Baya\"\nbase_url = {base_url}\nwire_api = \"responses\"\nenv_key = \"{KEY}\"\n"
    )
}
