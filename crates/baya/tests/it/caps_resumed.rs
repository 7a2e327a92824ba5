//! Runs that went on after a cap had ended them: who failed twice is counted once, wherever it is shown.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use serde_json::{Value, json};

/// Asks one more if anybody failed, so that the cap ends the run.
const ENDS: &str = "export const meta = { name: 'fan', description: 'many at once' }
const all = await parallel(Array.from({ length: 12 }, (_, n) => () => agent(`item ${n}`)))
if (all.filter(Boolean).length < 12) await agent('one more')
return all.length
";

fn home(script: &str) -> (Baya, FakeModel) {
    let baya = Baya::new();
    baya.write("fan.js", script);
    let rules = json!({"rules": [{"text": "an answer", "usage": {"input": 60, "output": 150}}]});
    (baya, FakeModel::start(&rules))
}

fn call(baya: &Baya, model: &FakeModel, line: &str) -> Output {
    model.serves(baya.line(line)).run()
}

/// The same number in the last line, the summary, the list of runs and the run as it is shown.
#[track_caller]
fn check(baya: &Baya, model: &FakeModel, ended: &Value, failed: u64, earlier: u64) {
    assert_eq!(ended["failures"]["failed"], failed + 1, "with the call that was refused: {ended}");
    assert_eq!(ended["failures"]["agents"], 13, "{ended}");
    let runs = call(baya, model, "runs").exits(0).stdout;
    assert!(runs.contains(&format!("out of budget, {failed} failed ")), "{runs}");
    assert!(runs.contains(&format!("{}/12", 12 - failed)), "{runs}");
    let shown = call(baya, model, "show last").exits(0).stdout;
    assert!(shown.contains("12 agents in "), "{shown}");
    let done = if failed < 12 { format!("{}/12 done, ", 12 - failed) } else { String::new() };
    assert!(shown.contains(&format!("(no phase): {done}")), "{shown}");
    let nulls = shown.lines().filter(|line| line.contains(": null: budget reached")).count();
    assert_eq!(nulls as u64, failed, "{shown}");
    let line = format!("  … {earlier} of earlier generations, which gave nothing\n");
    assert_eq!(shown.contains(&line), earlier > 0, "{shown}");
}

#[test]
fn c63_who_fails_again_after_a_resume_is_counted_once() {
    // A whole answer has 150 tokens: none fits the first two caps, whoever comes first.
    let (baya, model) = home(ENDS);
    let flags = "--json --yes --model made-up-1 --concurrency 12";
    let ended = call(&baya, &model, &format!("run fan.js {flags} --budget 100")).exits(4).run_ended();
    check(&baya, &model, &ended, 12, 0);
    let ended = call(&baya, &model, "resume last --json --budget 140").exits(4).run_ended();
    check(&baya, &model, &ended, 12, 12);
    let ended = call(&baya, &model, "resume last --json --budget 900").exits(4).run_ended();
    let failed = ended["failures"]["failed"].as_u64().expect("a number");
    assert!((1..13).contains(&failed), "some were answered now: {ended}");
    // The last call was refused, or began and found no room.
    let runs = call(&baya, &model, "runs").exits(0).stdout;
    let is_told = |failed: u64| runs.contains(&format!("out of budget, {failed} failed "));
    assert!(is_told(failed - 1) || is_told(failed), "{ended}\n{runs}");
    let shown = call(&baya, &model, "show last").exits(0).stdout;
    assert!(shown.contains("  … 24 of earlier generations, which gave nothing\n"), "{shown}");
    let over = call(&baya, &model, "resume last --budget 9k").exits(0);
    assert!(over.stderr.contains("12 agents in "), "{}", over.stderr);
    call(&baya, &model, "runs").exits(0).prints_line(" 12/12 ");
}

#[test]
fn c51_a_run_that_a_cap_starved_says_with_which_flag_it_goes_on() {
    let (baya, model) = home(&ENDS.replace("if (all", "if (0 && all"));
    let line = "run fan.js --yes --model made-up-1 --budget 900";
    let output = call(&baya, &model, line).exits(0).says("completed with failures");
    let retry = output.stderr.lines().find(|line| line.starts_with("retry:")).expect("a command");
    assert!(retry.ends_with(" --budget TOKENS"), "{retry}");
    let words = retry.trim_start_matches("retry:").replace("TOKENS", "9k");
    call(&baya, &model, words.trim().trim_start_matches("baya ")).exits(0).prints("12\n");
    let answered: u64 = model.log().iter().filter_map(|line| line["output"].as_u64()).sum();
    assert!(answered >= 12 * 150, "all have answered: {answered}");
}
