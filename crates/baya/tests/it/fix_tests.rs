//! `examples/fix-tests.js`, end to end: agents find three failing tests, fix the code, and check each
//! other. The model is scripted; files really change and tests really run.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The summary of a run that went well.
pub const SUMMARY: &str = "3 of 3 failures fixed; 6 tests pass, 0 fail.";

pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// The rules beside the example.
pub fn rules() -> Value {
    let text = std::fs::read_to_string(example("fix-tests.rules.json")).expect("the rules");
    serde_json::from_str(&text).expect("JSON")
}

/// The example's folder as the working folder, in a repository of its own.
pub fn lay_out(baya: &Baya) {
    for entry in std::fs::read_dir(example("fix-tests")).expect("the folder").flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), baya.work().join(entry.file_name())).expect("a copy");
        }
    }
    let commit = "git init -q . && git add -A && git -c user.name=t -c user.email=t@t commit -qm shop";
    let status = in_work(baya, "sh", &["-c", commit]).status().expect("git");
    assert!(status.success());
}

fn in_work(baya: &Baya, program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", baya.home());
    command.current_dir(baya.work());
    command
}

/// How many of its tests fail right now.
pub fn failing(baya: &Baya) -> usize {
    let output = in_work(baya, "python3", &["-B", "-m", "unittest"]).output().expect("python3");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let failures = said.split("FAILED (failures=").nth(1).and_then(|rest| rest.split(')').next());
    match failures {
        Some(count) => count.parse().expect("a number"),
        None => {
            assert!(said.trim_end().ends_with("OK"), "{said}");
            0
        }
    }
}

pub fn has_python(baya: &Baya) -> bool {
    let here = in_work(baya, "python3", &["--version"]).output().is_ok_and(|output| output.status.success());
    if !here {
        crate::harness::skip("missing python3: the failing tests of the example are Python's");
    }
    here
}

/// All that holds whoever the agents are.
#[track_caller]
pub fn check_fixed(baya: &Baya, output: &Output) {
    let ended = output.run_ended();
    assert_eq!(ended["result"]["summary"], SUMMARY, "{ended}\n{}", output.stderr);
    assert_eq!(ended["result"]["open"], json!([]));
    assert_eq!(ended["failures"]["failed"], 0, "{ended}");
    assert_eq!(failing(baya), 0);
    let changed = in_work(baya, "git", &["diff", "--name-only"]).output().expect("git").stdout;
    assert_eq!(String::from_utf8_lossy(&changed), "cart.py\nnames.py\npages.py\n", "the tests stay");
    let phases = ["Find", "Fix", "Fix", "Fix", "Verify", "Verify", "Verify", "Verify"];
    let queued = output.json_lines().into_iter().filter(|line| line["type"] == "agent_queued");
    let mut seen: Vec<Value> = queued.map(|line| line["phase"].clone()).collect();
    seen.sort_by_key(Value::to_string);
    assert_eq!(seen, phases, "{}", output.stdout);
}

#[test]
fn the_built_in_agent_fixes_three_failing_tests() {
    let baya = Baya::new();
    if !has_python(&baya) {
        return;
    }
    lay_out(&baya);
    assert_eq!(failing(&baya), 3);
    let model = FakeModel::start(&rules());
    let script = example("fix-tests.js").display().to_string();
    let output = model.serves(baya.args(["run", &script, "--json", "--yes"])).run().exits(0);
    check_fixed(&baya, &output);
    let told: Vec<String> = output
        .json_lines()
        .iter()
        .filter(|line| line["turn"]["step"] == "tool_ended")
        .filter_map(|line| line["turn"]["text"].as_str().map(str::to_owned))
        .collect();
    let with = |text: &str| told.iter().filter(|told| told.contains(text)).count();
    assert_eq!(with("test_a_discount_is_taken_off) ... FAIL"), 1, "the tests were run before: {told:?}");
    assert_eq!(with("Ran 1 test"), 6, "each by its fixer and its skeptic: {told:?}");
    assert_eq!(with("Ran 6 tests"), 1, "{told:?}");
}

#[test]
fn a_refuted_fix_is_tried_once_more_and_what_stays_red_is_told() {
    let baya = Baya::new();
    let rules = json!({"rules": [
        {"when": {"prompt": "^Run the tests"}, "json": {"failures": [
            {"test": "t.A.one", "file": "a.py", "message": "1 != 2"},
            {"test": "t.A.two", "file": "a.py", "message": "2 != 3"},
        ]}},
        {"when": {"prompt": "^Verify .* t.A.one", "nth": 1}, "json": {"holds": false, "reason": "it was weakened"}},
        {"when": {"prompt": "^Verify .* t.A.one"}, "json": {"holds": true, "reason": "it holds"}},
        {"when": {"prompt": "^Verify"}, "json": {"holds": false, "reason": "it still fails"}},
        {"when": {"prompt": "^Count"}, "json": {"passed": 1, "failed": 1}},
    ]});
    baya.write("rules.json", &rules.to_string());
    let script = example("fix-tests.js").display().to_string();
    let words = ["run", &script, "--backend", "simulated", "--rules", "rules.json", "--json"];
    let ended = baya.args(words).run().exits(0).run_ended();
    assert_eq!(ended["result"]["summary"], "1 of 2 failures fixed; 1 tests pass, 1 fail.");
    assert_eq!(ended["result"]["fixed"][0]["tries"], 2);
    assert_eq!(ended["result"]["open"], json!([{"test": "t.A.two", "why": "it still fails"}]));
}
