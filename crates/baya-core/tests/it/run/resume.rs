//! Never pay twice: exact continuation, and reuse by key after an edit (C61–C64).

use super::*;

/// A generation in which each call was answered, in this order of ending.
fn finished(prompts: &[&str], order: &[u32]) -> Hand {
    let mut hand = Hand::new();
    let calls = prompts.iter().enumerate().map(|(n, prompt)| agent(n as u64 + 1, prompt));
    hand.step(0, calls.collect());
    for agent in order {
        hand.answer(*agent, &format!("{} answered", prompts[*agent as usize - 1]));
    }
    hand
}

fn ended(prompts: &[&str]) -> Hand {
    let order: Vec<u32> = (1..=prompts.len() as u32).collect();
    let mut hand = finished(prompts, &order);
    hand.step_to(prompts.len() as u32, vec![], done(json!("ok")));
    hand
}

/// The script of a new generation asks these one step after the other or all at once; what is started?
fn asked_again(hand: &Hand, prompts: &[&str], resumption: Resumption) -> Vec<String> {
    let mut resumed = Hand::resumed(&hand.journal, resumption);
    let calls = prompts.iter().enumerate().map(|(n, prompt)| agent(n as u64 + 1, prompt));
    resumed.step(0, calls.collect());
    for _ in prompts {
        resumed.step(1, vec![]);
    }
    resumed.prompts().into_iter().map(str::to_owned).collect()
}

fn edited() -> Resumption {
    Resumption { script: Some(script("edited")), ..Resumption::default() }
}

#[test]
fn c61_results_are_delivered_again_in_their_recorded_order_and_nothing_is_bought() {
    let hand = finished(&["a", "b", "c", "d"], &[3, 1]);
    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    let order: Vec<u64> = resumed.told().iter().map(|delivery| delivery.to.0).collect();
    assert_eq!(order, [3, 1]);
    assert_eq!(resumed.prompts(), ["b", "d"]);
    let first = hand.told().iter().map(|delivery| delivery.now_ms).collect::<Vec<_>>();
    let again = resumed.told().iter().map(|delivery| delivery.now_ms).collect::<Vec<_>>();
    assert_eq!(first, again, "the clock too");
}

#[test]
fn c62_after_an_edit_only_the_edited_call_is_asked() {
    let hand = ended(&["a", "b", "c", "d", "e"]);
    assert_eq!(asked_again(&hand, &["a", "b", "x", "d", "e"], edited()), ["x"]);
    assert_eq!(asked_again(&hand, &["e", "d", "c", "b", "a"], edited()), [""; 0], "wherever it stands");
}

#[test]
fn c62_equal_calls_are_taken_lowest_number_first_and_never_twice() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "same"), agent(2, "same")]);
    hand.answer(2, "second");
    hand.answer(1, "first");
    hand.step_to(2, vec![], done(json!("ok")));
    let mut resumed = Hand::resumed(&hand.journal, edited());
    resumed.step(0, vec![agent(1, "same"), agent(2, "same"), agent(3, "same")]);
    resumed.step(1, vec![]);
    resumed.step(1, vec![]);
    assert_eq!(resumed.told_to(1), Some(&value("first")));
    assert_eq!(resumed.told_to(2), Some(&value("second")));
    assert_eq!(resumed.tasks().len(), 1);
}

#[test]
fn c62_label_phase_and_patience_are_no_part_of_the_key_but_the_question_is() {
    let hand = ended(&["a"]);
    let started = |options: Value| {
        let mut resumed = Hand::resumed(&hand.journal, edited());
        resumed.step(0, vec![agent_with(1, "a", options)]);
        resumed.tasks().len()
    };
    for same in [json!({"label": "x"}), json!({"phase": "y"}), json!({"timeoutMs": 5}), json!({"retries": 3})]
    {
        assert_eq!(started(same.clone()), 0, "{same}");
    }
    let schema = json!({"schema": {"type": "object"}});
    for other in [json!({"model": "opus"}), json!({"effort": "low"}), json!({"agentType": "Explore"}), schema]
    {
        assert_eq!(started(other.clone()), 1, "{other}");
    }
}

#[test]
fn c62_results_of_an_edited_run_are_heard_again_in_their_old_order() {
    let mut hand = finished(&["a", "b", "c"], &[2, 3, 1]);
    hand.step_to(3, vec![], done(json!("ok")));
    let mut resumed = Hand::resumed(&hand.journal, edited());
    resumed.step(0, (1..=3).map(|n| agent(n, ["a", "b", "c"][n as usize - 1])).collect());
    for _ in 0..3 {
        resumed.step(1, vec![]);
    }
    let order: Vec<u64> = resumed.told().iter().map(|delivery| delivery.to.0).collect();
    assert_eq!(order, [2, 3, 1]);
}

