//! Which headers travel, in both directions.
//!
//! Towards a provider whose key we put in, only those that are known to be harmless: a header of the
//! agent must not choose who pays. An agent's own login passes with everything that came with it.

use super::route::Dialect;
use crate::api::ProviderConfig;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// About the connection, not the message (RFC 9110, 7.6.1), or set anew for the next one.
const OF_THE_CONNECTION: [HeaderName; 10] = [
    header::CONNECTION,
    header::HOST,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    header::EXPECT,
];

/// What may go along with our key.
const HARMLESS: [&str; 13] = [
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "conversation_id",
    "http-referer",
    "openai-beta",
    "originator",
    "session_id",
    "user-agent",
    "x-app",
    "x-title",
];

/// With the provider's real key in the place of what the agent sent.
pub(super) fn with_our_key(dialect: Dialect, from: &HeaderMap, provider: &ProviderConfig) -> HeaderMap {
    let is_harmless =
        |name: &HeaderName| HARMLESS.contains(&name.as_str()) || name.as_str().starts_with("x-stainless-");
    let mut headers = copied(from, is_harmless);
    if let Some(key) = provider.key.as_ref().map(|key| key.expose()) {
        let (name, value) = match dialect {
            Dialect::Anthropic => (HeaderName::from_static("x-api-key"), key.to_owned()),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                (header::AUTHORIZATION, format!("Bearer {key}"))
            }
        };
        insert(&mut headers, name, &value);
    }
    for (name, value) in &provider.headers {
        if let Ok(name) = HeaderName::try_from(name.as_str()) {
            insert(&mut headers, name, value);
        }
    }
    for_the_meter(headers)
}

/// With the agent's own login, unchanged; a throw-away key is none and stays here.
pub(super) fn with_own_login(from: &HeaderMap, token: &str) -> HeaderMap {
    let named: Vec<String> = from
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let travels = |name: &HeaderName| {
        let name = name.as_str();
        !OF_THE_CONNECTION.iter().any(|known| known.as_str() == name)
            && !matches!(name, "keep-alive" | "proxy-connection")
            && !named.iter().any(|other| other == name)
    };
    let mut headers = copied(from, travels);
    for name in [header::AUTHORIZATION, HeaderName::from_static("x-api-key")] {
        let is_ours = headers.get_all(&name).iter().any(|value| holds(value, token));
        if is_ours {
            headers.remove(&name);
        }
    }
    for_the_meter(headers)
}

/// The keys that a request brings, wherever the wires put them.
pub(super) fn keys(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let names = [header::AUTHORIZATION, HeaderName::from_static("x-api-key")];
    let values = names.into_iter().flat_map(|name| headers.get_all(name));
    values.filter_map(|value| value.to_str().ok()).map(|value| {
        let (scheme, key) = value.split_once(' ').unwrap_or(("", value));
        if scheme.eq_ignore_ascii_case("bearer") { key.trim() } else { value }
    })
}

/// What the client sees of an answer.
pub(super) fn of_answer(from: &HeaderMap) -> HeaderMap {
    let stays = |name: &HeaderName| {
        matches!(name.as_str(), "keep-alive" | "proxy-connection" | "set-cookie" | "alt-svc")
            || *name == header::CONNECTION
            || *name == header::TRANSFER_ENCODING
            || *name == header::TRAILER
            || *name == header::UPGRADE
    };
    copied(from, |name| !stays(name))
}

/// What is packed cannot be counted.
fn for_the_meter(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

fn copied(from: &HeaderMap, travels: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in from.iter().filter(|(name, _)| travels(name)) {
        headers.append(name, value.clone());
    }
    headers
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::try_from(value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

fn holds(value: &HeaderValue, token: &str) -> bool {
    value.as_bytes().windows(token.len()).any(|part| part == token.as_bytes())
}
