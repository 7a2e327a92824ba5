//! Which providers there are, from an environment and the settings, both given as data.
//!
//! Order: Anthropic, OpenAI, Gemini, OpenRouter by their keys (or an address on this machine), then
//! what the settings name, then an Ollama on this machine, which is asked whether it is there.

use super::provider::{ProviderConfig, ProviderKind, Secret};
use crate::models::ModelRow;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A provider of the settings: `[providers.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    pub kind: ProviderKind,
    #[serde(default)]
    pub base_url: Option<String>,
    /// The environment variable with the key.
    #[serde(default)]
    pub key_env: Option<String>,
    #[serde(default)]
    pub models: ModelRow,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// No provider can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("no backend is called `{name}`; there are {}", .known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("the provider `{name}` has no key: `{variable}` is not set")]
    NoKey { name: String, variable: String },
    #[error("the address of the provider `{name}` is no URL: `{address}`")]
    NoAddress { name: String, address: String, variable: Option<&'static str> },
    #[error("no provider found: no key in the environment, and no Ollama at {ollama}")]
    Nothing { ollama: String },
    #[error("no Ollama answers at {address}")]
    NoOllama { address: String },
    #[error("the Ollama at {address} has no models")]
    NoModels { address: String },
}

impl SelectError {
    /// Lines that, typed by the user, would mend it.
    pub fn fix_lines(&self) -> Vec<String> {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        match self {
            SelectError::Unknown { .. } => Vec::new(),
            SelectError::NoKey { variable, .. } => vec![format!("export {variable}=…")],
            SelectError::NoAddress { variable: Some(variable), .. } => {
                vec![format!("export {variable}=https://HOST")]
            }
            SelectError::NoAddress { variable: None, .. } => {
                own(&["in the settings: base_url = \"https://HOST\""])
            }
            SelectError::Nothing { .. } => own(&[
                "export ANTHROPIC_API_KEY=…      # or OPENAI_API_KEY, GEMINI_API_KEY, OPENROUTER_API_KEY",
                "ollama serve                    # a local model: then `ollama pull qwen3`",
                "baya run … --backend simulated  # asks no model",
            ]),
            SelectError::NoOllama { .. } => own(&["ollama serve"]),
            SelectError::NoModels { .. } => own(&["ollama pull qwen3"]),
        }
    }
}

/// The providers for a backend's name, the default one first: `api` takes what is found, any other name
/// puts that one first. An Ollama stands at the end, or alone, without anybody having looked for it.
pub fn select(
    backend: &str,
    env: &BTreeMap<String, String>,
    settings: &BTreeMap<String, ProviderSettings>,
) -> Result<Vec<ProviderConfig>, SelectError> {
    let mut providers = discover(env, settings);
    if !providers.iter().any(|provider| provider.name == ProviderKind::Ollama.name()) {
        providers.push(ollama(env));
    }
    if backend == "api" {
        return Ok(providers);
    }
    if let Some(at) = providers.iter().position(|provider| provider.name == backend) {
        providers[..=at].rotate_right(1);
        return Ok(providers);
    }
    let usual = ProviderKind::parse(backend).and_then(variables);
    match (settings.get(backend), usual) {
        (Some(set), _) => Err(no_key(backend, set.key_env.as_deref().unwrap_or("key_env"))),
        (None, Some((key, _))) => Err(no_key(backend, key)),
        (None, None) => Err(SelectError::Unknown { name: backend.to_owned(), known: known_names(settings) }),
    }
}

/// [`select`]; where an Ollama comes first, whether it is there and which models it has.
pub async fn find_providers(
    backend: &str,
    env: &BTreeMap<String, String>,
    settings: &BTreeMap<String, ProviderSettings>,
) -> Result<Vec<ProviderConfig>, SelectError> {
    let mut providers = select(backend, env, settings)?;
    let Some(first) = providers.first_mut().filter(|first| first.kind == ProviderKind::Ollama) else {
        return Ok(providers);
    };
    if first.models != ModelRow::default() {
        return Ok(providers);
    }
    let address = first.shown_address();
    match ollama_models(&first.base_url, Duration::from_millis(400)).await {
        None if backend == "api" => Err(SelectError::Nothing { ollama: address }),
        None => Err(SelectError::NoOllama { address }),
        Some(models) => match models.first() {
            None => Err(SelectError::NoModels { address }),
            Some(model) => {
                first.models = ModelRow::all(model);
                Ok(providers)
            }
        },
    }
}

/// Refuses an address that no request can be sent to: it would fail every agent.
pub fn check_address(provider: &ProviderConfig) -> Result<(), SelectError> {
    let url = reqwest::Url::parse(provider.base_url.trim()).ok();
    if url.is_some_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https")) {
        return Ok(());
    }
    let variable = match provider.kind {
        ProviderKind::Ollama => Some("OLLAMA_HOST"),
        kind => variables(kind).map(|(_, address)| address),
    };
    let (name, address) = (provider.name.clone(), provider.base_url.clone());
    Err(SelectError::NoAddress { name, address, variable })
}

/// Every provider that needs no question, in order of preference.
pub fn discover(
    env: &BTreeMap<String, String>,
    settings: &BTreeMap<String, ProviderSettings>,
) -> Vec<ProviderConfig> {
    const ORDER: [ProviderKind; 5] = [
        ProviderKind::Anthropic,
        ProviderKind::OpenAi,
        ProviderKind::OpenAiResponses,
        ProviderKind::Gemini,
        ProviderKind::OpenRouter,
    ];
    let of_env = ORDER.into_iter().filter(|kind| !settings.contains_key(kind.name()));
    let of_env = of_env.filter_map(|kind| from_env(kind, env));
    let of_settings = settings.iter().filter_map(|(name, set)| from_settings(name, set, env));
    of_env.chain(of_settings).collect()
}

/// The models of an Ollama, as it lists them; `None` if nothing answers in time.
pub async fn ollama_models(base_url: &str, patience: Duration) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Tags {
        models: Vec<Tag>,
    }
    #[derive(Deserialize)]
    struct Tag {
        name: String,
    }
    super::install_crypto();
    let client = super::wire::http_client(base_url, patience).ok()?;
    let url = format!("{}/api/tags", base_url.trim_end_matches('/'));
    let answer = client.get(url).timeout(patience).send().await.ok()?;
    let tags: Tags = answer.error_for_status().ok()?.json().await.ok()?;
    Some(tags.models.into_iter().map(|tag| tag.name).collect())
}

/// The variable that holds a kind's key, where there is a usual one.
pub fn key_variable(kind: ProviderKind) -> Option<&'static str> {
    variables(kind).map(|(key, _)| key)
}

/// The variables with a kind's key and address.
pub fn variables(kind: ProviderKind) -> Option<(&'static str, &'static str)> {
    match kind {
        ProviderKind::Anthropic => Some(("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")),
        ProviderKind::OpenAi | ProviderKind::OpenAiResponses => Some(("OPENAI_API_KEY", "OPENAI_BASE_URL")),
        ProviderKind::Gemini => Some(("GEMINI_API_KEY", "GEMINI_BASE_URL")),
        ProviderKind::OpenRouter => Some(("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL")),
        ProviderKind::OpenAiCompatible | ProviderKind::Ollama => None,
    }
}

fn from_env(kind: ProviderKind, env: &BTreeMap<String, String>) -> Option<ProviderConfig> {
    let (key, address) = variables(kind)?;
    let mut config = ProviderConfig::new(kind);
    if let Some(base_url) = value(env, address) {
        config.base_url = base_url.to_owned();
    }
    config.key = value(env, key).map(Secret::new);
    (config.key.is_some() || config.is_loopback()).then_some(config)
}

fn from_settings(
    name: &str,
    settings: &ProviderSettings,
    env: &BTreeMap<String, String>,
) -> Option<ProviderConfig> {
    let kind = settings.kind;
    let (usual_key, usual_address) = variables(kind).unzip();
    let is_usual = name == kind.name();
    let mut config = ProviderConfig { name: name.to_owned(), ..ProviderConfig::new(kind) };
    let inherited = usual_address.filter(|_| is_usual).and_then(|variable| value(env, variable));
    if let Some(base_url) = settings.base_url.as_deref().or(inherited) {
        config.base_url = base_url.to_owned();
    } else if kind == ProviderKind::Ollama {
        config.base_url = ollama(env).base_url;
    }
    // The usual key goes only to the usual address: a key must not travel to a host by a name alone.
    let usual_key = usual_key.filter(|_| settings.base_url.is_none());
    let variable = settings.key_env.as_deref().or(usual_key);
    config.key = variable.and_then(|variable| value(env, variable)).map(Secret::new);
    config.models = settings.models.clone();
    config.headers = settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let needs_none = kind == ProviderKind::Ollama || (settings.key_env.is_none() && usual_key.is_none());
    (config.key.is_some() || config.is_loopback() || needs_none).then_some(config)
}

fn ollama(env: &BTreeMap<String, String>) -> ProviderConfig {
    let mut config = ProviderConfig::new(ProviderKind::Ollama);
    if let Some(host) = value(env, "OLLAMA_HOST") {
        config.base_url = ollama_address(host);
    }
    config
}

/// `OLLAMA_HOST` may lack scheme and port, and may be the address a server listens on.
fn ollama_address(host: &str) -> String {
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = rest.trim_end_matches('/').replace("0.0.0.0", "127.0.0.1");
    let port_part = rest.rsplit(']').next().unwrap_or_default();
    let has_port = port_part.contains(':') || scheme == "https";
    if has_port { format!("{scheme}://{rest}") } else { format!("{scheme}://{rest}:11434") }
}

fn value<'a>(env: &'a BTreeMap<String, String>, variable: &str) -> Option<&'a str> {
    env.get(variable).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn no_key(name: &str, variable: &str) -> SelectError {
    SelectError::NoKey { name: name.to_owned(), variable: variable.to_owned() }
}

fn known_names(settings: &BTreeMap<String, ProviderSettings>) -> Vec<String> {
    let kinds = ProviderKind::ALL.into_iter().filter(|kind| *kind != ProviderKind::OpenAiCompatible);
    let built_in = std::iter::once("api").chain(kinds.map(ProviderKind::name));
    built_in.map(str::to_owned).chain(settings.keys().cloned()).collect()
}
