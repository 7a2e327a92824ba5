//! The backend that asks no model.

use crate::attempts::{attempt, run, task};
use baya_agents::backend::Backend;
use baya_agents::simulated::Simulated;
use baya_core::agent::{AgentOptions, AgentTask, Answer, AttemptEnd, AttemptReport, Progress, UsageSource};
use baya_core::simulate::Rules;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn backend(rules: Value) -> Simulated {
    Simulated::new(Rules::from_value(rules).expect("rules"))
}

fn with_schema() -> AgentOptions {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    AgentOptions { schema: Some(schema), ..AgentOptions::default() }
}

/// What the end is, in a word or two.
fn told(report: &AttemptReport) -> String {
    match &report.end {
        AttemptEnd::Answered(Answer::Text(text)) => format!("text {text}"),
        AttemptEnd::Answered(Answer::Json(value)) => format!("json {value}"),
        AttemptEnd::Failed(cause) => format!("failed {:?}", cause.kind),
        AttemptEnd::Unusable(cause) => format!("unusable {:?}", cause.kind),
        AttemptEnd::Cancelled => "cancelled".to_owned(),
    }
}

async fn check(rule: Value, options: AgentOptions, expected: &str, requests: u32) {
    let (report, _) = run(&backend(json!({"rules": [rule]})), &task("the prompt", options)).await;
    assert!(told(&report).starts_with(expected), "{rule}: {}", told(&report));
    assert_eq!(report.requests, requests, "{rule}");
}

#[tokio::test(start_paused = true)]
async fn faults_end_with_honest_causes() {
    let plain = AgentOptions::default;
    check(json!({"fault": "null"}), plain(), "failed Api", 1).await;
    check(json!({"fault": "refuse"}), plain(), "failed Refused", 1).await;
    check(json!({"fault": "429"}), plain(), "failed Api", 5).await;
    check(json!({"fault": "500"}), plain(), "failed Api", 5).await;
    check(json!({"fault": "529"}), AgentOptions { retries: Some(0), ..plain() }, "failed Api", 1).await;
    check(json!({"fault": "cut"}), plain(), "failed Network", 5).await;
    check(json!({"fault": "html"}), plain(), "failed Api", 1).await;
    check(json!({"fault": "context"}), plain(), "failed Limit", 1).await;
    check(json!({"fault": "length"}), plain(), "failed Limit", 1).await;
    check(json!({"fault": "401"}), plain(), "unusable Key", 1).await;
    check(json!({"fault": "402"}), plain(), "unusable Credit", 1).await;
    check(json!({"fault": "404"}), plain(), "unusable UnknownModel", 1).await;
    check(json!({"fault": "hang"}), plain(), "failed Stalled", 1).await;
    check(json!({"fault": "hang"}), AgentOptions { timeout_ms: Some(9), ..plain() }, "failed Timeout", 1)
        .await;
    check(json!({"fault": "invalid"}), with_schema(), "failed SchemaUnmet", 5).await;
    check(json!({"fault": "invalid"}), plain(), "text Simulated", 1).await;
    check(json!({"fault": "slow"}), plain(), "text Simulated", 1).await;
    check(json!({"fault": "no_usage"}), plain(), "text Simulated", 1).await;
    check(json!({"fault": "529", "times": 4}), plain(), "text Simulated", 5).await;
    check(json!({"fault": "invalid", "times": 2}), with_schema(), "json {\"n\":", 3).await;
}

#[tokio::test(start_paused = true)]
async fn c33_an_answer_that_does_not_meet_the_schema_never_passes() {
    check(json!({"json": {"n": "1"}}), with_schema(), "failed SchemaUnmet", 5).await;
    check(json!({"text": "prose"}), with_schema(), "failed SchemaUnmet", 5).await;
    check(json!({"text": "{\"n\": 3}"}), with_schema(), "json {\"n\":3}", 1).await;
    let unusable = AgentOptions { schema: Some(json!({"type": "array"})), ..AgentOptions::default() };
    check(json!({}), unusable, "failed SchemaUnmet", 0).await;
    let rules = json!({"rules": [{"json": {"n": "one"}, "times": 1}, {"json": {"n": 1}}]});
    let (report, heard) = run(&backend(rules), &task("p", with_schema())).await;
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 1}))));
    assert_eq!(report.drafts, ["{\"n\":\"one\"}"], "nothing the agent wrote is lost");
    let reasked = |p: &Progress| matches!(p, Progress::Reasking { why, tries: 1 } if why.contains("`/n`"));
    assert!(heard.progress().iter().any(reasked), "{:?}", heard.progress());
}

