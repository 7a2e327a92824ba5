//! Structured answers: the ladder from the tool to the repair pass.

use super::canned::{self, Finish};
use super::server::{Reply, Request, Server};
use super::{KINDS, backend, notes, options, provider, quick, run, task};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ApiBackend, ProviderConfig, ProviderKind};
use baya_agents::models::ModelRow;
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, CauseKind, Effort, Progress};
use serde_json::{Value, json};
use std::sync::Arc;

const RIGHT: &str = r#"{"name":"weaver","count":3}"#;
const WRONG: &str = r#"{"name":"weaver","count":"three"}"#;

fn schema() -> Value {
    json!({"type": "object", "properties": {"name": {"$ref": "#/$defs/name"},
           "count": {"type": "integer", "minimum": 1, "default": 1}},
           "required": ["name", "count"], "$defs": {"name": {"type": "string", "pattern": "^[a-z]+$"}}})
}

fn asking() -> AgentOptions {
    AgentOptions { schema: Some(schema()), ..options() }
}

fn right() -> AttemptEnd {
    AttemptEnd::Answered(Answer::Json(json!({"name": "weaver", "count": 3})))
}

/// The first rung's answer: the tool's input, or the text where the provider holds to the schema.
fn answer(kind: ProviderKind, json: &str) -> Reply {
    match kind {
        ProviderKind::Ollama => Reply::stream(canned::text(kind, json)),
        ProviderKind::Anthropic
        | ProviderKind::OpenAi
        | ProviderKind::OpenAiResponses
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Gemini => Reply::stream(canned::tool(kind, json)),
    }
}

fn first_rung(kind: ProviderKind) -> &'static str {
    if kind == ProviderKind::Ollama { "native" } else { "tool" }
}

/// The schema as the request carries it, and what forces its use.
fn sent_schema(kind: ProviderKind, body: &Value) -> (Value, Value) {
    let at = |place: &str| body.pointer(place).cloned().unwrap_or(Value::Null);
    match kind {
        ProviderKind::Anthropic => (at("/tools/0/input_schema"), at("/tool_choice/name")),
        ProviderKind::OpenAiResponses => (at("/tools/0/parameters"), at("/tool_choice/name")),
        ProviderKind::Gemini => (
            at("/tools/0/functionDeclarations/0/parametersJsonSchema"),
            at("/toolConfig/functionCallingConfig/allowedFunctionNames/0"),
        ),
        ProviderKind::Ollama => (at("/response_format/json_schema/schema"), json!("StructuredOutput")),
        ProviderKind::OpenAi | ProviderKind::OpenAiCompatible | ProviderKind::OpenRouter => {
            (at("/tools/0/function/parameters"), at("/tool_choice/function/name"))
        }
    }
}

#[tokio::test]
async fn c30_a_right_answer_resolves_to_the_object_on_every_wire() {
    for kind in KINDS {
        let server = Server::start([answer(kind, RIGHT)]).await;
        let report = run(&backend(kind, &server), &task(asking())).await.report;
        assert_eq!(report.end, right(), "{kind:?}");
        assert_eq!(report.rung.as_deref(), Some(first_rung(kind)), "{kind:?}");
        assert_eq!(report.usage, canned::usage(kind), "{kind:?}");
        assert_eq!((report.requests, report.drafts.len(), notes(&report).len()), (1, 0, 0), "{kind:?}");
    }
}

#[tokio::test]
async fn c20_schemas_go_out_as_they_are_given() {
    for kind in KINDS {
        let server = Server::start([answer(kind, RIGHT)]).await;
        run(&backend(kind, &server), &task(asking())).await;
        let body = server.requests()[0].body.clone();
        let (sent, forced) = sent_schema(kind, &body);
        assert_eq!(sent, schema(), "{kind:?}: {body}");
        assert_eq!(forced, "StructuredOutput", "{kind:?}: {body}");
    }
}

#[tokio::test]
async fn c32_a_wrong_answer_goes_back_with_the_validators_message() {
    for kind in KINDS {
        let server = Server::start([answer(kind, WRONG), answer(kind, RIGHT)]).await;
        let ran = run(&backend(kind, &server), &task(asking())).await;
        assert_eq!(ran.report.end, right(), "{kind:?}");
        assert_eq!(ran.report.drafts.len(), 1, "{kind:?}");
        assert!(ran.report.drafts[0].contains("three"), "{kind:?}: {:?}", ran.report.drafts);
        let second = server.requests()[1].body.to_string();
        assert!(second.contains("is not of type") && second.contains("/count"), "{kind:?}: {second}");
        assert!(second.contains("three"), "{kind:?}: its own answer stands before the message");
        let twice = canned::usage(kind);
        assert_eq!(ran.report.usage.output, 2 * twice.output, "{kind:?}: both turns count");
        assert!(
            ran.progress.iter().any(|told| matches!(told, Progress::Reasking { tries: 1, .. })),
            "{kind:?}"
        );
    }
}

