//! The landing queue: what lands, what does not and why, and that a killed landing goes on.

use crate::worktree::{RUN, World};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::landing::{Fate, LandingOptions, LandingRecord, OnConflict, Piece, Style};
use baya_engine::git::{Locks, Repository};
use baya_engine::landing::{
    CheckEnd, CheckRunner, ErrandDesk, Into, IntoError, Landed, Landing, LandingError, LandingLog, NoErrands,
    ShellCheck, bring_into,
};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Records in memory; breaks after so many, as a kill would.
#[derive(Default)]
pub struct Records {
    pub written: Vec<LandingRecord>,
    pub breaks_after: Option<usize>,
}

impl LandingLog for Records {
    fn write<'a>(&'a mut self, records: Vec<LandingRecord>) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            // All of them or none, as a commit of the journal.
            if self.breaks_after.is_some_and(|most| self.written.len() + records.len() > most) {
                return Err("killed".to_owned());
            }
            self.written.extend(records);
            Ok(())
        })
    }
}

pub struct Field {
    pub world: World,
    base: String,
    run: RunId,
}

impl Field {
    /// A repository of 10 files with 9 lines each.
    pub fn new() -> Field {
        let world = World::new();
        let lines = |name: usize| (1..=9).map(|line| format!("{name}.{line}\n")).collect::<String>();
        (0..10).for_each(|name| world.write(&format!("f{name}.txt"), &lines(name)));
        world.git(&["add", "-A"]);
        world.git(&["commit", "-qm", "files"]);
        let base = world.git(&["rev-parse", "HEAD"]);
        Field { world, base, run: RunId::parse(RUN).expect("an id") }
    }

    /// An agent's commit that changes these files; `None` removes one.
    pub fn piece(&self, number: u32, changes: &[(&str, &str)]) -> Piece {
        self.world.git(&["checkout", "-q", "--detach", &self.base]);
        changes.iter().for_each(|(name, text)| self.world.write(name, text));
        self.piece_of_folder(number)
    }

    /// All that is in the checkout, which is detached, as an agent's commit.
    pub fn piece_of_folder(&self, number: u32) -> Piece {
        self.world.git(&["add", "-A"]);
        self.world.git(&["commit", "-qm", &format!("agent {number}")]);
        let head = self.world.git(&["rev-parse", "HEAD"]);
        self.world.git(&["checkout", "-q", "main"]);
        let label = format!("piece {number}");
        Piece { agent: AgentNumber(number), label, base: self.base.clone(), head }
    }

    /// An agent's commit that adds a file of its own.
    pub fn lone(&self, number: u32) -> Piece {
        self.adding(number, &format!("new/{number}.txt"))
    }

    /// The same without a checkout, which is quick.
    fn adding(&self, number: u32, name: &str) -> Piece {
        let (base, branch) = (&self.base, format!("refs/made/{number}"));
        let stream = format!(
            "commit {branch}\ncommitter agent <agent@localhost> 0 +0000\ndata 5\nagent\nfrom {base}\n\
             M 100644 inline {name}\ndata 4\nnew\n\ndone\n"
        );
        let stream_file = self.world.home.join("stream");
        std::fs::write(&stream_file, stream).expect("written");
        let run = format!("git fast-import --quiet --done --force < {}", stream_file.display());
        let mut git = std::process::Command::new("sh");
        let git = git.arg("-c").arg(run).current_dir(&self.world.root);
        assert!(git.status().expect("git runs").success());
        let head = self.world.git(&["rev-parse", &branch]);
        let label = format!("piece {number}");
        Piece { agent: AgentNumber(number), label, base: base.clone(), head }
    }

    async fn repository(&self) -> Repository {
        Repository::find(&self.world.git_of(), &self.world.root).await.expect("a repository")
    }

    async fn land(
        &self,
        pieces: &[Piece],
        options: &LandingOptions,
        records: &mut Records,
        runner: &dyn CheckRunner,
    ) -> Result<Landed, LandingError> {
        self.land_asking(pieces, options, records, runner, &NoErrands).await
    }

