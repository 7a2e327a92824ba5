//! Runs at once on one repository, all their worktrees open at the same time, while a person commits,
//! switches branches, edits and has git collect garbage in the checkout.
//!
//! Middle size, or in full by `cargo xtask proofs`.

use crate::harness::{Baya, Output, Running, wait_within};
use crate::proof::{Size, figure, seconds};
use crate::repository::{checkout, git, noted, notes, repository, shown, worktrees};
use serde_json::json;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long a proof in full may take to begin, and then to end.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// Stays in its worktree until it may go.
const AGENT: &str = r#"echo "$1" | head -n 1 > name; read -r word run n < name; rm name
echo "of $run" > "by-$n.txt"; echo "$run $n" >> "$NOTES/begun"
while [ ! -e "$NOTES/go" ]; do sleep 1; done
echo later >> "by-$n.txt"; echo changed"#;

/// `AGENTS` and `RUN` are filled in.
const SCRIPT: &str = r#"export const meta = { name: 'crowd', description: 'one of some runs at once' }
const works = await parallel(Array.from({ length: AGENTS }, (_, n) => () =>
  agent(`Change RUN ${n}`, { label: `change ${n}`, isolation: 'worktree', work: true })))
const landed = await baya.land(works)
return { branch: landed.branch, fates: landed.pieces.map((piece) => piece.fate) }"#;

/// What a person does in the checkout, over and over; the numbers make each time another one.
fn act(baya: &Baya, time: usize) {
    match time % 5 {
        0 => {
            baya.write("mine.txt", &format!("version {time}\n"));
            git(baya, &["add", "mine.txt"]);
            git(baya, &["commit", "-q", "-m", "mine"]);
        }
        1 => drop(git(baya, &["switch", "-q", "-C", &format!("topic-{time}")])),
        2 => collect_garbage(baya),
        3 => drop(baya.write("scratch.txt", &format!("not committed {time}\n"))),
        _ => drop(git(baya, &["switch", "-q", "main"])),
    }
}

/// Git itself does not collect garbage at a moment at which a worktree is being made: it says so and does nothing.
fn collect_garbage(baya: &Baya) {
    let mut command = std::process::Command::new("git");
    command.args(["gc", "-q"]).current_dir(baya.work()).env_clear();
    let output = command.env("PATH", "/usr/bin:/bin").env("HOME", baya.home()).output().expect("git");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || said.contains("worktrees/"), "{said}");
}

#[test]
fn runs_at_once_and_a_person_at_work_do_not_get_into_each_others_way() {
    let (size, since) = (Size::here(), Instant::now());
    let all: usize = size.crowd.iter().sum();
    let baya = repository(&[("mine.txt", "mine\n"), ("other.txt", "of nobody\n")], AGENT);
    let mut runs = Running(Vec::new());
    for (run, agents) in size.crowd.iter().enumerate() {
        let name = format!("crowd-{run}.js");
        let script = SCRIPT.replace("AGENTS", &agents.to_string()).replace("RUN", &run.to_string());
        std::fs::write(baya.home().join(&name), script).expect("a script");
        let script = baya.home().join(&name).display().to_string();
        let agents = agents.to_string();
        let words = ["run", &script, "--backend", "mine", "--concurrency", &agents, "--yes", "--json"];
        // Not a pipe: nobody reads before the end, and a full one would hold the run up.
        let said = std::fs::File::create(said_by(&baya, run)).expect("a file");
        let mut command = baya.args(words).command();
        let silent = Stdio::null;
        let child = command.stdin(silent()).stdout(said).stderr(silent()).spawn();
        runs.0.push(child.expect("the program"));
    }
    let mut time = 0;
    let mut person = || {
        act(&baya, time);
        let left = checkout(&baya);
        assert_eq!(checkout(&baya), left, "after act {time} of the person");
        time += 1;
    };
    wait_within(PATIENCE, "all agents in their worktrees", || {
        person();
        let over = runs.0.iter_mut().filter_map(|run| run.try_wait().expect("a child")).count();
        assert_eq!(over, 0, "a run ended before its agents were at work");
        noted(&baya, "begun").len() == all
    });
    let open = worktrees(&baya);
    figure("crowd: all worktrees open", seconds(since));
    std::fs::write(notes(&baya).join("go"), "").expect("a file");
    wait_within(PATIENCE, "the end of all runs", || {
        person();
        runs.0.iter_mut().all(|run| run.try_wait().expect("a child").is_some())
    });
    figure("crowd: until all works have landed", seconds(since));
    figure("crowd: worktrees at the same time", open);
    figure("crowd: what the person did meanwhile", format!("{time} acts"));
    assert_eq!(open, all);
    for (run, mut child) in std::mem::take(&mut runs.0).into_iter().enumerate() {
        let code = child.wait().expect("a child").code();
        let stdout = std::fs::read_to_string(said_by(&baya, run)).expect("what it said");
        check_landed(&baya, Output { stdout, stderr: String::new(), code }, run, size.crowd[run]);
    }
    assert_eq!(worktrees(&baya), 0);
    git(&baya, &["gc", "-q"]);
    git(&baya, &["fsck", "--no-dangling"]);
    assert_eq!(git(&baya, &["show", "main:other.txt"]), "of nobody");
}

/// Where a run's `--json` goes.
fn said_by(baya: &Baya, run: usize) -> std::path::PathBuf {
    baya.home().join(format!("said-{run}.json"))
}

/// Every piece, and nothing of the person or of another run.
#[track_caller]
fn check_landed(baya: &Baya, output: Output, run: usize, agents: usize) {
    let ended = output.exits(0).run_ended();
    let result = &ended["result"];
    assert_eq!(result["fates"], json!(vec!["landed"; agents]));
    let branch = result["branch"].as_str().expect("a branch");
    let shown = shown(baya, ended["run"].as_str().expect("an id"));
    let base = shown["base"].as_str().expect("a commit");
    let changed = git(baya, &["diff", "--name-only", base, branch]);
    let mut names: Vec<String> = (0..agents).map(|n| format!("by-{n}.txt")).collect();
    names.sort();
    assert_eq!(changed.lines().collect::<Vec<_>>(), names);
    for name in names {
        assert_eq!(git(baya, &["show", &format!("{branch}:{name}")]), format!("of {run}\nlater"));
    }
}
