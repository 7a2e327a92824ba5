//! How an agent's end reaches the script (C22, C25, C26, C33).

use super::*;
use baya_core::call::ThrowKind;
use baya_core::run::AgentState;

const SCHEMA: &str = r#"{"type":"object","properties":{"v":{"type":"integer"}},"required":["v"]}"#;

fn shaped(id: u64) -> Call {
    agent_with(id, "shape", json!({"schema": serde_json::from_str::<Value>(SCHEMA).unwrap_or_default()}))
}

#[test]
fn c22_the_final_text_arrives_untrimmed_and_an_empty_one_is_not_null() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    hand.answer(1, "  two lines\n\n");
    hand.answer(2, "");
    assert_eq!(hand.told_to(1), Some(&value("  two lines\n\n")));
    assert_eq!(hand.told_to(2), Some(&value("")));
}

#[test]
fn c25_a_failed_agent_gives_null_and_the_log_says_why() {
    for kind in [CauseKind::Api, CauseKind::Network, CauseKind::Refused, CauseKind::Limit, CauseKind::Program]
    {
        let mut hand = Hand::new();
        hand.step(0, vec![agent(1, "look here")]);
        hand.fail(1, kind);
        assert_eq!(hand.told_to(1), Some(&Payload::Value(Value::Null)), "{kind:?}");
        assert_eq!(hand.logs(), ["agent #1 `look here` gave null: it broke"], "{kind:?}");
    }
}

#[test]
fn c25_a_skipped_agent_gives_null_whether_it_works_or_waits() {
    let mut hand = Hand::with(Limits { concurrency: 1, ..Limits::default() }, surroundings());
    hand.step(0, vec![agent(1, "works"), agent(2, "waits")]);
    for agent in [1, 2] {
        let op = baya_core::op::Op::Skip { agent: AgentNumber(agent), by: "ann".to_owned() };
        hand.input(Input::Op(op));
    }
    hand.report(1, AttemptEnd::Cancelled, 0);
    assert_eq!(hand.told_to(1), Some(&Payload::Value(Value::Null)));
    assert_eq!(hand.told_to(2), Some(&Payload::Value(Value::Null)));
    assert_eq!(hand.prompts(), ["works"]);
}

#[test]
fn c26_a_schema_that_was_never_met_and_a_stall_throw() {
    for (kind, thrown) in
        [(CauseKind::SchemaUnmet, ThrowKind::SchemaUnmet), (CauseKind::Stalled, ThrowKind::Stalled)]
    {
        let mut hand = Hand::new();
        hand.step(0, vec![agent(1, "a")]);
        for _ in 0..2 {
            hand.fail(1, kind);
        }
        assert_eq!(hand.thrown_to(1).kind, thrown);
        assert!(hand.thrown_to(1).message.contains("it broke"), "{:?}", hand.thrown_to(1));
    }
}

#[test]
fn c26_a_stalled_agent_gets_a_second_attempt() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a")]);
    hand.fail(1, CauseKind::Stalled);
    assert_eq!(hand.told_to(1), None);
    hand.answer(1, "now");
    assert_eq!(hand.told_to(1), Some(&value("now")));
    assert_eq!(hand.tasks().iter().map(|task| task.attempt).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn c29_on_failure_throw_and_retries() {
    let mut hand = Hand::new();
    let options = json!({"onFailure": "throw", "retries": 1});
    hand.step(0, vec![agent_with(1, "a", options)]);
    hand.fail(1, CauseKind::Program);
    assert_eq!(hand.told_to(1), None);
    hand.fail(1, CauseKind::Program);
    assert_eq!(hand.thrown_to(1).kind, ThrowKind::AgentFailed);
}

#[test]
fn c33_the_run_checks_an_answer_whatever_the_backend_claims() {
    let table = [
        (Answer::Json(json!({"v": 1})), true),
        (Answer::Json(json!({"v": "one"})), false),
        (Answer::Json(json!({})), false),
        (Answer::Text("{\"v\": 1}".to_owned()), false),
    ];
    for (answer, good) in table {
        let mut hand = Hand::new();
        hand.step(0, vec![shaped(1)]);
        hand.report(1, AttemptEnd::Answered(answer.clone()), 0);
        match good {
            true => assert_eq!(hand.told_to(1), Some(&Payload::Value(answer.to_value()))),
            false => assert_eq!(hand.thrown_to(1).kind, ThrowKind::SchemaUnmet, "{answer:?}"),
        }
    }
}

#[test]
fn what_would_hit_every_agent_parks_the_run_and_starts_nothing_more() {
    let mut hand = Hand::with(Limits { concurrency: 2, ..Limits::default() }, surroundings());
    hand.step(0, (1..=5).map(|n| agent(n, &format!("p{n}"))).collect());
    hand.report(1, AttemptEnd::Unusable(Cause::new(CauseKind::Key, "the key was refused")), 0);
    assert!(!hand.run.is_over(), "the one at work may finish");
    hand.answer(2, "paid for");
    hand.step(1, vec![]);
    assert!(hand.run.is_over());
    assert_eq!(hand.prompts(), ["p1", "p2"]);
    assert_eq!(hand.run.failures().failed, 0);

    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(resumed.told_to(2), Some(&value("paid for")));
    assert_eq!(resumed.prompts(), ["p1", "p3"]);
}

#[test]
fn a_report_of_an_attempt_that_is_over_changes_nothing() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a")]);
    hand.answer(1, "first");
    let before = hand.journal.len();
    hand.answer(1, "second");
    assert_eq!(hand.journal.len(), before);
    let state = hand.run.state().agent(AgentNumber(1)).map(|agent| agent.state.clone());
    assert!(matches!(state, Some(AgentState::Finished(_))));
}
