//! What goes wrong with agents, what the run is told of it, and that nothing is left at work.

use super::{Place, Told, is_over, task};
use baya_agents::acp::{AcpBackend, AcpProgram, OwnProgram};
use baya_agents::backend::{Backend, Permission};
use baya_core::agent::{AgentOptions, AgentTask, AttemptEnd, AttemptReport};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The report in one line, as a table can name parts of it.
fn told(report: &AttemptReport) -> String {
    let (how, cause) = match &report.end {
        AttemptEnd::Failed(cause) => ("failed", cause),
        AttemptEnd::Unusable(cause) => ("unusable", cause),
        AttemptEnd::Answered(answer) => return format!("answered {answer:?}"),
        AttemptEnd::Cancelled => return "cancelled".to_owned(),
    };
    format!("{how} {:?} {} | {}", cause.kind, cause.message, cause.hint.clone().unwrap_or_default())
}

/// All processes that were told of are over.
fn assert_over(told: &Told) {
    let pids = told.pids();
    assert!(!pids.is_empty());
    pids.iter().for_each(|pid| assert!(is_over(*pid), "{pid} still runs"));
}

async fn check(name: &str, script: Value, task: &AgentTask, words: &[&str]) {
    let place = Place::new();
    let mut config = place.config(&script);
    config.start_ms = 1_500;
    let (report, heard) = place.run(&AcpBackend::new(config), task).await;
    let line = told(&report);
    words.iter().for_each(|word| assert!(line.contains(word), "{name}: `{word}` is not in: {line}"));
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert_over(&heard);
}

fn turn(steps: Value) -> Value {
    json!({"turns": [steps]})
}

const PROGRAM: &str = "failed Program `acp:stand-in`";

#[tokio::test]
async fn an_agent_that_dies_or_talks_nonsense_fails_with_what_it_said() {
    let rows: [(&str, Value, &[&str]); 7] = [
        (
            "dies at once",
            json!({"start": [{"complain": "no node here"}, {"die": 3}]}),
            &[PROGRAM, "ended with exit status 3 before its answer: no node here"],
        ),
        (
            "dies midway, with a good status",
            turn(json!([{"text": "half"}, {"die": 0}])),
            &[PROGRAM, "ended with exit status 0 before its answer"],
        ),
        (
            "floods",
            turn(json!([{"flood": "no message\n"}])),
            &[PROGRAM, "writes 1048576 bytes that are no messages", "no message"],
        ),
        ("floods a line", turn(json!([{"flood": "{"}])), &[PROGRAM, "writes a line of more than"]),
        (
            "prints garbage for an answer",
            json!({"start": [{"line": "Usage: agent"}, {"die": 2}]}),
            &[PROGRAM, "exit status 2", "Usage: agent"],
        ),
        (
            "answers with an error",
            turn(json!([{"error": [-32603, "it \u{1b}[31mbroke"]}])),
            &[PROGRAM, "answered with an error: it broke"],
        ),
        (
            "uses a word that is not known",
            turn(json!([{"end": {"stopReason": "later"}}])),
            &[PROGRAM, "a word that is not known"],
        ),
    ];
    for (name, script, words) in rows {
        check(name, script, &task(), words).await;
    }
}

#[tokio::test]
async fn an_agent_that_waits_for_ever_is_given_up() {
    let options = AgentOptions { stall_ms: Some(300), ..AgentOptions::default() };
    let impatient = crate::attempts::task("p", options);
    let rows: [(&str, Value, &[&str]); 3] = [
        (
            "says nothing after its start",
            json!({"start": [{"deaf": 1}]}),
            &["failed Timeout", "gave no sign of life for 1500 ms after its start"],
        ),
        (
            "hangs",
            turn(json!([{"text": "half"}, {"hang": 1}])),
            &["failed Stalled", "did nothing for 300 ms", "raise `stallMs`"],
        ),
        (
            "begins a message that never ends",
            turn(json!([{"line": "{\"jsonrpc\""}, {"hang": 1}])),
            &["failed Stalled"],
        ),
    ];
    for (name, script, words) in rows {
        check(name, script, &impatient, words).await;
    }
}

#[tokio::test]
async fn an_agent_that_trickles_is_given_up_when_its_time_is_over() {
    let options = AgentOptions { timeout_ms: Some(700), ..AgentOptions::default() };
    let words =
        ["failed Timeout `acp:stand-in` had no result after 700 ms", "`timeoutMs` of the call sets the time"];
    check("trickles", turn(json!([{"trickle": 1}])), &crate::attempts::task("p", options), &words).await;
}

#[tokio::test]
async fn an_agent_that_asks_at_the_terminal_parks_the_run() {
    let words = ["unusable Program `acp:stand-in` asks at the terminal", "once by hand"];
    check("asks", turn(json!([{"text": "half"}, {"terminal": 1}, {"hang": 1}])), &task(), &words).await;
}

