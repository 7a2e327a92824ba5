//! Faults on every wire, streamed and not.

use super::wires::read;
use super::{Form, Got, WIRES, Wire, ask, client, fake, path, post, request, schema};
use baya_agents::fake_model::Handle;
use baya_core::schema::Schema;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn each(rule: Value, form: Form, check: impl Fn(Wire, bool, &Got)) {
    let fake = fake(json!({"rules": [rule]})).await;
    for wire in WIRES {
        for streamed in [true, false] {
            check(wire, streamed, &ask(&fake, wire, streamed, form, "p").await);
        }
    }
}

/// Where each wire says what kind of error it is.
fn error_kind(wire: Wire, body: &Value) -> String {
    let place = match wire {
        Wire::Anthropic => "/error/type",
        Wire::Chat | Wire::Responses => "/error/code",
        Wire::Gemini => "/error/status",
        Wire::Ollama => "/error",
    };
    body.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn error_statuses_come_in_the_shape_of_the_wire() {
    let kinds = |fault: &str, wire: Wire| match (fault, wire) {
        (_, Wire::Ollama) => "simulated",
        ("429", Wire::Anthropic) => "rate_limit_error",
        ("429", Wire::Chat | Wire::Responses) => "rate_limit_exceeded",
        ("429", Wire::Gemini) => "RESOURCE_EXHAUSTED",
        ("529", Wire::Anthropic) => "overloaded_error",
        ("529", Wire::Gemini) => "UNAVAILABLE",
        ("500", Wire::Anthropic) => "api_error",
        ("500", Wire::Gemini) => "INTERNAL",
        ("401", Wire::Anthropic) => "authentication_error",
        ("401", Wire::Chat | Wire::Responses) => "invalid_api_key",
        ("401", Wire::Gemini) => "UNAUTHENTICATED",
        ("402", Wire::Anthropic) => "billing_error",
        ("402", Wire::Chat | Wire::Responses) => "insufficient_quota",
        ("404", Wire::Anthropic) => "not_found_error",
        ("404", Wire::Chat | Wire::Responses) => "model_not_found",
        ("404", Wire::Gemini) => "NOT_FOUND",
        ("null", Wire::Anthropic) => "invalid_request_error",
        ("null", Wire::Gemini) => "INVALID_ARGUMENT",
        (_, _) => "",
    };
    for (fault, status) in
        [("429", 429), ("529", 529), ("500", 500), ("401", 401), ("402", 402), ("404", 404), ("null", 400)]
    {
        each(json!({"fault": fault}), Form::Plain, |wire, _, got| {
            let body = got.json();
            assert_eq!(got.status, status, "{wire:?} {fault}");
            assert!(error_kind(wire, &body).starts_with(kinds(fault, wire)), "{wire:?} {fault}: {body}");
            assert!(got.headers.get("retry-after").is_none());
        })
        .await;
    }
}

#[tokio::test]
async fn retry_after_is_told_in_seconds_or_milliseconds() {
    each(json!({"fault": "429", "retry_after": 2}), Form::Plain, |_, _, got| {
        assert_eq!(got.headers["retry-after"], "2");
    })
    .await;
    each(json!({"fault": "529", "retry_after": 0.25}), Form::Plain, |_, _, got| {
        assert_eq!(got.headers["retry-after-ms"], "250");
    })
    .await;
}

#[tokio::test]
async fn a_context_that_is_too_long_says_so() {
    each(json!({"fault": "context"}), Form::Plain, |wire, _, got| {
        assert_eq!(got.status, 400);
        let words = match wire {
            Wire::Anthropic => "prompt is too long",
            Wire::Gemini => "exceeds the maximum number of tokens",
            Wire::Chat | Wire::Responses | Wire::Ollama => "maximum context length",
        };
        assert!(got.text().contains(words), "{wire:?}: {}", got.text());
    })
    .await;
}

#[tokio::test]
async fn a_refusal_has_the_form_of_the_wire() {
    each(json!({"fault": "refuse"}), Form::Plain, |wire, streamed, got| {
        let said = read(wire, streamed, got.text());
        assert_eq!(got.status, 200);
        let refuses = match wire {
            Wire::Anthropic => said.finish == "refusal" && said.text.is_empty(),
            Wire::Chat | Wire::Responses => said.refusal.contains("refused") && said.text.is_empty(),
            Wire::Gemini => said.finish == "SAFETY" && said.text.is_empty(),
            Wire::Ollama => said.text.contains("refused"),
        };
        assert!(refuses, "{wire:?}: {}", got.text());
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_a_limit_cuts_off_says_so() {
    each(json!({"fault": "length", "text": "0123456789"}), Form::Plain, |wire, streamed, got| {
        let said = read(wire, streamed, got.text());
        let finish = match wire {
            Wire::Anthropic => "max_tokens",
            Wire::Chat | Wire::Ollama => "length",
            Wire::Responses => "incomplete",
            Wire::Gemini => "MAX_TOKENS",
        };
        assert_eq!((said.text.as_str(), said.finish.as_str()), ("01234", finish), "{wire:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cut_answer_breaks_off_in_its_middle() {
    each(json!({"fault": "cut", "text": "x".repeat(400)}), Form::Plain, |wire, streamed, got| {
        assert_eq!(got.status, 200, "{wire:?} {streamed}");
        assert!(got.body.is_err(), "{wire:?} {streamed}: {}", got.text());
    })
    .await;
    let fake = fake(json!({"rules": [{"fault": "cut", "text": "x".repeat(400)}]})).await;
    let body = request(Wire::Anthropic, true, Form::Plain, "p").to_string();
    let mut response =
        client().post(format!("{}/v1/messages", fake.url())).body(body).send().await.expect("head");
    let first = response.chunk().await.expect("half of it arrives").expect("half");
    assert!(first.starts_with(b"event: message_start"));
    while let Ok(chunk) = response.chunk().await {
        assert!(chunk.is_some(), "the stream ends as if it were whole");
    }
}

#[tokio::test]
async fn c33_an_invalid_answer_does_not_meet_the_schema() {
    let compiled = Schema::compile(&schema()).expect("usable");
    each(json!({"fault": "invalid"}), Form::Tool, |wire, streamed, got| {
        let said = read(wire, streamed, got.text());
        let (_, input) = said.call.unwrap_or_else(|| panic!("{wire:?}: {}", got.text()));
        assert!(input.is_object() && !compiled.is_valid(&input), "{wire:?}: {input}");
    })
    .await;
}

#[tokio::test]
async fn a_page_of_html_and_an_answer_without_usage() {
    each(json!({"fault": "html"}), Form::Plain, |_, _, got| {
        assert_eq!(
            (got.status, &got.headers["content-type"]),
            (200, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(got.text().starts_with("<!doctype html>"));
    })
    .await;
    each(json!({"fault": "no_usage", "text": "t"}), Form::Plain, |wire, streamed, got| {
        let said = read(wire, streamed, got.text());
        assert_eq!((said.text.as_str(), said.tokens), ("t", None), "{wire:?} {streamed}");
    })
    .await;
}

#[tokio::test]
async fn a_slow_answer_comes_in_pieces_and_is_whole() {
    each(json!({"fault": "slow", "text": "0123456789".repeat(3)}), Form::Plain, |wire, streamed, got| {
        assert_eq!(read(wire, streamed, got.text()).text, "0123456789".repeat(3), "{wire:?}");
    })
    .await;
    let fake = fake(json!({"rules": [{"fault": "slow", "text": "x".repeat(99)}]})).await;
    let body = request(Wire::Chat, true, Form::Plain, "p").to_string();
    let url = format!("{}/v1/chat/completions", fake.url());
    let mut response = client().post(url).body(body).send().await.expect("head");
    let mut chunks = 0;
    while response.chunk().await.expect("whole").is_some() {
        chunks += 1;
    }
    assert!(chunks >= 5, "{chunks} chunks");
}

#[tokio::test]
async fn a_hanging_answer_ends_with_the_server_and_latency_passes() {
    let hanging = fake(json!({"rules": [{"fault": "hang"}]})).await;
    let url = format!("{}/v1/messages", hanging.url());
    let body = request(Wire::Anthropic, true, Form::Plain, "p").to_string();
    let asked = tokio::spawn(client().post(url).body(body).send());
    while hanging.log.stats().open == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished());
    hanging.shutdown().await;
    let ended = tokio::time::timeout(Duration::from_secs(10), asked).await;
    ended.expect("the request ends with the server").expect("task").ok();

    let late = fake(json!({"latency_ms": 60})).await;
    let start = Instant::now();
    ask(&late, Wire::Chat, false, Form::Plain, "p").await;
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn keys_and_models_that_are_not_known_are_refused() {
    let fake = fake(json!({"keys": ["right"], "models": ["m"]})).await;
    let keys = [("x-api-key", "right"), ("authorization", "Bearer right"), ("x-goog-api-key", "right")];
    for wire in WIRES {
        let body = request(wire, false, Form::Plain, "p");
        let refused = post(&fake, &path(wire, false, "m"), &body, &[("x-api-key", "wrong")]).await;
        assert_eq!(refused.status, 401, "{wire:?}");
        assert_eq!(ask(&fake, wire, false, Form::Plain, "p").await.status, 401, "{wire:?} without a key");
        for key in keys {
            assert_eq!(
                post(&fake, &path(wire, false, "m"), &body, &[key]).await.status,
                200,
                "{wire:?} {key:?}"
            );
        }
        let mut other = body.clone();
        other["model"] = json!("unheard-of");
        let got = post(&fake, &path(wire, false, "unheard-of"), &other, &[keys[0]]).await;
        assert_eq!(got.status, 404, "{wire:?}");
        assert!(got.text().contains("unheard-of"), "{wire:?}: {}", got.text());
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_reason() {
    let fake = fake(json!({})).await;
    for (body, word) in [
        (json!({"messages": [{"role": "user", "content": "p"}]}), "`model`"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": [{"role": "assistant", "content": "p"}]}), "message of the user"),
    ] {
        let got = post(&fake, "/v1/messages", &body, &[]).await;
        assert_eq!(got.status, 400);
        assert!(got.text().contains(word), "{}", got.text());
    }
    let response =
        client().post(format!("{}/v1/messages", fake.url())).body("{").send().await.expect("answer");
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(post(&fake, "/v1/v1/messages", &json!({}), &[]).await.status, 404);
}

#[tokio::test]
async fn beyond_its_capacity_it_refuses_and_takes_again_what_is_over() {
    let capacity = json!({"at_once": 2, "retry_after": 0.5});
    let hang = json!({"when": {"prompt": "hang"}, "fault": "hang"});
    let fake = fake(json!({"capacity": capacity, "rules": [hang]})).await;
    for wire in WIRES {
        let url = format!("{}{}", fake.url(), path(wire, true, "m"));
        let body = request(wire, true, Form::Plain, "hang").to_string();
        let hang = || tokio::spawn(client().post(&url).body(body.clone()).send());
        let hanging = [hang(), hang()];
        until_open(&fake, 2).await;
        let refused = ask(&fake, wire, false, Form::Plain, "p").await;
        assert_eq!(refused.status, 429, "{wire:?}");
        assert_eq!(refused.headers.get("retry-after-ms").unwrap(), "500", "{wire:?}");
        hanging.iter().for_each(tokio::task::JoinHandle::abort);
        until_open(&fake, 0).await;
        assert_eq!(ask(&fake, wire, false, Form::Plain, "p").await.status, 200, "{wire:?}");
    }
}

async fn until_open(fake: &Handle, open: u64) {
    while fake.log.stats().open != open {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
