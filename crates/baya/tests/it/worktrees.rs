//! Agents in worktrees of their own, through the program: the checkout stays, and nothing they left is lost.

use crate::fake::FakeModel;
use crate::harness::{Baya, Running, send, wait, wait_for};
use crate::repository::{
    RUN, checkout, git, noted, notes, only_run, repository, run, shown, worktrees, write_script,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

/// Writes a file named by the prompt's first word.
const WRITER: &str = r#"echo "$1" | head -n 1 | cut -d' ' -f1 > name; name=$(cat name); rm name
echo "$name" >> "$NOTES/asked"
echo "by $name" > "$name.txt"; echo more >> a.txt
printf 'did %s' "$name""#;

fn one_commit() -> [(&'static str, &'static str); 2] {
    [("a.txt", "a\n"), (".gitignore", "*.log\n")]
}

#[test]
fn c70_a_worktree_starts_at_the_recorded_base_and_the_checkout_is_left_alone() {
    let baya = repository(&one_commit(), WRITER);
    let start = git(&baya, &["rev-parse", "HEAD"]);
    write_script(&baya, "return await agent('one', {isolation: 'worktree', work: true})");
    baya.write("a.txt", "changed, not committed\n");
    let before = checkout(&baya);
    let ended = baya.args(RUN).run().exits(0).run_ended();
    assert_eq!(checkout(&baya), before);
    let (result, run) = (&ended["result"], only_run(&baya));
    assert_eq!((&result["result"], &result["work"]["base"]), (&json!("did one"), &json!(start)));
    assert_eq!(shown(&baya, &run)["base"], json!(start));
    assert_eq!(worktrees(&baya), 0);
    assert_eq!(git(&baya, &["show", &format!("refs/baya/{run}/1:a.txt")]), "a\nmore", "not the change");
    assert_eq!(git(&baya, &["show", &format!("baya-work/{run}/1:one.txt")]), "by one");
}

#[test]
fn c70_base_of_a_call_is_where_its_worktree_starts() {
    let baya = repository(&one_commit(), WRITER);
    let start = git(&baya, &["rev-parse", "HEAD"]);
    git(&baya, &["commit", "-q", "--allow-empty", "-m", "later"]);
    let body = "return (await agent('one', {isolation: 'worktree', work: true, base: 'HEAD~1'})).work.base";
    assert_eq!(run(&baya, body).exits(0).run_ended()["result"], json!(start));
    let body = "return await agent('one', {isolation: 'worktree', base: 'nowhere'})";
    let output = run(&baya, body);
    assert!(output.stdout.contains("there is no commit `nowhere`"), "{}", output.stdout);
}

#[test]
fn c71_an_unchanged_worktree_goes_with_its_branch() {
    let baya = repository(&one_commit(), "echo x > ignored.log; echo \"$1\" > \"$NOTES/prompt\"");
    let ended = run(&baya, "return (await agent('look', {isolation: 'worktree', work: true})).work").exits(0);
    let work = &ended.run_ended()["result"];
    assert_eq!((&work["changed"], &work["filesChanged"]), (&json!(false), &json!(0)));
    assert_eq!(worktrees(&baya), 0);
    let refs = git(&baya, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main", "no branch and no ref for nothing");
    let told = noted(&baya, "prompt").join("\n");
    assert!(told.starts_with("look\n") && told.contains("do not read or change anything there"), "{told}");
}

#[test]
fn c71_what_agents_leave_is_kept_however_they_end() {
    let agent = r#"echo "left by an agent" > left.txt
case "$1" in
  fails*) echo no >&2; exit 1;;
  killed*) kill -9 $$;;
  slow*) while :; do sleep 1; done;;
esac"#;
    let baya = repository(&one_commit(), agent);
    let body = "const options = {isolation: 'worktree', retries: 0, onFailure: 'null'}
        return parallel([
          () => agent('fails', options), () => agent('killed', options),
          () => agent('slow', {...options, timeoutMs: 1500})])";
    let output = run(&baya, body);
    assert_eq!(output.run_ended()["result"], json!([null, null, null]), "{}", output.stderr);
    let run = only_run(&baya);
    for agent in 1..=3 {
        let kept = git(&baya, &["show", &format!("refs/baya/{run}/{agent}:left.txt")]);
        assert_eq!(kept, "left by an agent");
    }
    assert_eq!(worktrees(&baya), 0);
}