#[tokio::test(start_paused = true)]
async fn latency_passes_and_a_silence_that_is_too_long_stalls() {
    let slow = backend(json!({"latency_ms": 700}));
    let start = Instant::now();
    let (report, _) = run(&slow, &task("p", AgentOptions::default())).await;
    assert!(told(&report).starts_with("text"), "{}", told(&report));
    assert!((700..710).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    for options in [
        AgentOptions { stall_ms: Some(300), ..AgentOptions::default() },
        AgentOptions { idle_ms: Some(300), stall_ms: Some(900), ..AgentOptions::default() },
    ] {
        let start = Instant::now();
        assert_eq!(told(&run(&slow, &task("p", options)).await.0), "failed Stalled");
        assert!((300..310).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
    let trickle = backend(json!({"latency_ms": 100, "rules": [{"fault": "slow"}]}));
    let (report, heard) =
        run(&trickle, &task("p", AgentOptions { stall_ms: Some(300), ..AgentOptions::default() })).await;
    assert!(told(&report).starts_with("text"), "pieces are signs of life: {}", told(&report));
    assert_eq!(heard.progress().iter().filter(|p| matches!(p, Progress::Streaming { .. })).count(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_attempt_ends_at_once() {
    for rules in [
        json!({"rules": [{"fault": "hang"}]}),
        json!({"latency_ms": 9_000}),
        json!({"rules": [{"fault": "429"}]}),
    ] {
        let (backend, task) = (backend(rules), task("p", AgentOptions::default()));
        let cancel = CancellationToken::new();
        let (attempt, _) = attempt(std::env::temp_dir(), cancel.clone());
        let start = Instant::now();
        let later = async {
            tokio::time::sleep(Duration::from_millis(3)).await;
            cancel.cancel();
        };
        let (report, ()) = tokio::join!(backend.run(&task, &attempt), later);
        assert_eq!(report.end, AttemptEnd::Cancelled);
        assert!(start.elapsed().as_millis() < 10);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_started_anew_ends_the_same_way_whatever_ran_before() {
    let rules = json!({"latency_ms": [0, 500], "rules": [{"chance": 0.5, "fault": "refuse"}, {"chance": 0.3,
        "fault": "529"}]});
    let tasks: Vec<AgentTask> =
        (0..30).map(|i| AgentTask { seed: i, ..task("the same prompt", AgentOptions::default()) }).collect();
    let used = backend(rules.clone());
    let mut ends = std::collections::BTreeSet::new();
    for task in tasks.iter().chain(tasks.iter().rev()) {
        let (report, _) = run(&used, task).await;
        assert_eq!(report, run(&backend(rules.clone()), task).await.0, "seed {}", task.seed);
        ends.insert(told(&report));
    }
    assert!(ends.len() > 1, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn usage_and_model_say_that_nothing_was_asked() {
    let backend = backend(json!({"rules": [
        {"when": {"prompt": "rule"}, "text": "12345678", "usage": {"input": 7, "output": 9}},
        {"when": {"prompt": "none"}, "text": "1234", "fault": "no_usage"},
        {"when": {"label": "a label", "phase": "a phase", "model": "^opus$"}, "text": "12345678"}]}));
    assert!(backend.is_simulated());
    let opus = AgentOptions { model: Some("opus".to_owned()), ..AgentOptions::default() };
    let report = run(&backend, &task("prompt!!", opus.clone())).await.0;
    assert_eq!(
        (report.usage.input, report.usage.output, report.usage.source),
        (2, 2, UsageSource::Simulated)
    );
    assert_eq!(
        (report.model_asked.as_deref(), report.model_served.as_deref()),
        (Some("opus"), Some("simulated"))
    );
    let report = run(&backend, &task("rule", opus.clone())).await.0;
    assert_eq!((report.usage.input, report.usage.output), (7, 9));
    let report = run(&backend, &task("none", opus)).await.0;
    assert_eq!((report.usage.output, report.usage.source), (1, UsageSource::Estimated));
}
