//! What an agent left is a commit before its folder goes (C70, C71).

use super::{RUN, World, open, work_of, write};
use baya_core::ids::AgentNumber;
use baya_core::work::{Changes, FileWork};
use baya_engine::git::Locks;
use baya_engine::worktree::{changes, leftovers};
use std::fs;
use std::process::Command;

#[tokio::test]
async fn c71_an_unchanged_worktree_goes_with_its_branch() {
    let world = World::new();
    let work = work_of(&world, |_| {}).await;
    assert!(work.is_empty() && work.files.is_empty() && work.patch.is_none(), "{work:?}");
    assert_eq!(world.refs(), Vec::<String>::new());
    assert_eq!(leftovers(&world.state), []);
    assert_eq!(fs::read_dir(world.state.join("locks")).expect("there").count(), 1, "that of the repository");
}

#[tokio::test]
async fn c71_everything_is_a_commit_before_the_worktree_goes() {
    let world = World::new();
    world.write(".git/info/exclude", "secret\n");
    let work = work_of(&world, |folder| {
        write(&folder.join("a.txt"), "one\n2\nthree\n");
        write(&folder.join("new/file.txt"), "new\n");
        write(&folder.join("picture.bin"), [0, 159, 146, 150]);
        fs::remove_file(folder.join("src/b.rs")).expect("removed");
        for ignored in ["target/debug/x", "run.log", "secret"] {
            write(&folder.join(ignored), "ignored\n");
        }
    })
    .await;
    assert_eq!((work.files_changed, work.lines_added, work.lines_removed), (4, 2, 2), "{work:?}");
    let file = |path: &str, added, removed| FileWork { path: path.to_owned(), added, removed };
    let files = [
        file("a.txt", Some(1), Some(1)),
        file("new/file.txt", Some(1), Some(0)),
        file("picture.bin", None, None),
        file("src/b.rs", Some(0), Some(1)),
    ];
    assert_eq!(work.files, files);
    let refs = [format!("refs/baya/{RUN}/1"), format!("refs/heads/baya-work/{RUN}/1")];
    let mut found = world.refs();
    found.sort();
    assert_eq!(found, refs);
    assert_eq!(world.git(&["rev-parse", &refs[0], &refs[1]]), format!("{0}\n{0}", work.head));
    let names = ["100644 .gitignore", "100644 a.txt", "100644 new/file.txt", "100644 picture.bin"];
    assert_eq!(world.files_of(&work.head), names);
    let patch = work.patch.expect("a patch");
    write(&world.home.join("patch"), &patch);
    world.git(&["apply", "--check", &world.home.join("patch").display().to_string()]);
}

#[tokio::test]
async fn c71_what_was_kept_once_is_the_same_commit_ever_after() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    write(&tree.record.folder.join("a.txt"), "left\n");
    let work = trees.keep(&tree.record).await.expect("kept");
    // As if it had been kept on another day.
    let (tree_of, words) = (format!("{}^{{tree}}", work.head), ["-p", &work.base, "-m", "on another day"]);
    let older = world.git(&[&["commit-tree", &tree_of], &words[..]].concat());
    assert_ne!(older, work.head);
    world.git(&["update-ref", &tree.record.kept_as(), &older]);
    assert_eq!(trees.keep(&tree.record).await.expect("kept").head, older);
    assert_eq!(trees.remove(&tree.record).await.expect("removed").head, older);
    assert_eq!(
        world.git(&["rev-parse", &tree.record.kept_as(), &tree.record.branch]),
        format!("{older}\n{older}")
    );
}

#[tokio::test]
async fn c71_the_agents_own_commits_stay_below_what_it_left() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        write(&folder.join("a.txt"), "committed\n");
        world.git_in(folder, &["commit", "-q", "-am", "by the agent"]);
        write(&folder.join("b.txt"), "not committed\n");
    })
    .await;
    let subjects = world.git(&["log", "--format=%s", &format!("{}..{}", work.base, work.head)]);
    assert_eq!(subjects, format!("baya: what agent 1 of {RUN} left\nby the agent"));
    assert_eq!(work.files_changed, 2);
}

#[tokio::test]
async fn c70_a_worktree_starts_at_its_base_and_not_at_the_users_changes() {
    let world = World::new();
    let first = world.git(&["rev-parse", "HEAD"]);
    world.write("a.txt", "committed later\n");
    world.git(&["commit", "-qam", "second"]);
    world.write("a.txt", "not committed\n");
    world.write("untracked.txt", "mine\n");
    let trees = world.worktrees().await;
    let tree = trees.open(AgentNumber(7), &first).await.expect("a worktree");
    assert_eq!(tree.record.base, first);
    assert_eq!(fs::read_to_string(tree.record.folder.join("a.txt")).expect("there"), "one\ntwo\nthree\n");
    assert!(!tree.record.folder.join("untracked.txt").exists());
    let branch = world.git_in(&tree.record.folder, &["symbolic-ref", "--short", "HEAD"]);
    assert_eq!(branch, format!("baya-work/{RUN}/7"));
    assert!(tree.record.folder.starts_with(&world.state), "not inside of the repository");
    let listed = world.git(&["worktree", "list", "--porcelain"]);
    assert!(listed.contains(&format!("locked baya {RUN} agent 7")), "{listed}");
}

