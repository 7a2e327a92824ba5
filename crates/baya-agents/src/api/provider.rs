//! Who answers: a provider's wire, address and key, as the binary hands them over.

use crate::models::ModelRow;
use serde::Deserialize;
use std::fmt;

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// Anthropic Messages; the address is given without `/v1`.
    Anthropic,
    /// OpenAI chat completions; the address is given with `/v1`.
    #[serde(rename = "openai")]
    OpenAi,
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// Chat completions of anybody: vLLM, a proxy.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
    #[serde(rename = "openrouter")]
    OpenRouter,
    /// Its chat completions; the address is given without `/v1`.
    Ollama,
    /// The address is given without a version.
    Gemini,
}

impl ProviderKind {
    pub const ALL: [ProviderKind; 7] = [
        ProviderKind::Anthropic,
        ProviderKind::OpenAi,
        ProviderKind::OpenAiResponses,
        ProviderKind::OpenAiCompatible,
        ProviderKind::OpenRouter,
        ProviderKind::Ollama,
        ProviderKind::Gemini,
    ];

    /// As `--backend` and the settings write it.
    pub fn name(self) -> &'static str {
        match self {
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::OpenAi => "openai",
            ProviderKind::OpenAiResponses => "openai-responses",
            ProviderKind::OpenAiCompatible => "openai-compatible",
            ProviderKind::OpenRouter => "openrouter",
            ProviderKind::Ollama => "ollama",
            ProviderKind::Gemini => "gemini",
        }
    }

    pub fn parse(name: &str) -> Option<ProviderKind> {
        ProviderKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// No model id of this provider has a slash in it.
    pub fn has_plain_ids(self) -> bool {
        match self {
            ProviderKind::Anthropic | ProviderKind::Gemini => true,
            ProviderKind::OpenAi
            | ProviderKind::OpenAiResponses
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Ollama => false,
        }
    }

    pub(crate) fn default_base_url(self) -> &'static str {
        match self {
            ProviderKind::Anthropic => "https://api.anthropic.com",
            ProviderKind::OpenAi | ProviderKind::OpenAiResponses => "https://api.openai.com/v1",
            ProviderKind::OpenAiCompatible => "http://127.0.0.1:8000/v1",
            ProviderKind::OpenRouter => "https://openrouter.ai/api/v1",
            ProviderKind::Ollama => "http://127.0.0.1:11434",
            ProviderKind::Gemini => "https://generativelanguage.googleapis.com",
        }
    }

    /// The version that the requests' path begins with, put where the address has none.
    fn version(self) -> &'static str {
        match self {
            ProviderKind::Gemini => "v1beta",
            ProviderKind::Anthropic
            | ProviderKind::OpenAi
            | ProviderKind::OpenAiResponses
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Ollama => "v1",
        }
    }

    /// Addresses are given without the version: it is always added.
    fn version_is_ours(self) -> bool {
        matches!(self, ProviderKind::Anthropic | ProviderKind::Ollama | ProviderKind::Gemini)
    }
}

/// A key. Never shown, never serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(key: impl Into<String>) -> Secret {
        Secret(key.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One provider, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderConfig {
    /// As `provider/model` names it.
    pub name: String,
    pub kind: ProviderKind,
    /// As the user gives it; see [`ProviderKind`].
    pub base_url: String,
    /// Absent: none is sent that means anything.
    pub key: Option<Secret>,
    /// Sent with every request.
    pub headers: Vec<(String, String)>,
    /// What aliases mean here; empty: the default row of the kind.
    pub models: ModelRow,
}

impl ProviderConfig {
    /// The provider under its usual name and address, without a key.
    pub fn new(kind: ProviderKind) -> ProviderConfig {
        ProviderConfig {
            name: kind.name().to_owned(),
            kind,
            base_url: kind.default_base_url().to_owned(),
            key: None,
            headers: Vec::new(),
            models: ModelRow::default(),
        }
    }

    /// What requests' paths are put behind; ends with a slash.
    pub fn endpoint(&self) -> String {
        let base = self.base_url.trim().trim_end_matches('/');
        let version = self.kind.version();
        let has_version = base.rsplit('/').next().is_some_and(is_version);
        let bare = base.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
        if has_version || !(self.kind.version_is_ours() || bare) {
            format!("{base}/")
        } else {
            format!("{base}/{version}/")
        }
    }

    /// The address without what may be secret in it.
    pub fn shown_address(&self) -> String {
        let base = self.base_url.trim();
        let base = base.split(['?', '#']).next().unwrap_or(base);
        let Some((scheme, rest)) = base.split_once("://") else { return base.to_owned() };
        let (authority, path) =
            rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let host = authority.rsplit('@').next().unwrap_or(authority);
        if path.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{path}") }
    }

    /// A hash of address and key that gives neither away.
    pub fn key_hash(&self) -> String {
        let key = self.key.as_ref().map_or("", Secret::expose);
        key_hash(&self.base_url, key)
    }

    /// The address names this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base_url)
    }
}

/// What stands for an address and a key where neither may be named.
pub(crate) fn key_hash(address: &str, key: &str) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(address.trim().trim_end_matches('/').as_bytes()).update(&[0]).update(key.as_bytes());
    hash.finalize().to_hex()[..16].to_owned()
}

fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a URL's host is this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
