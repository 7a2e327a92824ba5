//! One table over all wires: what every provider must do alike.

use super::canned::{self, Finish};
use super::server::{Reply, Request, Server};
use super::{KINDS, backend, options, provider, quick, run, task};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ApiBackend, ApiSettings, ProviderKind};
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, CauseKind, Effort, Progress, UsageSource};
use serde_json::Value;
use std::sync::Arc;

fn path(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Anthropic => "/v1/messages",
        ProviderKind::OpenAiResponses => "/v1/responses",
        ProviderKind::Gemini => "/v1beta/models/test-model:streamGenerateContent?alt=sse",
        ProviderKind::OpenAi
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Ollama => "/v1/chat/completions",
    }
}

/// The text of the last message of the user, and the system text.
fn texts(kind: ProviderKind, request: &Request) -> (String, String) {
    let at = |place: &str| request.body.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind {
        ProviderKind::Anthropic => (at("/messages/0/content"), at("/system")),
        ProviderKind::OpenAiResponses => (at("/input/0/content"), at("/instructions")),
        ProviderKind::Gemini => (at("/contents/0/parts/0/text"), at("/systemInstruction/parts/0/text")),
        ProviderKind::OpenAi
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Ollama => (at("/messages/1/content"), at("/messages/0/content")),
    }
}

#[tokio::test]
async fn c20_the_prompt_goes_out_verbatim_with_a_short_system_text_and_nothing_else() {
    for kind in KINDS {
        let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
        run(&backend(kind, &server), &task(options())).await;
        let request = &server.requests()[0];
        let (prompt, system) = texts(kind, request);
        assert_eq!(prompt, "  the prompt,\n\nverbatim \u{1F9F6} ", "{kind:?}: {}", request.body);
        assert!(system.len() <= 1024 && system.contains("nobody answers questions"), "{kind:?}: {system}");
        assert!(system.contains("last message is the return value"), "{kind:?}");
        assert_eq!(request.path, path(kind));
        assert!(request.head.contains("key-of-the-test"), "{kind:?}: {}", request.head);
        assert!(request.body.get("tools").is_none(), "{kind:?}");
        let model = request.body.get("model").and_then(Value::as_str);
        assert_eq!(model, (kind != ProviderKind::Gemini).then_some("test-model"), "{kind:?}");
    }
}

