//! The form of `[policy]` in a settings file.

use super::paths::PathPattern;
use super::pattern::{CommandPattern, HostPattern, ToolPattern};
use serde::Deserialize;

/// `[policy]`: what agents may do, beyond what their sandbox lets them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyFile {
    /// Where no rule speaks; absent: allow.
    pub default: Option<Ruling>,
    pub tools: Section<ToolPattern>,
    pub commands: Section<CommandPattern>,
    /// Files, read or written.
    pub paths: Section<PathPattern>,
    pub reads: Section<PathPattern>,
    pub writes: Section<PathPattern>,
    pub hosts: Section<HostPattern>,
}

/// What becomes of an action. The order is that of strictness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    #[default]
    Allow,
    Ask,
    Deny,
}

/// The rules for one kind of thing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, bound(deserialize = "P: Deserialize<'de>"))]
pub struct Section<P> {
    pub deny: Vec<P>,
    pub ask: Vec<P>,
    pub allow: Vec<P>,
    /// Where none of these speaks; absent: the file's.
    pub default: Option<Ruling>,
}

impl<P> Default for Section<P> {
    fn default() -> Section<P> {
        Section { deny: Vec::new(), ask: Vec::new(), allow: Vec::new(), default: None }
    }
}

impl<P> Section<P> {
    /// Its lists, the strictest first.
    pub(super) fn lists(&self) -> [(Ruling, &[P]); 3] {
        [(Ruling::Deny, &self.deny), (Ruling::Ask, &self.ask), (Ruling::Allow, &self.allow)]
    }

    fn is_empty(&self) -> bool {
        self.lists().iter().all(|(_, list)| list.is_empty())
            && self.default.is_none_or(|d| d == Ruling::Allow)
    }
}

impl PolicyFile {
    /// It allows everything.
    pub fn is_open(&self) -> bool {
        let PolicyFile { default, tools, commands, paths, reads, writes, hosts } = self;
        let files = paths.is_empty() && reads.is_empty() && writes.is_empty();
        default.is_none_or(|default| default == Ruling::Allow)
            && (tools.is_empty() && commands.is_empty() && files && hosts.is_empty())
    }
}

impl Ruling {
    pub fn name(self) -> &'static str {
        match self {
            Ruling::Allow => "allow",
            Ruling::Ask => "ask",
            Ruling::Deny => "deny",
        }
    }
}