#[tokio::test]
async fn an_agent_that_no_agent_can_use_parks_the_run() {
    let rows: [(&str, Value, &[&str]); 2] = [
        (
            "is not logged in",
            json!({"login": true}),
            &["unusable Key `acp:stand-in` is not logged in: Authentication required", "log the program in"],
        ),
        (
            "speaks another version",
            json!({"version": 7}),
            &["unusable ProviderDown", "speaks version 7", "baya speaks version 1"],
        ),
    ];
    for (name, script, words) in rows {
        check(name, script, &task(), words).await;
    }
    let script = turn(json!([{"end": {"stopReason": "cancelled"}}]));
    check("breaks its turn off", script, &task(), &[PROGRAM, "broke its turn off by itself"]).await;
}

#[tokio::test]
async fn c25_a_limit_or_a_refusal_says_so_and_the_process_is_used_again() {
    for (reason, words) in [
        ("refusal", "failed Refused the model refused"),
        ("max_tokens", "failed Limit the model's own limit"),
        ("max_turn_requests", "failed Limit `acp:stand-in` reached its own limit of turns"),
    ] {
        let place = Place::new();
        let script = json!({"turns": [[{"end": {"stopReason": reason}}], [{"text": "well"}]]});
        let agent = place.agent(&script);
        let (report, _) = place.run(&agent, &task()).await;
        assert!(told(&report).contains(words), "{}", told(&report));
        let (report, _) = place.run(&agent, &task()).await;
        assert_eq!(super::text(&report), "well");
        agent.close().await;
    }
}

#[tokio::test]
async fn one_that_is_not_there_parks_the_run_and_says_how_to_get_it() {
    let place = Place::new();
    let mut config = place.config(&json!({}));
    config.program =
        AcpProgram::Own(OwnProgram { argv: vec!["no-such-agent".to_owned()], ..OwnProgram::default() });
    let (report, _) = place.run(&AcpBackend::new(config.clone()), &task()).await;
    assert!(told(&report).contains("unusable ProviderDown"), "{}", told(&report));
    assert!(
        told(&report).contains("there is no program `no-such-agent` | check `argv`"),
        "{}",
        told(&report)
    );
    config.program = AcpProgram::preset("opencode").expect("a preset");
    let (report, _) = place.run(&AcpBackend::new(config), &task()).await;
    assert!(told(&report).contains("| install it: npm install -g opencode-ai"), "{}", told(&report));
    let unknown = AcpProgram::preset("opencoda").expect_err("no preset");
    assert!(unknown.known.contains(&"acp:opencode".to_owned()) && unknown.known.len() == 6);
}

/// Cancels as soon as the condition holds, and says how long the end took.
async fn cancel_when(
    script: Value,
    holds: impl Fn(&Place, &Told) -> bool,
) -> (Place, AcpBackend, AttemptReport, Arc<Told>, Duration) {
    let place = Place::new();
    let agent = place.agent(&script);
    let (attempt, heard) = place.attempt_with(Arc::new(Never));
    let task = task();
    let cancel = async {
        let waited = Instant::now();
        while !holds(&place, &heard) {
            assert!(waited.elapsed() < Duration::from_secs(20), "it never came so far");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        attempt.cancel.cancel();
        Instant::now()
    };
    let (report, cancelled) = tokio::join!(agent.run(&task, &attempt), cancel);
    let took = cancelled.elapsed();
    (place, agent, report, heard, took)
}

/// Never answers.
struct Never;

impl baya_agents::backend::Gatekeeper for Never {
    fn may<'a>(&'a self, _: &'a baya_agents::backend::Action) -> BoxFuture<'a, Permission> {
        Box::pin(std::future::pending())
    }
}

fn streams(_: &Place, told: &Told) -> bool {
    told.progress().iter().any(|progress| matches!(progress, baya_core::agent::Progress::Streaming { .. }))
}

#[tokio::test]
async fn one_that_obeys_its_cancellation_is_used_again() {
    let script = json!({"turns": [[{"text": "half"}, {"hang": 1}], [{"text": "well"}]]});
    let (place, agent, report, heard, _) = cancel_when(script, streams).await;
    assert_eq!(told(&report), "cancelled");
    assert!(place.methods().contains(&"session/cancel".to_owned()));
    let (report, again) = place.run(&agent, &task()).await;
    assert_eq!((super::text(&report), again.pids()), ("well", heard.pids()));
    agent.close().await;
    assert_over(&heard);
}

#[tokio::test]
async fn one_that_ignores_its_cancellation_is_ended_and_what_it_forked() {
    let script = json!({"turns": [[{"daemon": "pid"}, {"text": "half"}, {"deaf": 1}]]});
    let (place, _agent, report, heard, took) = cancel_when(script, streams).await;
    assert_eq!(told(&report), "cancelled");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_over(&heard);
    let daemon = std::fs::read_to_string(place.path("work/pid")).expect("it was forked");
    assert!(is_over(daemon.trim().parse().expect("a pid")), "what it forked still runs");
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_no_stall_and_ends_with_the_attempt() {
    let call = json!({"toolCallId": "1", "title": "ls", "kind": "execute", "rawInput": {"command": "ls"}});
    let script = json!({"turns": [[{"text": "I ask"}, {"ask": call}], [{"text": "well"}]]});
    let (place, agent, report, heard, _) = cancel_when(script, streams).await;
    assert_eq!(told(&report), "cancelled");
    let (report, again) = place.run(&agent, &task()).await;
    assert_eq!((super::text(&report), again.pids()), ("well", heard.pids()));
}
