//! Scripts that mean harm or go astray: they end as an error that says which limit it was, the run stays
//! whole, and nothing of theirs reaches the terminal raw.

use crate::harness::{Baya, Output};
use serde_json::{Value, json};

const META: &str = "export const meta = { name: 'h', description: 'd' }\n";

#[track_caller]
fn run(body: &str, flags: &str) -> (Baya, Output) {
    let baya = Baya::new();
    baya.write("h.js", &format!("{META}{body}\n"));
    let output = baya.line(&format!("run h.js --backend simulated {flags}")).run();
    (baya, output)
}

/// The run fails with these words, and can be looked at afterwards.
#[track_caller]
fn fails(body: &str, flags: &str, words: &[&str]) {
    let (baya, output) = run(body, flags);
    let output = output.exits(1).prints("");
    for word in words {
        assert!(output.stderr.contains(word), "{body}: stderr lacks {word:?}:\n{}", output.stderr);
    }
    assert!(output.stderr.contains("--script EDITED_FILE"), "{body}: no way on:\n{}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    let shown = baya.line("show last --json").run().exits(0).json_lines();
    assert_eq!(shown[0]["state"], json!({"ended": {"status": "failed"}}), "{body}");
}

const SHORT: &str = "--script-cpu 200ms";
const CPU: &[&str] = &["more than 0.2 s", "hint: look for a loop without end", "--script-cpu"];
const MEMORY: &[&str] = &["more than 32 MiB of memory", "hint: raise", "--script-memory"];

#[test]
fn c15_a_loop_without_end_is_stopped_before_and_after_an_await() {
    fails("for (;;) {}", SHORT, CPU);
    fails("await agent('x'); for (;;) {}", SHORT, CPU);
    fails("await new Promise((done) => setTimeout(done, 1)); while (true) JSON.parse('1')", SHORT, CPU);
    fails("await Promise.all([agent('x').then(() => { for (;;) {} })])", SHORT, CPU);
}

/// These never look whether they shall stop: only the process around them can.
#[test]
fn c15_a_native_function_that_does_not_come_back_is_stopped() {
    fails("return 'a'.repeat(1e5).replaceAll('a', 'b'.repeat(1e5)).length", SHORT, CPU);
    fails("const a = []; a.length = 4e9; return a.join('x').length", SHORT, CPU);
    fails("const a = []; a[4294967290] = 1; return a.sort().length", SHORT, CPU);
}

#[test]
fn c15_memory_has_an_end() {
    fails("const a = []; for (;;) a.push(new Array(1000).fill(a))", "--script-memory 32M", MEMORY);
    fails("await agent('x'); const m = new Map(); for (;;) m.set({}, 'y')", "--script-memory 32M", MEMORY);
    fails("const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)", "--script-memory 32M", MEMORY);
}

#[test]
fn c15_a_call_without_end_is_an_error_of_the_stack() {
    let said: &[&str] =
        &["StackLimit: the script calls too deep", "hint: look for a function that calls itself"];
    fails("const f = () => 1 + f(); return f()", "", said);
    fails("await agent('x'); const f = () => [1].map(f); f()", "", said);
}

#[test]
fn c16_a_wait_for_what_can_never_come_ends_at_once() {
    let said: &[&str] = &["Deadlock: the script waits for something that can never come"];
    fails("await new Promise(() => {})", "", said);
    fails("await agent('x'); await Promise.race([])", "", said);
}

#[test]
fn whatever_is_thrown_is_told() {
    fails("throw { code: 7 }", "", &["the script threw what is no Error: {\"code\":7}"]);
    fails("throw null", "", &["the script threw null"]);
    fails("throw undefined", "", &["the script threw undefined"]);
    fails("throw 'only text'", "", &["the script threw what is no Error: \"only text\""]);
    fails("await agent('x'); throw new RangeError('far out')", "", &["RangeError: far out", "at h.js:2:"]);
    fails("null.x", "", &["TypeError: ", "at h.js:2:"]);
}

/// The result, as JSON, and what stderr says of it.
#[track_caller]
fn gives(body: &str, result: Value, warning: Option<&str>) {
    let (_, output) = run(body, "--json");
    let ended = output.exits(0);
    assert_eq!(ended.run_ended()["result"], result, "{body}");
    match warning {
        Some(words) => assert!(ended.stderr.contains(words), "{body}: lacks {words:?}:\n{}", ended.stderr),
        None => assert!(!ended.stderr.contains("warning"), "{body}:\n{}", ended.stderr),
    }
}

#[test]
fn c17_a_result_that_is_no_json_does_not_lose_the_run() {
    gives("return 10n", json!("10"), Some("is a BigInt"));
    let cycle = "const a = { x: 1 }; a.a = a; return a";
    gives(cycle, json!({"x": 1, "a": "[cycle]"}), Some("`result.a` is a cycle"));
    gives("return { a: undefined, b: NaN, c: new Map([[1, 2]]) }", json!({"b": null, "c": {}}), None);
    gives("return undefined", Value::Null, None);
    gives("return () => 1", Value::Null, None);
    gives("return 'x'.repeat(1e6)", json!("x".repeat(1_000_000)), None);
    gives("return 'a\\u0000b'", json!("a\u{0}b"), None);
    gives("return ['\\ud800', { '\\udfff': 1 }]", json!(["\u{fffd}", {"\u{fffd}": 1}]), None);
}

#[test]
fn nul_and_lone_surrogates_pass_through_prompts_and_answers() {
    let body = "return (await agent('\\u0000 \\ud800 end', { label: '\\ud800' }))?.includes('end')";
    gives(body, json!(true), None);
}

#[test]
fn c40_too_long_a_list_starts_nobody() {
    let body = "return await parallel(Array.from({ length: 5000 }, () => () => agent('x')))";
    fails(body, "", &["5000 functions are more than the limit of 4096", "0 agents in"]);
}

#[test]
fn a_rejection_that_nobody_waits_for_does_not_end_the_run() {
    let (_, output) = run("Promise.reject(new Error('lost')); return await agent('x') !== null", "");
    output.exits(0).prints("true\n");
}

#[test]
fn c15_ten_thousand_log_lines_are_all_in_the_journal_and_few_in_the_view() {
    let (baya, output) = run("for (let i = 0; i < 10000; i++) log(`line ${i}.`); return 1", "--json");
    let logged = output.exits(0).json_lines().into_iter().filter(|line| line["type"] == "logged").count();
    assert_eq!(logged, 10_000);
    let events = baya.line("show last --events").run().exits(0).stdout;
    assert!(events.contains("line 0.") && events.contains("line 9999."));
    let view = &baya.line("show last --json").run().exits(0).json_lines()[0];
    let kept = view["log"].as_array().map_or(0, Vec::len);
    assert_eq!((kept, &view["log_lines"]), (1_000, &json!(10_000)));
    baya.line("show last").run().exits(0).prints_line("9990 earlier lines");
}

/// Labels, logs, errors, phases, arguments: control and bidi characters never reach the terminal raw.
#[test]
fn nothing_of_a_script_reaches_the_terminal_raw() {
    let evil = "\\u001b[31mred\\u001b]0;title\\u0007\\u202eabc\\u2066\\u009b2J\\rover\\nnext\\u0008\\u200b";
    let body = format!(
        "const evil = '{evil}'; phase(evil); log(evil); console.error(evil)
         await agent(evil, {{ label: evil, phase: evil }}); await agent('x', {{ [evil]: 1 }}); throw new Error(evil)"
    );
    let (baya, output) = run(&body, "");
    let output = output.exits(1);
    let shown = baya.line("show last").run().exits(0).stdout;
    let agent = baya.line("show last 1").run().exits(0).stdout;
    let listed = baya.line("runs").run().exits(0).stdout;
    let (_, as_json) = run(&body, "--json");
    for (view, text) in [
        ("stderr", &output.stderr),
        ("show", &shown),
        ("show 1", &agent),
        ("runs", &listed),
        ("--json", &as_json.stdout),
        ("stderr of --json", &as_json.stderr),
    ] {
        let raw = text.chars().find(|c| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
        });
        assert_eq!(raw, None, "{view}:\n{text:?}");
    }
    assert!(output.stderr.contains("red") && shown.contains("abc"), "{}", output.stderr);
}

/// One line of a person's view is no place for megabytes.
#[test]
fn very_long_texts_are_shortened_for_people_and_kept_in_the_journal() {
    let body = "log('x'.repeat(2e6)); await agent('y', { label: 'z'.repeat(1e6) }); throw new Error('w'.repeat(1e6))";
    let (baya, output) = run(body, "");
    let output = output.exits(1).says("… (2000005 characters)");
    assert!(output.stderr.len() < 40_000, "{} bytes on stderr", output.stderr.len());
    let shown = baya.line("show last --json").run().exits(0).json_lines();
    assert_eq!(shown[0]["error"]["message"].as_str().map(str::len), Some(1_000_000));
    assert_eq!(shown[0]["log"][0]["text"].as_str().map(str::len), Some(2_000_000));
}