#[test]
fn c63_an_ended_run_asks_its_failed_agents_again_and_nothing_else() {
    let mut hand = Hand::new();
    hand.step(0, (1..=6).map(|n| agent(n, &format!("p{n}"))).collect());
    for n in [1, 2, 3, 5, 6] {
        hand.answer(n, "ok");
    }
    hand.fail(4, CauseKind::Api);
    let prompts = ["p1", "p2", "p3", "p4", "p5", "p6"];
    let retry = Resumption { retry_failed: true, ..Resumption::default() };
    assert_eq!(asked_again(&hand, &prompts, retry), ["p4"], "an interrupted run, asked to retry");
    hand.step_to(6, vec![], done(json!("ok")));
    assert_eq!(asked_again(&hand, &prompts, Resumption::default()), ["p4"], "an ended run");
}

#[test]
fn c63_cache_never_is_asked_again_in_a_new_generation_only() {
    let mut hand = Hand::new();
    let never = || agent_with(1, "a", json!({"cache": "never"}));
    hand.step(0, vec![never()]);
    hand.answer(1, "x");
    let exact = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(exact.told_to(1), Some(&value("x")));
    let mut anew = Hand::resumed(&hand.journal, edited());
    anew.step(0, vec![never()]);
    assert_eq!(anew.prompts(), ["a"]);
}

#[test]
fn c64_a_run_killed_before_its_first_result_simply_goes_on() {
    let hand = Hand::new();
    let mut resumed = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(resumed.run.state().generation, 0);
    resumed.step(0, vec![agent(1, "a")]);
    assert_eq!(resumed.prompts(), ["a"]);
}

#[test]
fn a_replay_that_asks_something_else_starts_anew_and_reuses_what_fits() {
    let hand = finished(&["a", "b"], &[1, 2]);
    let mut resumed = Hand::resumed(&hand.journal, Resumption::default());
    resumed.step(0, vec![agent(1, "other"), agent(2, "b")]);
    assert_eq!(resumed.run.state().generation, 1);
    resumed.step(0, vec![agent(1, "other"), agent(2, "b")]);
    assert_eq!(resumed.prompts(), ["other"]);
}

#[test]
fn c13_a_new_generation_begins_with_the_first_clock_and_seed() {
    let hand = ended(&["a"]);
    let resumed = Hand::resumed(&hand.journal, edited());
    assert_eq!((resumed.start().now_ms, resumed.start().seed), (1_000, 1));
}

#[test]
fn c61_a_run_knows_the_survivors_of_a_dead_driver_until_it_is_resumed() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a")]);
    assert_eq!(hand.run.survivors(), []);
    let boot = || "b".to_owned();
    let process =
        baya_core::agent::AgentProcess { pid: 77, started: 5, boot: boot(), mark: None, kept: false };
    let started = |agent, process: &baya_core::agent::AgentProcess| Input::AgentProcessStarted {
        agent: AgentNumber(agent),
        attempt: 1,
        process: process.clone(),
    };
    hand.input(started(1, &process));
    assert_eq!(Run::load(&hand.journal).survivors(), [process]);
    // One that serves several agents is there when they are finished.
    let shared = baya_core::agent::AgentProcess { pid: 78, started: 6, boot: boot(), mark: None, kept: true };
    hand.input(started(1, &shared));
    hand.answer(1, "done");
    hand.step(0, vec![agent(2, "b")]);
    hand.input(started(2, &shared));
    assert_eq!(Run::load(&hand.journal).survivors(), [shared]);
    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(resumed.run.survivors(), []);
}

#[test]
fn only_what_is_heard_again_may_wait_for_the_next_commit() {
    let hand = ended(&["a", "b"]);
    let mut resumed = Hand::resumed(&hand.journal, edited());
    let mut step = |settled, calls: Vec<Call>| {
        let step = Step { settled, calls, state: StepState::Waiting };
        resumed.run.decide_all(vec![Input::Stepped { generation: 1, step }], 9_100).may_be_deferred
    };
    assert!(step(0, vec![agent(1, "a"), agent(2, "b")]), "two taken, the first heard");
    assert!(step(1, vec![]), "the second heard");
    assert!(!step(1, vec![agent(3, "new")]), "an agent starts");
}
