//! Errands of landings: agents of the run that no call of the script asked for (C72).

use super::*;
use baya_core::errand::{Errand, ErrandAsk, ErrandEnd, ErrandKind, Sides};
use baya_core::landing::{LandingOptions, Piece};
use baya_core::op::Op;
use baya_core::run::{AgentState, Life};
use baya_core::step::HostStep;
use baya_core::work::{FileWork, Work};

const TASK: &str = "rename the type in a.txt";

fn in_git() -> Surroundings {
    Surroundings { in_git_repository: true, base: Some("b0".to_owned()), ..surroundings() }
}

fn work(head: &str) -> Work {
    Work {
        base: "b0".to_owned(),
        head: head.to_owned(),
        branch: "baya-work/x/1".to_owned(),
        kept_as: None,
        files_changed: 1,
        lines_added: 1,
        lines_removed: 0,
        files: vec![FileWork { path: "a.txt".to_owned(), added: Some(1), removed: Some(0) }],
        patch: None,
    }
}

/// A run with two works that change the same file.
fn with_works(limits: Limits) -> Hand {
    let mut hand = Hand::with(limits, in_git());
    let isolated = json!({"isolation": "worktree", "label": "ours", "phase": "Edit"});
    let other = json!({"isolation": "worktree", "label": "theirs", "phase": "Edit"});
    hand.step(0, vec![agent_with(1, "count the users", isolated), agent_with(2, TASK, other)]);
    finish(&mut hand, 1, "h1");
    finish(&mut hand, 2, "h2");
    hand
}

fn finish(hand: &mut Hand, agent: u32, head: &str) {
    let end = AttemptEnd::Answered(Answer::Text("done".to_owned()));
    let report = AttemptReport { work: Some(Box::new(work(head))), ..AttemptReport::new(end) };
    let attempts = hand.tasks().into_iter().filter(|task| task.agent.0 == agent).map(|task| task.attempt);
    let attempt = attempts.max().unwrap_or(1);
    hand.input(Input::AgentEnded { agent: AgentNumber(agent), attempt, report });
}

fn piece() -> Piece {
    Piece { agent: AgentNumber(2), label: "theirs".to_owned(), base: "b0".to_owned(), head: "h2".to_owned() }
}

fn resolving(tip: &str) -> Errand {
    let sides = Sides {
        tip: tip.to_owned(),
        marked: format!("marked-{tip}"),
        files: vec!["a.txt".to_owned()],
        said: vec!["CONFLICT (content): Merge conflict in a.txt".to_owned()],
        landed: vec![AgentNumber(1)],
    };
    let options = LandingOptions { check: Some("cargo test".to_owned()), ..LandingOptions::default() };
    Errand { piece: piece(), ask: ErrandAsk::Resolve(Box::new(sides)), options }
}

fn reviewing(rubric: &str) -> Errand {
    let ask = ErrandAsk::Review { patch: "+new line\n".to_owned() };
    let (review, model) = (Some(rubric.to_owned()), Some("opus".to_owned()));
    let options = LandingOptions { review, model, ..LandingOptions::default() };
    Errand { piece: piece(), ask, options }
}

fn ask(hand: &mut Hand, ticket: u64, errand: Errand) {
    hand.input(Input::ErrandAsked { ticket, errand: Box::new(errand) });
}

fn told(hand: &Hand, wanted: u64) -> Option<&ErrandEnd> {
    hand.effects.iter().find_map(|effect| match effect {
        Effect::TellErrand { ticket, end } if *ticket == wanted => Some(end),
        _ => None,
    })
}

fn head_of(end: Option<&ErrandEnd>) -> Option<(u32, &str)> {
    match end? {
        ErrandEnd::Answered { agent, head, .. } => Some((agent.0, head.as_deref().unwrap_or_default())),
        ErrandEnd::Failed { .. } => None,
    }
}

