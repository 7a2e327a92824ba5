//! Requests of many agents to one provider: how many at once, what is waited for, and how that is told.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output, wait, wait_for};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const FAN: &str = "export const meta = { name: 'fan', description: 'd' }
const texts = await parallel(Array.from({ length: args ?? 6 }, (_, at) => () => agent(`task ${at}`)))
return texts.filter((text) => text === 'done').length
";

/// A home with the script and these settings for requests.
fn home(requests: &str) -> Baya {
    let baya = Baya::new();
    baya.write("fan.js", FAN).write("baya.toml", &format!("[requests]\n{requests}\n"));
    baya
}

fn limits_file(baya: &Baya) -> PathBuf {
    baya.home().join(".local/state/baya/limits.json")
}

#[track_caller]
fn run(baya: &Baya, model: &FakeModel, flags: &str) -> Output {
    model.serves(baya.line(&format!("run fan.js --yes --concurrency 8 {flags}"))).run()
}

/// The most requests that were open at the same time.
fn most_at_once(model: &FakeModel) -> usize {
    let mut open = 0_usize;
    let steps = model.log().into_iter().map(|line| {
        open = if line["event"] == "received" { open + 1 } else { open - 1 };
        open
    });
    steps.max().unwrap_or(0)
}

/// What became of all requests so far.
fn statuses(model: &FakeModel) -> Vec<u64> {
    let ended = model.log().into_iter().filter(|line| line["event"] == "ended");
    ended.filter_map(|line| line["status"].as_u64()).collect()
}

