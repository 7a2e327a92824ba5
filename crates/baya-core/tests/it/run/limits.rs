//! Concurrency, the agent limit and the token budget (C26, C51, C52).

use super::*;
use baya_core::call::ThrowKind;

#[test]
fn c52_no_more_agents_start_than_the_run_may_have_at_once() {
    let mut hand = Hand::with(Limits { concurrency: 2, ..Limits::default() }, surroundings());
    hand.step(0, (1..=4).map(|n| agent(n, &format!("p{n}"))).collect());
    assert_eq!(hand.prompts(), ["p1", "p2"]);
    hand.answer(2, "x");
    assert_eq!(hand.prompts(), ["p1", "p2", "p3"]);
}

#[test]
fn a_model_has_a_limit_of_its_own_and_others_pass_by() {
    let by_model = [("opus".to_owned(), 1)].into();
    let limits = Limits { concurrency: 3, concurrency_by_model: by_model, ..Limits::default() };
    let mut hand = Hand::with(limits, surroundings());
    let opus = json!({"model": "opus"});
    hand.step(0, vec![agent_with(1, "o1", opus.clone()), agent_with(2, "o2", opus), agent(3, "other")]);
    assert_eq!(hand.prompts(), ["o1", "other"]);
    hand.answer(1, "x");
    assert_eq!(hand.prompts(), ["o1", "other", "o2"]);
}

#[test]
fn c26_the_agent_limit_throws_and_names_the_flag() {
    let mut hand = Hand::with(Limits { agents_max: 2, ..Limits::default() }, surroundings());
    hand.step(0, (1..=3).map(|n| agent(n, "same")).collect());
    assert_eq!(hand.thrown_to(3).kind, ThrowKind::AgentLimit);
    assert!(hand.thrown_to(3).message.contains("--max-agents"));
    assert_eq!(hand.run.failures().causes, [("agent limit reached".to_owned(), 1)]);
}

#[test]
fn c51_agent_throws_once_the_budget_is_spent_and_nothing_queued_starts() {
    let limits = Limits { concurrency: 1, budget_tokens: Some(10), ..Limits::default() };
    let mut hand = Hand::with(limits, surroundings());
    hand.step(0, (1..=3).map(|n| agent(n, &format!("p{n}"))).collect());
    hand.answer(1, "costs 5");
    hand.answer(2, "costs 5");
    assert_eq!(hand.prompts(), ["p1", "p2"]);
    assert_eq!(hand.thrown_to(3).kind, ThrowKind::Budget);
    hand.step(3, vec![agent(4, "p4")]);
    assert_eq!(hand.thrown_to(4).kind, ThrowKind::Budget);
    let readings: Vec<u64> = hand.told().iter().map(|delivery| delivery.tokens_spent).collect();
    assert_eq!(readings, [5, 10, 10, 10]);
}

#[test]
fn c51_a_kill_and_resume_refills_nothing_and_only_a_new_budget_does() {
    let limits = Limits { concurrency: 1, budget_tokens: Some(5), ..Limits::default() };
    let mut hand = Hand::with(limits.clone(), surroundings());
    hand.step(0, vec![agent(1, "p1")]);
    hand.answer(1, "costs 5");

    let mut resumed = Hand::resumed(&hand.journal, Resumption::default());
    resumed.step(1, vec![agent(2, "p2")]);
    assert_eq!(resumed.thrown_to(2).kind, ThrowKind::Budget);

    let more = Limits { budget_tokens: Some(50), ..limits };
    let mut raised = Hand::resumed(&hand.journal, Resumption { limits: Some(more), ..Resumption::default() });
    assert_eq!(raised.start().budget_total, Some(50));
    raised.step(0, vec![agent(1, "p1")]);
    raised.step(1, vec![agent(2, "p2")]);
    assert_eq!(raised.prompts(), ["p2"]);
    let last = raised.told().last().map(|delivery| delivery.tokens_spent);
    assert_eq!(last, Some(5), "a replay adds nothing");
}
