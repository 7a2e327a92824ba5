//! From a request to its answer.

use super::ask::{Ask, Delivery, InPath, Structured, Wire, read};
use super::body::{Pace, body};
use super::failure::Failure;
use super::log::{Ended, Log, Received, Ticket};
use super::ollama::CREATED;
use super::reply::{CREATED_S, Reply};
use super::{anthropic, gemini, ollama, openai_chat, openai_responses};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use baya_core::schema::Schema;
use baya_core::simulate::{self, Counters, Decision, Fault, Rules};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// A request's body, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Compiled schemas kept for requests that bring the same one.
const SCHEMAS_KEPT: usize = 512;
/// The least pause before a piece of a slow answer.
const SLOW_PAUSE_MS: u64 = 20;
/// Models listed if the rules name none.
const MODELS: [&str; 2] = ["fake-small", "fake-large"];
const HTML: &str = "<!doctype html>\n<html><head><title>Sign in</title></head><body>Sign in</body></html>\n";

pub(super) struct Service {
    rules: Rules,
    counters: Mutex<Counters>,
    schemas: Mutex<HashMap<blake3::Hash, Option<Schema>>>,
    /// Requests that may be at work, if the rules say how many.
    places: Option<Arc<Semaphore>>,
    log: Arc<Log>,
    stop: CancellationToken,
}

/// What a path asks for.
enum Route {
    Answer(Wire, Option<InPath>),
    OpenAiModels,
    GeminiModels,
    OllamaTags,
    OllamaShow,
    OllamaVersion,
    Log,
    Stats,
    Nowhere,
}

/// The one handler: paths are few, and each request is logged the same way.
pub(super) async fn handle(State(service): State<Arc<Service>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let models = service.models();
    match route(&parts.method, &parts.uri) {
        Route::Answer(wire, in_path) => match to_bytes(body, BODY_BYTES_MAX).await {
            Ok(bytes) => service.answer(wire, in_path, &parts.uri, &parts.headers, bytes).await,
            Err(error) => {
                failed(wire, &Failure::BadRequest(format!("the body cannot be read: {error}")), None)
            }
        },
        Route::OpenAiModels => json_response(200, &openai_models(&models)),
        Route::GeminiModels => json_response(200, &gemini_models(&models)),
        Route::OllamaTags => json_response(200, &ollama_tags(&models)),
        Route::OllamaShow => json_response(200, &ollama_model()),
        Route::OllamaVersion => json_response(200, &json!({"version": "0.0.0-fake"})),
        Route::Log => text_response("application/x-ndjson", service.log.lines().join("\n") + "\n"),
        Route::Stats => json_response(200, &json!(service.log.stats())),
        Route::Nowhere => failed(Wire::OpenAiChat, &Failure::NoSuchPath(path.to_owned()), None),
    }
}

fn route(method: &Method, uri: &Uri) -> Route {
    match (method.as_str(), uri.path()) {
        ("POST", "/v1/messages") => Route::Answer(Wire::Anthropic, None),
        ("POST", "/v1/chat/completions") => Route::Answer(Wire::OpenAiChat, None),
        ("POST", "/v1/responses") => Route::Answer(Wire::OpenAiResponses, None),
        ("POST", "/api/chat") => Route::Answer(Wire::Ollama, None),
        ("POST", path) if path.starts_with("/v1beta/models/") => gemini_route(path),
        ("GET", "/v1/models") => Route::OpenAiModels,
        ("GET", "/v1beta/models") => Route::GeminiModels,
        ("GET", "/api/tags") => Route::OllamaTags,
        ("POST", "/api/show") => Route::OllamaShow,
        ("GET", "/api/version") => Route::OllamaVersion,
        ("GET", "/__log") => Route::Log,
        ("GET", "/__stats") => Route::Stats,
        (_, _) => Route::Nowhere,
    }
}

fn gemini_route(path: &str) -> Route {
    let named = path.strip_prefix("/v1beta/models/").and_then(|rest| rest.rsplit_once(':'));
    let delivery = match named {
        Some((_, "generateContent")) => Delivery::Whole,
        Some((_, "streamGenerateContent")) => Delivery::Streamed,
        Some(_) | None => return Route::Nowhere,
    };
    let model = named.map(|(model, _)| model.to_owned()).unwrap_or_default();
    Route::Answer(Wire::Gemini, Some(InPath { model, delivery }))
}

impl Service {
    pub fn new(rules: Rules, log: Arc<Log>, stop: CancellationToken) -> Service {
        let places = rules.capacity.as_ref().map(|capacity| Arc::new(Semaphore::new(capacity.at_once)));
        Service {
            rules,
            places,
            counters: Mutex::new(Counters::default()),
            schemas: Mutex::new(HashMap::new()),
            log,
            stop,
        }
    }