/// How the tool's error goes back on each wire that has tools.
#[tokio::test]
async fn c32_the_message_goes_back_as_the_tools_own_error() {
    let cases = [
        (ProviderKind::Anthropic, "/messages/2/content/0/tool_use_id", "toolu_1"),
        (ProviderKind::OpenAi, "/messages/3/tool_call_id", "call_x"),
        (ProviderKind::OpenAiResponses, "/input/2/call_id", "call_x"),
        (ProviderKind::Gemini, "/contents/2/parts/0/functionResponse/name", "StructuredOutput"),
    ];
    for (kind, place, expected) in cases {
        let server = Server::start([answer(kind, WRONG), answer(kind, RIGHT)]).await;
        run(&backend(kind, &server), &task(asking())).await;
        let body = server.requests()[1].body.clone();
        assert_eq!(body.pointer(place).and_then(Value::as_str), Some(expected), "{kind:?}: {body}");
    }
}

#[tokio::test]
async fn c32_after_five_wrong_answers_one_repair_and_then_it_fails() {
    for kind in KINDS {
        let server = Server::start((0..7).map(|_| answer(kind, WRONG))).await;
        let report = run(&backend(kind, &server), &task(asking())).await.report;
        let AttemptEnd::Failed(cause) = &report.end else { panic!("{kind:?}: {:?}", report.end) };
        assert_eq!(cause.kind, CauseKind::SchemaUnmet, "{kind:?}");
        assert!(cause.message.contains("is not of type"), "{kind:?}: {}", cause.message);
        assert_eq!(server.requests().len(), 6, "{kind:?}: five tries and one repair");
        assert_eq!(report.drafts.len(), 6, "{kind:?}: nothing it wrote is lost");
        assert_eq!(report.requests, 6);
    }
}

#[tokio::test]
async fn c32_the_repair_pass_asks_the_small_model_over_what_was_written() {
    let kind = ProviderKind::OpenAi;
    let script = (0..5).map(|_| answer(kind, WRONG)).chain([answer(kind, RIGHT)]);
    let server = Server::start(script).await;
    let row =
        ModelRow { small: Some("tiny".to_owned()), large: Some("huge".to_owned()), ..ModelRow::default() };
    let provider = ProviderConfig { models: row, ..provider(kind, &server) };
    let backend = ApiBackend::new("api", vec![provider], quick(), Arc::new(AgentTypes::built_in()));
    let asking = AgentOptions { model: Some("opus".to_owned()), ..asking() };
    let report = run(&backend, &task(asking)).await.report;
    assert_eq!(report.end, right());
    assert_eq!(report.rung.as_deref(), Some("repair"));
    let models: Vec<Value> = server.requests().iter().map(|request| request.body["model"].clone()).collect();
    assert_eq!(models, ["huge", "huge", "huge", "huge", "huge", "tiny"]);
    let last = &server.requests()[5].body;
    assert!(last.to_string().contains("three"), "{last}");
    assert!(!last.to_string().contains("the prompt,"), "over its own text only: {last}");
}

#[tokio::test]
async fn c32_json_in_prose_is_taken_and_prose_is_asked_again() {
    let fenced = format!("Here it is:\n```json\n{RIGHT}\n```\nDone.");
    let in_braces = format!("I found {{this}} and then {RIGHT} at the end.");
    for kind in KINDS.into_iter().filter(|kind| *kind != ProviderKind::Ollama) {
        for text in [RIGHT, &fenced, &in_braces] {
            let server = Server::start([Reply::stream(canned::text(kind, text))]).await;
            let report = run(&backend(kind, &server), &task(asking())).await.report;
            assert_eq!(report.end, right(), "{kind:?}: {text}");
            assert_eq!(report.rung.as_deref(), Some("text"), "{kind:?}");
        }
        let server =
            Server::start([Reply::stream(canned::text(kind, "All done!")), answer(kind, RIGHT)]).await;
        let report = run(&backend(kind, &server), &task(asking())).await.report;
        assert_eq!(report.end, right(), "{kind:?}");
        assert_eq!(report.drafts, ["All done!"], "{kind:?}");
        let second = server.requests()[1].body.to_string();
        assert!(second.contains("Call the tool `StructuredOutput`"), "{kind:?}: {second}");
    }
}

#[tokio::test]
async fn c30_nothing_is_coerced_and_unreadable_input_goes_back() {
    let kind = ProviderKind::Anthropic;
    for bad in [r#"{"name":"weaver","#, r#"[1]"#, r#"{"name":"weaver","count":"3"}"#, ""] {
        let server = Server::start([answer(kind, bad), answer(kind, RIGHT)]).await;
        let report = run(&backend(kind, &server), &task(asking())).await.report;
        assert_eq!(report.end, right(), "{bad}");
        assert_eq!(server.requests().len(), 2, "{bad}");
        let input = server.requests()[1].body.pointer("/messages/1/content/0/input").cloned();
        assert!(input.is_some_and(|input| input.is_object()), "{bad}: histories hold objects only");
    }
}

