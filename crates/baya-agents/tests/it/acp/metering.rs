//! What agents cost, as the gateway counts it, for processes that serve many.

use super::{Place, Told, task, text};
use baya_agents::acp::{AcpBackend, AcpProgram, OwnProgram};
use baya_agents::api::{ProviderConfig, ProviderKind, Secret};
use baya_agents::backend::Backend;
use baya_agents::fake_model::{FakeModel, Handle, listen, serve};
use baya_agents::gateway::{Gateway, GatewayConfig, Tape};
use baya_agents::governor::{Governor, GovernorSettings};
use baya_agents::models::{ModelRow, ModelTable, ProviderModels};
use baya_core::agent::{AgentTask, AttemptEnd, AttemptReport, CauseKind, Usage, UsageSource};
use baya_core::budget::{Caps, PurseState};
use baya_core::ids::AgentNumber;
use baya_core::simulate::Rules;
use baya_core::turn::TurnRecord;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A backend whose agent reaches a made-up model through a gateway.
async fn agent(place: &Place, script: &Value, rules: &str) -> (AcpBackend, (Arc<Gateway>, Handle)) {
    let model = FakeModel { rules: Rules::parse(rules).expect("rules"), log: None };
    let model = serve(model, listen(0).expect("a port")).await.expect("a model");
    let provider = ProviderConfig {
        base_url: format!("{}/v1", model.url()),
        key: Some(Secret::new("the-real-key")),
        ..ProviderConfig::new(ProviderKind::OpenAi)
    };
    let (governor, tape) = (Governor::new(GovernorSettings::default()), Tape::None);
    let config = GatewayConfig { providers: vec![provider.clone()], governor, tape };
    let gateway = Gateway::start(config).await.expect("a gateway");
    let mut config = place.config(script);
    let AcpProgram::Own(own) = config.program else { panic!("the stand-in") };
    let environment = [("MODEL_URL", "{openai}"), ("MODEL_KEY", "{key}"), ("MODEL", "{model}")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    config.program = AcpProgram::Own(OwnProgram { environment: BTreeMap::from(environment), ..own });
    config.models = ModelTable {
        providers: vec![ProviderModels {
            name: provider.name,
            kind: provider.kind,
            row: ModelRow::all("m-1"),
        }],
        ..ModelTable::default()
    };
    let opened = gateway.clone();
    config.gateway = Some(Arc::new(move || {
        let gateway = opened.clone();
        Box::pin(std::future::ready(Ok(gateway)))
    }));
    (AcpBackend::new(config), (gateway, model))
}

/// Everything the journal gets of it.
fn spent(report: &AttemptReport, told: &Told) -> (Usage, u32) {
    let (mut usage, mut requests) = (report.usage, report.requests);
    for cost in told.turns().iter().filter_map(TurnRecord::cost) {
        usage.add(&cost.usage);
        requests += cost.requests;
    }
    (usage, requests)
}

#[tokio::test]
async fn each_agent_of_one_process_is_metered_alone() {
    let place = Place::new();
    let tool = json!({"tool": {"id": "1", "title": "look", "kind": "read", "status": "completed"}});
    let first = json!([{"model": "a"}, tool, {"model": "b"}, {"text": "1"}]);
    let script = json!({"turns": [first, [{"model": "c"}, {"text": "2"}]]});
    let rules = r#"{"rules": [
        {"when": {"prompt": "^a$"}, "text": "x", "usage": {"input": 10, "output": 1}},
        {"when": {"prompt": "^b$"}, "text": "x", "usage": {"input": 20, "output": 2}},
        {"when": {"prompt": "^c$"}, "text": "x", "usage": {"input": 40, "output": 4}}]}"#;
    let (agent, _services) = agent(&place, &script, rules).await;
    let (first, a) = place.run(&agent, &task()).await;
    let (second, b) = place.run(&agent, &AgentTask { agent: AgentNumber(2), ..task() }).await;
    assert_eq!((text(&first), text(&second)), ("1", "2"));
    assert_eq!(a.pids(), b.pids(), "one process");
    let counted = |input, output| Usage { input, output, source: UsageSource::Gateway, ..Usage::default() };
    assert_eq!(spent(&first, &a), (counted(30, 3), 2));
    assert_eq!(spent(&second, &b), (counted(40, 4), 1));
    assert_eq!(
        a.turns().iter().filter(|turn| turn.cost().is_some()).count(),
        1,
        "what led to a tool is on record"
    );
    assert_eq!(second.model_asked.as_deref(), Some("m-1"));
    agent.close().await;
}