    fn models(&self) -> Vec<String> {
        if self.rules.models.is_empty() {
            return MODELS.map(str::to_owned).to_vec();
        }
        self.rules.models.clone()
    }

    async fn answer(
        &self,
        wire: Wire,
        in_path: Option<InPath>,
        uri: &Uri,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Response {
        let asked = read(wire, in_path, &bytes);
        let mut ticket = self.log.received(&received(wire, uri.path(), asked.as_ref().ok(), bytes.len()));
        let admitted = asked.and_then(|ask| self.admitted(ask, uri, headers));
        match admitted.and_then(|ask| self.take_place(&mut ticket).map(|()| ask)) {
            Ok(ask) => self.decided(wire, ask, bytes.len(), ticket).await,
            Err(failure) => {
                let retry_after = self.rules.capacity.as_ref().and_then(|capacity| capacity.retry_after);
                failed(wire, &failure, Some((ticket, retry_after)))
            }
        }
    }

    fn take_place(&self, ticket: &mut Ticket) -> Result<(), Failure> {
        let Some(places) = &self.places else { return Ok(()) };
        ticket.place = Some(places.clone().try_acquire_owned().map_err(|_| Failure::TooMany)?);
        Ok(())
    }

    fn admitted(&self, ask: Ask, uri: &Uri, headers: &HeaderMap) -> Result<Ask, Failure> {
        if !self.rules.keys.is_empty() && !key(uri, headers).is_some_and(|key| self.rules.keys.contains(&key))
        {
            return Err(Failure::KeyRefused);
        }
        if !self.rules.models.is_empty() && !self.rules.models.contains(&ask.model) {
            return Err(Failure::UnknownModel(ask.model));
        }
        Ok(ask)
    }

    async fn decided(&self, wire: Wire, ask: Ask, request_bytes: usize, mut ticket: Ticket) -> Response {
        let decision = self.decide(&ask);
        ticket.rule = decision.rule;
        let fault = decision.fault;
        let pace = match fault {
            Some(Fault::Cut) => Pace::Cut,
            Some(Fault::Slow) => Pace::Slow { pause_ms: decision.latency_ms.max(SLOW_PAUSE_MS) },
            Some(_) | None => Pace::AtOnce,
        };
        let failure = Failure::of(fault, &ask.model);
        let (latency_ms, retry_after) = (decision.latency_ms, decision.retry_after);
        let reply = Reply::new(ticket.n, &ask, decision, request_bytes);
        if failure.is_none() && !matches!(fault, Some(Fault::Html | Fault::Hang)) {
            // Who does not wait for the answer pays for it all the same.
            ticket.tokens = reply.tokens;
        }
        if !matches!(pace, Pace::Slow { .. }) {
            self.pass_time(fault, latency_ms).await;
        }
        if let Some(failure) = failure {
            return failed(wire, &failure, Some((ticket, retry_after)));
        }
        if fault == Some(Fault::Html) {
            return sent(200, "text/html; charset=utf-8", vec![HTML.to_owned()], pace, ticket);
        }
        let (kind, frames) = form(wire, ask.delivery, &reply);
        sent(200, kind, frames, pace, ticket)
    }

    fn decide(&self, ask: &Ask) -> Decision {
        let compiled = ask.structured.schema().and_then(|schema| self.compiled(schema));
        let request = simulate::Request {
            prompt: &ask.prompt,
            model: Some(&ask.model),
            schema: ask.structured.schema(),
            compiled: compiled.as_ref(),
            turn: Some(ask.turn),
            tools: &ask.tools,
            ..simulate::Request::default()
        };
        let selection = {
            let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
            self.rules.select(&mut counters, &request)
        };
        self.rules.fulfil(selection, &request)
    }

    fn compiled(&self, schema: &Value) -> Option<Schema> {
        let hash = blake3::hash(schema.to_string().as_bytes());
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if schemas.len() >= SCHEMAS_KEPT {
            schemas.clear();
        }
        schemas.entry(hash).or_insert_with(|| Schema::compile(schema).ok()).clone()
    }

    async fn pass_time(&self, fault: Option<Fault>, latency_ms: u64) {
        if fault == Some(Fault::Hang) {
            return self.stop.cancelled().await;
        }
        if latency_ms > 0 {
            sleep_exactly(Duration::from_millis(latency_ms)).await;
        }
    }
}

/// The runtime's own timer counts whole milliseconds and is up to two late; who measures against this
/// model would measure that. So a thread sleeps the rest.
async fn sleep_exactly(time: Duration) {
    let deadline = Instant::now() + time;
    tokio::time::sleep(time.saturating_sub(TIMER_LATENESS)).await;
    let rest = deadline.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        // A thread that cannot be had is a short wait less.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(rest)).await;
    }
}

