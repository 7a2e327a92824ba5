//! What a rule says of tools, commands and hosts.

use crate::tools::clamp::{Pattern, matches_wild};
use crate::tools::set::ours;
use serde::Deserialize;

/// `bash`, `Write`, `mcp__github__*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ToolPattern {
    text: String,
}

/// As in `bashCommandClamp`: `git push` begins so, `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CommandPattern {
    text: String,
    pattern: Pattern,
}

/// `example.com`, or `*.example.com` for all hosts below it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostPattern {
    text: String,
}

impl TryFrom<String> for ToolPattern {
    type Error = String;
    fn try_from(text: String) -> Result<ToolPattern, String> {
        match text.contains(['(', ' ']) || text.is_empty() {
            true => Err(format!(
                "`{text}` is no name of a tool; commands have rules of their own in `[policy.commands]`"
            )),
            false => Ok(ToolPattern { text }),
        }
    }
}

impl TryFrom<String> for CommandPattern {
    type Error = String;
    fn try_from(text: String) -> Result<CommandPattern, String> {
        if let Some(sign) = text.chars().find(|c| matches!(c, ';' | '|' | '&' | '\n')) {
            return Err(format!(
                "`{text}` is more than one command: rules judge each alone, without `{sign}`"
            ));
        }
        let pattern = Pattern::of_words(&text).ok_or("a rule for commands is empty")?;
        Ok(CommandPattern { text, pattern })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;
    fn try_from(text: String) -> Result<HostPattern, String> {
        let name = text.strip_prefix("*.").unwrap_or(&text);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        match text == "*" || !name.is_empty() && name.chars().all(is_name) {
            true => Ok(HostPattern { text: text.to_ascii_lowercase() }),
            false => Err(format!("`{text}` is no host; write `example.com`, `*.example.com` or `*`")),
        }
    }
}

/// What rules are made of.
pub(super) trait Rule {
    fn text(&self) -> &str;
    /// It speaks of everything there is.
    fn is_all(&self) -> bool {
        matches!(self.text(), "*" | "**")
    }
}

impl Rule for ToolPattern {
    fn text(&self) -> &str {
        &self.text
    }
}

impl Rule for CommandPattern {
    fn text(&self) -> &str {
        &self.text
    }
}

impl Rule for HostPattern {
    fn text(&self) -> &str {
        &self.text
    }
}

impl ToolPattern {
    /// Names of ours and of others that mean the same are the same.
    pub(super) fn matches(&self, tool: &str) -> bool {
        let same = |name: &str| ours(name).map_or_else(|| name.to_lowercase(), str::to_owned);
        match self.text.contains('*') {
            true => {
                matches_wild(&self.text, tool)
                    || ours(tool).is_some_and(|tool| matches_wild(&self.text, tool))
            }
            false => same(&self.text) == same(tool),
        }
    }
}

impl CommandPattern {
    pub(crate) fn matches(&self, command: &str) -> bool {
        self.pattern.matches(command)
    }
}

impl HostPattern {
    pub(super) fn matches(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match self.text.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|front| front.ends_with('.')),
            None => self.text == "*" || self.text == host,
        }
    }
}
