//! What the user has not committed, as a base: whole, and without a trace in their checkout (C70).

use super::{RUN, World, write};
use baya_core::ids::RunId;
use baya_engine::git::Repository;
use baya_engine::worktree::dirty::{is_dirty, snapshot};

async fn repository(world: &World) -> Repository {
    Repository::find(&world.git_of(), &world.root).await.expect("a repository")
}

#[tokio::test]
async fn c70_a_snapshot_has_all_that_is_not_committed_and_touches_nothing() {
    let world = World::new();
    let (repository, run) = (repository(&world).await, RunId::parse(RUN).expect("an id"));
    assert!(!is_dirty(&repository).await.expect("a status"));
    assert_eq!(snapshot(&repository, &world.state, &run).await, Ok(None));
    world.write("a.txt", "changed\n");
    world.write("staged.txt", "staged\n");
    world.write("forced.log", "ignored, and added by hand\n");
    world.git(&["add", "staged.txt"]);
    world.git(&["add", "-f", "forced.log"]);
    world.write("staged.txt", "staged, then changed\n");
    world.write("untracked/new.txt", "new\n");
    world.write("ignored.log", "ignored\n");
    std::fs::remove_file(world.root.join("src/b.rs")).expect("removed");
    write(&world.root.join("nested/x.txt"), "of another repository\n");
    world.git_in(&world.root.join("nested"), &["init", "-q"]);
    let index = std::fs::read(world.root.join(".git/index")).expect("an index");
    assert!(is_dirty(&repository).await.expect("a status"));
    let taken = snapshot(&repository, &world.state, &run).await.expect("taken").expect("a snapshot");
    assert_eq!(std::fs::read(world.root.join(".git/index")).expect("an index"), index);
    let names: Vec<String> =
        world.git(&["ls-tree", "-r", "--name-only", &taken.commit]).lines().map(str::to_owned).collect();
    assert_eq!(names, [".gitignore", "a.txt", "forced.log", "staged.txt", "untracked/new.txt"]);
    assert_eq!(world.git(&["show", &format!("{}:staged.txt", taken.commit)]), "staged, then changed");
    assert_eq!(world.git(&["show", &format!("{}:a.txt", taken.commit)]), "changed");
    assert_eq!(taken.notes.len(), 1, "{:?}", taken.notes);
    assert_eq!(world.git(&["rev-parse", &format!("refs/baya/{RUN}/snapshot")]), taken.commit);
    assert_eq!(world.git(&["rev-parse", &format!("{}^", taken.commit)]), world.git(&["rev-parse", "main"]));
    assert_eq!(
        std::fs::read_dir(world.state.join("worktrees")).expect("a folder").count(),
        0,
        "no index stays"
    );
}

#[tokio::test]
async fn a_snapshot_in_the_middle_of_a_merge_has_the_files_as_they_are() {
    let world = World::new();
    world.git(&["switch", "-q", "-c", "other"]);
    world.write("a.txt", "theirs\n");
    world.git(&["commit", "-qam", "theirs"]);
    world.git(&["switch", "-q", "main"]);
    world.write("a.txt", "ours\n");
    world.git(&["commit", "-qam", "ours"]);
    world.git(&["config", "merge.conflictStyle", "merge"]);
    let merged = std::panic::catch_unwind(|| world.git(&["merge", "-q", "other"]));
    assert!(merged.is_err(), "a conflict");
    let (repository, run) = (repository(&world).await, RunId::parse(RUN).expect("an id"));
    let taken = snapshot(&repository, &world.state, &run).await.expect("taken").expect("a snapshot");
    assert!(world.git(&["show", &format!("{}:a.txt", taken.commit)]).contains("<<<<<<< HEAD"));
    assert!(world.git(&["status", "--porcelain"]).contains("UU a.txt"), "the merge is still open");
}
