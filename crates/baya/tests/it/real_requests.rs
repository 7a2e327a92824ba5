//! Runs that send requests, to a fake model on the loopback.

use crate::harness::{Baya, send, wait, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

const SCRIPT: &str = "export const meta = { name: 'r', description: 'd' }
const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }
const one = await agent('first question', { schema })
const two = await agent('second question')
return { n: Number.isInteger(one.n), text: typeof two }
";

/// `baya fake-model`, as a person starts it.
struct FakeModel {
    child: Child,
    url: String,
}

impl FakeModel {
    fn start(baya: &Baya, rules: &str) -> FakeModel {
        baya.write("fake.json", rules);
        let call = baya.line("fake-model --rules fake.json --log requests.jsonl");
        let mut child = call.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        let url = line.split(['=', ' ']).nth(2).expect("an address").to_owned();
        assert!(line.starts_with("export ANTHROPIC_BASE_URL=http://127.0.0.1:"), "{line}");
        FakeModel { child, url }
    }

    fn stop(mut self) {
        send(&self.child, Signal::TERM);
        assert_eq!(wait(&mut self.child).code(), Some(0));
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn requests(baya: &Baya) -> Vec<Value> {
    let text = std::fs::read_to_string(baya.work().join("requests.jsonl")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines.filter(|entry: &Value| entry.get("prompt").is_some()).collect()
}

#[track_caller]
fn check(env: &[(&str, &str)], backend: &str) {
    let baya = Baya::new();
    baya.write("r.js", SCRIPT);
    let model = FakeModel::start(&baya, "{}");
    let mut call = baya.line("run r.js --json");
    for (name, value) in env {
        call = call.env(name, &value.replace("URL", &model.url));
    }
    let output = call.run().exits(0);
    assert_eq!(output.run_ended()["result"], json!({"n": true, "text": "string"}));
    assert!(!output.stderr.contains("simulated"), "{}", output.stderr);
    assert_eq!(output.json_lines()[0]["surroundings"]["backend"], backend);
    assert_eq!(requests(&baya).len(), 2);
    model.stop();
}

#[test]
fn the_backend_is_found_by_the_environment() {
    check(&[("ANTHROPIC_BASE_URL", "URL"), ("ANTHROPIC_API_KEY", "k")], "anthropic");
    check(&[("OPENAI_BASE_URL", "URL/v1"), ("OPENAI_API_KEY", "k")], "openai");
    check(&[("GEMINI_BASE_URL", "URL"), ("GEMINI_API_KEY", "k")], "gemini");
    check(&[("OLLAMA_HOST", "URL")], "ollama");
    let both = [
        ("ANTHROPIC_BASE_URL", "URL"),
        ("ANTHROPIC_API_KEY", "k"),
        ("OPENAI_BASE_URL", "URL/v1"),
        ("OPENAI_API_KEY", "k"),
    ];
    check(&both, "anthropic");
}

#[test]
fn a_refused_key_parks_the_run_and_a_good_one_finishes_it() {
    let baya = Baya::new();
    baya.write("r.js", SCRIPT);
    let model = FakeModel::start(&baya, r#"{"keys": ["good"]}"#);
    let with_key = |line: &str, key: &str| {
        baya.line(line).env("ANTHROPIC_BASE_URL", &model.url).env("ANTHROPIC_API_KEY", key).run()
    };
    let refused =
        with_key("run r.js --json", "secret-bad").exits(6).says("parked: key refused").says("baya resume");
    assert!(!refused.stdout.contains("secret-bad") && !refused.stderr.contains("secret-bad"));
    assert_eq!(refused.run_ended()["error"]["kind"], "key");
    assert!(baya.line("runs").run().stdout.contains("parked"));
    with_key("resume last --json", "good").exits(0);
}

#[test]
fn c61_a_killed_run_asks_no_finished_agent_again() {
    let baya = Baya::new();
    baya.write("r.js", SCRIPT);
    let model = FakeModel::start(
        &baya,
        r#"{"rules": [{"when": {"prompt": "second", "nth": [1]}, "fault": "hang"}]}"#,
    );
    let with_model =
        |line: &str| baya.line(line).env("ANTHROPIC_BASE_URL", &model.url).env("ANTHROPIC_API_KEY", "k");
    let mut child = with_model("run r.js").spawn();
    wait_for("the second request", || requests(&baya).len() == 2);
    child.kill().expect("a living child");
    wait(&mut child);
    with_model("resume last").run().exits(0);
    let prompts: Vec<String> = requests(&baya).iter().map(|entry| entry["prompt"].to_string()).collect();
    let first = prompts.iter().filter(|prompt| prompt.contains("first question")).count();
    assert_eq!((first, prompts.len()), (1, 3), "{prompts:?}");
}
