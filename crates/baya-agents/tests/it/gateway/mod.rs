//! The gateway, between a client of the test and a provider of the test, all on loopback.

mod caps;
mod life;
mod metering;
mod passing;
mod prices;
mod purse;
mod strangers;
mod tape;
mod upstreams;

use crate::api::server::{Reply, Server};
use crate::fake_model::client;
use baya_agents::api::{ProviderConfig, ProviderKind, Secret};
use baya_agents::gateway::{Admission, Dialect, Gateway, GatewayConfig, Grant, Meter, Tape};
use baya_agents::governor::{Governor, GovernorSettings};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Never seen by an agent, in no file.
pub const REAL_KEY: &str = "sk-real-0123456789abcdef";

/// One per wire, all at this address.
pub fn providers(address: &str) -> Vec<ProviderConfig> {
    let provider = |kind: ProviderKind, path: &str| ProviderConfig {
        base_url: format!("{address}{path}"),
        key: Some(Secret::new(REAL_KEY)),
        ..ProviderConfig::new(kind)
    };
    vec![provider(ProviderKind::Anthropic, ""), provider(ProviderKind::OpenAi, "/v1")]
}

pub async fn gateway_to(address: &str) -> Arc<Gateway> {
    gateway_with(address, Tape::None).await
}

pub async fn gateway_with(address: &str, tape: Tape) -> Arc<Gateway> {
    let pause = Duration::from_millis(1);
    let settings =
        GovernorSettings { at_once_first: 64, pause, pause_max: pause, ..GovernorSettings::default() };
    let config = GatewayConfig { providers: providers(address), governor: Governor::new(settings), tape };
    Gateway::start(config).await.expect("a gateway")
}

/// The provider that a wire's client talks to.
pub fn provider_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "anthropic",
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "openai",
    }
}

pub fn admission(dialect: Dialect) -> Admission {
    Admission {
        name: "agent 1".to_owned(),
        provider: Some(provider_of(dialect).to_owned()),
        ..Admission::default()
    }
}

/// Behind the address that a client was given.
pub fn path(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "/v1/messages",
        Dialect::OpenAiChat => "/chat/completions",
        Dialect::OpenAiResponses => "/responses",
    }
}

pub fn body(dialect: Dialect, prompt: &str, streamed: bool) -> Value {
    match dialect {
        Dialect::Anthropic => json!({"model": "m", "max_tokens": 1000, "stream": streamed,
            "messages": [{"role": "user", "content": prompt}]}),
        Dialect::OpenAiChat => json!({"model": "m", "stream": streamed,
            "messages": [{"role": "user", "content": prompt}]}),
        Dialect::OpenAiResponses => json!({"model": "m", "stream": streamed, "input": prompt}),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub status: u16,
    /// The body, or that it broke off.
    pub body: Result<String, ()>,
}

impl Got {
    pub fn text(&self) -> &str {
        self.body.as_deref().expect("a whole body")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The message of an error, in the shape of its wire.
    pub fn error(&self, dialect: Dialect) -> String {
        let body = self.json();
        if dialect == Dialect::Anthropic {
            assert_eq!(body["type"], "error", "{body}");
        }
        assert!(body["error"]["type"].is_string(), "{body}");
        body["error"]["message"].as_str().expect("a message").to_owned()
    }
}

/// As the wire's client would ask.
pub fn request(grant: &Grant, dialect: Dialect, body: &Value) -> reqwest::RequestBuilder {
    let url = format!("{}{}", grant.base_url(dialect), path(dialect));
    let request = client().post(url).header("content-type", "application/json").body(body.to_string());
    match dialect {
        Dialect::Anthropic => {
            request.header("x-api-key", grant.key()).header("anthropic-version", "2023-06-01")
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses => request.bearer_auth(grant.key()),
    }
}

pub async fn send(request: reqwest::RequestBuilder) -> Got {
    let answer = request.send().await.expect("an answer of the gateway");
    let status = answer.status().as_u16();
    Got { status, body: answer.text().await.map_err(drop) }
}

pub async fn ask(grant: &Grant, dialect: Dialect, body: &Value) -> Got {
    send(request(grant, dialect, body)).await
}

/// The smallest whole answer of each wire that costs something.
pub fn small_answer(dialect: Dialect) -> Reply {
    let body = match dialect {
        Dialect::Anthropic => {
            json!({"type": "message", "model": "served", "content": [{"type": "text", "text": "x"}],
            "usage": {"input_tokens": 3, "output_tokens": 4}})
        }
        Dialect::OpenAiChat => json!({"model": "served", "choices": [{"message": {"content": "x"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
        Dialect::OpenAiResponses => json!({"model": "served", "output": [],
            "usage": {"input_tokens": 3, "output_tokens": 4}}),
    };
    Reply::with(200, body.to_string()).header("content-type", "application/json")
}

pub async fn server(replies: impl IntoIterator<Item = Reply>) -> Server {
    Server::start(replies).await
}

/// Waits until it is so; the deadline is for a broken build only.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Takes the meter again and again until something is in it.
pub async fn meter_of(grant: &Grant) -> Meter {
    let mut meter = Meter::default();
    until("a meter with tokens", || {
        let taken = grant.take_meter();
        meter.usage.add(&taken.usage);
        meter.requests += taken.requests;
        meter.last_failure = taken.last_failure.or(meter.last_failure.take());
        meter.model_served = taken.model_served.or(meter.model_served.take());
        meter.model_asked = taken.model_asked.or(meter.model_asked.take());
        meter.usage.total() > 0
    })
    .await;
    meter
}
