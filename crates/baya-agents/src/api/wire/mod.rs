//! The border to the model APIs: one request out, one streamed turn back, in our own types.
//!
//! Only this folder knows the client library. It sends nothing twice and judges nothing: retries are
//! [`super::retry`], what an error means is [`super::classify`].
//!
//! Of a stream the first event proves nothing: an HTTP error arrives after it, inside the stream. A
//! stream that ends without a reason to stop broke off, whatever the library makes of it.

mod failure;
mod frames;
mod request;

pub(super) use failure::{Failure, RetryAdvice, inside, one_line, refused};
pub(crate) use request::STRUCTURED_OUTPUT;
pub(super) use request::{Message, Offer, Replay, Request, Shape, ToolAnswer, ToolForce, ToolSpec};

use super::ApiSettings;
use super::provider::{ProviderConfig, ProviderKind, is_loopback};
use baya_core::agent::{Usage, UsageSource};
use frames::{Frames, Seen};
use futures_util::StreamExt;
use genai::adapter::AdapterKind;
use genai::chat::{ChatStreamEvent, StopReason, StreamEnd, ToolCall};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One provider and its one HTTP client.
pub(super) struct Wire {
    pub config: ProviderConfig,
    endpoint: Endpoint,
    connect_timeout: Duration,
    answer_bytes_max: u64,
    client: OnceLock<Result<(Client, reqwest::Client), String>>,
}

/// What has arrived of a turn; outlives the request, so that a cancel loses nothing.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub text: String,
    pub calls: Vec<ToolUse>,
    pub bytes: u64,
}

/// The model calls a tool; `input` is JSON text, or what there is of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolUse {
    pub id: String,
    pub name: String,
    pub input: String,
}

/// A whole turn of the model; its text and calls are in the [`Partial`].
#[derive(Debug)]
pub(super) struct Turn {
    pub stop: Stop,
    /// `None`: the provider did not report.
    pub usage: Option<Usage>,
    pub served: Option<String>,
    /// The turn as the provider wants it back.
    pub replay: Replay,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    Done,
    /// The model's own limit cut it off.
    Limit,
    Refused(String),
}

impl Wire {
    pub fn new(config: ProviderConfig, settings: &ApiSettings) -> Wire {
        Wire {
            endpoint: Endpoint::from_owned(config.endpoint()),
            config,
            connect_timeout: Duration::from_millis(settings.connect_timeout_ms),
            answer_bytes_max: settings.answer_bytes_max,
            client: OnceLock::new(),
        }
    }

    /// Sends one request and gathers the answer in `partial`; `arrived` is told of its bytes from its
    /// beginning on.
    pub async fn ask(
        &self,
        request: &Request<'_>,
        partial: &mut Partial,
        arrived: &(dyn Fn(u64) + Sync),
    ) -> Result<Turn, Failure> {
        let (client, http) = self.client()?;
        match self.stream(client, request, partial, arrived).await {
            Ok(turn) => Ok(turn),
            Err(failure) => {
                let key = self.config.key.as_ref().map_or("", |key| key.expose());
                Err(self.explain(http, failure).await.without(key))
            }
        }
    }

    async fn stream(
        &self,
        client: &Client,
        request: &Request<'_>,
        partial: &mut Partial,
        arrived: &(dyn Fn(u64) + Sync),
    ) -> Result<Turn, Failure> {
        let frames = Arc::new(Frames::default());
        let failed = |error: genai::Error| failure::from_library(&error, &frames.seen());
        let options = request.options(&self.config, frames.clone());
        let body = request.body(&self.config);
        let answer = client.exec_chat_stream(self.target(request.model), body, Some(&options)).await;
        let mut stream = answer.map_err(failed)?.stream;
        let mut end = None;
        while let Some(event) = stream.next().await {
            match event.map_err(failed)? {
                ChatStreamEvent::End(last) => end = Some(last),
                event => partial.take(event, self.sends_deltas()),
            }
            if partial.bytes > self.answer_bytes_max {
                return Err(Failure::TooLarge { bytes_max: self.answer_bytes_max });
            }
            if frames.has_begun() {
                arrived(partial.bytes);
            }
        }
        self.finish(end, partial, &frames.seen())
    }

