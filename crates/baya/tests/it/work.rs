//! Where the work of agents in worktrees is: in the journal, in `baya work`, in `baya show`.

use crate::land::Repo;
use serde_json::{Value, json};

fn story(repo: &Repo, agent: &str) -> Value {
    repo.baya.args(["show", "last", agent, "--json"]).run().exits(0).json_lines().remove(0)
}

#[test]
fn work_lists_each_branch_with_its_size_and_state() {
    let repo = Repo::new();
    let run = repo.run(&[("adds", "echo new > new.txt"), ("looks", "true"), ("clashes", "echo x > new.txt")]);
    let listed = repo.baya.line("work last").run().exits(0);
    let listed = listed.prints_line(&format!("branch: baya-work/{run}/1")).prints_line("nothing changed");
    let listed = listed.prints_line(&format!("land:   baya land {run}")).prints_line("not landed");
    let look =
        listed.stdout.lines().find_map(|line| line.trim().strip_prefix("look:   git ")).expect("a command");
    let diff = repo.git(&look.split(' ').collect::<Vec<_>>());
    assert!(diff.contains("+new"), "{diff}");
    repo.land(&[]).exits(3);
    let lines = repo.baya.line("work last --json").run().exits(0).json_lines();
    let states: Vec<&Value> = lines.iter().map(|line| &line["state"]).collect();
    assert_eq!(states, [&json!("landed"), &Value::Null, &json!("conflict")]);
    assert_eq!((&lines[0]["work"]["files_changed"], &lines[0]["worktree"]), (&json!(1), &Value::Null));
    repo.baya.line("work last").run().exits(0).prints_line(&format!("landed: git log --stat baya/{run}"));
}

#[test]
fn work_of_a_run_without_worktrees_says_so() {
    let repo = Repo::new();
    repo.baya.write(
        "plain.js",
        "export const meta = { name: 'x', description: 'd' }\nreturn await agent('exit 0')\n",
    );
    repo.baya.line("run plain.js").run().exits(0);
    repo.baya.line("work last").run().exits(0).says("has worked in a worktree").prints("");
}

#[test]
fn c65_a_result_that_is_used_again_brings_its_work_back() {
    let repo = Repo::new();
    let run = repo.run(&[("adds", "echo new > new.txt"), ("more", "echo more > more.txt")]);
    let before = story(&repo, "1");
    let work = &before["work"];
    assert_eq!(work["base"], repo.git(&["rev-parse", "main"]));
    assert_eq!(work["head"], repo.git(&["rev-parse", &format!("refs/baya/{run}/1")]));
    assert_eq!(work["branch"], format!("baya-work/{run}/1"));
    assert!(work["patch"].as_str().is_some_and(|patch| patch.contains("+new")), "{work}");
    repo.land(&[]).exits(0);
    repo.baya.args(["resume", &run]).run().exits(0).says("2 reused");
    assert_eq!(&story(&repo, "1")["work"], work);
    repo.land(&[]).exits(0).prints_line("2 of 2 pieces landed");
}

#[test]
fn c72_the_patch_of_an_agent_is_shown_and_can_be_applied() {
    let repo = Repo::new();
    let edits = "echo changed > a.txt; mkdir sub; printf 'x\\033[2Jy\\n' > sub/new.txt";
    let output = repo.run_with("run", &[("edits", edits), ("looks", "true")]).exits(0);
    output.says("#1 edits: done in").says(", 2 files +2 -1");
    let patch = repo.baya.line("show last 1 --diff").env("PAGER", "false").run().exits(0).stdout;
    std::fs::write(repo.baya.home().join("p.patch"), &patch).expect("a patch");
    repo.git(&["apply", &repo.baya.home().join("p.patch").display().to_string()]);
    assert_eq!(std::fs::read(repo.baya.work().join("sub/new.txt")).expect("a file"), b"x\x1b[2Jy\n");
    let coloured = repo.baya.line("show last 1 --diff").env("CLICOLOR_FORCE", "1").run().exits(0).stdout;
    assert!(coloured.contains("\x1b[32m+changed\x1b[0m") && coloured.contains("\x1b[31m-a\x1b[0m"));
    assert!(!coloured.contains("\x1b[2J"), "{coloured:?}");
    let work = repo.baya.line("show last 1 --diff --json").run().exits(0).json_lines().remove(0);
    assert_eq!((&work["type"], &work["work"]["patch"]), (&json!("agent_diff"), &json!(patch)));
    repo.baya.line("show last 2 --diff").run().exits(0).says("changed nothing").prints("");
    repo.baya.line("show last 7 --diff").run().exits(2).says("no agent #7");
    repo.baya.line("show last --diff").run().exits(2);
    repo.baya.line("show last").run().exits(0).prints_line(", 2 files +2 -1");
    repo.baya.line("show last 1").run().exits(0).prints_line("  sub/new.txt +1 -0");
}

#[test]
fn c70_worktrees_start_at_the_commit_or_with_what_is_not_committed() {
    let repo = Repo::new();
    repo.run_with("run", &[("clean", "true")]).exits(0);
    repo.baya.write("a.txt", "not committed\n").write("new.txt", "untracked\n");
    let status = repo.git(&["status", "--porcelain"]);
    let copy = ("copy", "test -e new.txt && echo has > seen.txt || echo lacks > lacks.txt");
    let told = "your uncommitted changes are not in it; --snapshot-dirty takes them in";
    let without = repo.run_with("run", &[copy, copy]).exits(0).says(told);
    assert_eq!(without.stderr.matches(told).count(), 1, "it is said once: {}", without.stderr);
    let plain = repo.run_with("run --backend simulated", &[copy]).exits(0);
    assert!(!plain.stderr.contains("--snapshot-dirty"), "{}", plain.stderr);
    let with = repo.run_with("run --snapshot-dirty", &[copy]).exits(0).says("/snapshot");
    assert!(!with.stderr.contains(told), "{}", with.stderr);
    let made: Vec<String> = ["seen.txt", "lacks.txt"]
        .iter()
        .map(|file| repo.git(&["log", "--all", "--diff-filter=A", "--format=%s", "--", file]))
        .collect();
    assert!(made[0].lines().count() == 1 && made[1].lines().count() == 2, "{made:?}");
    assert_eq!(repo.git(&["status", "--porcelain"]), status);
    let shown = repo.baya.line("show last --json").run().exits(0).json_lines().remove(0);
    let run = shown["run"].as_str().expect("an id").to_owned();
    assert_eq!(shown["base"], repo.git(&["rev-parse", &format!("refs/baya/{run}/snapshot")]));
}

#[test]
fn a_snapshot_needs_a_repository() {
    let baya = crate::harness::Baya::new();
    baya.write("x.js", "export const meta = { name: 'x', description: 'd' }\nreturn 1\n");
    let refused = baya.line("run x.js --backend simulated --snapshot-dirty").run().exits(2);
    refused.says("is in no git repository").says("hint: ");
}
