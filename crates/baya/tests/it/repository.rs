//! A git repository as a working folder, and agents that are shell scripts.

use crate::harness::{Baya, Output, runs};
use serde_json::Value;
use std::process::Command;

/// A repository with one commit of these files, and the backend `mine`: a script that is given the prompt as `$1` and a
/// folder for notes as `$NOTES`.
pub fn repository(files: &[(&str, &str)], agent: &str) -> Baya {
    let baya = Baya::new();
    std::fs::create_dir(notes(&baya)).expect("a folder");
    files.iter().for_each(|(path, text)| {
        baya.write(path, text);
    });
    let shell = format!("set -- \"$(cat)\"\nNOTES=$HOME/notes\n{agent}");
    std::fs::write(baya.home().join("agent.sh"), shell).expect("the agent");
    let program = baya.home().join("agent.sh").display().to_string();
    let settings = format!("[commands.mine]\nargv = [\"/bin/sh\", \"{program}\"]\n");
    let folder = baya.home().join(".config/baya");
    std::fs::create_dir_all(&folder).expect("folders");
    std::fs::write(folder.join("config.toml"), settings).expect("the settings");
    git(&baya, &["init", "-q", "-b", "main", "."]);
    git(&baya, &["add", "-A"]);
    git(&baya, &["commit", "-q", "-m", "the beginning"]);
    baya
}

pub fn notes(baya: &Baya) -> std::path::PathBuf {
    baya.home().join("notes")
}

/// Lines that agents wrote into a file of their notes.
pub fn noted(baya: &Baya, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(notes(baya).join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What git says in the working folder.
#[track_caller]
pub fn git(baya: &Baya, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words).current_dir(baya.work());
    let command = command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", baya.home());
    let output = command.output().expect("git");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Runs `body` as `w.js`.
pub fn run(baya: &Baya, body: &str) -> Output {
    write_script(baya, body);
    baya.args(RUN).run()
}

pub const RUN: [&str; 6] = ["run", "w.js", "--backend", "mine", "--yes", "--json"];

pub fn write_script(baya: &Baya, body: &str) {
    let meta = "export const meta = { name: 'w', description: 'works in worktrees' }\n";
    baya.write("w.js", &format!("{meta}{body}"));
}

/// The only run there is.
#[track_caller]
pub fn only_run(baya: &Baya) -> String {
    let all = runs(&baya.home());
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// All that a person sees of a checkout: index, status and every file.
pub fn checkout(baya: &Baya) -> (Vec<u8>, String, String) {
    let index = std::fs::read(baya.work().join(".git/index")).expect("the index");
    let files = "find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum";
    let output = Command::new("sh").args(["-c", files]).current_dir(baya.work()).output().expect("sh");
    let sums = String::from_utf8_lossy(&output.stdout).into_owned();
    (index, git(baya, &["symbolic-ref", "HEAD"]) + &git(baya, &["rev-parse", "HEAD"]), sums)
}

/// Worktrees beside the checkout.
pub fn worktrees(baya: &Baya) -> usize {
    git(baya, &["worktree", "list", "--porcelain"]).matches("worktree ").count() - 1
}

/// The last report of an agent of a run.
pub fn shown(baya: &Baya, run: &str) -> Value {
    let output = baya.args(["show", run, "--json"]).run().exits(0);
    serde_json::from_str(&output.stdout).expect("JSON")
}
