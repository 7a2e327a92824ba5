//! Answers of earlier runs (`--reuse`): which are offered, and which are taken.

use super::*;
use baya_core::reuse::Offers;
use baya_core::step::{HostStep, Retry, StepNumber, StepOutcome};
use baya_core::turn::TurnRecord;

fn at(tree: &str) -> Surroundings {
    Surroundings { tree: Some(tree.to_owned()), ..surroundings() }
}

fn hand(tree: &str, offers: Offers) -> Hand {
    let beginning = Beginning {
        run: RunId::from_random(7),
        script: script("main"),
        args: None,
        seed: 1,
        limits: Limits::default(),
        surroundings: at(tree),
        offers,
        fence: 1,
        pid: 1,
    };
    let (run, batch) = Run::begin(beginning, 1_000);
    let mut hand = Hand { run, journal: Vec::new(), effects: Vec::new(), now_ms: 1_000 };
    hand.take(batch);
    hand
}

/// A step that may change files.
fn exec(id: u64) -> Call {
    let (command, cwd, timeout_ms, key) = ("make".to_owned(), None, None, None);
    let step = HostStep::Exec { command, cwd, timeout_ms, retry: Retry::Safe, key };
    Call { id: CallId(id), frame: FrameId::MAIN, site: None, kind: CallKind::Step { step } }
}

/// A run that asked `one`, `two` and `never`, and changed files before `late`.
fn earlier() -> Hand {
    let mut hand = hand("t1", Offers::default());
    hand.step(0, vec![agent(1, "one"), agent(2, "two"), agent_with(3, "never", json!({"cache": "never"}))]);
    hand.answer(1, "first");
    hand.fail(2, CauseKind::Refused);
    hand.answer(3, "fresh");
    hand.step(3, vec![exec(4)]);
    hand.input(Input::StepEnded { number: StepNumber(1), outcome: StepOutcome::Done(json!({"code": 0})) });
    hand.step(1, vec![agent(5, "late")]);
    hand.answer(4, "later");
    hand
}

fn offers(tree: &str) -> Offers {
    let mut offers = Offers::default();
    offers.add(&earlier().journal, &at(tree));
    offers
}

#[test]
fn an_answer_about_the_same_files_is_taken_and_costs_nothing() {
    assert_eq!(offers("t1").len(), 1, "neither the failed, nor `never`, nor what came after a change");
    let mut hand = hand("t1", offers("t1"));
    hand.step(0, vec![agent(1, "one"), agent(2, "two"), agent(3, "one")]);
    assert_eq!(hand.told_to(1), Some(&value("first")));
    assert_eq!(hand.prompts(), ["two", "one"], "each answer is taken once");
    assert_eq!(hand.run.state().usage.output, 0);
    let from = hand.journal.iter().find_map(|recorded| match &recorded.event {
        Event::AgentFinished { borrowed, .. } => borrowed.clone(),
        _ => None,
    });
    let from = from.expect("it says where it is from");
    assert_eq!((from.agent, from.saved.output), (AgentNumber(1), 5));
}

#[test]
fn other_files_another_model_or_a_change_offer_nothing() {
    assert!(offers("t2").is_empty());
    let mut other_model = Offers::default();
    let around = Surroundings { model: Some("opus".to_owned()), ..at("t1") };
    other_model.add(&earlier().journal, &around);
    assert!(other_model.is_empty());
    let mut hand = hand("t1", offers("t1"));
    hand.step(0, vec![exec(1)]);
    hand.input(Input::StepEnded { number: StepNumber(1), outcome: StepOutcome::Done(json!({"code": 0})) });
    hand.step(1, vec![agent(2, "one")]);
    assert_eq!(hand.prompts(), ["one"], "the command may have changed what it asks about");
}

#[test]
fn an_agent_that_wrote_ends_what_its_run_offers() {
    let mut hand = hand("t1", Offers::default());
    hand.step(0, vec![agent(1, "writes"), agent(2, "after")]);
    let turn = TurnRecord::ToolStarted { call: 0 };
    hand.input(Input::AgentTurn { agent: AgentNumber(1), attempt: 1, turn });
    hand.answer(1, "wrote");
    hand.answer(2, "read");
    let mut offers = Offers::default();
    offers.add(&hand.journal, &at("t1"));
    assert!(offers.is_empty());
}

#[test]
fn c61_a_borrowed_answer_is_heard_again_after_a_crash_without_its_offer() {
    let mut hand = hand("t1", offers("t1"));
    hand.step(0, vec![agent(1, "one"), agent(2, "two")]);
    let mut resumed = Hand::resumed(&hand.journal, Resumption::default());
    resumed.step(1, vec![agent(1, "one"), agent(2, "two")]);
    assert_eq!(resumed.told_to(1), Some(&value("first")));
    assert_eq!(resumed.prompts(), ["two"]);
}