/// What the runtime's timer may add to a sleep.
const TIMER_LATENESS: Duration = Duration::from_millis(3);

fn received<'a>(wire: Wire, path: &'a str, ask: Option<&'a Ask>, bytes: usize) -> Received<'a> {
    Received {
        wire: wire.name(),
        path,
        model: ask.map_or("", |ask| &ask.model),
        prompt: ask.map_or("", |ask| &ask.prompt),
        bytes,
        stream: ask.is_some_and(|ask| ask.delivery == Delivery::Streamed),
        schema: ask.is_some_and(|ask| ask.structured != Structured::No),
        turn: ask.map_or(0, |ask| ask.turn),
        tools: ask.map_or(&[], |ask| &ask.tools),
    }
}

/// The key, wherever the wires put it.
fn key(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
    let in_query = || uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="));
    let key = header("x-api-key").or(header("x-goog-api-key")).or(bearer).or_else(in_query);
    key.map(str::to_owned)
}

fn form(wire: Wire, delivery: Delivery, reply: &Reply) -> (&'static str, Vec<String>) {
    let streamed = delivery == Delivery::Streamed;
    let kind = match (wire, streamed) {
        (Wire::Ollama, true) => "application/x-ndjson",
        (_, true) => "text/event-stream",
        (_, false) => "application/json",
    };
    let frames = match (wire, streamed) {
        (Wire::Anthropic, true) => anthropic::frames(reply),
        (Wire::Anthropic, false) => vec![anthropic::whole(reply).to_string()],
        (Wire::OpenAiChat, true) => openai_chat::frames(reply),
        (Wire::OpenAiChat, false) => vec![openai_chat::whole(reply).to_string()],
        (Wire::OpenAiResponses, true) => openai_responses::frames(reply),
        (Wire::OpenAiResponses, false) => vec![openai_responses::whole(reply).to_string()],
        (Wire::Gemini, true) => gemini::frames(reply),
        (Wire::Gemini, false) => vec![gemini::whole(reply).to_string()],
        (Wire::Ollama, true) => ollama::frames(reply),
        (Wire::Ollama, false) => vec![ollama::whole(reply).to_string()],
    };
    (kind, frames)
}

fn sent(status: u16, kind: &'static str, frames: Vec<String>, pace: Pace, mut ticket: Ticket) -> Response {
    ticket.status = status;
    let n = ticket.n;
    let (body, length) = body(frames, pace, ticket);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers.insert("request-id", n.into());
    if let Some(length) = length.filter(|_| kind == "application/json") {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

/// An error; a ticket notes it as complete.
fn failed(wire: Wire, failure: &Failure, ticket: Option<(Ticket, Option<f64>)>) -> Response {
    let mut response = json_response(failure.status(), &failure.body(wire));
    let Some((mut ticket, retry_after)) = ticket else { return response };
    let may_retry = matches!(failure, Failure::TooMany | Failure::ServerError | Failure::Overloaded);
    if let Some(seconds) = retry_after.filter(|_| may_retry) {
        let (name, value) = match seconds.fract() == 0.0 {
            true => ("retry-after", seconds as u64),
            false => ("retry-after-ms", (seconds * 1_000.0) as u64),
        };
        response.headers_mut().insert(name, value.into());
    }
    ticket.status = failure.status();
    ticket.end(Ended::Complete);
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    let mut response = text_response("application/json", body.to_string());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn text_response(kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn openai_models(models: &[String]) -> Value {
    let model = |id: &String| {
        json!({"id": id, "object": "model", "type": "model", "display_name": id, "created": CREATED_S,
            "owned_by": "fake"})
    };
    let data: Vec<Value> = models.iter().map(model).collect();
    json!({"object": "list", "data": data, "has_more": false})
}

fn gemini_models(models: &[String]) -> Value {
    let model = |id: &String| {
        json!({"name": format!("models/{id}"), "displayName": id,
            "supportedGenerationMethods": ["generateContent"]})
    };
    json!({"models": models.iter().map(model).collect::<Vec<Value>>()})
}

fn ollama_tags(models: &[String]) -> Value {
    let model = |id: &String| {
        json!({"name": id, "model": id, "modified_at": CREATED, "size": 1, "digest": "fake",
            "details": ollama_model()["details"]})
    };
    json!({"models": models.iter().map(model).collect::<Vec<Value>>()})
}

fn ollama_model() -> Value {
    json!({"capabilities": ["completion", "tools"], "model_info": {"fake.context_length": 131_072},
        "details": {"format": "gguf", "family": "fake", "parameter_size": "1B", "quantization_level": "F16"}})
}
