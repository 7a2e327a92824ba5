//! `cache: 'shared'`: equal calls at the same time are one agent (C29).

use super::*;

fn shared(id: u64) -> Call {
    agent_with(id, "same", json!({"cache": "shared"}))
}

fn started(hand: &Hand) -> usize {
    hand.tasks().len()
}

#[test]
fn c29_equal_calls_at_the_same_time_are_one_agent() {
    let mut hand = Hand::new();
    let other = agent_with(4, "other", json!({"cache": "shared"}));
    hand.step(0, vec![shared(1), shared(2), agent(3, "same"), other]);
    assert_eq!(hand.prompts(), ["same", "same", "other"], "who does not share gets an agent of his own");
    hand.answer(1, "once");
    assert_eq!((hand.told_to(1), hand.told_to(2)), (Some(&value("once")), Some(&value("once"))));
    assert_eq!(hand.told_to(3), None);
    assert_eq!(hand.run.state().usage.output, 5);
    hand.step(2, vec![shared(5)]);
    assert_eq!(started(&hand), 4, "what is over is not shared");
}

#[test]
fn c29_those_who_share_also_share_a_failure_and_a_stop() {
    let mut hand = Hand::new();
    hand.step(0, vec![shared(1), shared(2)]);
    hand.fail(1, CauseKind::Refused);
    let null = Payload::Value(Value::Null);
    assert_eq!((hand.told_to(1), hand.told_to(2)), (Some(&null), Some(&null)));
    let mut hand = Hand::new();
    hand.step(0, vec![shared(1), shared(2)]);
    hand.input(Input::Op(baya_core::op::Op::Stop { by: "me".to_owned() }));
    assert_eq!(hand.thrown_to(1).message, hand.thrown_to(2).message);
}

#[test]
fn c61_who_shared_hears_the_same_after_a_crash_at_any_moment() {
    let mut hand = Hand::new();
    hand.step(0, vec![shared(1), shared(2)]);
    let before = hand.journal.len();
    hand.answer(1, "once");
    // The answer is there, and who asked for it has heard it or not.
    for cut in before..=hand.journal.len() {
        let mut resumed = Hand::resumed(&hand.journal[..cut], Resumption::default());
        resumed.step(0, vec![shared(1), shared(2)]);
        if started(&resumed) > 0 {
            assert_eq!(started(&resumed), 1, "cut at {cut}");
            resumed.answer(1, "once");
        }
        let told = (resumed.told_to(1).cloned(), resumed.told_to(2).cloned());
        assert_eq!(told, (Some(value("once")), Some(value("once"))), "cut at {cut}");
    }
}

#[test]
fn c62_a_new_generation_buys_no_second_agent_for_those_who_shared() {
    let mut hand = Hand::new();
    hand.step(0, vec![shared(1), shared(2)]);
    hand.answer(1, "once");
    hand.step_to(2, Vec::new(), done(json!(1)));
    let mut resumed =
        Hand::resumed(&hand.journal, Resumption { script: Some(script("edited")), ..Resumption::default() });
    resumed.step(0, vec![shared(1), shared(2), agent(3, "same")]);
    resumed.step(1, Vec::new());
    assert_eq!((resumed.told_to(1), resumed.told_to(2)), (Some(&value("once")), Some(&value("once"))));
    assert_eq!(started(&resumed), 1, "only who does not share is asked");
}
