//! The fake model, asked by raw requests on every wire.

mod faults;
mod programs;
mod request_log;
mod wires;

use baya_agents::fake_model::{FakeModel, Handle, listen, serve};
use baya_core::simulate::Rules;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// A wire and whether it is streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Anthropic,
    Chat,
    Responses,
    Gemini,
    Ollama,
}

pub const WIRES: [Wire; 5] = [Wire::Anthropic, Wire::Chat, Wire::Responses, Wire::Gemini, Wire::Ollama];

/// How the structured answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    Tool,
    Format,
}

pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body, or that it broke off.
    pub body: Result<String, String>,
}

impl Got {
    pub fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_else(|error| panic!("the body broke off: {error}"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub async fn fake(rules: Value) -> Handle {
    let rules = Rules::from_value(rules).expect("rules");
    serve(FakeModel { rules, log: None }, listen(0).expect("a port")).await.expect("served")
}

/// One client for all tests: to build one reads the machine's certificates. Each test has a port of its
/// own, and so its own connections.
pub fn client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let build = || {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().build().expect("client")
    };
    CLIENT.get_or_init(build).clone()
}

pub fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}, "why": {"type": "string"}},
        "required": ["n", "why"], "additionalProperties": false})
}

pub fn path(wire: Wire, streamed: bool, model: &str) -> String {
    match (wire, streamed) {
        (Wire::Anthropic, _) => "/v1/messages".to_owned(),
        (Wire::Chat, _) => "/v1/chat/completions".to_owned(),
        (Wire::Responses, _) => "/v1/responses".to_owned(),
        (Wire::Gemini, true) => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
        (Wire::Gemini, false) => format!("/v1beta/models/{model}:generateContent"),
        (Wire::Ollama, _) => "/api/chat".to_owned(),
    }
}

pub fn request(wire: Wire, streamed: bool, form: Form, prompt: &str) -> Value {
    let mut body = match wire {
        Wire::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        Wire::Responses => json!({"model": "m", "stream": streamed,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": prompt}]}]}),
        Wire::Anthropic | Wire::Ollama => json!({"model": "m", "stream": streamed, "max_tokens": 99,
            "messages": [{"role": "user", "content": prompt}]}),
        Wire::Chat => json!({"model": "m", "stream": streamed, "stream_options": {"include_usage": true},
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": prompt}]}),
    };
    let (key, value) = match (wire, form) {
        (_, Form::Plain) => return body,
        (Wire::Anthropic, Form::Tool) => {
            ("tools", json!([{"name": "StructuredOutput", "input_schema": schema()}]))
        }
        (Wire::Anthropic, Form::Format) => {
            ("output_config", json!({"format": {"type": "json_schema", "schema": schema()}}))
        }
        (Wire::Chat | Wire::Ollama, Form::Tool) => (
            "tools",
            json!([{"type": "function",
            "function": {"name": "StructuredOutput", "parameters": schema()}}]),
        ),
        (Wire::Chat, Form::Format) => (
            "response_format",
            json!({"type": "json_schema",
            "json_schema": {"name": "x", "schema": schema()}}),
        ),
        (Wire::Responses, Form::Tool) => {
            ("tools", json!([{"type": "function", "name": "StructuredOutput", "parameters": schema()}]))
        }
        (Wire::Responses, Form::Format) => {
            ("text", json!({"format": {"type": "json_schema", "name": "x", "schema": schema()}}))
        }
        (Wire::Gemini, Form::Tool) => (
            "tools",
            json!([{"functionDeclarations": [
            {"name": "StructuredOutput", "parametersJsonSchema": schema()}]}]),
        ),
        (Wire::Gemini, Form::Format) => (
            "generationConfig",
            json!({"responseMimeType": "application/json", "responseJsonSchema": schema()}),
        ),
        (Wire::Ollama, Form::Format) => ("format", schema()),
    };
    body[key] = value;
    body
}

pub async fn post(fake: &Handle, path: &str, body: &Value, headers: &[(&str, &str)]) -> Got {
    let request = client().post(format!("{}{path}", fake.url())).body(body.to_string());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Got { status, headers, body: response.text().await.map_err(|error| error.to_string()) }
}

pub async fn ask(fake: &Handle, wire: Wire, streamed: bool, form: Form, prompt: &str) -> Got {
    post(fake, &path(wire, streamed, "m"), &request(wire, streamed, form, prompt), &[]).await
}

pub async fn get(fake: &Handle, path: &str) -> Got {
    let response = client().get(format!("{}{path}", fake.url())).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Got { status, headers, body: response.text().await.map_err(|error| error.to_string()) }
}