#[tokio::test]
async fn a_worktree_that_a_crash_left_is_gone_on_with() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 3).await;
    write(&tree.record.folder.join("a.txt"), "half done\n");
    write(&tree.record.entry.join("index.lock"), "");
    drop(trees);
    assert_eq!(leftovers(&world.state), std::slice::from_ref(&tree.record));
    let again = world.worktrees().await;
    let tree = open(&again, 3).await;
    assert_eq!(fs::read_to_string(tree.record.folder.join("a.txt")).expect("there"), "half done\n");
    world.git_in(&tree.record.folder, &["add", "-A"]);
    let kept = again.keep(&tree.record).await.expect("kept");
    assert_eq!(kept.files_changed, 1);
    assert!(tree.record.folder.is_dir(), "keeping removes nothing");
    assert_eq!(again.remove(&tree.record).await.expect("removed").head, kept.head, "no second commit");
}

/// From outside, while the agent works: all that it would leave counts, and its own index is not touched.
#[tokio::test]
async fn how_much_is_changed_so_far_is_seen_without_a_trace() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    let (folder, index) = (&tree.record.folder, tree.record.entry.join("index"));
    let seen = || async { changes(trees.repository(), &tree.record).await.expect("a look") };
    assert_eq!(seen().await, Changes::default());
    write(&folder.join("src/b.rs"), "fn committed() {}\n");
    world.git_in(folder, &["commit", "-qam", "by the agent"]);
    write(&folder.join("a.txt"), "one\n2\nthree\n");
    write(&folder.join("new/file.txt"), "new\nnew\n");
    write(&folder.join("target/ignored"), "ignored\n");
    let before = (fs::read(&index).expect("an index"), world.git(&["count-objects"]));
    let expected = Changes { files_changed: 3, lines_added: 4, lines_removed: 2 };
    assert_eq!(seen().await, expected);
    assert_eq!((fs::read(&index).expect("an index"), world.git(&["count-objects"])), before);
    let beside: Vec<_> =
        fs::read_dir(folder.parent().expect("the run's")).expect("there").flatten().collect();
    assert_eq!(beside.len(), 2, "the worktree and its record: {beside:?}");
    let work = trees.remove(&tree.record).await.expect("removed");
    assert_eq!((work.files_changed, work.lines_added, work.lines_removed), (3, 4, 2));
}

#[tokio::test]
async fn a_git_that_outlives_us_is_waited_for() {
    let world = World::new();
    let locks = Locks::new(&world.state);
    let ours = locks.take(&world.root).await.expect("the lock");
    let mut left = Command::new("cat").stdin(ours.file().try_clone().expect("a file")).spawn().expect("cat");
    assert!(left.wait().expect("its end").success(), "it reads an empty file");
    let go = world.home.join("go");
    let line = format!("while [ ! -e {} ]; do sleep 0.01; done", go.display());
    let mut shell = Command::new("sh");
    let mut left =
        shell.args(["-c", &line]).stdin(ours.file().try_clone().expect("a file")).spawn().expect("sh");
    // The command has its file open, too.
    drop((shell, ours));
    // Another process of ours, after us.
    let next = Locks::new(&world.state);
    let mut take = std::pin::pin!(next.take(&world.root));
    tokio::select! { biased; _ = &mut take => panic!("taken under its hands"), () = std::future::ready(()) => {} }
    write(&go, "");
    take.await.expect("the lock");
    assert!(left.wait().expect("its end").success());
}

#[tokio::test]
async fn a_worktree_that_was_half_made_is_made_anew() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    let record = tree.record.folder.with_added_extension("json");
    let text = fs::read_to_string(&record).expect("a record").replace("\"ready\":true", "\"ready\":false");
    write(&record, text);
    fs::remove_file(tree.record.folder.join("a.txt")).expect("removed");
    let tree = open(&trees, 1).await;
    assert!(tree.record.folder.join("a.txt").is_file());
    assert!(trees.remove(&tree.record).await.expect("removed").is_empty());
}

#[tokio::test]
async fn c71_a_folder_that_is_gone_comes_back_with_what_was_kept() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    write(&tree.record.folder.join("kept.txt"), "kept\n");
    trees.keep(&tree.record).await.expect("kept");
    fs::remove_dir_all(&tree.record.folder).expect("removed");
    let again = open(&trees, 1).await;
    assert!(again.record.folder.join("kept.txt").is_file());
    assert_eq!(trees.remove(&again.record).await.expect("removed").files_changed, 1);
}

#[tokio::test]
async fn c70_worktreeinclude_copies_what_is_ignored_and_named() {
    let world = World::new();
    world.write(".worktreeinclude", "*.log\nconfig/\na.txt\n");
    world.write(".gitignore", "target/\n*.log\nconfig/\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "second"]);
    world.write("run.log", "copied\n");
    world.write("config/deep/one", "copied\n");
    world.write("target/big", "ignored, not named\n");
    world.write("named.txt", "neither\n");
    std::os::unix::fs::symlink("/etc/passwd", world.root.join("link.log")).expect("a link");
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    let there = |name: &str| tree.record.folder.join(name).exists();
    assert!(there("run.log") && there("config/deep/one"));
    assert!(!there("target/big") && !there("named.txt") && !there("link.log"));
    assert!(tree.notes.iter().any(|note| note.contains("link.log")), "{:?}", tree.notes);
    assert!(trees.remove(&tree.record).await.expect("removed").is_empty(), "they are ignored there, too");
}