/// The order in which the first two requests were received and ended.
fn first_events(model: &FakeModel) -> Vec<String> {
    let log = model.log();
    log.iter().take(3).map(|line| line["event"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_settings_say_how_many_at_once_at_first_and_at_most() {
    let slow = json!({"latency_ms": 400, "rules": [{"text": "done"}]});
    let settings = [("at_once_max = 2", 2..=2), ("at_once_first = 3\nat_once_max = 3", 3..=3), ("", 4..=6)];
    for (requests, most) in settings {
        let model = FakeModel::start(&slow);
        run(&home(requests), &model, "").exits(0).prints("6\n");
        assert!(most.contains(&most_at_once(&model)), "{requests}");
    }
    let model = FakeModel::start(&slow);
    run(&home("at_once_first = 1"), &model, "").exits(0);
    assert_eq!(first_events(&model), ["received", "ended", "received"]);
}

#[test]
fn one_agent_goes_ahead_where_the_provider_keeps_what_all_begin_with() {
    let slow = json!({"latency_ms": 300, "rules": [{"text": "done"}]});
    let memory = "Every word of this file stands before the prompt of every agent.\n".repeat(90);
    for (requests, begins) in [("", ["received", "ended"]), ("stagger = false", ["received", "received"])] {
        let (model, baya) = (FakeModel::start(&slow), home(requests));
        baya.write("CLAUDE.md", &memory);
        let call = baya.line("run fan.js --yes --backend openai --json");
        let output = model.serves_openai(call).run().exits(0);
        assert_eq!(output.run_ended()["result"], 6);
        assert_eq!(first_events(&model)[..2], begins, "{requests}");
        let waits = output.json_lines().into_iter().filter(|line| line["wait"]["prefix"].is_object());
        assert_eq!(waits.count(), if requests.is_empty() { 5 } else { 0 }, "{requests}");
    }
    let model = FakeModel::start(&slow);
    model.serves_openai(home("").line("run fan.js --yes --backend openai")).run().exits(0);
    assert_eq!(first_events(&model)[..2], ["received", "received"], "too short to be kept");
}

/// One answer in the middle says that the limit is used up for so many seconds.
fn limited(seconds: u64) -> Value {
    json!({"latency_ms": 20, "rules": [
        {"when": {"prompt": "task [1-5]"}, "times": 1, "fault": "429", "retry_after": seconds}, {"text": "done"}]})
}

#[test]
fn a_limit_with_a_time_of_reset_parks_the_run_which_wakes_by_itself() {
    let (model, baya) = (FakeModel::start(&limited(2)), home("wait_in_place = \"1s\"\nat_once_max = 2"));
    let output = run(&baya, &model, "--json").exits(0);
    let lines = output.json_lines();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    let (parked, continued) = (of("run_parked"), of("run_continued"));
    assert_eq!((parked.len(), continued.len()), (1, 1), "{}", output.stdout);
    let wakes_at_ms = parked[0]["wakes_at_ms"].as_i64().expect("says when");
    assert!((1_000..2_100).contains(&(wakes_at_ms - parked[0]["at_ms"].as_i64().unwrap())));
    assert!(continued[0]["at_ms"].as_i64() >= Some(wakes_at_ms));
    assert_eq!(continued[0]["by"], "the provider's time of reset");
    assert_eq!(output.run_ended()["result"], 6);
    assert_eq!(output.run_ended()["failures"]["failed"], 0);
    assert_eq!(statuses(&model).iter().filter(|status| **status == 429).count(), 1);
}

#[test]
fn who_watches_line_by_line_is_told_until_when_a_run_is_parked() {
    let (model, baya) = (FakeModel::start(&limited(2)), home("wait_in_place = \"1s\""));
    let output = run(&baya, &model, "").exits(0).says("parked: no credit: a usage limit of `anthropic`");
    let output = output.says("it goes on by itself at 20").says("continued by the provider's time of reset");
    assert_eq!(output.stdout, "6\n");
}

#[test]
fn a_detached_run_wakes_by_itself_too_and_can_be_stopped_before() {
    let (model, baya) = (FakeModel::start(&limited(5)), home("wait_in_place = \"1s\""));
    let id = model.serves(baya.line("run fan.js --yes --detach")).run().exits(0).stdout;
    let listed = || baya.line("runs").run().stdout;
    wait_for("the parked run in the list", || listed().contains("parked until "));
    let shown = baya.line("show last").run().exits(0).stdout;
    assert!(shown.contains("wakes:  by itself at 20") && shown.contains("driven by process"), "{shown}");
    wait_for("the end of the run", || listed().contains("completed"));
    assert!(listed().contains(id.trim()), "{id}");

    let (model, baya) = (FakeModel::start(&limited(3_000)), home(""));
    model.serves(baya.line("run fan.js --yes --detach")).run().exits(0);
    let listed = || baya.line("runs").run().stdout;
    wait_for("the parked run in the list", || listed().contains("parked until "));
    baya.line("stop last").run().exits(0);
    wait_for("the end of the run", || listed().contains("stopped"));
}

#[test]
fn beyond_reset_wait_a_run_parks_and_ends() {
    for (requests, seconds) in
        [("reset_wait = \"never\"", 3_000), ("reset_wait = \"10m\"", 3_000), ("", 22_000)]
    {
        let model = FakeModel::start(&limited(seconds));
        let output = run(&home(requests), &model, "").exits(6).says("parked: no credit").says("baya resume");
        let output = output.says("hint: with a longer `reset_wait` under `[requests]`");
        assert!(!output.stderr.contains("by itself"), "{}", output.stderr);
    }
}

#[test]
fn a_killed_run_that_was_parked_asks_again_when_it_is_resumed() {
    let (model, baya) = (FakeModel::start(&limited(3_000)), home(""));
    let mut child = model.serves(baya.line("run fan.js --yes --json")).spawn();
    let parked = || baya.line("runs --json").run().stdout.contains("wakes_at_ms");
    wait_for("the parked run", parked);
    child.kill().expect("killed");
    wait(&mut child);
    baya.line("runs").run().exits(0).prints_line("parked, resumable");
    model.serves(baya.line("resume last --yes")).run().exits(0).prints("6\n");
}

#[test]
fn a_pause_the_provider_asks_for_is_waited_for_by_all_and_told_once() {
    let (model, baya) = (FakeModel::start(&limited(3)), home("at_once_max = 2"));
    let output = run(&baya, &model, "").exits(0).prints("6\n");
    let told: Vec<&str> = output.stderr.lines().filter(|line| line.contains("waits until")).collect();
    assert_eq!(told.len(), 1, "{}", output.stderr);
    assert!(told[0].ends_with("UTC: anthropic takes no more for now"), "{}", told[0]);
    assert_eq!(output.stderr.matches("agents wait for each other: anthropic takes 2 at once").count(), 1);
}

#[test]
fn json_lines_say_when_an_agent_begins_and_ends_to_wait() {
    let slow = json!({"latency_ms": 400, "rules": [{"text": "done"}]});
    let (model, baya) = (FakeModel::start(&slow), home("at_once_max = 2"));
    let lines = run(&baya, &model, "--json").exits(0).json_lines();
    let waits: Vec<&Value> = lines.iter().filter(|line| line["type"] == "agent_waits").collect();
    let (begun, over): (Vec<&Value>, Vec<&Value>) =
        waits.into_iter().partition(|line| !line["wait"].is_null());
    assert_eq!((begun.len(), over.len()), (4, 4));
    assert_eq!(begun[0]["wait"], json!({"provider": {"provider": "anthropic", "at_once": 2}}));
}

#[test]
fn what_a_provider_takes_is_remembered_by_the_next_process() {
    let narrow = json!({"latency_ms": 100, "capacity": 2, "rules": [{"text": "done"}]});
    let (model, baya) = (FakeModel::start(&narrow), home(""));
    run(&baya, &model, "").exits(0).prints("6\n");
    assert!(statuses(&model).contains(&429));
    let file = limits_file(&baya);
    let mode = std::fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(!text.contains("fake") && text.contains("anthropic "), "no key in it: {text}");
    let limits: Value = serde_json::from_str(&text).expect("JSON");
    let lane = limits["lanes"].as_object().expect("lanes").values().next().expect("a lane").clone();
    assert_eq!(lane["refused_more"], true);
    // As after a longer run.
    let known = text.replace(&format!("\"at_once\":{}", lane["at_once"]), "\"at_once\":2");
    std::fs::write(&file, known).expect("written");
    let asked = statuses(&model).len();
    run(&baya, &model, "").exits(0).prints("6\n");
    assert!(statuses(&model)[asked..].iter().all(|status| *status == 200), "it begins with what is known");
    for damaged in ["", "{", "{\"lanes\": {\"x\": 7}}", "[]"] {
        std::fs::write(&file, damaged).expect("written");
        run(&baya, &model, "").exits(0).prints("6\n");
    }
}