#[test]
fn c72_whoever_merges_is_told_both_sides_the_files_and_the_check() {
    let mut hand = with_works(Limits::default());
    ask(&mut hand, 1, resolving("tip"));
    let task = hand.tasks().last().expect("a task").to_owned().clone();
    assert_eq!((task.agent, task.label.as_str()), (AgentNumber(3), "merge: theirs"));
    assert_eq!((task.options.worktree, task.options.base.as_deref()), (true, Some("marked-tip")));
    assert_eq!(task.options.timeout_ms, Some(30 * 60 * 1_000), "one that hangs is ended");
    for words in ["- a.txt", "CONFLICT (content)", "commit tip", "commit h2", "commit b0", TASK, "cargo test"]
    {
        assert!(task.prompt.contains(words), "`{words}` is not in: {}", task.prompt);
    }
    assert!(task.prompt.contains("#1 `ours`") && task.prompt.contains("count the users"), "{}", task.prompt);
    let errand = hand.run.state().agent(AgentNumber(3)).and_then(|agent| agent.errand).expect("an errand");
    assert_eq!((errand.kind, errand.piece), (ErrandKind::Resolve, AgentNumber(2)));
    let before = hand.told().len();
    finish(&mut hand, 3, "merged");
    assert_eq!(head_of(told(&hand, 1)), Some((3, "merged")));
    assert_eq!(hand.told().len(), before, "the script hears nothing of it");
    assert_eq!(hand.run.failures().agents, 3, "it is an agent of the run");
}

#[test]
fn c72_a_reviewer_only_looks_and_answers_whether_it_holds() {
    let mut hand = with_works(Limits::default());
    ask(&mut hand, 1, reviewing("it renames every use"));
    let task = hand.tasks().last().expect("a task").to_owned().clone();
    assert_eq!(task.label, "review: theirs");
    assert_eq!(task.options.tools.as_deref(), Some(&["Read", "Glob", "Grep"].map(str::to_owned)[..]));
    assert_eq!((task.options.base.as_deref(), task.options.model.as_deref()), (Some("h2"), Some("opus")));
    for words in [TASK, "+new line", "it renames every use"] {
        assert!(task.prompt.contains(words), "`{words}` is not in: {}", task.prompt);
    }
    let verdict = json!({"holds": "perhaps", "reason": "?"});
    hand.report(3, AttemptEnd::Answered(Answer::Json(verdict)), 1);
    let Some(ErrandEnd::Failed { agent: Some(AgentNumber(3)), .. }) = told(&hand, 1) else {
        panic!("{:?}", told(&hand, 1))
    };
}

#[test]
fn c72_an_errand_is_bought_once_whoever_asks_again() {
    let mut hand = with_works(Limits::default());
    ask(&mut hand, 1, resolving("tip"));
    ask(&mut hand, 2, resolving("tip"));
    finish(&mut hand, 3, "merged");
    ask(&mut hand, 3, resolving("tip"));
    for ticket in 1..=3 {
        assert_eq!(head_of(told(&hand, ticket)), Some((3, "merged")), "{ticket}");
    }
    assert_eq!(hand.tasks().len(), 3);
    ask(&mut hand, 4, resolving("another tip"));
    assert_eq!(hand.tasks().len(), 4, "another tip is another question");
    let mut later = resumed(&hand.journal, Some(edited()));
    ask(&mut later, 9, resolving("tip"));
    assert_eq!(head_of(told(&later, 9)), Some((3, "merged")), "a later generation takes it, too");
}

/// Another process finds the journal.
fn resumed(journal: &[Recorded], script: Option<ScriptRecord>) -> Hand {
    let mut run = Run::load(journal);
    let resumption = Resumption { surroundings: in_git(), script, fence: 2, pid: 2, ..Resumption::default() };
    let batch = run.resume(resumption, 9_000);
    let mut hand = Hand { run, journal: journal.to_vec(), effects: Vec::new(), now_ms: 9_000 };
    hand.take(batch);
    hand
}

fn edited() -> ScriptRecord {
    ScriptRecord { hash: "another".to_owned(), ..script("main") }
}

#[test]
fn c72_an_errand_lost_in_a_crash_starts_anew_when_it_is_asked_for() {
    let mut hand = with_works(Limits::default());
    ask(&mut hand, 1, resolving("tip"));
    let mut later = resumed(&hand.journal, None);
    assert!(later.tasks().is_empty(), "nobody waits for it yet");
    ask(&mut later, 7, resolving("tip"));
    let tasks: Vec<_> = later.tasks().iter().map(|task| (task.agent.0, task.attempt)).collect();
    assert_eq!(tasks, [(3, 2)]);
    finish(&mut later, 3, "merged");
    assert_eq!(head_of(told(&later, 7)), Some((3, "merged")));
}

