//! Gemini CLI. Its wire is not one that the gateway passes on, so it works with a login of its own.

use super::{Place, Preset, SetUp, as_it_is, no_meta};

pub(super) const PRESET: Preset = Preset {
    name: "gemini",
    argv: &["gemini", "--experimental-acp"],
    install: "npm install -g @google/gemini-cli",
    dialects: &[],
    start_ms: 60_000,
    has_own_port: false,
    set_up,
    model: as_it_is,
    meta: no_meta,
    is_native: false,
};

fn set_up(_: &Place<'_>) -> SetUp {
    let mut made = SetUp::default();
    made.set_all(&[("GEMINI_TELEMETRY_ENABLED", "false"), ("NO_BROWSER", "true")]);
    made
}
