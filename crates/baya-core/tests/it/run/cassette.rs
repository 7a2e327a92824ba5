//! Runs as cassettes: what is recorded, and how a play finds it again.

use super::*;
use baya_core::cassette::{Cassette, Found, NotRecordable, Player};
use baya_core::run::call_key;
use baya_core::step::{HostStep, StepNumber, StepOutcome};

fn glob(pattern: &str) -> HostStep {
    HostStep::Glob { pattern: pattern.to_owned() }
}

/// A run with two answers, a failure and a host step.
fn ended() -> Hand {
    let mut hand = Hand::new();
    let step =
        Call { id: CallId(1), frame: FrameId::MAIN, site: None, kind: CallKind::Step { step: glob("*.rs") } };
    hand.step(0, vec![step]);
    let outcome = StepOutcome::Done(json!(["a.rs", "b.rs"]));
    hand.input(Input::StepEnded { number: StepNumber(1), outcome });
    let labelled = |id, prompt: &str, label: &str| agent_with(id, prompt, json!({"label": label}));
    hand.step(1, vec![labelled(2, "read a", "read"), labelled(3, "read b", "read"), agent(4, "last")]);
    hand.answer(2, "of b");
    hand.answer(1, "of a");
    hand.fail(3, CauseKind::Refused);
    hand.step_to(3, Vec::new(), done(json!({"files": 2})));
    hand
}

#[test]
fn a_run_that_ended_is_recorded_in_the_order_of_its_calls() {
    let hand = ended();
    let cassette = Cassette::of(&hand.journal).expect("a cassette");
    let calls: Vec<(&str, &str)> =
        cassette.calls.iter().map(|call| (call.label.as_str(), call.prompt.as_str())).collect();
    assert_eq!(calls, [("read", "read a"), ("read", "read b"), ("last", "last")]);
    assert_eq!(cassette.end.result, Some(json!({"files": 2})));
    assert_eq!(cassette.usage().output, 10);
    assert_eq!(cassette.steps.len(), 1);
    let text = serde_json::to_string(&cassette).expect("JSON");
    assert_eq!(serde_json::from_str::<Cassette>(&text).expect("read back"), cassette);
}

#[test]
fn a_run_that_is_not_over_is_no_cassette() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "x")]);
    assert_eq!(Cassette::of(&hand.journal), Err(NotRecordable::Open));
    assert_eq!(Cassette::of(&[]), Err(NotRecordable::Empty));
}

#[test]
fn a_play_finds_calls_by_key_and_changed_ones_by_label() {
    let mut player = Player::new(Cassette::of(&ended().journal).expect("a cassette"));
    let key = |prompt: &str| call_key(prompt, &Default::default());
    let Found::Same(call) = player.call(&key("read b"), "renamed", None) else { panic!("not found by key") };
    assert_eq!(call.prompt, "read b");
    let Found::Changed(call) = player.call(&key("read A!"), "read", None) else {
        panic!("not found by label")
    };
    assert_eq!(call.prompt, "read a");
    assert_eq!(player.call(&key("read b"), "read", None), Found::Nothing, "each is given once");
    assert_eq!(player.call(&key("new"), "new", Some("p")), Found::Nothing);
    assert!(player.step(&glob("*.py")).is_none());
    assert!(player.step(&glob("*.rs")).is_some());
    assert!(player.step(&glob("*.rs")).is_none());
    let left: Vec<&str> = player.calls_left().map(|call| call.prompt.as_str()).collect();
    assert_eq!(left, ["last"]);
}

/// Which of two equal questions was put first may have been a matter of time.
#[test]
fn of_equal_questions_each_takes_the_answer_under_its_label() {
    let mut hand = Hand::new();
    let check = |id, label: &str| agent_with(id, "is it sound?", json!({"label": label}));
    hand.step(0, vec![check(1, "check 2"), check(2, "check 1")]);
    hand.answer(1, "to 2");
    hand.answer(2, "to 1");
    hand.step_to(2, Vec::new(), done(json!(null)));
    let mut player = Player::new(Cassette::of(&hand.journal).expect("a cassette"));
    let key = call_key("is it sound?", &Default::default());
    for label in ["check 1", "check 2"] {
        let Found::Same(call) = player.call(&key, label, None) else { panic!("not found by key") };
        assert_eq!(call.label, label);
    }
}
