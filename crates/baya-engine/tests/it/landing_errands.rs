//! Landings that ask agents: what they make of a conflict is looked at, and a piece that is rejected stays.

use crate::landing::{Counting, Field, Records, checked, words};
use baya_core::errand::{Errand, ErrandAsk, ErrandEnd, Sides};
use baya_core::ids::AgentNumber;
use baya_core::landing::{Fate, LandingOptions, LandingRecord, OnConflict, Piece, Style};
use baya_engine::landing::{ErrandDesk, Landed};
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::sync::oneshot;

const BY: AgentNumber = AgentNumber(90);

type Says<'a> = dyn Fn(&Field, &Errand) -> Option<ErrandEnd> + Send + Sync + 'a;

/// Agents that do what the test says; `None`: the run is let go of.
struct Scripted<'a> {
    field: &'a Field,
    says: &'a Says<'a>,
    asked: Mutex<Vec<Errand>>,
}

impl<'a> Scripted<'a> {
    fn new(field: &'a Field, says: &'a Says<'a>) -> Scripted<'a> {
        Scripted { field, says, asked: Mutex::default() }
    }

    fn asked(&self) -> Vec<Errand> {
        self.asked.lock().expect("free").clone()
    }
}

impl ErrandDesk for Scripted<'_> {
    fn ask(&self, errand: Errand) -> oneshot::Receiver<ErrandEnd> {
        let (told, heard) = oneshot::channel();
        if let Some(end) = (self.says)(self.field, &errand) {
            told.send(end).expect("somebody waits");
        }
        self.asked.lock().expect("free").push(errand);
        heard
    }
}

fn sides(errand: &Errand) -> &Sides {
    match &errand.ask {
        ErrandAsk::Resolve(sides) => sides,
        ErrandAsk::Review { .. } => panic!("a review was asked for"),
    }
}

/// What an agent leaves in its worktree, which starts at the marked commit.
fn leaves(field: &Field, errand: &Errand, changes: &[(&str, Option<&str>)]) -> ErrandEnd {
    let marked = &sides(errand).marked;
    field.world.git(&["checkout", "-q", "--detach", marked]);
    for (name, text) in changes {
        match text {
            Some(text) => field.world.write(name, text),
            None => std::fs::remove_file(field.world.root.join(name)).expect("removed"),
        }
    }
    field.world.git(&["add", "-A"]);
    field.world.git(&["commit", "-q", "--allow-empty", "-m", "left"]);
    let head = if changes.is_empty() { marked.clone() } else { field.world.git(&["rev-parse", "HEAD"]) };
    field.world.git(&["checkout", "-q", "main"]);
    ErrandEnd::Answered { agent: BY, answer: json!("done"), head: Some(head) }
}

/// Two pieces that change the same file, and one that goes with both.
fn clashing(field: &Field) -> [Piece; 3] {
    [field.piece(1, &[("f0.txt", "mine\n")]), field.piece(2, &[("f0.txt", "yours\n")]), field.lone(3)]
}

fn by_agents(style: Style) -> LandingOptions {
    LandingOptions { on_conflict: OnConflict::Agent, style, ..checked("x") }
}

async fn land(field: &Field, desk: &Scripted<'_>, options: &LandingOptions, records: &mut Records) -> Landed {
    let pieces = clashing(field);
    let runner = Counting { bad: "bad.txt" };
    field.land_asking(&pieces, options, records, &runner, desk).await.expect("landed")
}

#[tokio::test]
async fn c72_a_conflict_lands_as_the_agent_made_it_and_says_who_did() {
    for (style, parents) in [(Style::Squash, 1), (Style::Merge, 2), (Style::Rebase, 1)] {
        let field = Field::new();
        let says =
            |field: &Field, errand: &Errand| Some(leaves(field, errand, &[("f0.txt", Some("ours\n"))]));
        let desk = Scripted::new(&field, &says);
        let landed = land(&field, &desk, &by_agents(style), &mut Records::default()).await;
        assert_eq!(words(&landed), ["landed"; 3], "{:?}", landed.fates);
        assert!(matches!(&landed.fates[1].1, Fate::Landed { resolved_by: Some(BY), .. }));
        assert!(matches!(&landed.fates[0].1, Fate::Landed { resolved_by: None, .. }));
        assert_eq!(field.world.git(&["show", &format!("{}:f0.txt", landed.tip)]), "ours");
        let about = field.world.git(&["log", "-1", "--format=%P%n%B", &landed.tip]);
        assert_eq!(about.lines().next().map(|line| line.split(' ').count()), Some(parents));
        assert!(about.contains("Baya-Agent: 2") && about.contains("Baya-Resolved-By: 90"), "{about}");
        let asked = desk.asked();
        let [errand] = asked.as_slice() else { panic!("{asked:?}") };
        let sides = sides(errand);
        assert_eq!(
            (errand.piece.agent, sides.files.as_slice()),
            (AgentNumber(2), &["f0.txt".to_owned()][..])
        );
        assert_eq!(sides.landed, [AgentNumber(1), AgentNumber(3)], "what does not clash lands before");
        let marked = field.world.git(&["show", &format!("{}:f0.txt", sides.marked)]);
        assert!(
            marked.contains("<<<<<<<") && marked.contains("mine") && marked.contains("yours"),
            "{marked}"
        );
        assert!(sides.said.iter().any(|said| said.contains("f0.txt")), "{:?}", sides.said);
    }
}

