//! A request as the agent made it, and as it goes out.
//!
//! It is read whole, since it may have to be sent twice and its limits may have to be cut; what needs no
//! change goes out byte for byte.

use super::grant::Door;
use super::refusal::Refusal;
use super::route::{Dialect, Errand, Route};
use crate::api::ProviderKind;
use crate::governor::Prefix;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, header, request::Parts};
use baya_core::limits::{GATEWAY_REQUEST_BYTES_MAX, GATEWAY_SILENCE_MS};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use std::time::Duration;

pub(super) struct Asked {
    pub route: Route,
    pub method: Method,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Absent: there is no body, or it is packed.
    pub parsed: Option<Value>,
}

/// A body that goes out.
pub(super) struct Outgoing {
    pub body: Bytes,
    /// The client did not ask for the usage that will come.
    pub hides_usage: bool,
    /// The same without our question for usage, for a provider that does not know it.
    pub plain: Option<Bytes>,
}

/// How a chat request may be capped where it has no cap of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CapName {
    /// Newer models of OpenAI refuse the older name.
    MaxCompletionTokens,
    /// All others know the older one.
    MaxTokens,
    /// What is behind a ChatGPT login takes no cap.
    Untold,
}

impl CapName {
    pub fn of(kind: ProviderKind) -> CapName {
        match kind {
            ProviderKind::OpenAi | ProviderKind::OpenAiResponses => CapName::MaxCompletionTokens,
            ProviderKind::Anthropic
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Ollama
            | ProviderKind::Gemini => CapName::MaxTokens,
        }
    }
}

/// The least budget for thinking that Anthropic takes ("Extended thinking").
const THINKING_MIN: u64 = 1_024;

impl Asked {
    pub async fn read(route: Route, parts: Parts, body: Body, door: &Door) -> Result<Asked, Refusal> {
        let body = read_body(&parts.headers, body, door).await?;
        let packed = encoding(&parts.headers).is_some();
        let parsed = match parts.method {
            Method::POST if !packed => {
                let parsed: Value = serde_json::from_slice(&body)
                    .map_err(|error| Refusal::Unreadable(format!("it is no JSON: {error}")))?;
                if !parsed.is_object() {
                    return Err(Refusal::Unreadable("it is no JSON object".to_owned()));
                }
                Some(parsed)
            }
            _ => None,
        };
        let query = parts.uri.query().map(str::to_owned);
        Ok(Asked { route, method: parts.method, query, headers: parts.headers, body, parsed })
    }

    pub fn model(&self) -> Option<&str> {
        self.parsed.as_ref()?.get("model")?.as_str()
    }

    /// The limit that it sets its own answer.
    pub fn output_limit(&self) -> Option<u64> {
        let body = self.parsed.as_ref()?;
        let names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        names.iter().filter_map(|name| body.get(*name)?.as_u64()).max()
    }

    /// How the body is packed, if it is.
    pub fn encoding(&self) -> Option<&str> {
        encoding(&self.headers)
    }

    /// As it goes out: no more output than there is room for, and usage told.
    pub fn outgoing(&self, room: Option<u64>, cap: CapName) -> Outgoing {
        let as_it_is = Outgoing { body: self.body.clone(), hides_usage: false, plain: None };
        let Some(Value::Object(parsed)) = self.parsed.as_ref().filter(|_| self.route.errand == Errand::Ask)
        else {
            return as_it_is;
        };
        let text =
            |body: &Map<String, Value>| serde_json::to_vec(body).map_or(self.body.clone(), Bytes::from);
        let mut body = parsed.clone();
        let cut = room.is_some_and(|room| cut_output(&mut body, self.route.dialect, room, cap));
        let plain = if cut { text(&body) } else { self.body.clone() };
        if self.route.dialect == Dialect::OpenAiChat && tell_usage(&mut body) {
            return Outgoing { body: text(&body), hides_usage: true, plain: Some(plain) };
        }
        Outgoing { body: plain, ..as_it_is }
    }

    /// What the provider's cache may hold of it: all that stands before the conversation.
    pub fn prefix(&self) -> Option<Prefix> {
        let (body, model) = (self.parsed.as_ref()?, self.model()?);
        let system = match self.route.dialect {
            Dialect::Anthropic => body["system"].clone(),
            Dialect::OpenAiResponses => body["instructions"].clone(),
            Dialect::OpenAiChat => {
                let is_system =
                    |message: &&Value| message["role"] == "system" || message["role"] == "developer";
                body["messages"].as_array()?.iter().take_while(is_system).cloned().collect()
            }
        };
        let text = json!([model, body["tools"], system]).to_string();
        Prefix::of(model, std::iter::once(text.as_str()))
    }
}