#[tokio::test]
async fn the_gateways_cause_goes_before_what_the_agent_makes_of_it() {
    for turn in [json!([{"model": "a"}]), json!([{"model": "a"}, {"error": [-32603, "something odd"]}])] {
        let place = Place::new();
        let rules = r#"{"rules": [{"fault": "402"}]}"#;
        let (agent, _services) = agent(&place, &json!({"turns": [turn]}), rules).await;
        let (report, _) = place.run(&agent, &task()).await;
        let AttemptEnd::Unusable(cause) = &report.end else { panic!("{report:?}") };
        assert_eq!(cause.kind, CauseKind::Credit, "{cause:?}");
        agent.close().await;
    }
}

/// One agent whose model answers with 50 tokens, under these caps.
async fn under_caps(caps: Caps, ending: Value) -> (AttemptReport, Arc<Told>) {
    let place = Place::new();
    let script = json!({"turns": [[{"model": "a"}, ending]]});
    let rules = r#"{"rules": [{"text": "x", "usage": {"input": 10, "output": 50}}]}"#;
    let (agent, _services) = agent(&place, &script, rules).await;
    let (attempt, told) = place.attempt();
    attempt.purse.open(PurseState { run: caps, at_once: 1, ..PurseState::default() });
    let report = agent.run(&task(), &attempt).await;
    assert_eq!(attempt.purse.open_and_waiting(), (0, 0));
    agent.close().await;
    (report, told)
}

#[tokio::test]
async fn c51_an_agent_whose_requests_are_refused_used_nothing() {
    let (report, told) =
        under_caps(Caps { tokens: Some(100), ..Caps::default() }, json!({"error": [-32603, "no"]})).await;
    let AttemptEnd::Failed(cause) = &report.end else { panic!("{report:?}") };
    assert_eq!(cause.kind, CauseKind::Budget, "{cause:?}");
    assert_eq!(spent(&report, &told), (Usage::default(), 0));
}

#[tokio::test]
async fn c52_half_an_answer_that_a_cap_cut_off_is_not_taken_for_a_whole_one() {
    let output = |most| Caps { output: Some(most), ..Caps::default() };
    let said = json!({"text": "all that came"});
    let (report, told) = under_caps(output(20), said.clone()).await;
    let AttemptEnd::Failed(cause) = &report.end else { panic!("{report:?}") };
    let message =
        "the budget of 20 output tokens cut an answer off after 20 tokens, and has no room for all of it";
    assert_eq!((cause.kind, cause.message.as_str()), (CauseKind::Budget, message));
    assert_eq!(cause.hint.as_deref(), Some("`--budget-output` raises it"));
    assert_eq!(spent(&report, &told).0.output, 20);
    let (report, _) = under_caps(output(50), said.clone()).await;
    let AttemptEnd::Failed(cause) = &report.end else { panic!("{report:?}") };
    assert_eq!(cause.kind, CauseKind::Budget, "nobody knows that it was whole: {cause:?}");
    let (report, _) = under_caps(output(51), said.clone()).await;
    assert_eq!(text(&report), "all that came");
}

#[tokio::test]
async fn with_a_gateway_that_is_gone_nobody_is_asked_not_even_a_process_that_waits() {
    let place = Place::new();
    let script = json!({"turns": [[{"model": "a"}, {"text": "1"}]]});
    let (agent, (gateway, _model)) = agent(&place, &script, r#"{"rules": [{"text": "x"}]}"#).await;
    let (report, _) = place.run(&agent, &task()).await;
    assert_eq!(text(&report), "1");
    gateway.stop().await;
    let (report, told) = place.run(&agent, &task()).await;
    let AttemptEnd::Unusable(cause) = &report.end else { panic!("{report:?}") };
    assert_eq!(cause.kind, CauseKind::ProviderDown, "{cause:?}");
    assert!(cause.message.contains("has stopped") && cause.hint.is_some(), "{cause:?}");
    assert_eq!(told.pids(), Vec::<u32>::new());
    agent.close().await;
}

#[tokio::test]
async fn the_real_key_is_nowhere_in_the_agents_reach() {
    let place = Place::new();
    let script = json!({"turns": [[{"environment": "MODEL_KEY"}]]});
    let (agent, _services) = agent(&place, &script, r#"{"rules": []}"#).await;
    let (report, _) = place.run(&agent, &task()).await;
    assert!(!text(&report).is_empty() && !text(&report).contains("the-real-key"));
    agent.close().await;
}
