//! Repositories that are not as one expects: a clear error, or the right thing.

use super::{RUN, World, open, work_of, write};
use baya_core::ids::RunId;
use baya_engine::git::{Git, Locks, Repository, Unfit};
use baya_engine::worktree::Worktrees;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

async fn unfit(git: &Git, folder: &Path) -> Unfit {
    match Repository::find(git, folder).await {
        Err(unfit) => unfit,
        Ok(repository) => repository.head().await.expect_err("unfit"),
    }
}

#[tokio::test]
async fn c26_what_is_no_repository_to_work_in_is_refused_with_the_reason() {
    let world = World::empty();
    let git = world.git_of();
    assert_eq!(unfit(&git, &world.root).await, Unfit::None(world.root.clone()));
    world.git(&["init", "-q"]);
    assert_eq!(unfit(&git, &world.root).await, Unfit::NoCommit(world.root.clone()));
    let bare = world.home.join("bare.git");
    world.git(&["init", "-q", "--bare", &bare.display().to_string()]);
    assert_eq!(unfit(&git, &bare).await, Unfit::Bare(bare.clone()));
}

#[tokio::test]
async fn git_that_is_too_old_or_not_there_is_named() {
    let world = World::new();
    let tools = world.home.join("bin");
    write(&tools.join("git"), "#!/bin/sh\necho git version 2.30.1\n");
    std::os::unix::fs::symlink("/bin/sh", tools.join("sh")).expect("a link");
    fs::set_permissions(tools.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let with_path = |path: &Path| {
        let mut environment = world.environment();
        environment.insert("PATH".to_owned(), path.display().to_string());
        Git::new(&environment)
    };
    let old = unfit(&with_path(&tools), &world.root).await;
    assert_eq!(old, Unfit::TooOld((2, 30)));
    assert!(old.hint().is_some_and(|hint| hint.contains("2.38")));
    let none = unfit(&with_path(&world.state), &world.root).await;
    assert!(none.to_string().contains("git cannot be started"), "{none}");
}

#[tokio::test]
async fn a_detached_head_and_a_shallow_clone_work() {
    let world = World::new();
    world.git(&["checkout", "-q", "--detach"]);
    assert_eq!(work_of(&world, |folder| write(&folder.join("x"), "x\n")).await.files_changed, 1);
    let shallow = World::empty();
    let from = format!("file://{}", world.root.display());
    shallow.git(&["clone", "-q", "--depth", "1", &from, "."]);
    assert_eq!(work_of(&shallow, |folder| write(&folder.join("x"), "x\n")).await.files_changed, 1);
}

#[tokio::test]
async fn settings_of_the_user_do_not_get_in_the_way() {
    let world = World::new();
    for (name, value) in [("commit.gpgsign", "true"), ("core.hooksPath", "hooks"), ("core.autocrlf", "true")]
    {
        world.git(&["config", name, value]);
    }
    world.git(&["config", "user.useConfigOnly", "true"]);
    let work = work_of(&world, |folder| write(&folder.join("a.txt"), "one\r\n2\r\nthree\r\n")).await;
    assert_eq!((work.lines_added, work.lines_removed), (1, 1), "line ends are as git keeps them");
}

#[tokio::test]
async fn a_sparse_checkout_stays_sparse_and_loses_nothing() {
    let world = World::new();
    world.write("big/one.txt", "1\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "big"]);
    world.git(&["sparse-checkout", "set", "src"]);
    let work = work_of(&world, |folder| {
        assert!(!folder.join("big").exists() && folder.join("src/b.rs").exists());
        write(&folder.join("src/b.rs"), "fn changed() {}\n");
    })
    .await;
    assert_eq!(work.files_changed, 1, "{work:?}");
    assert!(world.files_of(&work.head).contains(&"100644 big/one.txt".to_owned()));
}

#[tokio::test]
async fn submodules_are_filled_from_the_users_own_checkout() {
    let (library, world) = (World::new(), World::new());
    let address = library.root.display().to_string();
    world.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &address, "lib"]);
    world.git(&["commit", "-qm", "submodule"]);
    fs::remove_dir_all(&library.root).expect("the address is gone");
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    assert!(tree.record.folder.join("lib/a.txt").is_file(), "{:?}", tree.notes);
    write(&tree.record.folder.join("a.txt"), "changed\n");
    let work = trees.remove(&tree.record).await.expect("removed");
    assert_eq!(work.files_changed, 1, "{work:?}");
}

