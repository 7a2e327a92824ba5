//! Stop, interrupt, pause (C26, C63, C66).

use super::*;
use baya_core::call::ThrowKind;
use baya_core::event::RunStatus;
use baya_core::op::Op;

fn by() -> String {
    "ann".to_owned()
}

#[test]
fn c26_a_stopped_run_throws_into_what_waits_and_into_new_calls() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a")]);
    hand.input(Input::Op(Op::Stop { by: by() }));
    assert_eq!(hand.thrown_to(1).kind, ThrowKind::Stopped);
    hand.step(1, vec![agent(2, "cleanup")]);
    assert_eq!(hand.thrown_to(2).kind, ThrowKind::Stopped);
    hand.step_to(1, vec![], done(json!("partial")));
    assert_eq!(hand.run.end().map(|end| end.status), Some(RunStatus::Stopped));
}

#[test]
fn c66_a_stop_counts_no_agent_as_failed_and_keeps_what_finishes_meanwhile() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    hand.input(Input::Op(Op::Stop { by: by() }));
    hand.answer(1, "just in time");
    hand.report(2, AttemptEnd::Cancelled, 0);
    hand.step(2, vec![]);
    let end = hand.run.end().cloned();
    assert_eq!(end.map(|end| (end.status, end.failures.failed)), Some((RunStatus::Stopped, 0)));
    let mut resumed = Hand::resumed(&hand.journal, Resumption::default());
    resumed.step(0, vec![agent(1, "a"), agent(2, "b")]);
    assert_eq!(resumed.prompts(), ["b"]);
}

#[test]
fn c66_a_pause_starts_nothing_more_and_keeps_what_is_at_work() {
    let mut hand = Hand::with(Limits { concurrency: 1, ..Limits::default() }, surroundings());
    hand.step(0, vec![agent(1, "a"), agent(2, "b")]);
    hand.input(Input::Op(Op::Pause { by: by() }));
    hand.answer(1, "x");
    assert_eq!(hand.told_to(1), Some(&value("x")));
    assert_eq!(hand.prompts(), ["a"]);
    hand.input(Input::Op(Op::Continue { by: by() }));
    assert_eq!(hand.prompts(), ["a", "b"]);
}

#[test]
fn c63_an_interrupted_run_hears_nothing_more_and_goes_on_exactly() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a"), agent(2, "b"), agent(3, "c")]);
    hand.fail(3, CauseKind::Api);
    hand.input(Input::Op(Op::Interrupt { by: by() }));
    hand.answer(1, "kept");
    assert_eq!(hand.told_to(1), None);
    assert!(!hand.run.is_over(), "one is still at work");
    hand.report(2, AttemptEnd::Cancelled, 0);
    assert!(hand.run.is_over());

    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(resumed.told_to(3), Some(&Payload::Value(Value::Null)), "nulls too are delivered again");
    assert_eq!(resumed.told_to(1), Some(&value("kept")));
    assert_eq!(resumed.prompts(), ["b"]);
}

#[test]
fn c16_a_script_that_waits_for_nothing_ends_at_once() {
    let mut hand = Hand::new();
    hand.step_to(0, vec![], StepState::Stuck { site: None });
    let end = hand.run.end().cloned();
    let error = end.as_ref().and_then(|end| end.error.as_ref()).map(|error| error.message.clone());
    assert_eq!(end.map(|end| end.status), Some(RunStatus::Failed));
    assert!(error.is_some_and(|message| message.contains("can never come")));
}

#[test]
fn a_run_whose_agents_failed_says_how_many_and_why() {
    let mut hand = Hand::new();
    let call = |id, prompt, phase| agent_with(id, prompt, json!({"phase": phase}));
    hand.step(
        0,
        vec![call(1, "a", "Find"), call(2, "b", "Find"), call(3, "c", "Judge"), call(4, "d", "Judge")],
    );
    hand.answer(1, "x");
    hand.fail(2, CauseKind::Api);
    hand.fail(3, CauseKind::Timeout);
    hand.fail(4, CauseKind::Timeout);
    hand.step_to(4, vec![], done(json!(null)));
    let failures = hand.run.end().map(|end| end.failures.clone()).unwrap_or_default();
    assert_eq!((failures.agents, failures.failed), (4, 3));
    assert_eq!(failures.causes, [("timed out".to_owned(), 2), ("provider error".to_owned(), 1)]);
    assert_eq!(failures.phases_lost, ["Judge"]);
    assert!(failures.is_total());
}

#[test]
fn a_run_whose_every_agent_was_refused_lost_them_all() {
    let mut hand = Hand::new();
    let call = |id, options| agent_with(id, "a", options);
    hand.step(0, vec![call(1, json!({"agentType": "mason"})), call(2, json!({"schema": {"type": "array"}}))]);
    hand.step_to(2, vec![], done(json!([])));
    let failures = hand.run.end().map(|end| end.failures.clone()).unwrap_or_default();
    assert_eq!((failures.agents, failures.failed), (2, 2));
    assert_eq!(failures.causes, [("no such agent type".to_owned(), 1), ("unusable schema".to_owned(), 1)]);
    assert!(failures.is_total());
}
