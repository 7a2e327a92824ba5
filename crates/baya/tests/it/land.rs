//! `baya land`: what lands, what does not and why, and that a killed landing goes on.

use crate::harness::{Baya, Output, runs, send, wait, wait_for};
use crate::killed_process::events;
use baya_core::event::Event;
use baya_core::ids::RunId;
use baya_core::landing::LandingRecord;
use baya_engine::runs::RunStore;
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// A repository of a person, and a program that does what its prompt says in the place of an agent.
pub struct Repo {
    pub baya: Baya,
}

impl Repo {
    pub fn new() -> Repo {
        let baya = Baya::new();
        let settings = baya.home().join(".config/baya");
        std::fs::create_dir_all(&settings).expect("a folder");
        let dev = "[commands.dev]\nargv = [\"sh\", \"-c\", \"sh -s && echo done\"]\noutput = \"text\"\n";
        std::fs::write(settings.join("config.toml"), format!("backend = \"dev\"\n{dev}")).expect("settings");
        baya.write("a.txt", "a\n").write("b.txt", "b\n").write(".gitignore", "*.log\n");
        let repo = Repo { baya };
        repo.git(&["init", "-q", "-b", "main"]);
        repo.commit("first");
        repo
    }

    pub fn git(&self, words: &[&str]) -> String {
        let person = ["-c", "user.name=person", "-c", "user.email=person@localhost"];
        let mut git = Command::new("git");
        git.args(person).args(words).current_dir(self.baya.work()).env_clear();
        git.env("PATH", "/usr/bin:/bin").env("HOME", self.baya.home());
        let output = git.output().expect("git runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    pub fn state(&self) -> PathBuf {
        self.baya.home().join(".local/state/baya")
    }

    /// A run whose agents do this in worktrees, one after the other; its id. The script is no file of the
    /// repository.
    pub fn run(&self, works: &[(&str, &str)]) -> String {
        self.run_with("run", works).exits(0);
        self.last()
    }

    pub fn run_with(&self, words: &str, works: &[(&str, &str)]) -> Output {
        let call = |(label, shell): &(&str, &str)| {
            let options = json!({"label": label, "isolation": "worktree", "phase": "Edit"});
            format!("await agent({}, {options})\n", json!(format!("{shell}\nexit 0")))
        };
        let body: String = works.iter().map(call).collect();
        let script = self.baya.home().join("edit.js");
        let meta = "export const meta = { name: 'edit', description: 'd' }";
        std::fs::write(&script, format!("{meta}\nphase('Edit')\n{body}")).expect("a script");
        let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        args.insert(1, script.display().to_string());
        self.baya.args(args).run()
    }

    pub fn last(&self) -> String {
        runs(&self.baya.home()).pop().expect("a run")
    }

    pub fn land(&self, words: &[&str]) -> Output {
        let all = ["land", "last"].iter().chain(words);
        self.baya.args(all.copied()).run()
    }

    /// The files of a commit with their contents.
    pub fn files(&self, commit: &str) -> Vec<(String, String)> {
        let names = self.git(&["ls-tree", "-r", "--name-only", commit]);
        let text = |name: &str| self.git(&["show", &format!("{commit}:{name}")]);
        names.lines().map(|name| (name.to_owned(), text(name))).collect()
    }

    pub fn refs(&self) -> String {
        self.git(&["for-each-ref"])
    }

    pub fn landing(&self, run: &str) -> Vec<LandingRecord> {
        let record = |event| match event {
            Event::Landing { record } => Some(record),
            _ => None,
        };
        events(&self.baya, run).into_iter().filter_map(|recorded| record(recorded.event)).collect()
    }
}

fn file<'a>(files: &'a [(String, String)], name: &str) -> Option<&'a str> {
    files.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
}

const MIXED: [(&str, &str); 4] = [
    ("new file", "echo new > new.txt"),
    ("one way", "echo one > a.txt"),
    ("other way", "echo two > a.txt"),
    ("broken", "echo bad > bad.txt"),
];

