//! What a run leaves on stdout, as JSON lines and as an exit code.

use crate::harness::{Baya, Output};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn script(body: &str) -> String {
    format!("export const meta = {{ name: 'x', description: 'd', phases: ['One', 'Two'] }}\n{body}\n")
}

/// Runs a script with simulated agents.
fn run(body: &str, flags: &str) -> Output {
    let baya = Baya::new();
    baya.write("x.js", &script(body)).write("rules.json", RULES);
    baya.line(&format!("run x.js --backend simulated --rules rules.json {flags}")).run()
}

/// Whoever is asked to fail does.
const RULES: &str = r#"{"rules": [{"when": {"prompt": "fail"}, "fault": "refuse"}]}"#;

#[test]
fn stdout_is_the_result_and_nothing_else() {
    run("return 'plain text'", "").exits(0).prints("plain text\n");
    run("return 'ends itself\\n'", "").exits(0).prints("ends itself\n");
    run("return ''", "").exits(0).prints("\n");
    run("return { a: [1, null] }", "").exits(0).prints("{\n  \"a\": [\n    1,\n    null\n  ]\n}\n");
    run("return null", "").exits(0).prints("null\n");
    run("log('talk')", "").exits(0).prints("");
    run("return '\\u001b[31mraw\\u202e'", "").exits(0).prints("\u{1b}[31mraw\u{202e}\n");
}

#[test]
fn exit_codes_tell_how_a_run_ended() {
    let fails = "await agent('fail')";
    run("return await agent('fine')", "").exits(0);
    run("throw new Error('no')", "").exits(1).says("Error: no").says("at x.js:2:");
    run(&format!("await agent('fine'); {fails}"), "").exits(0).says("completed with failures: 1 of 2 agents");
    run(&format!("await agent('fine'); {fails}"), "--strict").exits(3);
    run(fails, "").exits(3).says("completed with failures: all of 1 agent gave nothing");
    run(&format!("phase('One'); await agent('fine'); phase('Two'); {fails}"), "").exits(3).says("Two");
    run("for (;;) await agent('spend')", "--budget 100").exits(4).says("budget");
}

#[test]
fn the_summary_of_a_failed_agent_says_why_and_what_next() {
    let output = run("await agent('fine'); await agent('fail', { label: 'poor one' })", "").exits(0);
    for words in
        ["1 × refused by the model", "#2 poor one: refused by the model", "baya show wf_", "--retry-failed"]
    {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
    assert!(output.stderr.contains("simulated: no model was asked"), "{}", output.stderr);
}

#[test]
fn json_is_one_event_per_line_and_run_ended_last() {
    let output = run("log('hi'); return { got: await agent('do it') }", "--json").exits(0);
    let lines = output.json_lines();
    let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().expect("a type")).collect();
    assert_eq!(types.first(), Some(&"run_started"));
    for wanted in ["logged", "agent_queued", "agent_started", "agent_finished", "delivered"] {
        assert!(types.contains(&wanted), "{wanted} is not in {types:?}");
    }
    assert_eq!(types.iter().filter(|name| **name == "run_ended").count(), 1);
    let ended = output.run_ended();
    let keys: Vec<&str> = ended.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["type", "run", "status", "result", "error", "failures", "denied", "usage", "budget"]);
    assert_eq!((&ended["status"], &ended["error"]), (&json!("completed"), &Value::Null));
    assert!(ended["result"]["got"].is_string() && ended["run"].as_str().expect("an id").starts_with("wf_"));
}

#[test]
fn json_says_failures_and_errors() {
    let failed = run("await agent('fail'); await agent('fine')", "--json").exits(0).run_ended();
    assert_eq!((&failed["failures"]["failed"], &failed["status"]), (&json!(1), &json!("completed")));
    let threw = run("throw new TypeError('no')", "--json").exits(1).run_ended();
    assert_eq!((&threw["status"], &threw["error"]["name"]), (&json!("failed"), &json!("TypeError")));
}

/// The line of each event is small, however long prompts and answers are; the result is whole.
#[test]
fn json_is_small_per_agent_and_whole_at_the_end() {
    let body = "const schema = { type: 'object', properties: { a: { type: 'string' } } }
        const big = 'x'.repeat(20000)
        await parallel(Array.from({ length: 50 }, (_, i) => () => agent(`${i} ${big}`, { schema })))
        return big";
    let output = run(body, "--json --concurrency 50").exits(0);
    let lines: Vec<&str> = output.stdout.lines().collect();
    let (last, rest) = lines.split_last().expect("lines");
    assert!(last.len() > 20_000);
    let per_agent = rest.iter().map(|line| line.len()).sum::<usize>() / 50;
    assert!(per_agent <= 1_500, "{per_agent} bytes per agent");
    let queued = output.json_lines().into_iter().find(|line| line["type"] == "agent_queued").expect("queued");
    assert_eq!((queued["prompt_chars"].as_u64(), queued["label"].is_string()), (Some(20_002), true));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_run() {
    let baya = Baya::new();
    let body = "for (let i = 0; i < 200; i++) await agent(`step ${i}`); return 'x'.repeat(1e6)";
    baya.write("x.js", &script(body));
    let call = baya.line("run x.js --backend simulated --json");
    let mut child = call.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    assert!(first.contains("run_started"));
    let output = Output::of(child).exits(0);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    let shown = baya.line("show last --json").run().exits(0);
    assert_eq!(shown.json_lines()[0]["state"], json!({"ended": {"status": "completed"}}));
}

#[test]
fn stderr_may_be_closed_too() {
    let baya = Baya::new();
    baya.write("x.js", &script("log('a'); return await agent('b')"));
    let call = baya.line("run x.js --backend simulated");
    let mut child = call.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    drop(child.stderr.take());
    Output::of(child).exits(0);
}

#[test]
fn resume_of_an_ended_run_asks_nobody_again() {
    let baya = Baya::new();
    baya.write("x.js", &script("return await agent('once')"));
    let first = baya.line("run x.js --backend simulated").run().exits(0);
    let again = baya.line("resume last").run().exits(0).prints(&first.stdout);
    assert!(again.stderr.contains("1 reused") && again.stderr.contains("simulated"), "{}", again.stderr);
    baya.write("y.js", &script("return [await agent('once'), await agent('new')].length"));
    baya.line("resume last --script y.js").run().exits(0).prints("2\n").says("1 reused");
}

#[test]
fn retry_failed_asks_only_the_failed() {
    let baya = Baya::new();
    baya.write("x.js", &script("return [await agent('fine'), await agent('fail')].map((x) => x !== null)"));
    baya.write("rules.json", RULES);
    let line = "run x.js --backend simulated --rules rules.json --json";
    assert_eq!(baya.line(line).run().exits(0).run_ended()["result"], json!([true, false]));
    baya.write("rules.json", "{}");
    let again = baya.line("resume last --retry-failed --json").run().exits(0);
    assert_eq!(again.run_ended()["result"], json!([true, true]));
    let started = again.json_lines().iter().filter(|line| line["type"] == "agent_started").count();
    assert_eq!(started, 1);
}

#[test]
fn a_budget_is_raised_only_by_resume() {
    let baya = Baya::new();
    baya.write(
        "x.js",
        &script("for (let i = 0; i < 20; i++) await agent(`spend ${i}`); return budget.total"),
    );
    baya.line("run x.js --backend simulated --budget 50").run().exits(4).says("--budget TOKENS");
    baya.line("resume last --budget 1M").run().exits(0).prints("1000000\n");
}
