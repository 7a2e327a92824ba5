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
