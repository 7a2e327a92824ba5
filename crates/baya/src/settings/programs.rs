//! Agents that are command-line programs: `[backends.codex]`, `[backends.claude]`.

use serde::Deserialize;

/// How one of them is started here. Without a section it is looked for on `PATH`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackendSection {
    /// The program: a name on `PATH`, or a path.
    pub program: Option<String>,
    /// Environment variables it gets beside the usual ones: `NAME` is passed on, `NAME=value` is set.
    pub env: Vec<String>,
    /// Whose models it asks, with whose key; absent: the first that speaks its wire, else its own login.
    pub provider: Option<String>,
}