const CHECK: [&str; 2] = ["--check", "echo looking; ! test -e bad.txt"];

#[test]
fn landing_tells_the_fate_of_each_piece_and_what_to_do_next() {
    let repo = Repo::new();
    let run = repo.run(&MIXED);
    let output = repo.land(&CHECK).exits(3).says("#1 new file: landed");
    let lines: Vec<&str> = output.stdout.lines().collect();
    for (number, words) in [
        ("#1", "1 file +1 -0           landed"),
        ("#2", "1 file +1 -1           landed"),
        ("#3", "conflict in a.txt"),
        ("#4", "check failed: exit status 1: looking"),
    ] {
        let line = lines.iter().find(|line| line.starts_with(number)).unwrap_or(&"");
        assert!(line.ends_with(words), "{words:?} is not the end of {line:?}");
    }
    let log = lines.iter().find_map(|line| line.trim_start().strip_prefix("log: ")).expect("a log");
    assert_eq!(std::fs::read_to_string(log).expect("the log"), "looking\n");
    let output = output.prints_line(&format!("2 of 4 pieces landed on baya/{run}"));
    output.prints_line(&format!("take:   git merge baya/{run}")).prints_line(&format!("baya work {run}"));
    let files = repo.files(&format!("baya/{run}"));
    assert_eq!((file(&files, "a.txt"), file(&files, "new.txt")), (Some("one"), Some("new")));
    assert_eq!(file(&files, "bad.txt"), None);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["log", "--format=%s", "main"]), "first", "the user's branch is as it was");
}

#[test]
fn landing_twice_changes_nothing() {
    let repo = Repo::new();
    let run = repo.run(&MIXED[..2]);
    repo.land(&CHECK).exits(0).prints_line("2 of 2 pieces landed");
    let refs = repo.refs();
    let output = repo.land(&[CHECK[0], CHECK[1], "--json"]).exits(0);
    let end = output.json_lines().pop().expect("a line");
    assert_eq!((end["type"].as_str(), end["landed"].as_u64()), (Some("landing_ended"), Some(2)));
    assert_eq!((&end["checks"], &end["branch"]), (&json!(0), &json!(format!("baya/{run}"))));
    assert_eq!(end["pieces"][1]["fate"], "landed");
    assert_eq!(repo.refs(), refs);
}

