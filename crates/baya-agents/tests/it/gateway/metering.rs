//! What agents are charged: the provider's own count, to the token, on every wire.

use super::*;
use crate::fake_model::fake;
use baya_core::agent::{Usage, UsageSource};

const RULES: &str = r#"{"rules": [
    {"when": {"prompt": "^short"}, "text": "yes"},
    {"when": {"prompt": "^long"}, "text": "a longer answer with ünïcödé in it, 🧶, and more words than one piece holds"},
    {"when": {"prompt": "^told"}, "text": "x", "usage": {"input": 1234, "output": 56, "cache_read": 789}},
    {"when": {"prompt": "^slow"}, "text": "drop by drop, but all of it", "fault": "slow"},
    {"when": {"prompt": "^refused"}, "fault": "refuse"}]}"#;

/// How many agents there are at once; the benchmark asks for more than the tests do.
const AGENTS: &str = "BAYA_METERING_AGENTS";

/// The sums of the fake model's own log: input of all classes, output.
fn logged(fake: &baya_agents::fake_model::Handle) -> (u64, u64) {
    let stats = fake.log.stats();
    (stats.input_tokens, stats.output_tokens)
}

fn sums(usage: &Usage) -> (u64, u64) {
    (usage.input + usage.cache_read + usage.cache_write, usage.output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_meter_equals_the_models_own_count_with_many_agents_at_once() {
    let fake = fake(serde_json::from_str(RULES).unwrap()).await;
    let gateway = gateway_to(&fake.url()).await;
    let count = std::env::var(AGENTS).ok().and_then(|count| count.parse().ok()).unwrap_or(24);
    let mut agents = Vec::new();
    for at in 0..count {
        let (gateway, dialect, streamed) = (gateway.clone(), Dialect::ALL[at % 3], (at / 3) % 2 == 0);
        agents.push(tokio::spawn(async move {
            let grant = gateway.admit(admission(dialect));
            for prompt in ["short", "long", "told", "refused", "slow"] {
                let got = ask(&grant, dialect, &body(dialect, &format!("{prompt} {at}"), streamed)).await;
                assert_eq!(got.status, 200, "{dialect:?} {prompt}: {:?}", got.body);
            }
            grant.finish()
        }));
    }
    let mut all = Usage::default();
    for agent in agents {
        let meter = agent.await.expect("an agent");
        assert_eq!(meter.requests, 5);
        assert_eq!(meter.last_failure, None);
        assert_eq!(meter.usage.source, UsageSource::Gateway);
        all.add(&meter.usage);
    }
    let ((input, output), (logged_input, logged_output)) = (sums(&all), logged(&fake));
    let apart = input.abs_diff(logged_input) + output.abs_diff(logged_output);
    println!("{count} agents, {} tokens, apart: {apart}", input + output);
    assert_eq!(apart, 0);
    assert_eq!(all.cache_read, count as u64 * 789);
}

/// One answer, and what it has to cost.
async fn check(dialect: Dialect, kind: &str, answer: &str, expected: Usage) {
    let server = server([Reply::with(200, answer).header("content-type", kind)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(dialect));
    let got = ask(&grant, dialect, &body(dialect, "p", kind == STREAM)).await;
    assert_eq!(got.status, 200);
    assert_eq!(grant.finish().usage, expected, "{dialect:?} {answer}");
}

const STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";

fn counted(input: u64, output: u64, cache_read: u64, cache_write: u64, reasoning: u64) -> Usage {
    Usage {
        input,
        output,
        cache_read,
        cache_write,
        reasoning,
        source: UsageSource::Gateway,
        ..Usage::default()
    }
}

#[tokio::test]
async fn classes_do_not_overlap_on_any_wire() {
    let anthropic = r#"{"usage": {"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 50, "output_tokens_details": {"thinking_tokens": 3}}}"#;
    check(Dialect::Anthropic, JSON, anthropic, counted(10, 7, 100, 50, 3)).await;
    let chat = r#"{"usage": {"prompt_tokens": 160, "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 3}}}"#;
    check(Dialect::OpenAiChat, JSON, chat, counted(10, 7, 100, 50, 3)).await;
    let responses = r#"{"usage": {"input_tokens": 110, "output_tokens": 7,
        "input_tokens_details": {"cached_tokens": 100}, "output_tokens_details": {"reasoning_tokens": 3}}}"#;
    check(Dialect::OpenAiResponses, JSON, responses, counted(10, 7, 100, 0, 3)).await;
}

#[tokio::test]
async fn counts_of_a_stream_are_cumulative() {
    let anthropic = "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"s\",\"usage\":\
        {\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\r\n\r\n\
        data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":20}}\n\n\
        data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":12,\"output_tokens\":30}}\n\n\
        data: {\"type\":\"message_stop\"}\n\n";
    check(Dialect::Anthropic, STREAM, anthropic, counted(12, 30, 5, 0, 0)).await;
    let chat = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n";
    check(Dialect::OpenAiChat, STREAM, chat, counted(10, 9, 0, 0, 0)).await;
    let responses = "data: {\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"input_tokens\":10,\
        \"output_tokens\":9}}}";
    check(Dialect::OpenAiResponses, STREAM, responses, counted(10, 9, 0, 0, 0)).await;
}

