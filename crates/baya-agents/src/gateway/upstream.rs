//! Whom a request goes to, and with whose key.

use super::account::Admission;
use super::asked::{Asked, CapName};
use super::headers;
use super::refusal::Refusal;
use super::route::{Dialect, TOKEN_BEGIN};
use crate::api::wire::http_client;
use crate::api::{ProviderConfig, ProviderKind};
use crate::governor::{Governor, Lane, LaneId};
use axum::http::HeaderMap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where Codex goes with a ChatGPT login, told by this header.
const CHATGPT_ACCOUNT: &str = "chatgpt-account-id";
const CHATGPT: &str = "https://chatgpt.com/backend-api/codex";

/// Everybody that may be asked.
pub(super) struct Upstreams {
    providers: Vec<ProviderConfig>,
    governor: Arc<Governor>,
    clients: Mutex<BTreeMap<String, reqwest::Client>>,
}

/// One of them, ready for one request.
pub(super) struct Upstream {
    pub name: String,
    /// As it may be shown.
    pub address: String,
    pub url: String,
    pub headers: HeaderMap,
    pub client: reqwest::Client,
    pub lane: Arc<Lane>,
    pub cap: CapName,
    /// Must not be said back.
    pub key: Option<String>,
}

impl Upstreams {
    pub fn new(providers: Vec<ProviderConfig>, governor: Arc<Governor>) -> Upstreams {
        Upstreams { providers, governor, clients: Mutex::default() }
    }

    /// The keys that must appear nowhere.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter_map(|provider| Some(provider.key.as_ref()?.expose()))
    }

    /// Whom this request goes to.
    pub fn of(&self, admission: &Admission, asked: &Asked, token: &str) -> Result<Upstream, Refusal> {
        match &admission.provider {
            Some(name) => self.with_our_key(name, asked),
            None => self.with_own_login(asked, token),
        }
    }

    fn with_our_key(&self, name: &str, asked: &Asked) -> Result<Upstream, Refusal> {
        let dialect = asked.route.dialect;
        let provider = self.named(name).ok_or_else(|| Refusal::UnknownProvider { name: name.to_owned() })?;
        if !speaks(provider.kind, dialect, &asked.route.path) {
            return Err(Refusal::OtherWire { provider: name.to_owned(), dialect });
        }
        if let Some(encoding) = asked.encoding() {
            return Err(Refusal::Packed { encoding: encoding.to_owned() });
        }
        let dialect = if provider.kind == ProviderKind::Anthropic { Dialect::Anthropic } else { dialect };
        let headers = headers::with_our_key(dialect, &asked.headers, provider);
        let key = provider.key.as_ref().map(|key| key.expose().to_owned());
        self.ready(provider, asked, headers, LaneId::of(provider), key, CapName::of(provider.kind))
    }

    fn with_own_login(&self, asked: &Asked, token: &str) -> Result<Upstream, Refusal> {
        let (name, kind) = match asked.route.dialect {
            Dialect::Anthropic => ("anthropic", ProviderKind::Anthropic),
            Dialect::OpenAiChat | Dialect::OpenAiResponses if asked.headers.contains_key(CHATGPT_ACCOUNT) => {
                ("chatgpt", ProviderKind::OpenAiResponses)
            }
            Dialect::OpenAiChat | Dialect::OpenAiResponses => ("openai", ProviderKind::OpenAi),
        };
        let usual = || {
            let mut usual = ProviderConfig { name: name.to_owned(), ..ProviderConfig::new(kind) };
            if name == "chatgpt" {
                usual.base_url = CHATGPT.to_owned();
            }
            usual
        };
        let provider = self.named(name).filter(|known| known.kind == kind).cloned().unwrap_or_else(usual);
        let headers = headers::with_own_login(&asked.headers, token);
        let login = headers::keys(&headers).find(|key| !key.starts_with(TOKEN_BEGIN)).map(str::to_owned);
        let lane = LaneId::of_key(name, &provider.base_url, login.as_deref().unwrap_or_default());
        let cap = if name == "chatgpt" { CapName::Untold } else { CapName::of(kind) };
        // What is the agent's own it may read.
        self.ready(&provider, asked, headers, lane, None, cap)
    }

    fn ready(
        &self,
        provider: &ProviderConfig,
        asked: &Asked,
        headers: HeaderMap,
        lane: LaneId,
        key: Option<String>,
        cap: CapName,
    ) -> Result<Upstream, Refusal> {
        let query = asked.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        let address = provider.shown_address();
        let client = self.client(&provider.base_url).map_err(|error| Refusal::Unreachable {
            provider: provider.name.clone(),
            address: address.clone(),
            why: error.to_string(),
        })?;
        Ok(Upstream {
            name: provider.name.clone(),
            address,
            url: format!("{}{}{query}", provider.endpoint(), asked.route.path),
            headers,
            client,
            lane: self.governor.lane(lane),
            cap,
            key,
        })
    }

    /// One client per address: it keeps the connections.
    fn client(&self, base_url: &str) -> reqwest::Result<reqwest::Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(base_url) {
            return Ok(client.clone());
        }
        let client = http_client(base_url, CONNECT_TIMEOUT)?;
        clients.insert(base_url.to_owned(), client.clone());
        Ok(client)
    }

    fn named(&self, name: &str) -> Option<&ProviderConfig> {
        self.providers.iter().find(|provider| provider.name == name)
    }
}

/// Whether requests of this wire can go to such a provider; all have a list of models.
pub(super) fn speaks(kind: ProviderKind, dialect: Dialect, path: &str) -> bool {
    let is_list = path == "models" || path.starts_with("models/");
    match kind {
        ProviderKind::Anthropic => is_list || dialect == Dialect::Anthropic,
        ProviderKind::OpenAi
        | ProviderKind::OpenAiResponses
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Ollama => is_list || dialect != Dialect::Anthropic,
        ProviderKind::Gemini => false,
    }
}
