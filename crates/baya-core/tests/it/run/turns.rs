//! Turns of agents: written down as they come, handed to the attempt that goes on, paid for once.

use super::*;
use baya_core::turn::{TurnCost, TurnRecord};

fn answered(output: u64) -> TurnRecord {
    let usage = Usage { output, source: UsageSource::Reported, ..Usage::default() };
    let cost = TurnCost { usage, model_served: None, requests: 1 };
    TurnRecord::Answered {
        model: "p/m".to_owned(),
        content: json!(["said"]),
        calls: Vec::new(),
        is_cut: false,
        cost,
    }
}

fn turn(hand: &mut Hand, attempt: u32, turn: TurnRecord) {
    hand.input(Input::AgentTurn { agent: AgentNumber(1), attempt, turn });
}

/// One agent that has taken two steps.
fn under_way() -> Hand {
    let mut hand = Hand::new();
    hand.step(0, vec![agent(1, "a")]);
    turn(&mut hand, 1, answered(7));
    turn(
        &mut hand,
        1,
        TurnRecord::ToolEnded { call: 0, text: "it is so".to_owned(), is_error: false, memory: None },
    );
    hand
}

fn recorded(hand: &Hand) -> usize {
    hand.journal.iter().filter(|recorded| matches!(recorded.event, Event::AgentTurn { .. })).count()
}

#[test]
fn c61_an_agent_whose_driver_died_goes_on_with_its_turns() {
    let hand = under_way();
    assert_eq!((recorded(&hand), hand.tasks()[0].turns.len()), (2, 0));
    let resumed = Hand::resumed(&hand.journal, Resumption::default());
    let task = resumed.tasks()[0];
    assert_eq!((task.attempt, task.turns.len()), (2, 2));
    assert_eq!(task.turns[0], answered(7));
}

#[test]
fn c51_turns_are_paid_for_once_even_if_their_attempt_is_lost() {
    let mut hand = under_way();
    assert_eq!(hand.run.state().usage.output, 7);
    hand = Hand::resumed(&hand.journal, Resumption::default());
    assert_eq!(hand.run.state().usage.output, 7, "a resume adds nothing");
    hand.answer(1, "done");
    assert_eq!(hand.run.state().usage.output, 12, "the report has what no turn carries");
    let delivered = hand.told().into_iter().find(|delivery| delivery.to == CallId(1));
    assert_eq!(delivered.map(|delivery| delivery.tokens_spent), Some(12));
}

#[test]
fn a_stalled_or_cancelled_attempt_is_gone_on_with_and_a_failed_one_begins_anew() {
    let ends = [
        (AttemptEnd::Failed(Cause::new(CauseKind::Stalled, "silent")), 2),
        (AttemptEnd::Cancelled, 2),
        (AttemptEnd::Failed(Cause::new(CauseKind::Program, "broke")), 0),
    ];
    for (end, turns) in ends {
        let mut hand = Hand::new();
        hand.step(0, vec![agent_with(1, "a", json!({"retries": 1}))]);
        turn(&mut hand, 1, answered(7));
        turn(&mut hand, 1, TurnRecord::ToolStarted { call: 0 });
        hand.report(1, end.clone(), 0);
        let task = hand.tasks()[1];
        assert_eq!((task.attempt, task.turns.len()), (2, turns), "{end:?}");
    }
}

#[test]
fn a_turn_of_an_attempt_that_is_over_is_not_written_down() {
    let mut hand = under_way();
    hand.report(1, AttemptEnd::Failed(Cause::new(CauseKind::Stalled, "silent")), 0);
    turn(&mut hand, 1, answered(9));
    assert_eq!((recorded(&hand), hand.run.state().usage.output), (2, 7));
}

#[test]
fn turns_survive_the_journals_form() {
    let turns = [
        answered(3),
        TurnRecord::ToolStarted { call: 1 },
        TurnRecord::ToolEnded {
            call: 1,
            text: "t".to_owned(),
            is_error: true,
            memory: Some(json!({"n": 1})),
        },
        TurnRecord::Folded { kept: 3 },
        TurnRecord::Summarised { notes: "n".to_owned(), cost: TurnCost::default() },
    ];
    for turn in turns {
        let event = Event::AgentTurn { agent: AgentNumber(1), attempt: 1, turn };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
    }
}