#[test]
fn an_errand_that_failed_is_asked_again_only_when_a_landing_asks() {
    let mut hand = with_works(Limits::default());
    ask(&mut hand, 1, resolving("tip"));
    hand.fail(3, CauseKind::Timeout);
    assert!(matches!(told(&hand, 1), Some(ErrandEnd::Failed { agent: Some(AgentNumber(3)), .. })));
    assert_eq!(hand.tasks().len(), 3);
    ask(&mut hand, 2, resolving("tip"));
    assert_eq!(hand.tasks().last().map(|task| task.agent), Some(AgentNumber(4)));
}

#[test]
fn an_errand_counts_against_the_limits_of_the_run() {
    let mut hand = with_works(Limits { agents_max: 2, ..Limits::default() });
    ask(&mut hand, 1, resolving("tip"));
    let Some(ErrandEnd::Failed { agent: None, why }) = told(&hand, 1) else { panic!("{:?}", told(&hand, 1)) };
    assert!(why.contains("--max-agents"), "{why}");
    let mut hand = with_works(Limits { concurrency: 1, ..Limits::default() });
    hand.step(0, vec![agent(3, "busy")]);
    ask(&mut hand, 1, resolving("tip"));
    assert_eq!(hand.tasks().len(), 3, "it waits for its turn");
    hand.answer(3, "done");
    assert_eq!(hand.tasks().len(), 4);
}

#[test]
fn a_stop_ends_an_errand_and_starts_no_other() {
    let mut hand = with_works(Limits { concurrency: 1, ..Limits::default() });
    ask(&mut hand, 1, resolving("tip"));
    ask(&mut hand, 2, reviewing(""));
    hand.input(Input::Op(Op::Stop { by: "me".to_owned() }));
    let cancelled = |effect: &&Effect| matches!(effect, Effect::CancelAgent { agent: AgentNumber(3), .. });
    assert_eq!(hand.effects.iter().filter(cancelled).count(), 1);
    hand.report(3, AttemptEnd::Cancelled, 0);
    ask(&mut hand, 3, resolving("later"));
    assert_eq!(hand.tasks().len(), 3);
    assert!(matches!(told(&hand, 3), None | Some(ErrandEnd::Failed { agent: None, .. })));
}

#[test]
fn c72_a_run_that_ended_is_tended_without_going_on() {
    let mut hand = with_works(Limits::default());
    hand.step_to(2, vec![], done(json!("over")));
    assert!(matches!(hand.run.state().life, Life::Ended(_)));
    let mut run = Run::load(&hand.journal);
    let batch = run.tend(Some(in_git()), 99_000);
    assert!(batch.events.is_empty(), "{:?}", batch.events);
    let mut hand = Hand { run, journal: hand.journal, effects: Vec::new(), now_ms: 99_000 };
    ask(&mut hand, 1, resolving("tip"));
    finish(&mut hand, 3, "merged");
    assert_eq!(head_of(told(&hand, 1)), Some((3, "merged")));
    assert!(matches!(Run::load(&hand.journal).state().life, Life::Ended(_)), "it is over still");
    ask(&mut hand, 2, reviewing(""));
    let cause = Cause::new(CauseKind::Key, "the key is refused");
    hand.report(4, AttemptEnd::Unusable(cause), 0);
    let failed = told(&hand, 2);
    assert!(
        matches!(failed, Some(ErrandEnd::Failed { why, .. }) if why == "the key is refused"),
        "{failed:?}"
    );
    let kept = Run::load(&hand.journal);
    let state = kept.state().agent(AgentNumber(3)).map(|agent| agent.state.clone());
    assert!(matches!(state, Some(AgentState::Finished(_))), "{state:?}");
    assert!(kept.end().is_some_and(|end| end.result == Some(json!("over"))));
}

#[test]
fn what_agents_on_errands_leave_is_no_piece() {
    let mut hand = with_works(Limits::default());
    ask(&mut hand, 1, resolving("tip"));
    finish(&mut hand, 3, "merged");
    let step = json!({"do": "land", "select": {"phase": "Landing"}, "options": {"on_conflict": "agent"}});
    let step: HostStep = serde_json::from_value(step).expect("a step");
    let kind = CallKind::Step { step };
    hand.step(2, vec![Call { id: CallId(3), frame: FrameId::MAIN, site: None, kind }]);
    let pieces = hand.effects.iter().find_map(|effect| match effect {
        Effect::PerformStep(order) => Some(order.pieces.len()),
        _ => None,
    });
    assert_eq!(pieces, Some(0), "it is taken, and it has nothing to land");
}
