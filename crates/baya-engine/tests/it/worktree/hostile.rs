//! Whatever an agent does to its worktree is carried or refused, and never executed by us.

use super::{RUN, World, open, work_of, write};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn executable(path: &Path, text: &str) {
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

#[tokio::test]
async fn a_git_file_that_was_removed_or_replaced_loses_nothing() {
    let acts: [fn(&Path); 3] = [
        |folder| fs::remove_file(folder.join(".git")).expect("removed"),
        |folder| write(&folder.join(".git"), "gitdir: /tmp/elsewhere\n"),
        |folder| {
            fs::remove_file(folder.join(".git")).expect("removed");
            write(&folder.join(".git/HEAD"), "ref: refs/heads/own\n");
        },
    ];
    for act in acts {
        let world = World::new();
        let work = work_of(&world, |folder| {
            write(&folder.join("a.txt"), "changed\n");
            act(folder);
        })
        .await;
        assert_eq!(work.files_changed, 1, "{work:?}");
    }
}

#[tokio::test]
async fn an_entry_that_was_removed_loses_nothing() {
    let world = World::new();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    write(&tree.record.folder.join("a.txt"), "changed\n");
    fs::remove_dir_all(&tree.record.entry).expect("removed");
    let work = trees.remove(&tree.record).await.expect("removed");
    assert_eq!(work.files_changed, 1);
    assert_eq!(world.git(&["show", &format!("{}:a.txt", work.head)]), "changed");
}

#[tokio::test]
async fn nothing_that_an_agent_planted_is_executed() {
    let world = World::new();
    let witness = world.home.join("executed");
    let trap = world.home.join("trap");
    executable(&trap, &format!("#!/bin/sh\ntouch {}\ncat\n", witness.display()));
    let trap = trap.display().to_string();
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    for hook in ["pre-commit", "post-commit", "reference-transaction", "post-index-change", "post-checkout"] {
        executable(&world.root.join(".git/hooks").join(hook), &format!("#!/bin/sh\nexec {trap}\n"));
    }
    for (name, value) in [
        ("core.hooksPath", world.home.display().to_string().as_str()),
        ("core.fsmonitor", &trap),
        ("core.pager", &trap),
        ("filter.evil.clean", &trap),
        ("filter.evil.process", &trap),
        ("filter.evil.required", "true"),
        ("diff.evil.command", &trap),
        ("diff.evil.textconv", &trap),
        ("diff.external", &trap),
        ("commit.gpgSign", "true"),
        ("gpg.program", &trap),
    ] {
        world.git(&["config", name, value]);
    }
    write(&tree.record.folder.join(".gitattributes"), "* filter=evil diff=evil\n");
    write(&tree.record.folder.join("a.txt"), "changed\n");
    // A process after us believes it no more than we do.
    let trees = world.worktrees().await;
    let work = trees.remove(&tree.record).await.expect("removed");
    assert_eq!(work.files_changed, 2, "{work:?}");
    assert!(!witness.exists(), "a program that an agent planted was executed");
}

#[tokio::test]
async fn the_users_own_filters_work_as_always() {
    let world = World::new();
    world.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    world.write(".gitattributes", "*.up filter=upper\n");
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "attributes"]);
    let work = work_of(&world, |folder| write(&folder.join("x.up"), "text\n")).await;
    assert_eq!(world.git(&["show", &format!("{}:x.up", work.head)]), "TEXT");
}

#[tokio::test]
async fn odd_names_and_links_are_carried_as_they_are() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        write(&folder.join("line\nbreak.txt"), "1\n");
        write(&folder.join(OsStr::from_bytes(b"latin-\xe9.txt")), "2\n");
        write(&folder.join("-rf"), "3\n");
        write(&folder.join(":(exclude)*"), "4\n");
        symlink("/etc/passwd", folder.join("out")).expect("a link");
        symlink("..", folder.join("up")).expect("a link");
        fs::rename(folder.join("a.txt"), folder.join("A.TXT")).expect("renamed");
        executable(&folder.join("run.sh"), "#!/bin/sh\n");
    })
    .await;
    let files = world.git(&["ls-tree", "-r", "-z", &work.head]);
    let files: Vec<(&str, &str)> =
        files.split('\0').filter_map(|line| Some((line.get(..6)?, line.split_once('\t')?.1))).collect();
    let expected = ["120000 out", "120000 up", "100644 A.TXT", "100755 run.sh", "100644 line\nbreak.txt"];
    for expected in expected.map(|line| line.split_at(6)) {
        assert!(files.contains(&(expected.0, expected.1.trim_start())), "{expected:?} in {files:?}");
    }
    assert_eq!(work.files_changed, 9);
    assert_eq!(world.git(&["show", &format!("{}:out", work.head)]), "/etc/passwd");
}

#[tokio::test]
async fn files_of_nested_repositories_are_carried_as_files() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        let (born, unborn) = (folder.join("vendor/born"), folder.join("unborn"));
        for nested in [&born, &unborn] {
            fs::create_dir_all(nested).expect("a folder");
            world.git_in(nested, &["init", "-q"]);
            write(&nested.join("inside/file.txt"), "inside\n");
            symlink("file.txt", nested.join("inside/link")).expect("a link");
        }
        world.git_in(&born, &["add", "-A"]);
        world.git_in(&born, &["commit", "-qm", "nested"]);
        write(&born.join("later.txt"), "later\n");
    })
    .await;
    let files = world.files_of(&work.head);
    for expected in
        ["100644 vendor/born/inside/file.txt", "100644 vendor/born/later.txt", "120000 unborn/inside/link"]
    {
        assert!(files.iter().any(|file| file == expected), "{expected} in {files:?}");
    }
}

#[tokio::test]
async fn branches_rebases_and_hidden_changes_have_no_say() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        world.git_in(folder, &["checkout", "-q", "-b", "elsewhere"]);
        write(&folder.join("a.txt"), "one\ntwo, on the side\nthree\n");
        world.git_in(folder, &["commit", "-qam", "side"]);
        world.git_in(folder, &["update-index", "--assume-unchanged", "src/b.rs"]);
        world.git_in(folder, &["update-index", "--skip-worktree", ".gitignore"]);
        write(&folder.join("src/b.rs"), "fn hidden() {}\n");
        write(&folder.join(".gitignore"), "nothing\n");
        write(&folder.join(".git-rebase-todo"), "pick\n");
    })
    .await;
    assert_eq!(work.files_changed, 4, "{work:?}");
    assert_eq!(world.git(&["show", &format!("{}:src/b.rs", work.head)]), "fn hidden() {}");
    let mut branches = world.refs();
    branches.sort();
    assert_eq!(branches, [format!("refs/baya/{RUN}/1"), format!("refs/heads/baya-work/{RUN}/1")]);
    assert_eq!(world.git(&["rev-parse", &branches[0]]), work.head);
}

#[tokio::test]
async fn folders_that_cannot_be_listed_are_removed_all_the_same() {
    let world = World::new();
    let work = work_of(&world, |folder| {
        write(&folder.join("target/locked/file"), "x");
        fs::set_permissions(folder.join("target/locked"), fs::Permissions::from_mode(0o000)).expect("set");
    })
    .await;
    assert!(work.is_empty());
}