    pub async fn land_asking(
        &self,
        pieces: &[Piece],
        options: &LandingOptions,
        records: &mut Records,
        runner: &dyn CheckRunner,
        errands: &dyn ErrandDesk,
    ) -> Result<Landed, LandingError> {
        let repository = self.repository().await;
        let locks = Locks::new(&self.world.state);
        let logs = self.world.state.join("logs");
        let landing = Landing {
            repository: &repository,
            locks: &locks,
            state: &self.world.state,
            logs: &logs,
            run: &self.run,
            runner,
            errands,
        };
        let past = records.written.clone();
        landing.land(pieces.to_vec(), options.clone(), &self.base, 1_700_000_000, &past, records).await
    }

    async fn land_all(&self, pieces: &[Piece], options: &LandingOptions) -> Landed {
        let runner = ShellCheck { environment: self.world.environment() };
        self.land(pieces, options, &mut Records::default(), &runner).await.expect("landed")
    }

    fn tree(&self, commit: &str) -> String {
        self.world.git(&["rev-parse", &format!("{commit}^{{tree}}")])
    }
}

pub fn words(landed: &Landed) -> Vec<&'static str> {
    landed.fates.iter().map(|(_, fate)| fate.word()).collect()
}

pub fn checked(line: &str) -> LandingOptions {
    LandingOptions { check: Some(line.to_owned()), ..LandingOptions::default() }
}

/// A check that fails on a tree in which a file says so, without any process.
pub struct Counting {
    pub bad: &'static str,
}

impl CheckRunner for Counting {
    fn run<'a>(
        &'a self,
        _line: &'a str,
        folder: &'a Path,
        _log: &'a Path,
        _limit: Duration,
    ) -> Boxed<'a, CheckEnd> {
        let bad = folder.join(self.bad).exists();
        Box::pin(async move { if bad { CheckEnd::Failed(1) } else { CheckEnd::Passed } })
    }
}

#[tokio::test]
async fn clean_pieces_land_in_their_order_one_commit_each() {
    let field = Field::new();
    let before = field.world.checkout();
    let pieces: Vec<Piece> = (1..=4).map(|number| field.lone(number)).collect();
    let landed = field.land_all(&pieces, &LandingOptions::default()).await;
    assert_eq!(words(&landed), ["landed"; 4]);
    let subjects = field.world.git(&["log", "--format=%s", &format!("{}..{}", field.base, landed.tip)]);
    assert_eq!(subjects, "piece 4\npiece 3\npiece 2\npiece 1");
    assert_eq!(field.world.git(&["rev-parse", &landed.branch]), landed.tip);
    assert_eq!(field.world.checkout().1, before.1, "the user's checkout is as it was");
    assert_eq!(field.world.git(&["rev-parse", "main"]), field.base, "and so is the branch");
}

#[tokio::test]
async fn what_does_not_merge_is_a_conflict_and_the_rest_lands() {
    let field = Field::new();
    let change = |text: &str| [("f0.txt", text.to_owned())];
    let [one, two] = ["mine\n", "yours\n"].map(change);
    let of = |number, change: &[(&str, String); 1]| field.piece(number, &[(change[0].0, &change[0].1)]);
    let pieces = [of(1, &one), of(2, &two), field.lone(3)];
    let landed = field.land_all(&pieces, &LandingOptions::default()).await;
    assert_eq!(words(&landed), ["landed", "conflict", "landed"]);
    assert_eq!(landed.fates[1].1, Fate::Conflict { files: vec!["f0.txt".to_owned()], why: None });
    let stop = LandingOptions { on_conflict: OnConflict::Stop, ..LandingOptions::default() };
    let field = Field::new();
    let pieces =
        [field.piece(1, &[("f0.txt", "mine\n")]), field.piece(2, &[("f0.txt", "yours\n")]), field.lone(3)];
    let landed = field.land_all(&pieces, &stop).await;
    assert_eq!(words(&landed), ["landed", "conflict", "skipped"]);
    assert!(landed.stopped.is_some_and(|why| why.contains("f0.txt")));
}

