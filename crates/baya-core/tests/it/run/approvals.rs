//! Questions of agents: only the one that asks waits, an answer is durable before it is told, and is
//! not asked for twice.

use super::*;
use baya_core::approval::{Answerer, ApprovalRequest, Patience, Told, Verdict};
use baya_core::ids::ApprovalId;
use baya_core::op::Op;
use baya_core::view::RunView;

fn request(action: &str, patience: Patience) -> ApprovalRequest {
    let covers = vec![format!("command: {}", action.split(' ').next().unwrap_or_default())];
    ApprovalRequest {
        tool: "bash".to_owned(),
        action: action.to_owned(),
        why: "a rule".to_owned(),
        covers,
        patience,
    }
}

impl Hand {
    fn ask(&mut self, agent: u32, attempt: u32, ticket: u64, request: ApprovalRequest) {
        self.input(Input::ApprovalAsked { agent: AgentNumber(agent), attempt, ticket, request });
    }

    fn say(&mut self, id: u32, answer: Verdict) {
        self.input(Input::Op(Op::Answer { id: ApprovalId(id), answer, by: "ann".to_owned() }));
    }

    /// What was told at a ticket.
    fn said(&self, at: u64) -> Option<(Verdict, Answerer)> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::TellAnswer { ticket, told: Told { answer, by } } if *ticket == at => {
                Some((*answer, by.clone()))
            }
            _ => None,
        })
    }

    fn open(&self) -> Vec<u32> {
        self.run.state().approvals.open().map(|open| open.id.0).collect()
    }

    fn asked(&self) -> usize {
        self.journal.iter().filter(|recorded| matches!(recorded.event, Event::ApprovalAsked { .. })).count()
    }
}

fn ann(answer: Verdict) -> Option<(Verdict, Answerer)> {
    Some((answer, Answerer::Person("ann".to_owned())))
}

fn hand_with(agents: u64) -> Hand {
    let mut hand = Hand::new();
    hand.step(0, (1..=agents).map(|n| agent(n, &format!("agent {n}"))).collect());
    hand
}

#[test]
fn a_question_waits_until_a_person_answers_and_views_show_it() {
    let mut hand = hand_with(1);
    hand.ask(1, 1, 7, request("git push", Patience::Forever));
    assert_eq!((hand.open(), hand.said(7)), (vec![1], None));
    let view = RunView::of(&hand.journal);
    assert_eq!(view.questions[&ApprovalId(1)].request.action, "git push");
    assert!(view.answer_command(ApprovalId(1)).ends_with(" q1 allow|deny|always"));
    hand.say(1, Verdict::Allow);
    assert_eq!((hand.open(), hand.said(7)), (vec![], ann(Verdict::Allow)));
    assert!(RunView::of(&hand.journal).questions.is_empty());
    let answered = hand.journal.last().map(|last| last.event.clone());
    assert!(
        matches!(answered, Some(Event::ApprovalAnswered { .. })),
        "durable with what is told: {answered:?}"
    );
    hand.say(1, Verdict::Deny);
    hand.say(9, Verdict::Deny);
    assert_eq!(hand.asked(), 1, "a second answer, and one to no question, are nothing");
}

#[test]
fn without_a_person_it_is_a_denial_that_is_counted() {
    let mut hand = hand_with(1);
    for ticket in 1..=2 {
        hand.ask(1, 1, ticket, request("git push", Patience::Nobody));
        assert_eq!(hand.said(ticket), Some((Verdict::Deny, Answerer::Nobody)));
    }
    hand.ask(1, 1, 3, request("npm publish", Patience::Nobody));
    assert_eq!(RunView::of(&hand.journal).denied.unattended, 2, "the same action counts once");
}

#[test]
fn a_question_that_waits_too_long_is_denied() {
    let mut hand = hand_with(1);
    hand.ask(1, 1, 1, request("git push", Patience::For { ms: 500 }));
    let due = hand.effects.iter().find_map(|effect| match effect {
        Effect::SetApprovalTimer { id, due_ms } => Some((*id, *due_ms)),
        _ => None,
    });
    assert_eq!(due, Some((ApprovalId(1), hand.now_ms + 500)));
    hand.input(Input::ApprovalDue { id: ApprovalId(1) });
    assert_eq!(hand.said(1), Some((Verdict::Deny, Answerer::TimeLimit)));
    hand.ask(1, 1, 2, request("npm publish", Patience::For { ms: 500 }));
    hand.say(2, Verdict::Allow);
    hand.input(Input::ApprovalDue { id: ApprovalId(2) });
    assert_eq!(hand.said(2), ann(Verdict::Allow), "an answer in time stays");
    assert_eq!(RunView::of(&hand.journal).denied.too_late, 1);
}