#[test]
fn c71_what_an_agent_left_before_kill_9_is_kept() {
    let agent = r#"echo "$$" >> "$NOTES/asked"; echo early > "early-$(wc -l < "$NOTES/asked").txt"
while [ ! -e "$NOTES/go" ]; do sleep 0.02; done; printf done"#;
    let baya = repository(&one_commit(), agent);
    write_script(&baya, "return (await agent('wait', {isolation: 'worktree', work: true})).work.files");
    let mut child = baya.args(RUN).spawn();
    wait_for("the agent", || noted(&baya, "asked").len() == 1 && worktrees(&baya) == 1);
    let run = only_run(&baya);
    let left = baya.home().join(format!(".local/state/baya/worktrees/{run}/{run}.1/early-1.txt"));
    wait_for("its file", || left.exists());
    send(&child, Signal::KILL);
    wait(&mut child);
    std::fs::write(notes(&baya).join("go"), "").expect("a file");
    let output = baya.args(["resume", run.as_str(), "--json"]).run().exits(0);
    let files = output.run_ended()["result"].clone();
    let names: Vec<&Value> = files.as_array().expect("a list").iter().map(|file| &file["path"]).collect();
    assert_eq!(names, ["early-1.txt", "early-2.txt"]);
    assert_eq!(git(&baya, &["show", &format!("refs/baya/{run}/1:early-1.txt")]), "early");
    assert_eq!(worktrees(&baya), 0);
}

#[test]
fn c65_a_resumed_run_delivers_the_recorded_work_without_a_new_agent() {
    let baya = repository(&one_commit(), WRITER);
    let waits = "touch here; while [ ! -e go ]; do sleep 0.02; done";
    let body = format!(
        "const one = await agent('one', {{isolation: 'worktree', work: true}})
         await baya.exec('{waits}', {{retry: 'safe'}})
         return [one, await baya.work(agent('two', {{isolation: 'worktree'}}))]"
    );
    write_script(&baya, &body);
    let mut child = baya.args(RUN).spawn();
    wait_for("the step between", || baya.work().join("here").exists());
    send(&child, Signal::KILL);
    wait(&mut child);
    let run = only_run(&baya);
    let head = git(&baya, &["rev-parse", &format!("refs/baya/{run}/1")]);
    git(&baya, &["commit", "-q", "--allow-empty", "-m", "meanwhile"]);
    baya.write("go", "");
    let ended = baya.args(["resume", run.as_str(), "--json"]).run().exits(0).run_ended();
    let (one, two) = (&ended["result"][0], &ended["result"][1]);
    assert_eq!((&one["result"], &one["work"]["head"]), (&json!("did one"), &json!(head)));
    assert!(one["work"]["patch"].as_str().expect("a patch").contains("+by one"), "{one}");
    assert_eq!(two["base"], one["work"]["base"], "worktrees of a run start where they did");
    assert_eq!(noted(&baya, "asked"), ["one", "two"], "nobody is asked twice");
}

