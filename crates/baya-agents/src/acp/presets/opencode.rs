//! OpenCode: all of its configuration is one variable.

use super::{Models, Place, Preset, SetUp, no_meta};
use crate::gateway::Dialect;
use serde_json::{Map, Value, json};

/// The provider's name in its configuration.
const PROVIDER: &str = "baya";

pub(super) const PRESET: Preset = Preset {
    name: "opencode",
    argv: &["opencode", "acp"],
    install: "npm install -g opencode-ai",
    dialects: &[Dialect::Anthropic, Dialect::OpenAiChat],
    // The first start unpacks itself.
    start_ms: 60_000,
    has_own_port: true,
    set_up,
    model: |model| format!("{PROVIDER}/{model}"),
    meta: no_meta,
    is_native: false,
};

fn set_up(place: &Place<'_>) -> SetUp {
    let mut made = SetUp::default();
    if let Some(port) = place.own_port {
        made.words = vec!["--port".to_owned(), port.to_string()];
    }
    made.set_all(&[
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
        ("OPENCODE_DISABLE_SHARE", "1"),
    ]);
    made.set("OPENCODE_CONFIG_CONTENT", config(place).to_string());
    if let Some(models) = place.models {
        // Its server listens on this machine; the token is one that nobody else has.
        made.set("OPENCODE_SERVER_PASSWORD", models.key.as_str());
    }
    made
}

fn config(place: &Place<'_>) -> Value {
    let edit = if place.read_only { "deny" } else { "ask" };
    let mut config = json!({
        "autoupdate": false,
        "share": "disabled",
        // A title costs a request of its own.
        "agent": {"title": {"disable": true}},
        "permission": {
            "edit": edit, "bash": "ask", "webfetch": "ask",
            "task": "deny", "skill": "deny", "question": "deny",
            // The sandbox says which folders.
            "external_directory": "allow",
            "baya_*": "allow",
        },
    });
    if let Some(models) = place.models {
        config["model"] = json!(format!("{PROVIDER}/{}", models.model));
        config["small_model"] = json!(format!("{PROVIDER}/{}", models.small));
        config["enabled_providers"] = json!([PROVIDER]);
        config["provider"][PROVIDER] = provider(models);
    }
    config
}

fn provider(models: &Models) -> Value {
    let (package, base_url) = match models.dialect {
        Dialect::Anthropic => ("@ai-sdk/anthropic", format!("{}/v1", models.base_url)),
        Dialect::OpenAiChat => ("@ai-sdk/openai-compatible", models.base_url.clone()),
        Dialect::OpenAiResponses => ("@ai-sdk/openai", models.base_url.clone()),
    };
    let mut known = json!({"name": models.model, "tool_call": true});
    if let Some(context) = models.context {
        known["limit"] = json!({"context": context, "output": 32_000});
    }
    let mut all = Map::new();
    all.insert(models.small.clone(), json!({"name": models.small}));
    all.insert(models.model.clone(), known);
    let options = json!({"baseURL": base_url, "apiKey": models.key});
    json!({"npm": package, "name": "Baya", "options": options, "models": all})
}
