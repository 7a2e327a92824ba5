//! Before a run: the plan, what is asked about, and that nothing is spent before somebody said yes.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output, runs, wait_for};
use crate::trust::{at_a_terminal, start_at_a_terminal};
use serde_json::json;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

const ONE: &str = "export const meta = { name: 'one', description: 'd' }\nreturn await agent('say it')\n";
const QUESTION: &str = "Run it? Nothing was spent so far. [y/N]";

/// Asks as many agents as `args` says.
const MANY: &str = "export const meta = { name: 'many', description: 'd' }
return (await parallel(Array.from({ length: Number(args) }, (_, n) => () => agent(`say ${n}`)))).length\n";

fn home(script: &str) -> (Baya, FakeModel) {
    let baya = Baya::new();
    baya.write("x.js", script);
    (baya, FakeModel::start(&json!({"rules": [{"text": "done"}]})))
}

fn settings(baya: &Baya, text: &str) {
    let config = baya.home().join(".config/baya");
    std::fs::create_dir_all(&config).expect("a folder");
    std::fs::write(config.join("config.toml"), text).expect("a file");
}

/// All that was written so far.
pub fn reader(mut from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = text.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    text
}

/// Waits for the question at a terminal, looks, types, and waits for the end.
fn asked(call: &Call<'_>, look: impl FnOnce(&str), typed: &str) -> Output {
    let mut child = start_at_a_terminal(call);
    let shown = reader(child.stdout.take().expect("a pipe"));
    wait_for("the question", || shown.lock().unwrap().contains(QUESTION));
    look(&shown.lock().unwrap());
    child.stdin.as_mut().expect("a pipe").write_all(typed.as_bytes()).expect("somebody reads");
    let output = Output::of(child);
    let stdout = shown.lock().unwrap().clone();
    Output { stdout, ..output }
}

#[test]
fn a_new_script_shows_plan_price_and_a_question_before_it_spends_anything() {
    let (baya, model) = home(ONE);
    let call = model.serves(baya.line("run x.js"));
    let untouched = |shown: &str| {
        assert!(shown.contains("plan: 1 agent · $0."), "{shown}");
        assert!(shown.contains("(first run: a guess, lengths are made up)"), "{shown}");
        assert!(shown.contains("it has not run here before"), "{shown}");
        assert_eq!(model.log(), [] as [serde_json::Value; 0], "nothing was asked yet");
        assert_eq!(runs(&baya.home()), [] as [String; 0], "nothing is on the disk yet");
    };
    // No, nothing, Esc without Enter, Ctrl-C, the end of the input.
    for answer in ["n\n", "\n", "\u{1b}", "\u{3}", "\u{4}"] {
        let output = asked(&call, untouched, answer).exits(2);
        assert!(output.stdout.contains("`one` was not run, and nothing was spent"), "{}", output.stdout);
        untouched(&output.stdout);
    }
    let output = asked(&call, untouched, "y\n").exits(0);
    assert!(output.stdout.contains("done"), "{}", output.stdout);
    assert_eq!(model.received().len(), 1);
    let again = at_a_terminal(&call, "").exits(0).stdout;
    assert!(again.contains("(from 1 earlier run)") && !again.contains("Run it?"), "{again}");
    baya.write("x.js", &ONE.replace("say it", "say it well"));
    asked(&call, |shown| assert!(shown.contains("it has not run here")), "n\n").exits(2);
    baya.write("x.js", ONE).write("elsewhere/x.js", ONE);
    asked(&model.serves(baya.line("run x.js")).in_folder("elsewhere"), |_| {}, "n\n").exits(2);
}