#[tokio::test]
async fn every_style_gives_the_same_tree() {
    let mut trees = Vec::new();
    for style in [Style::Squash, Style::Merge, Style::Rebase] {
        let field = Field::new();
        let pieces: Vec<Piece> = (1..=3).map(|number| field.lone(number)).collect();
        let options = LandingOptions { style, ..LandingOptions::default() };
        let landed = field.land_all(&pieces, &options).await;
        let merges = field.world.git(&["rev-list", "--merges", "--count", &landed.tip]);
        assert_eq!(merges, if style == Style::Merge { "3" } else { "0" });
        trees.push(field.tree(&landed.tip));
    }
    assert!(trees.iter().all(|tree| *tree == trees[0]), "{trees:?}");
}

#[tokio::test]
async fn one_culprit_of_64_is_named_by_7_checks_and_the_others_land_by_9() {
    for culprit in [1, 34, 64] {
        let field = Field::new();
        let piece = |number| match number == culprit {
            true => field.adding(number, "bad.txt"),
            false => field.lone(number),
        };
        let pieces: Vec<Piece> = (1..=64).map(piece).collect();
        let mut records = Records::default();
        let runner = Counting { bad: "bad.txt" };
        let landed = field.land(&pieces, &checked("x"), &mut records, &runner).await.expect("landed");
        let named = records.written.iter().position(|record| {
            matches!(record, LandingRecord::Decided { fate: Fate::CheckFailed { .. }, .. })
        });
        let checks = |records: &[LandingRecord]| {
            records.iter().filter(|record| matches!(record, LandingRecord::Checked { .. })).count()
        };
        let named = checks(&records.written[..named.expect("named")]);
        assert!(named <= 7, "{named} checks to name {culprit}");
        assert!(landed.checks <= 9, "{} checks in all", landed.checks);
        assert_eq!(words(&landed).iter().filter(|word| **word == "landed").count(), 63);
    }
}

#[tokio::test]
async fn a_check_that_fails_before_anything_is_landed_stops() {
    let field = Field::new();
    let landed = field.land_all(&[field.lone(1), field.lone(2)], &checked("exit 7")).await;
    assert_eq!(words(&landed), ["skipped", "skipped"]);
    assert_eq!(landed.stopped.as_deref(), Some("the check fails before anything is landed"));
    assert_eq!(landed.tip, field.base);
}

#[tokio::test]
async fn a_check_sees_the_merged_tree_and_leaves_nothing_in_it() {
    let field = Field::new();
    let line = "test -e new/1.txt && test ! -e left && echo x > f0.txt && touch left && test ! -e new/2.txt";
    let options = LandingOptions { batch: 1, ..checked(line) };
    let landed = field.land_all(&[field.lone(1), field.lone(2)], &options).await;
    assert_eq!(words(&landed), ["landed", "check failed"]);
    assert!(!field.world.files_of(&landed.tip).iter().any(|file| file.contains("left")));
    assert_eq!(field.world.git(&["worktree", "list"]).lines().count(), 1, "its worktree is gone");
}

#[tokio::test]
async fn a_check_that_hangs_is_ended_and_fails_its_piece() {
    let field = Field::new();
    let line = "test ! -e new/2.txt || sleep 600";
    let options = LandingOptions { check_timeout_ms: 1_000, ..checked(line) };
    let landed = field.land_all(&[field.lone(1), field.lone(2)], &options).await;
    assert_eq!(words(&landed), ["landed", "check failed"]);
    assert!(
        matches!(&landed.fates[1].1, Fate::CheckFailed { said, .. } if said.starts_with("no end within 1 s"))
    );
}

#[tokio::test]
async fn landing_twice_does_nothing_the_second_time() {
    let field = Field::new();
    let pieces = [field.lone(1), field.lone(2)];
    let mut records = Records::default();
    let runner = Counting { bad: "none" };
    let first = field.land(&pieces, &checked("x"), &mut records, &runner).await.expect("landed");
    let again = field.land(&pieces, &checked("x"), &mut records, &runner).await.expect("landed");
    assert_eq!((&again.tip, &again.fates, again.checks), (&first.tip, &first.fates, 0));
}

