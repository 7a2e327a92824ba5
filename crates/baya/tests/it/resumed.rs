//! What a resume asks for again, counted by the fake model's request log.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output, runs, wait_for};
use crate::killed_process::{Driver, answered, events, wait_for_answers};
use baya_core::event::Event;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A home whose agents ask a fake model.
struct Site {
    baya: Baya,
    model: FakeModel,
}

impl Site {
    /// With these rules; what fits none of them comes back as it is.
    fn new(rules: &[Value]) -> Site {
        let mut rules = rules.to_vec();
        rules.push(json!({"echo": true}));
        Site { baya: Baya::new(), model: FakeModel::start(&json!({"rules": rules})) }
    }

    fn write(&self, path: &str, body: &str) {
        self.baya.write(path, &format!("export const meta = {{ name: 'x', description: 'd' }}\n{body}\n"));
    }

    fn run(&self, line: &str) -> Output {
        self.model.serves(self.baya.line(line)).run()
    }

    /// Starts a run and kills its process once so many agents have answered and so many requests more
    /// wait for their answers. The run's id.
    fn run_and_kill(&self, line: &str, answers: usize, waiting: usize) -> String {
        let driver = Driver::start(&self.model.serves(self.baya.line(line)));
        let run = wait_for_answers(&self.baya, answers);
        wait_for("the requests", || self.model.prompts().len() == answers + waiting);
        driver.kill();
        run
    }

    /// Runs a script to its end.
    #[track_caller]
    fn ends(&self, body: &str) {
        self.write("x.js", body);
        self.run("run x.js --yes").exits(0);
    }

    /// What the model is asked while this happens: each prompt with its number.
    fn asked_during(&self, work: impl FnOnce()) -> BTreeMap<String, usize> {
        let before = self.model.prompts().len();
        work();
        let mut counts = BTreeMap::new();
        for prompt in self.model.prompts().split_off(before) {
            *counts.entry(prompt).or_default() += 1;
        }
        counts
    }

    /// Resumes the last run with these flags and wants this result, and exactly these prompts asked.
    #[track_caller]
    fn resumes(&self, flags: &str, result: &Value, prompts: &[&str]) {
        let mut ended = Value::Null;
        let asked = self.asked_during(|| {
            ended = self.run(&format!("resume last --json --yes {flags}")).exits(0).run_ended();
        });
        assert_eq!(&ended["result"], result, "{ended}");
        let wanted = prompts.iter().map(|prompt| ((*prompt).to_owned(), 1)).collect();
        assert_eq!(asked, wanted, "asked again by `resume {flags}`");
    }
}

/// The first time it is asked, it takes until the test is long over.
fn slow_once(prompt: &str) -> Value {
    json!({"when": {"prompt": prompt}, "times": 1, "latency_ms": 600_000, "echo": true})
}

fn slow_times(prompt: &str, times: u32) -> Value {
    let mut rule = slow_once(prompt);
    rule["times"] = json!(times);
    rule
}

/// Fails the first time.
fn flaky(prompt: &str) -> Value {
    json!({"when": {"prompt": prompt}, "times": 1, "fault": "null"})
}

#[test]
fn c61_a_parallel_killed_midway_buys_nothing_again() {
    let site = Site::new(&[slow_times("^late", 6)]);
    let thunks = "Array.from({ length: 12 }, (_, n) => () => agent(`${n % 2 ? 'late' : 'early'} ${n}`))";
    site.write("x.js", &format!("return (await parallel({thunks})).join()"));
    let run = site.run_and_kill("run x.js --yes", 6, 6);
    assert_eq!(answered(&events(&site.baya, &run)).len(), 6);
    let late = ["late 1", "late 11", "late 3", "late 5", "late 7", "late 9"];
    let all: Vec<_> = (0..12).map(|n| format!("{} {n}", if n % 2 == 1 { "late" } else { "early" })).collect();
    site.resumes("", &json!(all.join(",")), &late);
}