#[tokio::test]
async fn what_nobody_counted_is_estimated_and_marked() {
    let fake = fake(json!({"rules": [{"text": "twelve bytes", "fault": "no_usage"}]})).await;
    let gateway = gateway_to(&fake.url()).await;
    for dialect in Dialect::ALL {
        for streamed in [true, false] {
            let grant = gateway.admit(admission(dialect));
            let asked = body(dialect, "p", streamed);
            assert_eq!(ask(&grant, dialect, &asked).await.status, 200);
            let usage = grant.finish().usage;
            let input = (asked.to_string().len() as u64).div_ceil(4);
            let expected = Usage { input, output: 3, source: UsageSource::Estimated, ..Usage::default() };
            assert_eq!(usage, expected, "{dialect:?} {streamed}");
        }
    }
}

#[tokio::test]
async fn the_model_asked_and_the_model_served_are_recorded() {
    for dialect in Dialect::ALL {
        let server = server([small_answer(dialect)]).await;
        let gateway = gateway_to(&server.address).await;
        let grant = gateway.admit(admission(dialect));
        ask(&grant, dialect, &body(dialect, "p", false)).await;
        let meter = grant.take_meter();
        assert_eq!(meter.model_asked.as_deref(), Some("m"));
        assert_eq!(meter.model_served.as_deref(), Some("served"));
        assert_eq!(meter.requests, 1);
        assert_eq!(grant.take_meter(), Meter::default(), "taken is taken");
    }
}

#[tokio::test]
async fn a_chat_client_that_did_not_ask_for_usage_sees_none_and_is_counted_all_the_same() {
    let fake = fake(json!({"rules": [{"text": "hello there, this is an answer"}]})).await;
    let gateway = gateway_to(&fake.url()).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let got = ask(&grant, Dialect::OpenAiChat, &body(Dialect::OpenAiChat, "p", true)).await;
    assert!(!got.text().contains("usage"), "{}", got.text());
    assert!(got.text().ends_with("data: [DONE]\n\n"), "{}", got.text());
    assert_eq!(sums(&grant.take_meter().usage), logged(&fake));
    let mut asked = body(Dialect::OpenAiChat, "p", true);
    asked["stream_options"] = json!({"include_usage": true});
    let got = ask(&grant, Dialect::OpenAiChat, &asked).await;
    assert!(got.text().contains("\"usage\":{"), "who asks for it gets it");
}

#[tokio::test]
async fn a_provider_that_cannot_tell_usage_is_asked_without_it() {
    let refusal =
        r#"{"error": {"message": "unknown field `stream_options`", "type": "invalid_request_error"}}"#;
    let answer = "data: {\"choices\":[{\"delta\":{\"content\":\"four\"}}]}\n\ndata: [DONE]\n\n";
    let server = server([Reply::with(400, refusal), Reply::stream(answer)]).await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::OpenAiChat));
    let asked = body(Dialect::OpenAiChat, "p", true);
    assert_eq!(ask(&grant, Dialect::OpenAiChat, &asked).await.text(), answer);
    let bodies: Vec<Value> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies[0]["stream_options"]["include_usage"], true);
    assert_eq!(bodies[1], asked, "as the client wrote it");
    let meter = grant.finish();
    assert_eq!((meter.requests, meter.usage.output), (2, 1));
    assert_eq!(meter.usage.source, UsageSource::Estimated);
}

#[tokio::test]
async fn questions_beside_the_models_work_cost_nothing() {
    let server = server([
        Reply::with(200, r#"{"input_tokens": 77}"#).header("content-type", JSON),
        Reply::with(200, r#"{"data": []}"#).header("content-type", JSON),
    ])
    .await;
    let gateway = gateway_to(&server.address).await;
    let grant = gateway.admit(admission(Dialect::Anthropic));
    let base = grant.base_url(Dialect::Anthropic);
    let asked = body(Dialect::Anthropic, "p", false).to_string();
    let got = send(client().post(format!("{base}/v1/messages/count_tokens?beta=true")).body(asked)).await;
    assert_eq!(got.json()["input_tokens"], 77);
    let models = client().get(format!("{base}/v1/models")).header("anthropic-version", "2023-06-01");
    assert_eq!(send(models).await.status, 200);
    assert_eq!(grant.take_meter(), Meter::default());
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1/messages/count_tokens?beta=true", "/v1/models"]);
}