#[tokio::test]
async fn c72_what_an_agent_leaves_open_is_a_conflict_with_the_reason() {
    let marks = "<<<<<<< mine\nmine\n=======\nyours\n>>>>>>> yours\n";
    let middle = "mine\n=======\nyours\n";
    let leaving = |changes: &'static [(&'static str, Option<&'static str>)]| {
        move |field: &Field, errand: &Errand| Some(leaves(field, errand, changes))
    };
    let failing = |_: &Field, _: &Errand| {
        let why = "no answer within `timeoutMs`".to_owned();
        Some(ErrandEnd::Failed { agent: Some(BY), why })
    };
    let elsewhere = |field: &Field, errand: &Errand| {
        let text = field.world.git(&["show", &format!("{}:f0.txt", sides(errand).marked)]);
        Some(leaves(field, errand, &[("f0.txt", Some("mine\n")), ("moved.txt", Some(&text))]))
    };
    let cases: [(&Says<'_>, &str); 8] = [
        (&leaving(Box::leak(Box::new([("f0.txt", Some(marks))]))), "left conflict marks in f0.txt"),
        (&leaving(Box::leak(Box::new([("f0.txt", Some(middle))]))), "left conflict marks in f0.txt"),
        (&elsewhere, "left conflict marks in moved.txt"),
        (&leaving(&[]), "changed nothing"),
        (&leaving(&[("f0.txt", None)]), "removed f0.txt, which both sides have"),
        (&leaving(&[("f0.txt", Some("mine\n"))]), "left nothing of it"),
        (
            &leaving(&[("f0.txt", Some("both\n")), ("bad.txt", Some("x\n"))]),
            "what #90 made of it: check failed",
        ),
        (&failing, "#90, who was to merge it, failed: no answer within"),
    ];
    for (says, expected) in cases {
        let field = Field::new();
        let desk = Scripted::new(&field, says);
        let landed = land(&field, &desk, &by_agents(Style::Squash), &mut Records::default()).await;
        assert_eq!(words(&landed), ["landed", "conflict", "landed"], "{expected}");
        let Fate::Conflict { files, why: Some(why) } = &landed.fates[1].1 else {
            panic!("{:?}", landed.fates)
        };
        assert!(why.contains(expected), "`{expected}` is not in `{why}`");
        assert_eq!(files, &["f0.txt"]);
        assert_eq!(field.world.git(&["show", &format!("{}:f0.txt", landed.tip)]), "mine");
    }
}

#[tokio::test]
async fn text_that_is_about_marks_may_be_merged() {
    let field = Field::new();
    let title = "Example\n=======\n";
    let pieces = [
        field.piece(1, &[("f0.txt", &format!("{title}one\n"))]),
        field.piece(2, &[("f0.txt", &format!("{title}two\n"))]),
    ];
    let both = format!("{title}one\ntwo\n");
    let says = |field: &Field, errand: &Errand| Some(leaves(field, errand, &[("f0.txt", Some(&both))]));
    let desk = Scripted::new(&field, &says);
    let runner = Counting { bad: "bad.txt" };
    let options = by_agents(Style::Squash);
    let landed = field.land_asking(&pieces, &options, &mut Records::default(), &runner, &desk).await;
    assert_eq!(words(&landed.expect("landed")), ["landed", "landed"]);
}