#[test]
fn landed_work_goes_into_a_branch_when_it_is_named() {
    let repo = Repo::new();
    repo.run(&MIXED[..2]);
    repo.land(&["--into", "nowhere"]).exits(2).says("there is no branch `nowhere`");
    repo.baya.write("b.txt", "changed by hand\n");
    let refused = repo.land(&["--into", "main"]).exits(2).says("files there are changed");
    refused.says("hint: commit or stash them, then: git merge baya/").prints_line("2 of 2 pieces landed");
    assert_eq!(repo.git(&["diff", "--name-only"]), "b.txt");
    repo.git(&["checkout", "-q", "--", "b.txt"]);
    repo.land(&["--into", "main"]).exits(0).prints_line("main: forward from");
    assert_eq!(std::fs::read_to_string(repo.baya.work().join("a.txt")).expect("a file"), "one\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.land(&["--into", "main"]).exits(0).prints_line("main: has it all already");
}

#[test]
fn a_dry_run_says_what_merges_and_changes_nothing() {
    let repo = Repo::new();
    let run = repo.run(&MIXED);
    let before = (repo.refs(), events(&repo.baya, &run).len());
    let output = repo.land(&["--dry-run"]).exits(0).prints_line("conflict in a.txt");
    assert_eq!(output.stdout.lines().filter(|line| line.ends_with("merges")).count(), 3, "{}", output.stdout);
    let lines = repo.land(&["--dry-run", "--json"]).exits(0).json_lines();
    assert_eq!((lines.len(), &lines[0]["work"]["lines_added"]), (4, &json!(1)));
    assert_eq!((repo.refs(), events(&repo.baya, &run).len()), before);
}

#[test]
fn what_cannot_be_landed_is_refused_with_the_reason() {
    let repo = Repo::new();
    let run = repo.run(&[("nothing", "true")]);
    repo.land(&[]).exits(0).says("nothing to land");
    repo.land(&["--label", "someone else"]).exits(2).says("no agent of the run").says("baya show");
    repo.land(&["--merge", "--rebase"]).exits(2);
    let store = RunStore::new(&repo.state());
    let held = store.drive(&RunId::parse(&run).expect("an id")).expect("the lease");
    repo.land(&[]).exits(2).says("is driven by process");
    drop(held);
    repo.land(&[]).exits(0);
}

#[test]
fn the_first_conflict_stops_a_landing_that_is_to_stop() {
    let repo = Repo::new();
    repo.run(&MIXED);
    let output = repo.land(&["--on-conflict", "stop", "--into", "main"]).exits(3);
    output.prints_line("2 of 4 pieces landed").prints_line("stopped: #3 is in conflict");
    assert_eq!(repo.git(&["log", "--format=%s", "main"]), "first", "nothing is brought anywhere then");
}

/// Ends a landing in the middle of its second check, in this way; then the same command again.
fn check_goes_on(signal: Signal) {
    let works = [("one", "echo 1 > one.txt"), ("two", "echo 2 > two.txt"), ("bad", "echo 3 > bad.txt")];
    let whole = Repo::new();
    let expected = format!("baya/{}", whole.run(&works));
    whole.land(&[CHECK[0], CHECK[1], "--batch", "1"]).exits(3);

    let repo = Repo::new();
    let run = repo.run(&works);
    let hold = repo.baya.home().join("hold");
    std::fs::write(&hold, "").expect("a file");
    let waits = "if test -e two.txt && test -e ../../../../../../hold; then touch begun; while :; do sleep 0.02; \
        done; fi";
    let line = format!("{waits}; {}", CHECK[1]);
    let words = ["land", "last", "--batch", "1", "--check", &line];
    let mut child = repo.baya.args(words).spawn();
    let begun = repo.state().join("worktrees").join(&run).join(format!("{run}.landing/begun"));
    wait_for("the second check", || begun.exists());
    send(&child, signal);
    let status = wait(&mut child);
    assert_eq!(status.code(), (signal == Signal::INT).then_some(130));
    std::fs::remove_file(&hold).expect("removed");
    repo.baya.args(words).run().exits(3).prints_line("2 of 3 pieces landed");
    assert_eq!(repo.files(&format!("baya/{run}")), whole.files(&expected));
    let records = repo.landing(&run);
    let checked = |record: &LandingRecord| match record {
        LandingRecord::Checked { commit, .. } => Some(commit.clone()),
        _ => None,
    };
    let checks: Vec<String> = records.iter().filter_map(checked).collect();
    assert_eq!(checks.iter().collect::<BTreeSet<_>>().len(), checks.len(), "no commit is checked twice");
    let begun = records.iter().filter(|record| matches!(record, LandingRecord::Begun { .. })).count();
    assert_eq!(begun, 1, "it went on, and did not begin anew");
    assert!(!repo.git(&["worktree", "list"]).contains("landing"));
    assert_eq!(at_work_in(&format!("{run}.landing")), 0, "the check that never ends was ended");
}

/// Processes in a folder of this name, there or gone.
fn at_work_in(name: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let places = processes.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    places.filter(|place| place.to_string_lossy().contains(name)).count()
}

#[test]
fn a_landing_that_is_killed_goes_on_with_the_same_command() {
    check_goes_on(Signal::KILL);
}

#[test]
fn a_landing_that_is_interrupted_goes_on_with_the_same_command() {
    check_goes_on(Signal::INT);
}