#[tokio::test]
async fn a_landing_that_is_killed_anywhere_ends_in_the_same_commit() {
    let whole = |breaks_after| {
        let field = Field::new();
        async move {
            let pieces: Vec<Piece> = (1..=5)
                .map(|number| match number {
                    3 => field.piece(3, &[("bad.txt", "bad\n")]),
                    4 => field.piece(4, &[("new/1.txt", "other\n")]),
                    number => field.lone(number),
                })
                .collect();
            let mut records = Records { written: Vec::new(), breaks_after };
            let runner = Counting { bad: "bad.txt" };
            if breaks_after.is_some() {
                field.land(&pieces, &checked("x"), &mut records, &runner).await.expect_err("killed");
                records.breaks_after = None;
            }
            let landed = field.land(&pieces, &checked("x"), &mut records, &runner).await.expect("landed");
            let advanced = |record: &&LandingRecord| matches!(record, LandingRecord::Checked { .. });
            (words(&landed), field.tree(&landed.tip), records.written.iter().filter(advanced).count())
        }
    };
    let expected = whole(None).await;
    assert_eq!(expected.0, ["landed", "landed", "check failed", "conflict", "landed"]);
    for breaks_after in 1..12 {
        let found = whole(Some(breaks_after)).await;
        assert_eq!(found, expected, "killed after {breaks_after} records: no check is paid twice");
    }
}

#[tokio::test]
async fn a_branch_that_somebody_moved_is_not_overwritten() {
    struct Moves<'a>(&'a Field);
    impl CheckRunner for Moves<'_> {
        fn run<'a>(&'a self, _: &'a str, _: &'a Path, _: &'a Path, _: Duration) -> Boxed<'a, CheckEnd> {
            let other = self.0.lone(99).head;
            self.0.world.git(&["update-ref", &format!("refs/heads/baya/{RUN}"), &other]);
            Box::pin(async { CheckEnd::Passed })
        }
    }
    let field = Field::new();
    let piece = field.lone(1);
    let moved = field.land(&[piece], &checked("x"), &mut Records::default(), &Moves(&field)).await;
    assert!(matches!(moved, Err(LandingError::Moved { .. })), "{moved:?}");
    let subject = field.world.git(&["log", "-1", "--format=%s", &format!("refs/heads/baya/{RUN}")]);
    assert_eq!(subject, "agent");
}

#[tokio::test]
async fn landed_work_reaches_a_branch_only_forward_or_by_a_merge() {
    let field = Field::new();
    let landed = field.land_all(&[field.lone(1)], &LandingOptions::default()).await;
    let repository = field.repository().await;
    let locks = Locks::new(&field.world.state);
    let bring = |branch: &'static str| bring_into(&repository, &locks, branch, &landed.tip);
    assert_eq!(bring("none").await, Err(IntoError::NoBranch("none".to_owned())));
    field.world.git(&["branch", "other"]);
    assert!(matches!(bring("other").await, Ok(Into::Forwarded { .. })));
    assert_eq!(bring("other").await, Ok(Into::AlreadyThere));
    field.world.write("f1.txt", "changed by hand\n");
    assert!(matches!(bring("main").await, Err(IntoError::Dirty { .. })));
    field.world.git(&["commit", "-qam", "by hand"]);
    assert!(matches!(bring("main").await, Ok(Into::Merged { .. })));
    assert!(field.world.root.join("new/1.txt").is_file(), "a clean checkout goes with its branch");
    assert_eq!(field.world.git(&["status", "--porcelain"]), "");
    let theirs = field.piece(2, &[("f1.txt", "another\n")]);
    let conflict = bring_into(&repository, &locks, "main", &theirs.head).await;
    assert!(matches!(conflict, Err(IntoError::Conflict { files, .. }) if files == ["f1.txt"]));
}