#[tokio::test]
async fn a_side_that_removed_a_file_may_win() {
    let field = Field::new();
    let removal = {
        field.world.git(&["checkout", "-q", "--detach", "main"]);
        std::fs::remove_file(field.world.root.join("f0.txt")).expect("removed");
        field.piece_of_folder(1)
    };
    let pieces = [removal, field.piece(2, &[("f0.txt", "yours\n"), ("other.txt", "x\n")])];
    let says = |field: &Field, errand: &Errand| Some(leaves(field, errand, &[("f0.txt", None)]));
    let desk = Scripted::new(&field, &says);
    let runner = Counting { bad: "bad.txt" };
    let options = by_agents(Style::Squash);
    let landed = field.land_asking(&pieces, &options, &mut Records::default(), &runner, &desk).await;
    let landed = landed.expect("landed");
    assert_eq!(words(&landed), ["landed", "landed"], "{:?}", landed.fates);
    assert!(field.world.files_of(&landed.tip).iter().any(|file| file.ends_with("other.txt")));
}

fn answers(holds: Value, reason: &str) -> Option<ErrandEnd> {
    Some(ErrandEnd::Answered { agent: BY, answer: json!({"holds": holds, "reason": reason}), head: None })
}

#[tokio::test]
async fn c72_reviewers_see_each_piece_and_only_what_holds_lands() {
    let field = Field::new();
    let says = |_: &Field, errand: &Errand| match errand.piece.agent.0 {
        1 => answers(json!(true), "fine"),
        2 => answers(json!(false), "it empties f0.txt"),
        _ => Some(ErrandEnd::Failed { agent: Some(BY), why: "it died".to_owned() }),
    };
    let desk = Scripted::new(&field, &says);
    let options = LandingOptions { review: Some(String::new()), ..checked("x") };
    let landed = land(&field, &desk, &options, &mut Records::default()).await;
    assert_eq!(words(&landed), ["landed", "rejected", "skipped"]);
    assert_eq!(landed.fates[1].1, Fate::Rejected { by: BY, why: "it empties f0.txt".to_owned() });
    assert_eq!(landed.fates[2].1.words(), "skipped: its reviewer #90 gave no verdict: it died");
    let patch = |errand: &Errand| match &errand.ask {
        ErrandAsk::Review { patch } => patch.clone(),
        ErrandAsk::Resolve(_) => panic!("no merge was asked for"),
    };
    let patches: Vec<String> = desk.asked().iter().map(patch).collect();
    assert_eq!(patches.len(), 3, "all at once");
    assert!(patches[1].contains("+yours") && !patches[1].contains("+mine"), "{}", patches[1]);
    assert!(
        field.world.git(&["cat-file", "-t", &clashing(&field)[1].head]).contains("commit"),
        "it is there still"
    );
}

#[tokio::test]
async fn a_landing_that_was_killed_asks_only_what_it_has_not_decided() {
    let field = Field::new();
    let is_let_go = Mutex::new(true);
    let says = |_: &Field, errand: &Errand| match (&errand.ask, errand.piece.agent.0) {
        (ErrandAsk::Review { .. }, 3) => answers(json!(false), "no"),
        (ErrandAsk::Review { .. }, _) => answers(json!(true), "yes"),
        (ErrandAsk::Resolve(_), _) if *is_let_go.lock().expect("free") => None,
        (ErrandAsk::Resolve(_), _) => Some(leaves(&field, errand, &[("f0.txt", Some("both\n"))])),
    };
    let options = LandingOptions { review: Some("r".to_owned()), ..by_agents(Style::Squash) };
    let (pieces, runner) = (clashing(&field), Counting { bad: "bad.txt" });
    let mut records = Records::default();
    let desk = Scripted::new(&field, &says);
    field.land_asking(&pieces, &options, &mut records, &runner, &desk).await.expect_err("let go");
    *is_let_go.lock().expect("free") = false;
    let again = Scripted::new(&field, &says);
    let landed = field.land_asking(&pieces, &options, &mut records, &runner, &again).await.expect("landed");
    assert_eq!(words(&landed), ["landed", "landed", "rejected"]);
    let reviews = |desk: &Scripted<'_>| {
        desk.asked().iter().filter(|errand| matches!(errand.ask, ErrandAsk::Review { .. })).count()
    };
    assert_eq!((reviews(&desk), reviews(&again)), (3, 2), "what was rejected is not judged again");
    let merges = |desk: &Scripted<'_>| -> Vec<String> {
        let asked = desk.asked();
        let merges = asked.iter().filter(|errand| matches!(errand.ask, ErrandAsk::Resolve(_)));
        merges.map(|errand| sides(errand).marked.clone()).collect()
    };
    assert_eq!(merges(&desk), merges(&again), "the same question, so that its answer is taken again");
    let begun = records.written.iter().filter(|record| matches!(record, LandingRecord::Begun { .. }));
    assert_eq!(begun.count(), 1);
}
