//! `examples/review.js` over real wires, killed midway and resumed.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, wait_for};
use crate::killed_process::{Driver, wait_for_answers};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCRIPT: &str = include_str!("../../../../examples/review.js");
/// Three readers with a finding each, two skeptics for each finding, one report.
const AGENTS: usize = 10;
/// Skeptics who were at work when the process was killed.
const KILLED: usize = 3;

fn rules() -> Value {
    let finding = json!({"line": 1, "title": "about {{1}}", "why": "seen"});
    let verdict = json!({"real": true, "reason": "checked"});
    json!({"rules": [
        {"when": {"prompt": "Ask only: (\\w+ \\w+)"}, "json": {"findings": [finding]}},
        {"when": {"prompt": "A reviewer says"}, "times": KILLED, "latency_ms": 600_000, "json": verdict},
        {"when": {"prompt": "A reviewer says"}, "json": verdict},
        {"when": {"prompt": "^Sum up"}, "text": "All of it is true."},
    ]})
}

/// How often a request was received, and how often it was answered, by the hash of its prompt.
fn counts(model: &FakeModel) -> BTreeMap<String, (usize, usize)> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    for line in model.log() {
        let number = line["n"].as_u64();
        if line["event"] == "received" {
            let hash = line["hash"].as_str().expect("a hash").to_owned();
            counts.entry(hash.clone()).or_default().0 += 1;
            hashes.insert(number, hash);
        } else if line["ended"] == "complete" {
            counts.entry(hashes[&number].clone()).or_default().1 += 1;
        }
    }
    counts
}

#[track_caller]
fn check(serves: for<'a> fn(&FakeModel, Call<'a>) -> Call<'a>) {
    let model = FakeModel::start(&rules());
    let baya = Baya::new();
    baya.write("review.js", SCRIPT);
    let driver = Driver::start(&serves(&model, baya.line("run review.js --yes")));
    let run = wait_for_answers(&baya, AGENTS - KILLED - 1);
    wait_for("the skeptics", || model.prompts().len() == AGENTS - 1);
    driver.kill();
    // A busy machine rehearses less often, and its plan may come out dearer than what was agreed to.
    let output = serves(&model, baya.args(["resume", &run, "--json", "--yes"])).run().exits(0);
    let ended = output.run_ended();
    assert_eq!(ended["result"]["report"], "All of it is true.");
    assert_eq!(ended["result"]["confirmed"].as_array().map(Vec::len), Some(3));
    assert_eq!(ended["failures"]["failed"], 0);
    // The model notes the end of an answer after it has sent it.
    wait_for("the last note", || counts(&model).values().all(|(_, answered)| *answered > 0));
    let counts = counts(&model);
    assert_eq!(counts.len(), AGENTS);
    let bought: Vec<_> = counts.values().map(|(_, answered)| *answered).collect();
    assert_eq!(bought, [1; AGENTS], "each answer is bought once");
    assert_eq!(counts.values().filter(|(received, _)| *received == 2).count(), KILLED);
}

#[test]
fn c61_a_killed_review_buys_each_answer_once_on_the_anthropic_wire() {
    check(FakeModel::serves);
}

#[test]
fn c61_a_killed_review_buys_each_answer_once_on_the_openai_wire() {
    check(FakeModel::serves_openai);
}