/// In the place of `git-lfs`: contents stand in a folder, files hold their numbers.
fn with_lfs(world: &World) -> std::path::PathBuf {
    let (program, store) = (world.home.join("git-lfs"), world.home.join("store"));
    fs::create_dir(&store).expect("a folder");
    let shell = format!(
        "#!/bin/sh\ncd '{}'\ncase $1 in\n\
         clean) cat > new; oid=$(cksum < new | tr ' ' -); mv new \"$oid\"; echo \"pointer $oid\";;\n\
         smudge) read -r word oid; cat \"$oid\";;\nesac\n",
        store.display()
    );
    write(&program, shell);
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    for (name, act) in [("clean", "clean"), ("smudge", "smudge")] {
        world.git(&["config", &format!("filter.lfs.{name}"), &format!("{} {act}", program.display())]);
    }
    world.git(&["config", "filter.lfs.required", "true"]);
    world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    world.write("old.bin", "a large file\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "large"]);
    program
}

#[tokio::test]
async fn files_of_lfs_are_whole_in_a_worktree_and_pointers_in_its_commit() {
    let world = World::new();
    with_lfs(&world);
    assert!(world.git(&["show", "HEAD:old.bin"]).starts_with("pointer "));
    let work = work_of(&world, |folder| {
        assert_eq!(fs::read_to_string(folder.join("old.bin")).expect("there"), "a large file\n");
        write(&folder.join("new.bin"), "another large file\n");
    })
    .await;
    assert_eq!(work.files_changed, 1, "{work:?}");
    assert!(world.git(&["show", &format!("{}:new.bin", work.head)]).starts_with("pointer "));
    world.git(&["merge", "-q", &work.head]);
    assert_eq!(fs::read_to_string(world.root.join("new.bin")).expect("there"), "another large file\n");
}

#[tokio::test]
async fn lfs_that_is_gone_is_refused_with_the_reason_and_leaves_nothing() {
    let world = World::new();
    let program = with_lfs(&world);
    fs::remove_file(&program).expect("removed");
    let trees = world.worktrees().await;
    let refused = trees.open(baya_core::ids::AgentNumber(1), "HEAD").await.expect_err("refused").to_string();
    assert!(refused.contains("git-lfs") && refused.contains("smudge filter lfs failed"), "{refused}");
    assert_eq!(baya_engine::worktree::leftovers(&world.state), []);
    assert_eq!(world.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(world.refs(), Vec::<String>::new());
}

#[tokio::test]
async fn many_at_once_while_a_person_works() {
    let world = World::new();
    let trees = world.worktrees().await;
    let agents = (1..=24).map(|number| {
        let trees = trees.clone();
        tokio::spawn(async move {
            let tree = open(&trees, number).await;
            write(&tree.record.folder.join(format!("of-{number}")), "x\n");
            trees.remove(&tree.record).await.expect("removed")
        })
    });
    let agents: Vec<_> = agents.collect();
    for number in 0..6 {
        world.write("mine.txt", &number.to_string());
        world.git(&["add", "-A"]);
        world.git(&["commit", "-qm", "mine"]);
        world.git(&["checkout", "-q", "-B", "other"]);
        world.git(&["gc", "--quiet"]);
        tokio::task::yield_now().await;
    }
    for agent in agents {
        assert_eq!(agent.await.expect("ended").files_changed, 1);
    }
    assert_eq!(world.refs().len(), 48);
    assert_eq!(world.git(&["worktree", "list"]).lines().count(), 1);
}

/// A `git gc` of somebody else's removes folders of objects that are empty, while others write into them.
#[tokio::test]
async fn c71_a_write_that_meets_a_git_gc_is_made_again() {
    let world = World::new();
    let mut environment = world.environment();
    let bin = world.home.join("bin");
    let git = format!(
        "#!/bin/sh\ncase \"$*\" in *commit-tree*) if mkdir {0}/met 2> {0}/said; then
  echo 'error: unable to create temporary file: No such file or directory' >&2; exit 128
fi;; esac\nPATH='{1}' exec git \"$@\"\n",
        world.home.display(),
        environment["PATH"],
    );
    write(&bin.join("git"), &git);
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).expect("a mode");
    environment.insert("PATH".to_owned(), format!("{}:{}", bin.display(), environment["PATH"]));
    let repository = Repository::find(&Git::new(&environment), &world.root).await.expect("a repository");
    let (run, locks) = (RunId::parse(RUN).expect("an id"), Locks::new(&world.state));
    let trees = Worktrees::new(repository, locks, &world.state, &run).await.expect("worktrees");
    let tree = open(&trees, 1).await;
    write(&tree.record.folder.join("new.txt"), "x\n");
    assert_eq!(trees.remove(&tree.record).await.expect("kept").files_changed, 1);
    assert!(world.home.join("met").is_dir(), "the first try was to fail");
}
