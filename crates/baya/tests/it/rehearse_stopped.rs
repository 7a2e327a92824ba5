//! `baya rehearse` that is stopped: Ctrl-C shows what there is so far, and no process stays behind.

use crate::harness::{Baya, Output, send, wait, wait_for};
use crate::plan::reader;
use crate::real_agents::processes_below;
use crate::trust::start_at;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Child;

const FAN: &str = "export const meta = { name: 'fan', description: 'd' }
return await parallel(Array.from({ length: 8 }, (_, n) => () => agent(`look at ${n}`)))\n";
/// More than a person waits for.
const LINE: &str = "rehearse fan.js --runs 100000";
const HINT: &str = "Ctrl-C shows what there is so far";

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("fan.js", FAN);
    baya
}

/// Rehearsals are at work, and have been for a second.
fn start(baya: &Baya, line: &str) -> Child {
    let mut child = baya.line(line).spawn();
    let said = reader(child.stderr.take().expect("a pipe"));
    wait_for("the hint", || said.lock().unwrap().contains(HINT));
    child
}

#[track_caller]
fn nobody_is_left(baya: &Baya) {
    let folder = baya.work().display().to_string();
    wait_for("the end of all processes", || processes_below(&folder).is_empty());
}

#[test]
fn ctrl_c_shows_what_there_is_so_far() {
    let baya = home();
    let child = start(&baya, LINE);
    send(&child, Signal::INT);
    let output = Output::of(child).exits(130);
    let first = output.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("rehearsed `fan.js` "), "{first}");
    assert!(first.contains(", interrupted before 100000 in "), "{first}");
    assert!(output.stdout.contains("\ntotal       8 "), "{}", output.stdout);
    nobody_is_left(&baya);
}

#[test]
fn ctrl_c_at_a_terminal_is_for_us_to_judge() {
    let baya = home();
    let mut child = start_at(&baya.line(LINE), "xterm");
    let shown = reader(child.stdout.take().expect("a pipe"));
    wait_for("the hint", || shown.lock().unwrap().contains(HINT));
    child.stdin.as_mut().expect("a pipe").write_all(b"\x03").expect("somebody reads");
    Output::of(child).exits(130);
    let shown = shown.lock().unwrap().clone();
    assert!(shown.contains("total       8 ") && shown.contains("\nrehearsed `fan.js` "), "{shown}");
    nobody_is_left(&baya);
}

#[test]
fn an_interrupted_report_is_json_that_says_so() {
    let baya = home();
    // It says nothing of waiting: its process is all there is to wait for.
    let child = baya.line(&format!("{LINE} --json")).spawn();
    let folder = baya.work().display().to_string();
    wait_for("the process that plays", || processes_below(&folder).len() > 1);
    send(&child, Signal::INT);
    let output = Output::of(child).exits(130);
    let lines = output.json_lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    match line["error"] {
        Value::Null => {
            assert_eq!((&line["interrupted"], &line["asked"]), (&json!(true), &json!(100_000)))
        }
        _ => assert_eq!(line["error"]["kind"], "interrupted", "before the first was over: {line}"),
    }
    nobody_is_left(&baya);
}

#[test]
fn a_rehearsal_that_is_killed_leaves_no_process() {
    let baya = home();
    let mut child = start(&baya, LINE);
    child.kill().expect("a living child");
    wait(&mut child);
    nobody_is_left(&baya);
}

/// Nothing of it listens: it blocks for ever, again and again.
#[test]
fn a_script_that_blocks_does_not_outlive_its_rehearsal() {
    let baya = home();
    baya.write("fan.js", &FAN.replace("return", "await agent('one')\nwhile (true) {}\nreturn"));
    let folder = baya.work().display().to_string();
    let mut child = baya.line(LINE).spawn();
    wait_for("the process that plays", || processes_below(&folder).len() > 1);
    child.kill().expect("a living child");
    wait(&mut child);
    nobody_is_left(&baya);
}
