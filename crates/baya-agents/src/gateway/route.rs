//! What a path asks for. What is not listed here is refused: this is no open proxy.

use axum::http::{HeaderMap, Method, Uri, header};

/// The wires that pass through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI chat completions.
    OpenAiChat,
    OpenAiResponses,
}

impl Dialect {
    pub const ALL: [Dialect; 3] = [Dialect::Anthropic, Dialect::OpenAiChat, Dialect::OpenAiResponses];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Anthropic => "Anthropic Messages",
            Dialect::OpenAiChat => "OpenAI chat completions",
            Dialect::OpenAiResponses => "OpenAI Responses",
        }
    }

    /// What stands behind the address before a client puts its own path there.
    pub(super) fn base_path(self) -> &'static str {
        match self {
            Dialect::Anthropic => "",
            Dialect::OpenAiChat | Dialect::OpenAiResponses => "/v1",
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// In the path; some clients can only give it as their key.
    pub token: Option<String>,
    pub dialect: Dialect,
    pub errand: Errand,
    /// Behind the provider's version, as `chat/completions`.
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// A model works: tokens are spent.
    Ask,
    /// A question beside it: which models there are, how long a prompt is.
    Aside,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Astray {
    Nowhere,
    /// A web socket is wanted where only HTTP is spoken.
    Upgrade,
}

/// Begins every token: no path of an API does.
pub(super) const TOKEN_BEGIN: &str = "baya-";

pub(super) fn route(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Route, Astray> {
    let path = uri.path().strip_prefix('/').ok_or(Astray::Nowhere)?;
    let (token, path) = match path.split_once('/') {
        Some((token, path)) if token.starts_with(TOKEN_BEGIN) => (Some(token.to_owned()), path),
        Some(_) | None => (None, path),
    };
    let path = path.strip_prefix("v1/").filter(|path| is_plain(path)).ok_or(Astray::Nowhere)?;
    let (dialect, errand) = match (method.as_str(), path) {
        ("POST", "messages") => (Dialect::Anthropic, Errand::Ask),
        ("POST", "messages/count_tokens") => (Dialect::Anthropic, Errand::Aside),
        ("POST", "chat/completions") => (Dialect::OpenAiChat, Errand::Ask),
        ("POST", "responses" | "responses/compact") => (Dialect::OpenAiResponses, Errand::Ask),
        ("GET", "models") => (spoken(headers), Errand::Aside),
        ("GET", path) if path.starts_with("models/") => (spoken(headers), Errand::Aside),
        ("GET", "responses") if headers.contains_key(header::UPGRADE) => return Err(Astray::Upgrade),
        (_, _) => return Err(Astray::Nowhere),
    };
    Ok(Route { token, dialect, errand, path: path.to_owned() })
}

/// Which of the two kinds of clients asks; both have `/v1/models`.
pub(super) fn spoken(headers: &HeaderMap) -> Dialect {
    let is_anthropic = headers.contains_key("anthropic-version") || headers.contains_key("x-api-key");
    if is_anthropic { Dialect::Anthropic } else { Dialect::OpenAiChat }
}

/// Nothing that could mean another path to whoever reads it next.
fn is_plain(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    path.chars().all(is_plain) && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Whether the request means this machine: a page in a browser may name it by another host.
pub(super) fn is_for_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let is_only = hosts.next().is_none();
    let named = uri.authority().map(|authority| authority.as_str());
    is_only && host.is_some_and(is_loopback) && named.is_none_or(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}
