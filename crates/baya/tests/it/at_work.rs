//! Agents with tools, through the program: files really change, a killed agent pays for nothing twice.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, wait, wait_for};
use serde_json::{Value, json};

const SCRIPT: &str = "export const meta = { name: 'w', description: 'd' }
const text = await agent('write it down', AGENT)
return { text, spent: budget.spent() }
";

fn with_model<'a>(baya: &'a Baya, model: &FakeModel, line: &str) -> Call<'a> {
    model.serves(baya.line(line))
}

fn script(baya: &Baya, options: &str) {
    baya.write("w.js", &SCRIPT.replace("AGENT", options));
}

fn calls(name: &str, input: Value) -> Value {
    json!({"name": name, "input": input})
}

fn rules(rules: Value) -> Value {
    json!({ "rules": rules })
}

fn usage() -> Value {
    json!({"input": 100, "output": 10})
}

#[test]
fn an_agent_changes_the_working_folder_and_its_commands_see_no_secret() {
    let baya = Baya::new();
    script(&baya, "{}");
    let model = FakeModel::start(&rules(json!([
        {"when": {"turn": 1}, "tool": calls("write", json!({"path": "out.txt", "content": "by an agent"}))},
        {"when": {"turn": 2}, "tool": calls("bash", json!({"command": "env > env.txt; echo $TMPDIR"}))},
        {"text": "done"},
    ])));
    let output = with_model(&baya, &model, "run w.js --json").run().exits(0);
    assert_eq!(output.run_ended()["result"]["text"], "done");
    let read = |name: &str| std::fs::read_to_string(baya.work().join(name)).unwrap_or_default();
    assert_eq!(read("out.txt"), "by an agent");
    let env = read("env.txt");
    assert!(env.contains("PATH=") && !env.contains("ANTHROPIC"), "{env}\n{}", output.stdout);
    let started = &output.json_lines()[0]["surroundings"];
    assert_eq!(started["sandbox"], "workspace");
}

#[test]
fn the_sandbox_is_a_flag_and_a_setting() {
    let baya = Baya::new();
    script(&baya, "{}");
    let model = FakeModel::start(&rules(json!([
        {"when": {"turn": 1}, "tool": calls("bash", json!({"command": "touch made.txt"}))},
        {"text": "done"},
    ])));
    with_model(&baya, &model, "run w.js --sandbox read-only").run().exits(0);
    assert!(!baya.work().join("made.txt").exists());
    baya.write("baya.toml", "sandbox = \"read-only\"\n");
    with_model(&baya, &model, "run w.js").run().exits(0);
    assert!(!baya.work().join("made.txt").exists());
    with_model(&baya, &model, "run w.js --sandbox workspace").run().exits(0);
    assert!(baya.work().join("made.txt").exists());
    baya.write("baya.toml", "sandbox = \"open\"\n");
    baya.line("run w.js").run().exits(2).says("`read-only`, `workspace` and `full`");
}

#[test]
fn c61_an_agent_killed_in_its_fifth_turn_costs_one_further_request() {
    let baya = Baya::new();
    script(&baya, "{ label: 'counts' }");
    let append = calls("bash", json!({"command": "echo x >> count.txt"}));
    let model = FakeModel::start(&rules(json!([
        {"when": {"turn": [1, 2, 3]}, "tool": append, "usage": usage()},
        {"when": {"turn": 4}, "tool": calls("read", json!({"path": "count.txt"})), "usage": usage()},
        {"when": {"turn": 5, "nth": 1}, "fault": "hang"},
        {"when": {"turn": 5}, "text": "five", "usage": usage()},
    ])));
    let mut child = with_model(&baya, &model, "run w.js").spawn();
    wait_for("the fifth request", || model.received().len() == 5);
    child.kill().expect("a living child");
    wait(&mut child);
    let output = with_model(&baya, &model, "resume last --json").run().exits(0);
    assert_eq!(output.run_ended()["result"], json!({"text": "five", "spent": 50}));
    assert_eq!(model.received().len(), 6, "one further request");
    let count = std::fs::read_to_string(baya.work().join("count.txt")).expect("a file");
    assert_eq!(count, "x\nx\nx\n", "nothing is done twice");
}

#[test]
fn c61_a_command_that_was_at_work_when_we_died_is_told_as_unknown() {
    let baya = Baya::new();
    script(&baya, "{}");
    let model = FakeModel::start(&rules(json!([
        {"when": {"turn": 1},
         "tool": calls("bash", json!({"command": "echo x >> begun.txt; while :; do sleep 1; done"}))},
        {"text": "done"},
    ])));
    let mut child = with_model(&baya, &model, "run w.js").spawn();
    wait_for("the command", || baya.work().join("begun.txt").exists());
    child.kill().expect("a living child");
    wait(&mut child);
    let output = with_model(&baya, &model, "resume last --json").run().exits(0);
    assert_eq!(output.run_ended()["result"]["text"], "done");
    let begun = std::fs::read_to_string(baya.work().join("begun.txt")).expect("a file");
    assert_eq!((begun.as_str(), model.received().len()), ("x\n", 2));
    let told = output.json_lines().iter().any(|line| {
        line["turn"]["step"] == "tool_ended"
            && line["turn"]["text"].as_str().is_some_and(|text| text.contains("it may have run"))
    });
    assert!(told, "{}", output.stdout);
}

#[test]
fn c70_an_agent_without_a_worktree_is_not_started_elsewhere() {
    let baya = Baya::new();
    std::fs::create_dir(baya.work().join(".git")).expect("a folder");
    script(&baya, "{ isolation: 'worktree' }");
    let model = FakeModel::start(&rules(json!([{"text": "done"}])));
    with_model(&baya, &model, "run w.js").run().exits(3).says("no worktree: ");
    assert!(model.received().is_empty());
}

#[test]
fn c27_agents_are_listed_with_origin_and_effective_tools() {
    let baya = Baya::new();
    baya.write(
        ".claude/agents/scribe.md",
        "---\nname: scribe\ndescription: writes\ntools: Read, Write, Bash(git:*), Teleport\n---\nYou write.\n",
    );
    baya.write(".claude/agents/odd.md", "no front matter");
    let output = baya.line("agents").run().exits(0);
    let shown = &output.stdout;
    for line in [
        "Explore:",
        "tools: read, glob, grep, todo; sandbox: read-only",
        "scribe: writes",
        "tools: read, write, bash; sandbox: workspace",
        "`Teleport`",
        "broken:",
        "odd.md",
        "built in",
    ] {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
    let lines = baya.line("agents --json").run().exits(0).json_lines();
    let scribe = lines.iter().find(|line| line["name"] == "scribe").expect("a line");
    assert_eq!(scribe["tools"], json!(["read", "write", "bash"]));
}

#[test]
fn show_tells_each_step_of_an_agent_and_how_it_ended() {
    let baya = Baya::new();
    script(&baya, "{}");
    baya.write("a.txt", "hello\n");
    let model = FakeModel::start(&rules(json!([
        {"when": {"turn": 1}, "tool": [
            {"name": "read", "input": {"path": "a.txt"}},
            {"name": "read", "input": {"path": "none.txt"}},
        ]},
        {"text": "done"},
    ])));
    with_model(&baya, &model, "run w.js").run().exits(0);
    let shown = baya.line("show last 1").run().exits(0).stdout;
    assert!(shown.contains("step:   read {\"path\":\"a.txt\"} → 1"), "{shown}");
    assert!(shown.contains("step:   read {\"path\":\"none.txt\"} → failed: "), "{shown}");
}