#[tokio::test]
async fn c22_a_text_answer_comes_back_untrimmed_on_every_wire() {
    for kind in KINDS {
        for text in ["  two\nlines \u{1F426}\n", ""] {
            let server = Server::start([Reply::stream(canned::text(kind, text))]).await;
            let ran = run(&backend(kind, &server), &task(options())).await;
            let report = ran.report;
            assert_eq!(report.end, AttemptEnd::Answered(Answer::Text(text.to_owned())), "{kind:?}");
            assert_eq!(report.usage, canned::usage(kind), "{kind:?}");
            assert_eq!(report.requests, 1);
            assert_eq!(report.drafts, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn c28_the_model_asked_and_the_model_served_are_both_reported() {
    for kind in KINDS {
        let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
        let report = run(&backend(kind, &server), &task(options())).await.report;
        assert_eq!(report.model_asked.as_deref(), Some("test-model"), "{kind:?}");
        assert_eq!(report.model_served.as_deref(), Some("served-model"), "{kind:?}");
    }
}

#[tokio::test]
async fn every_request_streams_and_progress_is_told() {
    for kind in KINDS {
        let text = "x".repeat(20_000);
        let server = Server::start([Reply::stream(canned::text(kind, &text))]).await;
        let ran = run(&backend(kind, &server), &task(options())).await;
        let request = &server.requests()[0];
        let streams = request.body.get("stream") == Some(&Value::Bool(true));
        assert!(streams || kind == ProviderKind::Gemini, "{kind:?}");
        assert_eq!(ran.progress[0], Progress::Asked, "{kind:?}");
        assert_eq!(ran.progress.last(), Some(&Progress::Streaming { output_bytes: 20_000 }), "{kind:?}");
        assert_eq!(ran.progress.len(), 3, "{kind:?}: told in steps, not per byte");
    }
}

#[tokio::test]
async fn usage_that_nobody_reports_is_an_estimate() {
    for kind in KINDS {
        let server = Server::start([Reply::stream(canned::text_uncounted(kind, "four bytes a token"))]).await;
        let report = run(&backend(kind, &server), &task(options())).await.report;
        assert_eq!(report.usage.source, UsageSource::Estimated, "{kind:?}");
        assert_eq!((report.usage.input, report.usage.output), (8, 5), "{kind:?}");
    }
}

#[tokio::test]
async fn c25_refused_and_cut_off_answers_fail_and_keep_what_was_written() {
    for kind in KINDS {
        for (finish, cause) in [(Finish::Refusal, CauseKind::Refused), (Finish::Limit, CauseKind::Limit)] {
            let server = Server::start([Reply::stream(canned::text_ending(kind, "I began", finish))]).await;
            let report = run(&backend(kind, &server), &task(options())).await.report;
            let AttemptEnd::Failed(found) = &report.end else { panic!("{kind:?}: {:?}", report.end) };
            assert_eq!(found.kind, cause, "{kind:?}: {found:?}");
            if finish == Finish::Limit {
                assert_eq!(report.drafts, ["I began"], "{kind:?}");
            }
            assert_eq!(report.usage.output, 7, "{kind:?}: what it cost counts");
            assert_eq!(server.requests().len(), 1, "{kind:?}: not asked again");
        }
    }
}

#[tokio::test]
async fn an_answer_of_five_megabytes_comes_back_whole() {
    let text: String = (0..5 * 1024 * 1024 / 8).map(|n| format!("{n:07}\n")).collect();
    for kind in
        [ProviderKind::Anthropic, ProviderKind::OpenAi, ProviderKind::OpenAiResponses, ProviderKind::Gemini]
    {
        let server = Server::start([Reply::stream(canned::text(kind, &text))]).await;
        let report = run(&backend(kind, &server), &task(options())).await.report;
        assert!(report.end == AttemptEnd::Answered(Answer::Text(text.clone())), "{kind:?}");
    }
}

#[tokio::test]
async fn c23_effort_and_max_tokens_go_out_as_each_wire_has_them() {
    let cases = [
        (ProviderKind::Anthropic, "claude-sonnet-5-5", "/output_config/effort", "/max_tokens", "xhigh"),
        (ProviderKind::OpenAi, "gpt-5.6-terra", "/reasoning_effort", "/max_completion_tokens", "xhigh"),
        (ProviderKind::OpenAiResponses, "gpt-5.1", "/reasoning/effort", "/max_output_tokens", "high"),
    ];
    for (kind, model, effort_at, tokens_at, effort) in cases {
        let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
        let options = AgentOptions {
            model: Some(model.to_owned()),
            effort: Some(Effort::Xhigh),
            max_tokens: Some(1234),
            ..AgentOptions::default()
        };
        let report = run(&backend(kind, &server), &task(options)).await.report;
        let body = &server.requests()[0].body;
        assert_eq!(body.pointer(effort_at).and_then(Value::as_str), Some(effort), "{kind:?}: {body}");
        assert_eq!(body.pointer(tokens_at).and_then(Value::as_u64), Some(1234), "{kind:?}: {body}");
        assert_eq!(report.notes.len(), usize::from(effort == "high"), "{kind:?}: {:?}", report.notes);
    }
}

#[tokio::test]
async fn a_model_name_that_ends_like_an_effort_goes_out_whole() {
    for kind in [ProviderKind::OpenAi, ProviderKind::OpenAiResponses, ProviderKind::OpenAiCompatible] {
        let server = Server::start([Reply::stream(canned::text(kind, "ok"))]).await;
        let options = AgentOptions { model: Some("some-codex-max".to_owned()), ..AgentOptions::default() };
        run(&backend(kind, &server), &task(options)).await;
        let body = &server.requests()[0].body;
        assert_eq!(body["model"], "some-codex-max", "{kind:?}");
        assert!(
            body.get("reasoning_effort").is_none() && body.get("reasoning").is_none(),
            "{kind:?}: {body}"
        );
    }
}

#[tokio::test]
async fn anthropic_is_always_told_a_limit_of_tokens() {
    let server = Server::start([Reply::stream(canned::text(ProviderKind::Anthropic, "ok"))]).await;
    run(&backend(ProviderKind::Anthropic, &server), &task(options())).await;
    assert!(server.requests()[0].body["max_tokens"].as_u64() >= Some(32_000));
}

#[tokio::test]
async fn agents_of_one_provider_share_connections() {
    for kind in KINDS {
        let server = Server::start((0..20).map(|_| Reply::stream(canned::text(kind, "ok")))).await;
        let backend = backend(kind, &server);
        for _ in 0..20 {
            run(&backend, &task(options())).await;
        }
        // A request may start before the connection of the one before is back.
        assert!(server.connections() < 10, "{kind:?}: {}", server.connections());
    }
}

#[tokio::test]
async fn c25_an_answer_above_the_limit_fails_and_says_how_to_raise_it() {
    for kind in KINDS {
        let server = Server::start([Reply::stream(canned::text(kind, &"x".repeat(3_000)))]).await;
        let settings = ApiSettings { answer_bytes_max: 2_000, ..quick() };
        let backend =
            ApiBackend::new("api", vec![provider(kind, &server)], settings, Arc::new(AgentTypes::built_in()));
        let report = run(&backend, &task(options())).await.report;
        let AttemptEnd::Failed(cause) = &report.end else { panic!("{kind:?}: {:?}", report.end) };
        assert_eq!(cause.kind, CauseKind::Limit, "{kind:?}");
        assert!(cause.message.contains("2000") && cause.hint.is_some(), "{}", cause.message);
    }
}