#[test]
fn c72_a_work_says_where_it_is_and_how_much() {
    let baya = repository(&one_commit(), WRITER);
    let body = "const p = agent('one', {isolation: 'worktree'})
        const w = await baya.work(p)
        const asked = await agent('two', {isolation: 'worktree', work: true})
        return {text: await p, w, asked}";
    let ended = run(&baya, body).exits(0).run_ended();
    let (result, run) = (&ended["result"], only_run(&baya));
    assert_eq!((&result["text"], &result["asked"]["result"]), (&json!("did one"), &json!("did two")));
    let w = &result["w"];
    assert_eq!(w["branch"], json!(format!("baya-work/{run}/1")));
    assert_eq!(w["head"], json!(git(&baya, &["rev-parse", &format!("refs/baya/{run}/1")])));
    assert_eq!((&w["filesChanged"], &w["linesAdded"], &w["linesRemoved"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(w["files"][1], json!({"path": "one.txt", "added": 1, "removed": 0}));
    assert_eq!(result["asked"]["work"]["agent"], 2);
    let work = &shown(&baya, &run)["agents"]["1"]["work"];
    assert_eq!((&work["branch"], &work["head"]), (&w["branch"], &w["head"]));
}

#[test]
fn how_much_an_agent_has_changed_is_shown_while_it_works() {
    let agent = r#"echo more >> a.txt; echo new > new.txt
while [ ! -e "$NOTES/go" ]; do sleep 0.1; done; printf done"#;
    let baya = repository(&one_commit(), agent);
    write_script(&baya, "return await agent('one', {isolation: 'worktree', timeoutMs: 50000})");
    let mut running = Running(vec![baya.args(RUN).spawn()]);
    let stdout = running.0[0].stdout.take().expect("a pipe");
    let lines = BufReader::new(stdout).lines().map(|line| line.expect("a line"));
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
    let told = lines.find(|line| line["type"] == "agent_changed").expect("while it works");
    let size = json!({"files_changed": 2, "lines_added": 2, "lines_removed": 0});
    assert_eq!((&told["agent"], &told["changes"]), (&json!(1), &size));
    baya.line("show last 1").run().exits(0).prints_line("work:\n  2 files +2 -0 so far");
    let story = baya.line("show last 1 --json").run().exits(0).json_lines().remove(0);
    assert_eq!(story["changes"], size);
    std::fs::write(notes(&baya).join("go"), "").expect("a file");
    assert_eq!(lines.last().expect("a line")["result"], "done");
    assert!(wait(&mut running.0[0]).success());
    let story = baya.line("show last 1 --json").run().exits(0).json_lines().remove(0);
    assert_eq!((&story["changes"], &story["work"]["files_changed"]), (&Value::Null, &json!(2)));
}

#[test]
fn simulated_agents_get_no_worktree() {
    let baya = repository(&one_commit(), WRITER);
    write_script(&baya, "return (await agent('one', {isolation: 'worktree', work: true})).work");
    let ended = baya.line("run w.js --backend simulated --json").run().exits(0).run_ended();
    assert_eq!(ended["result"], Value::Null);
    assert_eq!(git(&baya, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}

#[test]
fn c26_a_worktree_outside_of_a_repository_is_refused() {
    let baya = Baya::new();
    write_script(&baya, "return await agent('one', {isolation: 'worktree'})");
    let output = baya.line("run w.js --backend simulated").run().exits(1);
    assert!(output.stderr.contains("git repository"), "{}", output.stderr);
}

/// The built-in agent: its tools stay in its worktree, and the sandbox holds its commands there.
#[test]
fn c70_tools_and_commands_of_an_agent_stay_in_its_worktree() {
    let baya = repository(&one_commit(), WRITER);
    let main = baya.work().display().to_string();
    let outside =
        format!("echo spoilt > {main}/a.txt; cat {main}/secret.txt; git status --short; git log --oneline");
    let commit =
        "git add -A && git -c user.name=a -c user.email=a@a commit -qm mine && echo later > later.txt";
    let model = FakeModel::start(&json!({"rules": [
        {"when": {"turn": 1}, "tool": {"name": "write", "input": {"path": "new.txt", "content": "new\n"}}},
        {"when": {"turn": 2}, "tool": {"name": "bash", "input": {"command": outside, "description": "look"}}},
        {"when": {"turn": 3}, "tool": {"name": "bash", "input": {"command": commit, "description": "commit"}}},
        {"text": "done"},
    ]}));
    write_script(
        &baya,
        "return (await agent('work', {isolation: 'worktree', work: true})).work.files.map(f => f.path)",
    );
    baya.write("secret.txt", "the secret of the checkout\n");
    let before = checkout(&baya);
    let output = model.serves(baya.line("run w.js --json")).run().exits(0);
    assert_eq!(checkout(&baya), before);
    assert_eq!(output.run_ended()["result"], json!(["later.txt", "new.txt"]));
    let ended = output.json_lines().into_iter().filter(|line| line["turn"]["step"] == "tool_ended");
    let said: Vec<String> = ended.map(|line| line["turn"]["text"].to_string()).collect();
    assert!(said[1].contains("new.txt") && said[1].contains("the beginning"), "git works there: {said:?}");
    assert!(!said[1].contains("the secret"), "{said:?}");
}