#[test]
fn where_nobody_can_be_asked_a_plan_above_the_thresholds_ends_with_5() {
    let (baya, model) = home(MANY);
    settings(&baya, "[plan]\nask_agents = 3\n");
    let run = |flags: &str| model.serves(baya.line(&format!("run x.js {flags}"))).run();
    run("3").exits(0).says("plan: 3 agents · $0.");
    let refused =
        run("4").exits(5).says("`many` needs a yes before it runs: it may take 4 agents, and above 3");
    for hint in ["`--max-agents 3` caps the agents", "`--yes` says yes"] {
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
    let ended = run("4 --json").exits(5).run_ended();
    assert_eq!((&ended["status"], &ended["run"]), (&json!("refused"), &json!(null)));
    let detached = run("4 --detach").exits(5);
    assert!(detached.stderr.contains("plan: 4 agents") && detached.stderr.contains("`--yes` says yes"));
    assert_eq!((runs(&baya.home()).len(), model.received().len()), (1, 3), "nothing of it ran");
    run("4 --max-agents 3").exits(0);
    run("5 --yes").exits(0);
    run("5").exits(0);
    run("6").exits(5).says("it may take 6 agents");
    let detached = run("2 --detach").exits(0);
    assert!(detached.stderr.contains("plan: 2 agents"), "{}", detached.stderr);
    assert!(detached.stdout.starts_with("wf_"), "{}", detached.stdout);
}

#[test]
fn dollars_have_a_threshold_of_their_own() {
    let (baya, model) = home(ONE);
    settings(&baya, "[plan]\nask_usd = 0.0001\n");
    let output = model.serves(baya.line("run x.js")).run().exits(5);
    assert!(output.stderr.contains("it may cost $0."), "{}", output.stderr);
    assert!(output.stderr.contains("`--budget-usd 0.0001` caps the dollars"), "{}", output.stderr);
    assert_eq!(model.received().len(), 0);
}

#[test]
fn a_plan_alone_asks_and_runs_nothing() {
    let (baya, model) = home(MANY);
    let plan = |flags: &str| model.serves(baya.line(&format!("run x.js {flags} --plan"))).run().exits(0);
    let shown = plan("30");
    assert!(shown.stdout.starts_with("plan: 30 agents · $"), "{}", shown.stdout);
    assert!(shown.stdout.contains("it may take 30 agents, and above 25 you are asked"), "{}", shown.stdout);
    let lines = plan("30 --json").json_lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&line["type"], &line["total"]["agents"]["p90"]), (&json!("plan"), &json!(30)));
    assert_eq!((&line["asks"][0], &line["history_runs"]), (&json!("new"), &json!(0)));
    assert!(line["total"]["cost"]["p50"].as_u64() > Some(0), "{line}");
    let free = plan("30 --backend simulated");
    assert!(free.stdout.starts_with("plan: 30 agents · nothing to pay · "), "{}", free.stdout);
    assert_eq!((runs(&baya.home()).len(), model.log().len()), (0, 0));
}

#[test]
fn nothing_is_asked_or_rehearsed_where_nobody_is_paid() {
    let (baya, _model) = home(MANY);
    let shown = at_a_terminal(&baya.line("run x.js 30 --backend simulated"), "").exits(0).stdout;
    assert!(!shown.contains("plan:") && !shown.contains("Run it?"), "{shown}");
}

#[test]
fn host_steps_and_full_access_are_asked_about_once() {
    let script = ONE.replace("return", "await baya.exec('true')\nreturn");
    let (baya, model) = home(&script);
    let steps = |shown: &str| {
        assert!(shown.contains("it works on this machine itself, without an agent: `baya.exec`"), "{shown}");
    };
    let call = model.serves(baya.line("run x.js"));
    asked(&call, steps, "y\n").exits(0);
    assert!(!at_a_terminal(&call, "").exits(0).stdout.contains("Run it?"));
    let open = model.serves(baya.line("run x.js --sandbox full"));
    let full = |shown: &str| {
        assert!(shown.contains("the sandbox is `full`") && !shown.contains("baya.exec"), "{shown}");
    };
    asked(&open, full, "y\n").exits(0);
    assert!(!at_a_terminal(&open, "").exits(0).stdout.contains("Run it?"));
}

#[test]
fn a_script_without_agents_is_not_asked_about() {
    let (baya, model) = home("export const meta = { name: 'none', description: 'd' }\nreturn 6 * 7\n");
    let shown = at_a_terminal(&model.serves(baya.line("run x.js")), "").exits(0).stdout;
    assert!(shown.contains("plan: no agents, so nothing to pay"), "{shown}");
    assert!(!shown.contains("Run it?") && shown.contains("42"), "{shown}");
}

