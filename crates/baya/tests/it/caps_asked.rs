//! `--on-budget ask` at a terminal: the run parks at its cap, asks for a larger one, and goes on with it.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output, send, wait_for};
use crate::plan::reader;
use crate::trust::start_at;
use rustix::process::Signal;
use serde_json::json;
use std::io::Write;

const QUESTION: &str = "Go on with a larger `--budget-tokens`? [TOKENS or n]";
const FAN: &str = "export const meta = { name: 'fan', description: 'many at once' }
const all = await parallel(Array.from({ length: 6 }, (_, n) => () => agent(`item ${n}`)))
return all.filter(Boolean).length
";

/// Six agents with 210 tokens each, of which three fit.
const RUN: &str = "run fan.js --yes --model made-up-1 --on-budget ask --budget-tokens 700";

fn home() -> (Baya, FakeModel) {
    let baya = Baya::new();
    baya.write("fan.js", FAN);
    let rules = json!({"rules": [{"text": "an answer", "usage": {"input": 60, "output": 150}}]});
    (baya, FakeModel::start(&rules))
}

/// Answers one question after another, at a terminal that shows the picture.
fn answered(baya: &Baya, model: &FakeModel, answers: &[(&str, &str)]) -> Output {
    let mut child = start_at(&model.serves(baya.line(RUN)), "xterm");
    let shown = reader(child.stdout.take().expect("a pipe"));
    let mut seen = 0;
    for (question, typed) in answers {
        wait_for(question, || shown.lock().unwrap()[seen..].contains(question));
        let text = shown.lock().unwrap().clone();
        seen += text[seen..].find(question).expect("it was there") + question.len();
        child.stdin.as_mut().expect("a pipe").write_all(typed.as_bytes()).expect("somebody reads");
    }
    let output = Output::of(child);
    let stdout = shown.lock().unwrap().clone();
    Output { stdout, ..output }
}

/// What stands on the screen from the last picture on.
fn end_of(shown: &str) -> &str {
    &shown[shown.rfind("parked: budget reached").expect("it was parked")..]
}

#[test]
fn c51_a_larger_cap_at_the_question_lets_the_run_go_on_and_buys_nothing_twice() {
    let (baya, model) = home();
    let output = answered(&baya, &model, &[(QUESTION, "5k\n")]).exits(0);
    assert!(output.stdout.trim_end().ends_with("\n6"), "{}", output.stdout);
    assert!(output.stdout.contains("of 5.0k tokens"), "{}", output.stdout);
    let answered: u64 = model.log().iter().filter_map(|line| line["output"].as_u64()).sum();
    assert_eq!(answered, 6 * 150, "something was bought twice");
}

#[test]
fn c51_what_is_no_larger_cap_is_asked_for_again() {
    let (baya, model) = home();
    let answers = [
        (QUESTION, "y\n"),
        ("How much in all, as for `--budget-tokens`? [TOKENS or n]", "700\n"),
        ("`700` is no more than it has; how much in all? [TOKENS or n]", "5k\n"),
    ];
    answered(&baya, &model, &answers).exits(0);
    let (baya, model) = home();
    let answers = [(QUESTION, "often\n"), ("how much in all?", "n\n")];
    let output = answered(&baya, &model, &answers).exits(5);
    assert!(output.stdout.contains("`often` is not a number"), "{}", output.stdout);
}

#[test]
fn c51_no_esc_ctrl_c_and_the_end_of_the_input_leave_the_run_parked() {
    for no in ["n\n", "\n", "\u{1b}", "\u{3}", "\u{4}"] {
        let (baya, model) = home();
        let output = answered(&baya, &model, &[(QUESTION, no)]).exits(5);
        let asked = model.received().len();
        let end = end_of(&output.stdout);
        assert!(end.contains("resume: baya resume wf_") && end.contains("--budget-tokens TOKENS"), "{end}");
        assert!(end.find("resume:") < end.find(QUESTION), "the question stands last: {end}");
        assert!(end.ends_with("\r\n"), "{no:?} leaves a line half-written: {end:?}");
        assert!(!end.contains("\u{1b}[2K"), "nothing is drawn over it: {end:?}");
        baya.line("runs").run().exits(0).prints_line("parked");
        model.serves(baya.line("resume last --budget-tokens 5k")).run().exits(0).prints("6\n");
        assert!(asked < 6 && model.received().len() >= 6, "{no:?}");
    }
}

#[test]
fn a_question_that_is_told_to_end_does() {
    let (baya, model) = home();
    let mut child = start_at(&model.serves(baya.line(RUN)), "xterm");
    let shown = reader(child.stdout.take().expect("a pipe"));
    wait_for("the question", || shown.lock().unwrap().contains(QUESTION));
    // Its terminal is closed.
    send(&child, Signal::HUP);
    drop(child.stdin.take());
    Output::of(child);
    wait_for("a run that nobody drives", || {
        let output = model.serves(baya.line("resume last --budget-tokens 5k")).run();
        output.code == Some(0)
    });
}

#[test]
fn c51_without_a_terminal_nobody_is_asked_and_the_run_is_parked() {
    let (baya, model) = home();
    let output = model.serves(baya.line(RUN)).run().exits(5).prints("");
    assert!(!output.stderr.contains("Go on with"), "{}", output.stderr);
    output.says("parked: budget reached").says("resume: baya resume wf_");
    let json = model.serves(baya.line(&format!("{RUN} --json"))).run().exits(5).run_ended();
    assert_eq!((&json["status"], &json["error"]["kind"]), (&json!("needs_person"), &json!("budget")));
}