#[test]
fn c61_a_pipeline_with_a_slow_first_item_buys_nothing_again() {
    let site = Site::new(&[slow_once("^item 0 stage 1$"), slow_once("^item 7 stage 1$")]);
    let stages = (1..=4).map(|stage| format!("(_, item) => agent(`item ${{item}} stage {stage}`)"));
    let stages = stages.collect::<Vec<_>>().join(", ");
    site.write("x.js", &format!("return await pipeline([0, 1, 2, 3, 4, 5, 6, 7], {stages})"));
    let run = site.run_and_kill("run x.js --yes", 24, 2);
    assert_eq!(answered(&events(&site.baya, &run)).len(), 24);
    let rest = (1..=4).flat_map(|stage| [0, 7].map(|item| format!("item {item} stage {stage}")));
    let rest: Vec<String> = rest.collect();
    let result: Vec<_> = (0..8).map(|item| format!("item {item} stage 4")).collect();
    site.resumes("", &json!(result), &rest.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn c62_one_edited_prompt_of_twelve_is_the_only_one_asked() {
    let site = Site::new(&[]);
    let body = |fifth: &str| {
        let texts = (0..12).map(|n| if n == 5 { fifth.to_owned() } else { format!("text {n}") });
        let texts = json!(texts.collect::<Vec<_>>());
        format!("return (await parallel({texts}.map(text => () => agent(text))))[5]")
    };
    site.ends(&body("text 5"));
    site.write("edited.js", &body("text five"));
    site.resumes("--script edited.js", &json!("text five"), &["text five"]);
}

#[test]
fn c62_an_edit_in_a_sequence_leaves_the_unchanged_prompts_after_it() {
    let site = Site::new(&[]);
    let body = |second: &str| {
        let steps = ["one", second, "three", "four", "five"].map(|text| format!("await agent('{text}')"));
        format!("return [{}].join()", steps.join(", "))
    };
    site.ends(&body("two"));
    site.write("edited.js", &body("zwei"));
    site.resumes("--script edited.js", &json!("one,zwei,three,four,five"), &["zwei"]);
}

#[test]
fn c63_the_one_of_six_that_failed_is_asked_again() {
    let site = Site::new(&[flaky("^number 3$")]);
    site.ends("return (await parallel([1, 2, 3, 4, 5, 6].map(n => () => agent(`number ${n}`)))).length");
    assert_eq!(site.model.asked().len(), 6);
    site.resumes("", &json!(6), &["number 3"]);
    site.resumes("--retry-failed", &json!(6), &[]);
}

const FLAKY_THEN_SLOW: &str =
    "const flaky = await agent('flaky')\nawait agent('quick')\nreturn [flaky, await agent('slow')]";

#[test]
fn c63_an_interrupted_run_hears_its_nulls_again() {
    let site = Site::new(&[flaky("^flaky$"), slow_once("^slow$")]);
    site.write("x.js", FLAKY_THEN_SLOW);
    site.run_and_kill("run x.js", 1, 2);
    site.resumes("", &json!([null, "slow"]), &["slow"]);
}

#[test]
fn c63_retry_failed_asks_the_failed_agents_of_an_interrupted_run() {
    let site = Site::new(&[flaky("^flaky$"), slow_once("^slow$")]);
    site.write("x.js", FLAKY_THEN_SLOW);
    site.run_and_kill("run x.js", 1, 2);
    site.resumes("--retry-failed", &json!(["flaky", "slow"]), &["flaky", "slow"]);
}

#[test]
fn c63_an_ended_run_without_failures_buys_nothing() {
    let site = Site::new(&[]);
    site.ends("return [await agent('a'), await agent('b', { label: 'x' })]");
    for flags in ["", "--retry-failed", "--script x.js"] {
        site.resumes(flags, &json!(["a", "b"]), &[]);
    }
}

#[test]
fn c62_other_args_ask_only_what_depends_on_them() {
    let site = Site::new(&[]);
    site.write("x.js", "return await parallel(args.map(about => () => agent(`about ${about}`)))");
    site.run(r#"run x.js --args ["owls","rain","salt"]"#).exits(0);
    let result = json!(["about owls", "about snow", "about salt"]);
    site.resumes(r#"--args ["owls","snow","salt"]"#, &result, &["about snow"]);
}

#[test]
fn c51_a_raised_budget_continues_and_counts_everything_once() {
    let usage = json!({"usage": {"input": 10, "output": 100}, "echo": true});
    let site = Site::new(&[usage]);
    site.write("x.js", "for (let n = 0; n < 6; n++) await agent(`step ${n}`)\nreturn budget.spent()");
    site.run("run x.js --budget 300").exits(4);
    assert_eq!(site.model.asked().len(), 3);
    site.run("resume last").exits(4);
    assert_eq!(site.model.asked().len(), 3, "a resume alone refills nothing");
    site.resumes("--budget 1k", &json!(600), &["step 3", "step 4", "step 5"]);
}

#[test]
fn c64_an_unknown_run_names_those_near_it() {
    let site = Site::new(&[]);
    site.ends("return 1");
    let run = runs(&site.baya.home()).pop().expect("a run");
    let last = if run.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &run[..run.len() - 1]);
    for command in ["resume", "show", "stop"] {
        site.run(&format!("{command} {wrong}")).exits(2).says(&wrong).says(&format!("`{run}`"));
    }
    assert_eq!(runs(&site.baya.home()), [run], "no fresh start");
}

#[test]
fn c64_a_run_killed_before_its_first_result_goes_on() {
    let site = Site::new(&[slow_times("^only", 2)]);
    site.write("x.js", "return await parallel(['only 1', 'only 2'].map(text => () => agent(text)))");
    site.run_and_kill("run x.js", 0, 2);
    site.resumes("", &json!(["only 1", "only 2"]), &["only 1", "only 2"]);
}

#[test]
fn c61_a_killed_background_run_goes_on_in_front() {
    let site = Site::new(&[slow_once("^slow$")]);
    site.write("x.js", "return [await agent('quick'), await agent('slow')]");
    let run = site.run("run x.js --detach").exits(0).stdout.trim_end().to_owned();
    assert_eq!(wait_for_answers(&site.baya, 1), run);
    wait_for("the slow request", || site.model.prompts().len() == 2);
    let driver = events(&site.baya, &run).iter().find_map(|recorded| match recorded.event {
        Event::DriverStarted { pid, .. } => Some(pid),
        _ => None,
    });
    let driver = i32::try_from(driver.expect("a driver")).expect("a small number");
    kill_process(Pid::from_raw(driver).expect("a pid"), Signal::KILL).expect("it runs");
    wait_for("the end of the driver", || site.run("runs").stdout.contains("killed, resumable"));
    site.resumes("", &json!(["quick", "slow"]), &["slow"]);
}