#[test]
fn a_new_script_that_may_start_agents_is_asked_about_although_no_rehearsal_did() {
    let late = "if (new Date().getUTCFullYear() > 2000) return 'not yet'\nreturn await agent('a')";
    let (baya, model) = home(&format!("export const meta = {{ name: 'late', description: 'd' }}\n{late}\n"));
    let call = model.serves(baya.line("run x.js"));
    let look = |shown: &str| {
        assert!(shown.contains("plan: no agents in "), "{shown}");
        assert!(shown.contains("it has not run here before"), "{shown}");
    };
    asked(&call, look, "n\n").exits(2);
    // What is not given is not made up either.
    baya.write("x.js", MANY);
    let look = |shown: &str| assert!(shown.contains("plan: no agents in "), "{shown}");
    asked(&model.serves(baya.line("run x.js")), look, "y\n").exits(0);
    let again = at_a_terminal(&model.serves(baya.line("run x.js")), "").exits(0).stdout;
    assert!(again.contains("plan: no agents") && !again.contains("Run it?"), "{again}");
}

#[test]
fn absent_args_are_refused_before_there_is_a_plan() {
    let args = "args: { type: 'object', required: ['topic'], properties: { topic: { type: 'string' } } }";
    let (baya, model) = home(&ONE.replace("description: 'd'", &format!("description: 'd', {args}")));
    let refused = model.serves(baya.line("run x.js")).run().exits(2);
    assert!(refused.stderr.contains("topic") && !refused.stderr.contains("plan:"), "{}", refused.stderr);
}

#[test]
fn a_model_without_a_price_is_unpriced_and_never_free() {
    let (baya, model) = home(&ONE.replace("'say it'", "'say it', { model: 'heron-9' }"));
    let shown = model.serves(baya.line("run x.js")).run().exits(0);
    assert!(shown.stderr.contains("plan: 1 agent · unpriced: `anthropic/heron-9` · "), "{}", shown.stderr);
}

#[test]
fn runs_of_another_script_of_the_same_name_say_nothing() {
    let (baya, model) = home(ONE);
    baya.write("other/x.js", &ONE.replace("say it", "say something else"));
    let run = |folder: &str| model.serves(baya.line("run x.js")).in_folder(folder).run().exits(0);
    run(".").says("first run");
    run(".").says("(from 1 earlier run)");
    run("other").says("(first run: a guess, lengths are made up)");
    run("other").says("(from 1 earlier run)");
}

#[test]
fn a_script_that_fails_in_its_rehearsals_does_not_run_without_a_word() {
    let script = ONE.replace("return await agent('say it')", "return (await agent('say it')).left.right");
    let (baya, model) = home(&script);
    let refused = model.serves(baya.line("run x.js")).run().exits(5);
    for said in [
        "rehearsals: x.js:2:",
        "read of undefined",
        "see it: baya rehearse x.js --case '{",
        "`--yes` says yes",
    ] {
        assert!(refused.stderr.contains(said), "{said:?} is not in {}", refused.stderr);
    }
    assert_eq!(model.received().len(), 0);
    model.serves(baya.line("run x.js --yes")).run().exits(1).says("TypeError");
    model.serves(baya.line("run x.js")).run().exits(1);
}

#[test]
fn a_script_that_never_ends_keeps_nobody_from_a_plan() {
    let (baya, model) = home("export const meta = { name: 'loop', description: 'd' }\nwhile (true) {}\n");
    let shown = model.serves(baya.line("run x.js --plan")).run().exits(0).stdout;
    let plans = ["plan: not known, for the rehearsal could not be made: ", "plan: no agents"];
    assert!(plans.iter().any(|plan| shown.starts_with(plan)), "{shown}");
}

#[test]
fn a_resume_asks_only_if_what_is_left_is_too_much() {
    let (baya, model) = home(MANY);
    settings(&baya, "[plan]\nask_agents = 3\n");
    let line = |line: &str| model.serves(baya.line(line)).run();
    line("run x.js 3").exits(0);
    line("resume last --args 6").exits(0);
    let refused = line("resume last --args 20").exits(5);
    assert!(refused.stderr.contains("it may take 14 agents, and above 3"), "{}", refused.stderr);
    let before = model.received().len();
    assert_eq!(before, 6);
    line("resume last --args 20 --yes").exits(0);
    line("resume last").exits(0);
    assert_eq!(model.received().len(), 20);
}
