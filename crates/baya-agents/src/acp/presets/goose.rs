//! Goose.

use super::{Place, Preset, SetUp, as_it_is, no_meta};
use crate::gateway::Dialect;

pub(super) const PRESET: Preset = Preset {
    name: "goose",
    argv: &["goose", "acp"],
    install: "see the instructions of Goose; `goose` has to be in `PATH`",
    dialects: &[Dialect::Anthropic, Dialect::OpenAiChat],
    start_ms: 60_000,
    has_own_port: false,
    set_up,
    model: as_it_is,
    meta: no_meta,
    is_native: false,
};

fn set_up(place: &Place<'_>) -> SetUp {
    let mut made = SetUp::default();
    made.set_all(&[
        ("GOOSE_DISABLE_KEYRING", "1"),
        ("GOOSE_MODE", "approve"),
        ("GOOSE_TELEMETRY_ENABLED", "false"),
    ]);
    let Some(models) = place.models else { return made };
    made.set("GOOSE_MODEL", models.model.as_str());
    match models.dialect {
        Dialect::Anthropic => {
            made.set("GOOSE_PROVIDER", "anthropic");
            made.set("ANTHROPIC_HOST", models.base_url.as_str());
            made.set("ANTHROPIC_API_KEY", models.key.as_str());
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            // It puts host and path together, and the token is a part of the path.
            let rest = models.base_url.strip_prefix("http://").unwrap_or(&models.base_url);
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            made.set("GOOSE_PROVIDER", "openai");
            made.set("OPENAI_HOST", format!("http://{host}"));
            made.set("OPENAI_BASE_PATH", format!("{path}/chat/completions"));
            made.set("OPENAI_API_KEY", models.key.as_str());
        }
    }
    made
}