async fn read_body(headers: &HeaderMap, body: Body, door: &Door) -> Result<Bytes, Refusal> {
    let too_large = Refusal::TooLarge { bytes_max: GATEWAY_REQUEST_BYTES_MAX };
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|told| told > GATEWAY_REQUEST_BYTES_MAX) {
        return Err(too_large);
    }
    let mut bytes = Vec::with_capacity(told.unwrap_or(0));
    let mut pieces = body.into_data_stream();
    let patience = Duration::from_millis(GATEWAY_SILENCE_MS);
    loop {
        let piece = tokio::time::timeout(patience, pieces.next()).await;
        let piece = piece.map_err(|_| Refusal::Unreadable("nothing came for too long".to_owned()))?;
        let Some(piece) = piece else { return Ok(Bytes::from(bytes)) };
        let piece = piece.map_err(|error| Refusal::Unreadable(format!("it broke off: {error}")))?;
        if bytes.len() + piece.len() > GATEWAY_REQUEST_BYTES_MAX {
            return Err(too_large);
        }
        bytes.extend_from_slice(&piece);
        door.beat();
    }
}

fn encoding(headers: &HeaderMap) -> Option<&str> {
    let encoding = headers.get(header::CONTENT_ENCODING)?.to_str().unwrap_or("?");
    (!encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
}

/// Lowers the limit the request sets itself, or sets one; says whether anything changed.
fn cut_output(body: &mut Map<String, Value>, dialect: Dialect, room: u64, cap: CapName) -> bool {
    let (known, absent): (&[&str], Option<&str>) = match (dialect, cap) {
        (Dialect::Anthropic, _) => (&["max_tokens"], Some("max_tokens")),
        (Dialect::OpenAiResponses, CapName::Untold) => (&["max_output_tokens"], None),
        (Dialect::OpenAiResponses, _) => (&["max_output_tokens"], Some("max_output_tokens")),
        (Dialect::OpenAiChat, CapName::MaxTokens) => {
            (&["max_completion_tokens", "max_tokens"], Some("max_tokens"))
        }
        (Dialect::OpenAiChat, CapName::MaxCompletionTokens) => {
            (&["max_completion_tokens", "max_tokens"], Some("max_completion_tokens"))
        }
        (Dialect::OpenAiChat, CapName::Untold) => (&["max_completion_tokens", "max_tokens"], None),
    };
    let set: Vec<&str> =
        known.iter().copied().filter(|name| body.get(*name).is_some_and(Value::is_u64)).collect();
    let too_high = |name: &&str| body[*name].as_u64().is_none_or(|asked| asked > room);
    let names: Vec<&str> = match set.is_empty() {
        true => absent.into_iter().collect(),
        false => set.into_iter().filter(too_high).collect(),
    };
    for name in &names {
        body.insert((*name).to_owned(), json!(room));
    }
    if dialect == Dialect::Anthropic && !names.is_empty() {
        fit_thinking(body, room);
    }
    !names.is_empty()
}

/// A budget for thinking has to stay below the limit of the whole answer.
fn fit_thinking(body: &mut Map<String, Value>, room: u64) {
    let Some(budget) = body.get("thinking").and_then(|thinking| thinking["budget_tokens"].as_u64()) else {
        return;
    };
    if budget < room {
        return;
    }
    let thinking = match room / 2 {
        half if half >= THINKING_MIN => json!({"type": "enabled", "budget_tokens": half}),
        _ => json!({"type": "disabled"}),
    };
    body.insert("thinking".to_owned(), thinking);
}

/// A chat stream tells its usage only if it is asked to; says whether it was not.
fn tell_usage(body: &mut Map<String, Value>) -> bool {
    let streamed = body.get("stream") == Some(&Value::Bool(true));
    let options = body.get("stream_options").filter(|options| options.is_object()).cloned();
    let mut options = options.unwrap_or_else(|| json!({}));
    if !streamed || options["include_usage"] == json!(true) {
        return false;
    }
    options["include_usage"] = json!(true);
    body.insert("stream_options".to_owned(), options);
    true
}
