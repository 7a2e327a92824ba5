//! Every scenario of `scenarios/` through the program, and every example.

use crate::harness::{Baya, Output};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A folder of the repository.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// The files in a folder that end so, by name without that end.
fn names_in(name: &str, end: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(name)).expect("the folder is there");
    let files = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(end)?.to_owned())).collect();
    names.sort();
    names
}

/// A home whose working folder holds this folder of the repository.
fn home_with(name: &str) -> Baya {
    let baya = Baya::new();
    copy(&baya, Path::new(name));
    baya
}

fn copy(baya: &Baya, path: &Path) {
    for entry in std::fs::read_dir(folder("").join(path)).expect("the folder is there") {
        let entry = entry.expect("an entry");
        let path = path.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(baya, &path),
            false => {
                let text = std::fs::read_to_string(entry.path()).expect("a text");
                baya.write(path.to_str().expect("UTF-8"), &text);
            }
        }
    }
}

/// Runs a scenario and compares what came of it with what is expected.
#[track_caller]
fn check(name: &str) {
    let text = std::fs::read_to_string(folder("scenarios").join(format!("{name}.expected.json")));
    let expected: Value = serde_json::from_str(&text.expect("a file")).expect("JSON");
    let baya = home_with("scenarios");
    let line = format!("run scenarios/{name}.js --backend simulated --rules scenarios/{name}.json --json");
    let output = baya.line(&line).run();
    let ended = output.run_ended();
    let mut found = json!({
        "status": ended["status"], "result": ended["result"], "calls": labels(&output),
        "failures": ended["failures"]["failed"],
    });
    if let Some(wanted) = expected.get("error").and_then(Value::as_str) {
        let message = ended["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(wanted), "{name}: {wanted:?} is not in {message:?}");
        found["error"] = json!(wanted);
    }
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&found[key], value, "{name}: {key}\n{}", output.stderr);
    }
}

/// The labels of all agents, sorted.
fn labels(output: &Output) -> Vec<String> {
    let lines = output.json_lines();
    let queued = lines.iter().filter(|line| line["type"] == "agent_queued");
    let mut labels: Vec<String> = queued.map(|line| line["label"].as_str().expect("text").into()).collect();
    labels.sort();
    labels
}

#[test]
fn scenarios_end_as_expected() {
    let names = names_in("scenarios", ".expected.json");
    assert_eq!(names, names_in("scenarios", ".js"), "each scenario says what is expected of it");
    names.iter().for_each(|name| check(name));
}

#[test]
fn examples_run_without_a_key_and_give_a_result() {
    let baya = home_with("examples");
    let names = names_in("examples", ".js");
    assert_eq!(names, ["fix-tests", "migrate", "quarantine", "rank", "review", "tour"]);
    for name in names {
        let output = baya.line(&format!("run examples/{name}.js --backend simulated --json")).run().exits(0);
        let ended = output.run_ended();
        assert_eq!(ended["status"], "completed", "{name}");
        assert!(ended["result"].as_object().is_some_and(|result| !result.is_empty()), "{name}: {ended}");
        let plain = baya.line(&format!("run examples/{name}.js --backend simulated")).run().exits(0);
        assert!(plain.stdout.starts_with('{'), "{name}: {}", plain.stdout);
        assert!(plain.stderr.contains("no model was asked"), "{name}: {}", plain.stderr);
    }
}

/// What they show the original does not have.
const NOT_PORTABLE: [&str; 2] = ["migrate", "quarantine"];

#[test]
fn examples_and_scenarios_are_portable() {
    for name in ["examples", "scenarios"] {
        let baya = home_with(name);
        for script in names_in(name, ".js") {
            let path = format!("{name}/{script}.js");
            if NOT_PORTABLE.contains(&script.as_str()) {
                continue;
            }
            let output = baya.line(&format!("check --portable {path}")).run().exits(0);
            assert_eq!((output.stdout, output.stderr), (format!("{path}: ok\n"), String::new()));
        }
    }
}
