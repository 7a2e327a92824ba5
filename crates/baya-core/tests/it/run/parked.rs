//! A run that is parked until its provider's time of reset.

use super::*;
use baya_core::op::Op;

const HOUR_MS: i64 = 3_600_000;

fn used_up(reset_ms: Option<i64>) -> AttemptEnd {
    AttemptEnd::Unusable(Cause { retry_at_ms: reset_ms, ..Cause::new(CauseKind::Credit, "the weekly limit") })
}

impl Hand {
    /// One agent whose provider says this.
    fn parked(end: AttemptEnd) -> Hand {
        let mut hand = Hand::new();
        hand.step(0, vec![agent(1, "a")]);
        hand.report(1, end, 0);
        hand
    }

    fn wakes(&self) -> Vec<i64> {
        let wakes = self.effects.iter().filter_map(|effect| match effect {
            Effect::Wake { at_ms } => Some(*at_ms),
            _ => None,
        });
        wakes.collect()
    }

    fn wake_at(&mut self, now_ms: i64) {
        self.now_ms = now_ms - 10;
        self.input(Input::WakeDue);
    }

    /// By whom the run was continued.
    fn continued(&self) -> Vec<&str> {
        let continued = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::RunContinued { by } => Some(by.as_str()),
            _ => None,
        });
        continued.collect()
    }
}

#[test]
fn it_goes_on_by_itself_when_the_limit_is_reset_and_not_before() {
    let mut hand = Hand::parked(used_up(Some(HOUR_MS)));
    assert_eq!(hand.wakes(), [HOUR_MS]);
    assert!(!hand.run.is_over(), "it waits");
    hand.wake_at(HOUR_MS - 1);
    assert_eq!(hand.prompts(), ["a"]);
    hand.wake_at(HOUR_MS);
    assert_eq!(hand.continued(), ["the provider's time of reset"]);
    assert_eq!(hand.prompts(), ["a", "a"], "the agent did not fail, it is asked again");
    hand.answer(1, "at last");
    assert_eq!(hand.told_to(1), Some(&value("at last")));
    hand.wake_at(2 * HOUR_MS);
    assert_eq!(hand.continued().len(), 1, "a live run is not continued");
}

#[test]
fn what_no_time_cures_is_for_a_person() {
    let too_far = 1_000 + 20 + Limits::default().reset_wait_ms as i64 + 1;
    for reset_ms in [None, Some(too_far)] {
        let hand = Hand::parked(used_up(reset_ms));
        assert_eq!(hand.wakes(), Vec::<i64>::new(), "{reset_ms:?}");
        assert!(hand.run.is_over(), "{reset_ms:?}");
    }
    assert_eq!(Hand::parked(used_up(Some(too_far - 1))).wakes(), [too_far - 1]);
}

#[test]
fn the_wait_is_a_limit_of_the_run() {
    let mut hand = Hand::with(Limits { reset_wait_ms: 5_000, ..Limits::default() }, surroundings());
    hand.step(0, vec![agent(1, "a")]);
    hand.report(1, used_up(Some(HOUR_MS)), 0);
    assert!(hand.run.is_over());
}

#[test]
fn a_time_that_has_passed_is_no_reason_to_ask_at_once() {
    let mut hand = Hand::parked(used_up(Some(3)));
    let at_ms = hand.wakes()[0];
    assert_eq!(at_ms, hand.now_ms + 1_000);
    hand.wake_at(at_ms);
    assert_eq!(hand.prompts().len(), 2);
}

#[test]
fn of_several_causes_the_longest_lasting_counts() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a"), agent(2, "b"), agent(3, "c"), agent(4, "d")]);
    hand.report(1, used_up(Some(HOUR_MS)), 0);
    hand.report(2, used_up(Some(HOUR_MS / 2)), 0);
    hand.report(3, used_up(Some(2 * HOUR_MS)), 0);
    assert_eq!(hand.wakes(), [HOUR_MS, 2 * HOUR_MS]);
    hand.wake_at(HOUR_MS);
    assert_eq!(hand.prompts().len(), 4);
    hand.report(4, AttemptEnd::Unusable(Cause::new(CauseKind::Key, "refused")), 0);
    hand.wake_at(2 * HOUR_MS);
    assert_eq!(hand.prompts().len(), 4, "a refused key is no matter of time");
    assert!(hand.run.is_over());
}

#[test]
fn a_person_can_end_the_wait() {
    for op in [Op::Stop { by: "ann".to_owned() }, Op::Interrupt { by: "ann".to_owned() }] {
        let mut hand = Hand::parked(used_up(Some(HOUR_MS)));
        hand.input(Input::Op(op.clone()));
        hand.step_to(1, Vec::new(), done(json!(null)));
        assert!(hand.run.is_over(), "{op:?}");
    }
}

#[test]
fn a_pause_is_not_ended_by_the_provider() {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a")]);
    hand.input(Input::Op(Op::Pause { by: "ann".to_owned() }));
    hand.report(1, used_up(Some(HOUR_MS)), 0);
    assert_eq!(hand.wakes(), Vec::<i64>::new());
}

#[test]
fn c60_another_process_may_take_it_before_that_time_and_waits_the_same_way() {
    let hand = Hand::parked(used_up(Some(HOUR_MS)));
    let mut next = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(next.prompts(), ["a"], "it asks: the limit may be another one by now");
    next.report(1, used_up(Some(HOUR_MS)), 0);
    assert_eq!(next.wakes(), [HOUR_MS]);
    next.wake_at(HOUR_MS);
    assert_eq!(next.prompts(), ["a", "a"]);
}
