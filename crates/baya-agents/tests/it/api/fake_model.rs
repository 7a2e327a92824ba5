//! The `api` backend and the fake model hold to the same wires, seen from both ends.

use super::{KINDS, quick, run, task};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ApiBackend, ProviderConfig, ProviderKind};
use baya_agents::fake_model::{FakeModel, Handle, listen, serve};
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, CauseKind, UsageSource};
use baya_core::schema::Schema;
use baya_core::simulate::Rules;
use serde_json::{Value, json};
use std::sync::Arc;

async fn fake(rules: Value) -> Handle {
    let rules = Rules::parse(&rules.to_string()).unwrap();
    serve(FakeModel { rules, log: None }, listen(0).unwrap()).await.unwrap()
}

/// The address as users give it for this kind, without a key.
fn backend(kind: ProviderKind, fake: &Handle) -> ApiBackend {
    let version = match kind {
        ProviderKind::Anthropic | ProviderKind::Ollama | ProviderKind::Gemini => "",
        ProviderKind::OpenAi
        | ProviderKind::OpenAiResponses
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter => "/v1",
    };
    let config = ProviderConfig { base_url: format!("{}{version}", fake.url()), ..ProviderConfig::new(kind) };
    ApiBackend::new("api", vec![config], quick(), Arc::new(AgentTypes::built_in()))
}

fn asking(schema: Option<Value>) -> AgentOptions {
    AgentOptions { model: Some("test-model".to_owned()), schema, ..AgentOptions::default() }
}

fn schema() -> Value {
    json!({"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "minItems": 1,
           "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}}})
}

#[tokio::test]
async fn text_and_structured_answers_come_over_every_wire() {
    for kind in KINDS {
        let fake =
            fake(json!({"rules": [{"when": {"schema": false}, "text": " said \n"}, {"shape": true}]})).await;
        let backend = backend(kind, &fake);
        let text = run(&backend, &task(asking(None))).await.report;
        assert_eq!(text.end, AttemptEnd::Answered(Answer::Text(" said \n".to_owned())), "{kind:?}");
        assert_eq!(text.usage.source, UsageSource::Reported, "{kind:?}");
        let shaped = run(&backend, &task(asking(Some(schema())))).await.report;
        let AttemptEnd::Answered(Answer::Json(value)) = &shaped.end else { panic!("{kind:?}: {shaped:?}") };
        assert_eq!(Schema::compile(&schema()).unwrap().validate(value), Ok(()), "{kind:?}");
        assert_eq!(shaped.requests, 1, "{kind:?}: {shaped:?}");
        assert_eq!(super::notes(&shaped), Vec::<&str>::new(), "{kind:?}");
        assert_eq!(fake.log.stats().requests, 2, "{kind:?}");
        fake.shutdown().await;
    }
}

#[tokio::test]
async fn its_faults_end_as_what_they_are() {
    let unusable = [("401", CauseKind::Key), ("402", CauseKind::Credit), ("404", CauseKind::UnknownModel)];
    for kind in KINDS {
        for (fault, expected) in unusable {
            let fake = fake(json!({"rules": [{ "fault": fault }]})).await;
            let report = run(&backend(kind, &fake), &task(asking(None))).await.report;
            let AttemptEnd::Unusable(cause) = &report.end else { panic!("{kind:?} {fault}: {report:?}") };
            assert_eq!(cause.kind, expected, "{kind:?} {fault}: {cause:?}");
            fake.shutdown().await;
        }
        for fault in ["429", "500", "529", "cut"] {
            let rules =
                json!({"rules": [{"fault": fault, "times": 2, "text": "a text to be cut"}, {"text": "ok"}]});
            let fake = fake(rules).await;
            let report = run(&backend(kind, &fake), &task(asking(None))).await.report;
            assert_eq!(
                report.end,
                AttemptEnd::Answered(Answer::Text("ok".to_owned())),
                "{kind:?} {fault}: {report:?}"
            );
            assert_eq!(report.requests, 3, "{kind:?} {fault}");
            fake.shutdown().await;
        }
        let failed = [
            ("refuse", CauseKind::Refused),
            ("length", CauseKind::Limit),
            ("context", CauseKind::Limit),
            ("html", CauseKind::Api),
            ("hang", CauseKind::Stalled),
        ];
        for (fault, expected) in failed {
            let fake = fake(json!({"rules": [{ "fault": fault }]})).await;
            let options = AgentOptions { stall_ms: (fault == "hang").then_some(40), ..asking(None) };
            let report = run(&backend(kind, &fake), &task(options)).await.report;
            let AttemptEnd::Failed(cause) = &report.end else { panic!("{kind:?} {fault}: {report:?}") };
            assert_eq!(cause.kind, expected, "{kind:?} {fault}: {cause:?}");
        }
    }
}

#[tokio::test]
async fn c32_its_invalid_answers_are_asked_for_again() {
    for kind in KINDS {
        let fake = fake(json!({"rules": [{"fault": "invalid", "times": 2}, {"shape": true}]})).await;
        let report = run(&backend(kind, &fake), &task(asking(Some(schema())))).await.report;
        assert!(matches!(report.end, AttemptEnd::Answered(Answer::Json(_))), "{kind:?}: {report:?}");
        assert_eq!((report.requests, report.drafts.len()), (3, 2), "{kind:?}: {report:?}");
        fake.shutdown().await;
    }
}

#[tokio::test]
async fn what_it_does_not_count_is_an_estimate() {
    for kind in KINDS {
        let fake = fake(json!({"rules": [{"fault": "no_usage", "text": "ok"}]})).await;
        let report = run(&backend(kind, &fake), &task(asking(None))).await.report;
        assert_eq!(report.usage.source, UsageSource::Estimated, "{kind:?}: {report:?}");
        fake.shutdown().await;
    }
}