#[tokio::test]
async fn c32_a_provider_that_refuses_the_form_is_asked_for_text() {
    for kind in KINDS {
        let refusal =
            r#"{"error":{"message":"this model does not support tools or schemas","type":"invalid"}}"#;
        let server =
            Server::start([Reply::with(400, refusal), Reply::stream(canned::text(kind, RIGHT))]).await;
        let report = run(&backend(kind, &server), &task(asking())).await.report;
        assert_eq!(report.end, right(), "{kind:?}");
        assert_eq!(report.rung.as_deref(), Some("text"), "{kind:?}");
        let said = notes(&report);
        assert!(said[0].contains("does not support tools"), "{kind:?}: {said:?}");
        let second = &server.requests()[1].body;
        assert!(second.get("tools").is_none() && second.get("response_format").is_none(), "{kind:?}");
        assert!(second.to_string().contains("$defs"), "{kind:?}: the schema stands in the system text");
    }
}

#[tokio::test]
async fn c32_a_model_that_thinks_is_asked_for_the_tool_and_not_forced() {
    let kind = ProviderKind::Anthropic;
    let refusal = r#"{"error":{"message":"Thinking may not be enabled when tool_choice forces tool use"}}"#;
    let thinking = AgentOptions { model: Some("claude-opus-5-5".to_owned()), ..asking() };
    let with_effort =
        AgentOptions { model: Some("claude-opus-4-6".to_owned()), effort: Some(Effort::Low), ..asking() };
    for (options, script, choices) in [
        (thinking, vec![answer(kind, RIGHT)], vec!["auto"]),
        (with_effort, vec![answer(kind, RIGHT)], vec!["auto"]),
        (asking(), vec![Reply::with(400, refusal), answer(kind, RIGHT)], vec!["tool", "auto"]),
    ] {
        let server = Server::start(script).await;
        let report = run(&backend(kind, &server), &task(options)).await.report;
        assert_eq!(report.end, right());
        assert_eq!(report.rung.as_deref(), Some("tool"));
        let sent: Vec<Value> =
            server.requests().iter().map(|request| request.body["tool_choice"]["type"].clone()).collect();
        assert_eq!(sent, choices);
    }
}

#[tokio::test]
async fn c25_a_structured_answer_that_is_cut_off_or_refused_fails_at_once() {
    for kind in KINDS {
        for (finish, cause) in [(Finish::Refusal, CauseKind::Refused), (Finish::Limit, CauseKind::Limit)] {
            let server =
                Server::start([Reply::stream(canned::text_ending(kind, r#"{"name":"#, finish))]).await;
            let report = run(&backend(kind, &server), &task(asking())).await.report;
            let AttemptEnd::Failed(found) = &report.end else { panic!("{kind:?}: {:?}", report.end) };
            assert_eq!(found.kind, cause, "{kind:?}");
            assert_eq!(server.requests().len(), 1, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn c31_a_schema_that_cannot_be_used_costs_no_token() {
    let server = Server::start([]).await;
    let bad = AgentOptions { schema: Some(json!({"type": "object", "properties": 7})), ..options() };
    let report = run(&backend(ProviderKind::Anthropic, &server), &task(bad)).await.report;
    assert!(matches!(&report.end, AttemptEnd::Failed(cause) if cause.kind == CauseKind::SchemaUnmet));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn c32_max_turns_bounds_the_tries() {
    let kind = ProviderKind::OpenAi;
    let server = Server::start((0..7).map(|_| answer(kind, WRONG))).await;
    let options = AgentOptions { max_turns: Some(2), ..asking() };
    run(&backend(kind, &server), &task(options)).await;
    assert_eq!(server.requests().len(), 3, "two tries and the repair");
}

#[tokio::test]
async fn c33_a_provider_that_claims_a_schema_mode_is_checked_all_the_same() {
    let kind = ProviderKind::Ollama;
    let server = Server::start([answer(kind, WRONG), answer(kind, RIGHT)]).await;
    let report = run(&backend(kind, &server), &task(asking())).await.report;
    assert_eq!(report.end, right());
    let request: &Request = &server.requests()[1];
    assert!(request.body.to_string().contains("is not of type"));
}

#[tokio::test]
async fn thoughts_go_back_with_the_tools_error() {
    let kind = ProviderKind::Anthropic;
    let thought = concat!(
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":",
        "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"sig\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    );
    let whole = canned::tool(kind, WRONG);
    let at = whole.find("event: content_block_start").unwrap();
    let with_thought = format!("{}{thought}{}", &whole[..at], &whole[at..]);
    let server = Server::start([Reply::stream(with_thought), answer(kind, RIGHT)]).await;
    let report = run(&backend(kind, &server), &task(asking())).await.report;
    assert_eq!(report.end, right());
    let body = &server.requests()[1].body;
    assert_eq!(
        body.pointer("/messages/1/content/0/signature").and_then(Value::as_str),
        Some("sig"),
        "{body}"
    );
    assert_eq!(
        body.pointer("/messages/1/content/1/type").and_then(Value::as_str),
        Some("tool_use"),
        "{body}"
    );
}