    fn client(&self) -> Result<&(Client, reqwest::Client), Failure> {
        let built = self.client.get_or_init(|| {
            let http = http_client(&self.config.base_url, self.connect_timeout)
                .map_err(|error| error.to_string())?;
            let client =
                Client::builder().with_reqwest(http.clone()).build().map_err(|error| error.to_string())?;
            Ok((client, http))
        });
        built.as_ref().map_err(|error| Failure::Internal(error.clone()))
    }

    fn target(&self, model: &str) -> ServiceTarget {
        let key = self.config.key.as_ref().map_or("none", |key| key.expose());
        ServiceTarget {
            endpoint: self.endpoint.clone(),
            auth: AuthData::from_single(key),
            model: ModelIden::new(adapter(self.config.kind), model.to_owned()),
        }
    }

    /// Tool inputs arrive in pieces; elsewhere each chunk holds all that there is so far.
    fn sends_deltas(&self) -> bool {
        adapter(self.config.kind) == AdapterKind::OpenAI
    }

    fn finish(&self, end: Option<StreamEnd>, partial: &mut Partial, seen: &Seen) -> Result<Turn, Failure> {
        let end = end.unwrap_or_default();
        let reason = end.captured_stop_reason.clone().or_else(|| seen.finish.clone().map(StopReason::from));
        if let Some(captured) = end.captured_tool_calls().filter(|calls| !calls.is_empty()) {
            partial.calls = captured.into_iter().cloned().map(ToolUse::of).collect();
        }
        let stop = match (reason, &seen.refusal) {
            (_, Some(refusal)) => Stop::Refused(refusal.clone()),
            (Some(StopReason::ContentFilter(why)), None) => Stop::Refused(why),
            (Some(StopReason::MaxTokens(_)), None) => Stop::Limit,
            (Some(_), None) => Stop::Done,
            (None, None) => return Err(failure::without_end(seen)),
        };
        let mut usage = end.captured_usage.as_ref().and_then(usage_of);
        if let Some(usage) = &mut usage {
            usage.reasoning = usage.reasoning.max(seen.reasoning_tokens);
        }
        let replay = Replay::of(end, partial);
        Ok(Turn { stop, usage, served: seen.served.clone(), replay })
    }

    /// Finds out what it is that answers where no event stream came: one empty request, no key.
    async fn explain(&self, http: &reqwest::Client, failure: Failure) -> Failure {
        let Failure::NotAStream(_) = failure else { return failure };
        let url = format!("{}{}", self.config.endpoint(), path(self.config.kind));
        let question = http.post(url).header("content-type", "application/json").body("{}");
        let Ok(Ok(answer)) = tokio::time::timeout(self.connect_timeout, question.send()).await else {
            return failure;
        };
        // A refusal of the empty request says nothing about the answer to the real one.
        if !answer.status().is_success() {
            return failure;
        }
        let header =
            |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let kind = header("content-type").unwrap_or_else(|| "no content type".to_owned());
        let read = tokio::time::timeout(self.connect_timeout, answer.text()).await;
        let text = read.ok().and_then(Result::ok).unwrap_or_default();
        Failure::NotAStream(format!("{kind}: {}", failure::one_line(&text, 200)))
    }
}

