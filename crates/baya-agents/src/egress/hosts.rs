//! Lists of hosts: `docs.rs`, `*.python.org` (all below it, and not itself), `127.0.0.1:8080`. Without a
//! port the usual two, 80 and 443.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// All that is allowed; nothing, unless it is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostRules(pub Vec<HostRule>);

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostRule {
    name: String,
    below: bool,
    port: Option<u16>,
}

impl HostRules {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a host may be asked, as far as its name goes.
    pub fn allow(&self, host: &str, port: u16) -> bool {
        let host = plain(host);
        self.0.iter().any(|rule| rule.meets_port(port) && rule.meets_name(&host))
    }

    /// Whether an address that is not public is listed itself; `localhost` lists its own.
    pub fn list_address(&self, host: &str, address: IpAddr, port: u16) -> bool {
        let named = address.to_string();
        let own = host == "localhost" && address.is_loopback();
        self.0.iter().any(|rule| {
            !rule.below && rule.meets_port(port) && (rule.name == named || own && rule.name == "localhost")
        })
    }
}

impl fmt::Display for HostRules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        out.write_str(&rules.join(", "))
    }
}

impl HostRule {
    pub fn parse(text: &str) -> Result<HostRule, String> {
        let wrong = || format!("`{text}` names no host; write `docs.rs`, `*.python.org` or `127.0.0.1:8080`");
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, port) = split_port(rest).ok_or_else(wrong)?;
        let name = plain(name);
        let is_address = name.parse::<IpAddr>().is_ok();
        let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_name = !name.is_empty() && name.chars().all(usual) && !name.starts_with(['.', '-']);
        match is_address && !below || is_name && !is_address {
            true => Ok(HostRule { name, below, port }),
            false => Err(wrong()),
        }
    }

    fn meets_name(&self, host: &str) -> bool {
        match self.below {
            true => host.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            false => host == self.name,
        }
    }

    fn meets_port(&self, port: u16) -> bool {
        self.port.map_or(matches!(port, 80 | 443), |own| own == port)
    }
}

/// `host`, `host:80`, `[::1]`, `[::1]:80`, `::1`
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => {
            (name, Some(port.parse().ok().filter(|port| *port > 0)?))
        }
        Some(_) | None => (text, None),
    };
    Some((name, port))
}

/// A host as it is compared: lower case, without brackets or the dot at its end.
pub(super) fn plain(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<IpAddr>().map_or(host, |address| address.to_string())
}

impl fmt::Display for HostRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        match (self.name.contains(':'), self.port) {
            (_, None) => write!(out, "{below}{}", self.name),
            (true, Some(port)) => write!(out, "[{}]:{port}", self.name),
            (false, Some(port)) => write!(out, "{below}{}:{port}", self.name),
        }
    }
}

impl TryFrom<String> for HostRule {
    type Error = String;
    fn try_from(text: String) -> Result<HostRule, String> {
        HostRule::parse(&text)
    }
}

impl From<HostRule> for String {
    fn from(rule: HostRule) -> String {
        rule.to_string()
    }
}
