//! What an agent does to git itself, to its folder and to the files in it: carried as far as it is work.

use super::{RUN, World, open, work_of, write};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// Settings of the repository that an agent changed, and what it leaves.
#[tokio::test]
async fn core_settings_that_an_agent_changed_have_no_say_in_what_is_kept() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    let elsewhere = world.home.join("elsewhere");
    write(&elsewhere.join("everything"), "*\n");
    let (place, everything) =
        (elsewhere.display().to_string(), elsewhere.join("everything").display().to_string());
    for (name, value) in [
        ("core.fileMode", "false"),
        ("core.symlinks", "false"),
        ("core.ignoreCase", "true"),
        ("core.autocrlf", "input"),
        ("core.excludesFile", &everything),
        ("core.attributesFile", &everything),
        ("core.sparseCheckout", "true"),
        ("core.bigFileThreshold", "1"),
        ("core.worktree", &place),
        ("core.bare", "true"),
    ] {
        world.git(&["--git-dir", &world.root.join(".git").display().to_string(), "config", name, value]);
    }
    let folder = &tree.record.folder;
    write(&folder.join("a.txt"), "one\r\n");
    fs::rename(folder.join("src/b.rs"), folder.join("src/B.rs")).expect("renamed");
    symlink("a.txt", folder.join("link")).expect("a link");
    write(&folder.join("run.sh"), "#!/bin/sh\n");
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755)).expect("executable");
    let work = trees.remove(&tree.record).await.expect("removed");
    assert!(!folder.exists());
    for (name, value) in [("core.bare", "false"), ("core.worktree", &world.root.display().to_string())] {
        world.git(&["--git-dir", &world.root.join(".git").display().to_string(), "config", name, value]);
    }
    let files = ["100644 .gitignore", "100644 a.txt", "120000 link", "100755 run.sh", "100644 src/B.rs"];
    assert_eq!(world.files_of(&work.head), files);
    let size = world.git(&["cat-file", "-s", &format!("{}:a.txt", work.head)]);
    assert_eq!(size, "5", "line ends as the repository had them before");
}

/// The folder itself goes, and something else stands in its place.
#[tokio::test]
async fn a_worktree_that_was_replaced_by_a_link_touches_nothing_outside() {
    let world = World::new();
    let outside = world.home.join("outside");
    write(&outside.join("closed/mine.txt"), "mine\n");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    fs::set_permissions(outside.join("closed"), fs::Permissions::from_mode(0o500)).expect("set");
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    fs::remove_dir_all(&tree.record.folder).expect("removed");
    symlink(&outside, &tree.record.folder).expect("a link");
    let before = world.checkout();
    let work = trees.remove(&tree.record).await.expect("removed");
    assert!(work.is_empty(), "nothing of another folder is an agent's work: {work:?}");
    assert!(fs::symlink_metadata(&tree.record.folder).is_err(), "the link is gone");
    assert_eq!(fs::read_to_string(outside.join("closed/mine.txt")).expect("there"), "mine\n");
    assert_eq!(mode(&outside.join("closed")), 0o500, "not even its mode is changed");
    assert_eq!(world.checkout(), before);
}

#[tokio::test]
async fn folders_that_became_links_are_kept_as_links() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        fs::remove_dir_all(folder.join("src")).expect("removed");
        symlink("/etc", folder.join("src")).expect("a link");
    })
    .await;
    let files = ["100644 .gitignore", "100644 a.txt", "120000 src"];
    assert_eq!(world.files_of(&work.head), files);
}

#[tokio::test]
async fn pipes_and_sockets_are_left_out_and_stop_nothing() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        fs::remove_file(folder.join("a.txt")).expect("removed");
        for pipe in ["a.txt", "new-pipe"] {
            assert!(Command::new("mkfifo").arg(folder.join(pipe)).status().expect("mkfifo").success());
        }
        drop(std::os::unix::net::UnixListener::bind(folder.join("socket")).expect("a socket"));
        write(&folder.join("real.txt"), "real\n");
    })
    .await;
    let files = world.files_of(&work.head);
    assert!(files.contains(&"100644 real.txt".to_owned()), "{files:?}");
    assert!(!files.iter().any(|file| file.contains("pipe") || file.contains("socket")), "{files:?}");
}

#[tokio::test]
async fn a_rebase_left_in_progress_is_kept_as_its_files_are() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        world.git_in(folder, &["checkout", "-q", "-b", "side"]);
        write(&folder.join("a.txt"), "side\n");
        world.git_in(folder, &["commit", "-qam", "side"]);
        world.git_in(folder, &["checkout", "-q", &format!("baya-work/{RUN}/1")]);
        write(&folder.join("a.txt"), "main\n");
        world.git_in(folder, &["commit", "-qam", "by the agent"]);
        let stopped = std::panic::catch_unwind(|| world.git_in(folder, &["rebase", "-q", "side"]));
        assert!(stopped.is_err(), "a conflict");
        assert!(world.git_in(folder, &["status"]).contains("rebase in progress"));
    })
    .await;
    assert!(world.git(&["show", &format!("{}:a.txt", work.head)]).contains("<<<<<<<"));
    world.git(&["branch", "-D", "side"]);
    assert_eq!(world.git(&["rev-parse", &format!("baya-work/{RUN}/1")]), work.head);
}

/// Two hundred megabytes: kept, and no patch of them goes into a journal.
#[tokio::test]
async fn a_file_of_200_megabytes_is_kept_without_a_patch() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        let file = fs::File::create(folder.join("big.bin")).expect("a file");
        file.set_len(200 << 20).expect("a hole");
        write(&folder.join("small.txt"), "small\n");
    })
    .await;
    assert_eq!((work.files_changed, work.lines_added), (2, 1), "{work:?}");
    assert_eq!(world.git(&["cat-file", "-s", &format!("{}:big.bin", work.head)]), (200 << 20).to_string());
    assert!(work.patch.is_none(), "no patch of such a size");
}