#[test]
fn always_answers_what_it_covers_for_every_agent() {
    let mut hand = hand_with(3);
    hand.ask(1, 1, 1, request("git push origin", Patience::Forever));
    hand.ask(2, 1, 2, request("git tag", Patience::Forever));
    hand.ask(2, 1, 3, request("npm publish", Patience::Forever));
    hand.say(1, Verdict::Always);
    assert_eq!((hand.said(2), hand.said(3)), (ann(Verdict::Always), None));
    hand.ask(3, 1, 4, request("git gc", Patience::Forever));
    assert_eq!((hand.said(4), hand.asked()), (ann(Verdict::Allow), 3));
    let mut both = request("git add && npm test", Patience::Forever);
    both.covers = vec!["command: git".to_owned(), "command: npm".to_owned()];
    hand.ask(3, 1, 5, both);
    assert_eq!(hand.said(5), None, "half is not all");
    let mut nothing = request("x", Patience::Forever);
    nothing.covers.clear();
    hand.ask(3, 1, 6, nothing);
    assert_eq!(hand.said(6), None, "what covers nothing is never covered");
}

#[test]
fn after_a_crash_only_what_has_no_answer_is_asked_again() {
    let mut hand = hand_with(2);
    hand.ask(1, 1, 1, request("git push", Patience::Forever));
    hand.ask(2, 1, 2, request("git tag", Patience::Forever));
    hand.ask(2, 1, 3, request("npm test", Patience::For { ms: 5 }));
    hand.say(1, Verdict::Deny);
    hand.input(Input::ApprovalDue { id: ApprovalId(3) });
    let mut hand = Hand::resumed(&hand.journal, Resumption::default());
    assert!(hand.open().is_empty(), "nobody waits any more");
    hand.ask(1, 2, 11, request("git push", Patience::Forever));
    assert_eq!(hand.said(11), ann(Verdict::Deny));
    hand.ask(2, 2, 12, request("git tag", Patience::Forever));
    hand.ask(2, 2, 13, request("npm test", Patience::Forever));
    assert_eq!((hand.said(12), hand.said(13), hand.open()), (None, None, vec![4, 5]));
    hand.ask(1, 2, 14, request("git push --force", Patience::Forever));
    assert_eq!(hand.said(14), None, "another action is another question");
    hand.ask(2, 2, 15, request("git push", Patience::Forever));
    assert_eq!(hand.said(15), None, "one agent's answer is not another's");
}

#[test]
fn who_waits_for_a_person_takes_no_place_from_others() {
    let limits = Limits { concurrency: 1, ..Limits::default() };
    let mut hand = Hand::with(limits, surroundings());
    hand.step(0, vec![agent(1, "asks"), agent(2, "works"), agent(3, "waits")]);
    assert_eq!(hand.prompts(), ["asks"]);
    hand.ask(1, 1, 1, request("git push", Patience::Forever));
    assert_eq!(hand.prompts(), ["asks", "works"]);
    hand.say(1, Verdict::Allow);
    hand.answer(2, "done");
    assert_eq!(hand.prompts(), ["asks", "works"], "the first is at work again");
    hand.answer(1, "done");
    assert_eq!(hand.prompts(), ["asks", "works", "waits"]);
}

#[test]
fn a_question_ends_with_its_attempt_and_with_its_run() {
    let mut hand = hand_with(2);
    hand.ask(1, 1, 1, request("git push", Patience::Forever));
    hand.ask(1, 1, 2, request("git push", Patience::Forever));
    assert_eq!(hand.asked(), 1, "asked twice, one question");
    hand.input(Input::Op(Op::Skip { agent: AgentNumber(1), by: "ann".to_owned() }));
    hand.report(1, AttemptEnd::Cancelled, 0);
    let end = Some((Verdict::Deny, Answerer::End));
    assert_eq!((hand.open(), hand.said(1), hand.said(2)), (vec![], end.clone(), end.clone()));
    hand.ask(1, 1, 3, request("git push", Patience::Forever));
    assert_eq!(hand.said(3), end, "an attempt that is over hears so");
    hand.ask(2, 1, 4, request("git push", Patience::Forever));
    hand.input(Input::Op(Op::Stop { by: "ann".to_owned() }));
    assert!(hand.open().is_empty() && RunView::of(&hand.journal).questions.is_empty());
    hand.ask(2, 1, 5, request("git push", Patience::Forever));
    assert_eq!(hand.said(5), end);
}

#[test]
fn questions_survive_the_journals_form() {
    let asked = |patience| Event::ApprovalAsked {
        agent: AgentNumber(1),
        attempt: 2,
        id: ApprovalId(3),
        request: request("git push", patience),
    };
    let answered = |by| Event::ApprovalAnswered { id: ApprovalId(3), answer: Verdict::Always, by };
    for event in [
        asked(Patience::Nobody),
        asked(Patience::Forever),
        asked(Patience::For { ms: 9 }),
        answered(Answerer::Person("x".to_owned())),
        answered(Answerer::Nobody),
    ] {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
    }
}