impl Partial {
    /// Everything that was written, as a draft.
    pub fn written(&self) -> String {
        let inputs = self.calls.iter().map(|call| call.input.as_str());
        let parts: Vec<&str> =
            std::iter::once(self.text.as_str()).chain(inputs).filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    /// Bytes of all that.
    pub fn bytes_written(&self) -> u64 {
        let inputs: usize = self.calls.iter().map(|call| call.input.len() + call.name.len()).sum();
        (self.text.len() + inputs) as u64
    }

    fn take(&mut self, event: ChatStreamEvent, deltas: bool) {
        match event {
            ChatStreamEvent::Chunk(chunk) => {
                self.bytes += chunk.content.len() as u64;
                self.text.push_str(&chunk.content);
            }
            ChatStreamEvent::ToolCallChunk(chunk) => self.take_call(ToolUse::of(chunk.tool_call), deltas),
            ChatStreamEvent::Start
            | ChatStreamEvent::Heartbeat
            | ChatStreamEvent::ReasoningChunk(_)
            | ChatStreamEvent::ThoughtSignatureChunk(_)
            | ChatStreamEvent::End(_) => {}
        }
    }

    fn take_call(&mut self, call: ToolUse, deltas: bool) {
        let known = match deltas {
            false => self.calls.iter().position(|known| known.id == call.id),
            true if call.name.is_empty() => self.delta_owner(&call.id),
            true => self.calls.iter().position(|known| known.id == call.id && known.name == call.name),
        };
        match known.and_then(|at| self.calls.get_mut(at)) {
            Some(known) if deltas => {
                self.bytes += call.input.len() as u64;
                known.input.push_str(&call.input);
            }
            Some(known) => {
                self.bytes += (call.input.len() as u64).saturating_sub(known.input.len() as u64);
                known.input = call.input;
            }
            None => {
                self.bytes += call.input.len() as u64;
                self.calls.push(call);
            }
        }
    }

    /// The library names the later pieces of a call `call_INDEX`.
    fn delta_owner(&self, id: &str) -> Option<usize> {
        let index = id.strip_prefix("call_").and_then(|index| index.parse().ok());
        index.filter(|index| *index < self.calls.len()).or_else(|| self.calls.len().checked_sub(1))
    }
}

impl ToolUse {
    fn of(call: ToolCall) -> ToolUse {
        let input = match call.fn_arguments {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        ToolUse { id: call.call_id, name: call.fn_name, input }
    }
}

/// A client with our time-outs; a proxy never stands between us and this machine.
pub(crate) fn http_client(base_url: &str, connect_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("baya/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .no_gzip();
    if is_loopback(base_url) {
        builder = builder.no_proxy();
    }
    if base_url.trim_start().to_ascii_lowercase().starts_with("http://") && is_loopback(base_url) {
        // Spares reading the system's certificates, most of the start-up time.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

fn adapter(kind: ProviderKind) -> AdapterKind {
    match kind {
        ProviderKind::Anthropic => AdapterKind::Anthropic,
        ProviderKind::OpenAiResponses => AdapterKind::OpenAIResp,
        ProviderKind::Gemini => AdapterKind::Gemini,
        ProviderKind::OpenAi
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Ollama => AdapterKind::OpenAI,
    }
}

fn path(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Anthropic => "messages",
        ProviderKind::OpenAiResponses => "responses",
        ProviderKind::Gemini => "models",
        ProviderKind::OpenAi
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Ollama => "chat/completions",
    }
}

/// The library counts cache tokens into the prompt on every wire; our classes do not overlap.
fn usage_of(reported: &genai::chat::Usage) -> Option<Usage> {
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok()).unwrap_or(0);
    let details = reported.prompt_tokens_details.as_ref();
    let cache_read = count(details.and_then(|details| details.cached_tokens));
    let cache_write = count(details.and_then(|details| details.cache_creation_tokens));
    let reasoning =
        count(reported.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens));
    let usage = Usage {
        input: count(reported.prompt_tokens).saturating_sub(cache_read + cache_write),
        output: count(reported.completion_tokens).max(reasoning),
        cache_read,
        cache_write,
        reasoning,
        source: UsageSource::Reported,
        ..Usage::default()
    };
    (usage.total() > 0).then_some(usage)
}
