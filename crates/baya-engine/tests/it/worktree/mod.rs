//! Worktrees of agents: made, kept, removed, and what hostile or awkward contents do to them.

mod awkward;
mod dirty;
mod hostile;
mod kept;
mod tampered;

use baya_core::ids::{AgentNumber, RunId};
use baya_core::work::Work;
use baya_engine::git::{Git, Locks, Repository};
use baya_engine::worktree::{Worktree, Worktrees};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A repository with one commit, and a state folder.
pub struct World {
    _folder: TempDir,
    pub root: PathBuf,
    pub state: PathBuf,
    pub home: PathBuf,
}

pub const RUN: &str = "wf_0123abcd-0f1";

impl World {
    pub fn new() -> World {
        let world = World::empty();
        world.git(&["init", "-q", "-b", "main"]);
        for (name, text) in
            [("a.txt", "one\ntwo\nthree\n"), ("src/b.rs", "fn b() {}\n"), (".gitignore", "target/\n*.log\n")]
        {
            world.write(name, text);
        }
        world.git(&["add", "-A"]);
        world.git(&["commit", "-q", "-m", "first"]);
        world
    }

    pub fn empty() -> World {
        let folder = TempDir::new().expect("a folder");
        let base = folder.path().canonicalize().expect("a path");
        let [root, state, home] = ["repository", "state", "home"].map(|name| base.join(name));
        for made in [&root, &state, &home] {
            std::fs::create_dir(made).expect("a folder");
        }
        World { _folder: folder, root, state, home }
    }

    pub fn environment(&self) -> BTreeMap<String, String> {
        let path = std::env::var("PATH").expect("a PATH");
        let home = self.home.display().to_string();
        let pairs = [("PATH", path.as_str()), ("HOME", &home)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    pub fn git_of(&self) -> Git {
        Git::new(&self.environment())
    }

    pub fn write(&self, name: &str, text: &str) {
        write(&self.root.join(name), text);
    }

    /// As the person whose repository it is.
    pub fn git(&self, words: &[&str]) -> String {
        self.git_in(&self.root, words)
    }

    pub fn git_in(&self, folder: &Path, words: &[&str]) -> String {
        let person =
            ["-c", "user.name=person", "-c", "user.email=person@localhost", "-c", "commit.gpgsign=false"];
        let output = Command::new("git")
            .args(person)
            .args(words)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment())
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub async fn worktrees(&self) -> Worktrees {
        let repository = Repository::find(&self.git_of(), &self.root).await.expect("a repository");
        let run = RunId::parse(RUN).expect("an id");
        Worktrees::new(repository, Locks::new(&self.state), &self.state, &run).await.expect("worktrees")
    }

    /// Files and index of the user's own checkout, as a hash would see them.
    pub fn checkout(&self) -> (Vec<u8>, String) {
        let index = std::fs::read(self.root.join(".git/index")).expect("an index");
        (index, self.git(&["status", "--porcelain", "--ignored"]))
    }

    /// `mode path` of everything in a commit.
    pub fn files_of(&self, commit: &str) -> Vec<String> {
        let listed = self.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", commit]);
        listed.lines().map(str::to_owned).collect()
    }

    pub fn refs(&self) -> Vec<String> {
        let listed = self.git(&["for-each-ref", "--format=%(refname)"]);
        listed.lines().filter(|name| name.contains("baya")).map(str::to_owned).collect()
    }
}

pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

/// What an agent does in its worktree, and what comes of it; the worktree is gone then.
pub async fn work_of(world: &World, act: impl FnOnce(&Path)) -> Work {
    let trees = world.worktrees().await;
    let tree = open(&trees, 1).await;
    let before = world.checkout();
    act(&tree.record.folder);
    let work = trees.remove(&tree.record).await.expect("removed");
    assert!(!tree.record.folder.exists() && !tree.record.entry.exists(), "nothing stays");
    assert_eq!(world.checkout(), before, "the user's own checkout is as it was");
    world.git(&["fsck", "--connectivity-only"]);
    work
}

pub async fn open(trees: &Worktrees, number: u32) -> Worktree {
    trees.open(AgentNumber(number), "HEAD").await.expect("a worktree")
}
