//! Hard caps over agents that are programs: real ones, pinned, behind our gateway. By the model's own log
//! they are never billed more than the cap, and what does not fit does not go out.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output, wait_for};
use crate::plan::reader;
use crate::real_agents::{Agent, CODEX, CODEX_ACP, MODEL, OPENCODE};
use serde_json::{Value, json};

const PRICES: &str = "[\"openai/test-model\"]\ninput = 10\noutput = 50\n\
                      [\"openai-responses/test-model\"]\ninput = 10\noutput = 50\n";

/// Each answer of the model: more than an agent's own words, and less than their bytes.
const SENT: u64 = 9_000;
const ANSWERED: u64 = 150;

/// The script, in a home whose model has a price, behind the program.
struct Scene<'a> {
    agent: &'a Agent,
    baya: Baya,
    model: FakeModel,
}

impl Scene<'_> {
    /// `None`: the program is not installed.
    fn new<'a>(agent: &'a Agent, script: &str) -> Option<Scene<'a>> {
        if !agent.is_here() {
            return None;
        }
        let baya = Baya::new();
        let folder = baya.home().join(".config/baya");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("prices.toml"), PRICES).expect("prices");
        baya.write("x.js", script);
        let usage = json!({"input": SENT, "output": ANSWERED});
        let model = FakeModel::start(&json!({"rules": [
            {"when": {"prompt": "hangs", "nth": 1}, "fault": "hang"},
            {"when": {"prompt": "item "}, "text": "an answer", "usage": usage},
        ]}));
        Some(Scene { agent, baya, model })
    }

    fn run(&self, flags: &str) -> Output {
        self.call(flags).run()
    }

    fn call(&self, flags: &str) -> Call<'_> {
        let backend = self.agent.backend;
        let line = format!("run x.js --json --yes --backend {backend} --model {MODEL} {flags}");
        self.agent.works(&self.model, self.baya.line(&line))
    }

    /// What the model says it was asked for: requests, tokens sent and answered.
    fn billed(&self) -> (u64, u64, u64) {
        let ended = self.model.log().into_iter().filter(|line| line["event"] == "ended");
        ended.fold((0, 0, 0), |(requests, sent, answered), line| {
            let of = |name: &str| line[name].as_u64().expect("tokens");
            (requests + 1, sent + of("input"), answered + of("output"))
        })
    }
}

/// So many at once.
fn fan(agents: u32) -> String {
    format!(
        "export const meta = {{ name: 'fan', description: 'many at once' }}
const all = await parallel(Array.from({{ length: {agents} }}, (_, n) => () => agent(`item ${{n}}`)))
return all.filter(Boolean).length\n"
    )
}

/// How agents failed: the kind of the cause and its words.
fn causes(output: &Output) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = output.json_lines();
    let failed = lines.iter().filter_map(|line| line["outcome"].get("failed"));
    failed.map(|cause| (text(&cause["kind"]), text(&cause["message"]))).collect()
}

/// Of so many agents at once, exactly so many fit below the cap; the others send nothing.
#[track_caller]
fn check(agent: &Agent, agents: u32, flags: &str, cap: &str, fit: u64) {
    let Some(scene) = Scene::new(agent, &fan(agents)) else { return };
    let output = scene.run(flags).exits(0);
    let ended = output.run_ended();
    assert_eq!(scene.billed(), (fit, fit * SENT, fit * ANSWERED), "{flags}: {}", output.stdout);
    assert_eq!(ended["result"], fit, "{flags}: {}", output.stdout);
    let used = &ended["usage"];
    assert_eq!((used["input"].as_u64(), used["output"].as_u64()), (Some(fit * SENT), Some(fit * ANSWERED)));
    let causes = causes(&output);
    assert_eq!(causes.len() as u64, u64::from(agents) - fit, "{flags}: {causes:?}");
    for (kind, message) in causes {
        assert_eq!(kind, "budget", "{flags}: {message}");
        let expected = format!("the budget of {cap} has no room for another request");
        assert!(message.starts_with(&expected), "{flags}: {message}");
    }
}

#[test]
fn c52_agents_of_codex_at_work_together_stay_below_each_cap() {
    // Nobody knows what the first one sends: its bytes are held for it, and the others wait.
    check(&CODEX, 6, "--budget-tokens 50k", "50000 tokens", 5);
    check(&CODEX, 6, "--budget-usd 0.40", "$0.40", 3);
}

#[test]
fn c52_agents_of_a_protocol_stay_below_a_cap_in_tokens_and_dollars() {
    check(&CODEX_ACP, 6, "--budget-tokens 50k", "50000 tokens", 5);
    check(&OPENCODE, 3, "--budget-usd 0.29 --concurrency 1", "$0.29", 2);
}

#[test]
fn c52_who_does_not_fit_for_others_waits_until_they_are_over() {
    let script = fan(3).replace("`item ${n}`", "`item ${n} hangs`");
    let Some(scene) = Scene::new(&CODEX, &script) else { return };
    let mut child = scene.call("--budget-tokens 60k").spawn();
    let shown = reader(child.stdout.take().expect("a pipe"));
    let whose = |what: fn(&Value) -> bool| {
        let lines = shown.lock().unwrap().clone();
        let whole = lines.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = whole.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(what).map(|line| line["agent"].to_string()).collect::<Vec<_>>()
    };
    let holds = |line: &Value| line["turn"]["step"] == "holding";
    let waits = |line: &Value| line["wait"].get("budget").is_some();
    wait_for("two that wait for one", || whose(holds).len() == 1 && whose(waits).len() == 2);
    assert_eq!(scene.model.received().len(), 1, "they send nothing");
    // The model may have worked for it: all that was held for it is spent.
    scene.baya.args(["stop", "last", "--agent", &whose(holds)[0]]).run().exits(0);
    let output = Output::of(child).exits(0);
    assert_eq!(scene.billed(), (3, 2 * SENT, 2 * ANSWERED), "{}", output.stderr);
    let lines = shown.lock().unwrap().clone();
    let ended: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    assert_eq!(ended["result"], 2, "{lines}");
    let spent = ended["budget"][0]["spent"].as_u64().expect("tokens");
    assert!((40_000..=60_000).contains(&spent), "{ended}");
}

#[test]
fn c51_half_an_answer_of_a_program_that_a_cap_cut_off_is_a_reached_budget() {
    for agent in [&CODEX, &CODEX_ACP] {
        let Some(scene) = Scene::new(agent, &fan(4)) else { continue };
        let output = scene.run("--budget 400");
        let (requests, _, answered) = scene.billed();
        assert_eq!((requests, answered), (3, 400), "{}", output.stdout);
        let ended = output.run_ended();
        assert_eq!((&ended["result"], &ended["budget"][0]["spent"]), (&json!(2), &json!(400)), "{ended}");
        assert_eq!(ended["failures"]["causes"], json!([["budget reached", 2]]));
        let cut = causes(&output).into_iter().find(|(_, message)| message.contains("cut an answer off"));
        let words = "the budget of 400 output tokens cut an answer off after 100 tokens";
        assert!(cut.is_some_and(|(_, message)| message.starts_with(words)), "{}", output.stdout);
    }
}

#[test]
fn c51_a_run_whose_program_is_refused_ends_with_status_budget() {
    let script = "export const meta = { name: 'three', description: 'd' }
for (const n of [1, 2, 3]) await agent(`item ${n}`)\n";
    let Some(scene) = Scene::new(&CODEX, script) else { return };
    let below = scene.run("--budget-tokens 1k").exits(4);
    assert_eq!((scene.billed().0, &below.run_ended()["status"]), (0, &json!("budget")));
    let (_, message) = &causes(&below)[0];
    assert!(message.starts_with("the budget of 1000 tokens is less than one request may take"), "{message}");
    let output = scene.run("--budget-tokens 28k").exits(4);
    assert_eq!((scene.billed().0, &output.run_ended()["status"]), (2, &json!("budget")), "{}", output.stdout);
}

#[test]
fn c52_a_phase_has_a_cap_of_its_own() {
    let script = "export const meta = { name: 'phases', description: 'd',
  phases: [{ title: 'Look', budget: { tokens: 31000 } }, 'Sum up'] }
phase('Look')
const all = await parallel([1, 2, 3, 4].map(n => () => agent(`item ${n}`)))
phase('Sum up')
return [all.filter(Boolean).length, await agent('item 5')]\n";
    let Some(scene) = Scene::new(&CODEX, script) else { return };
    let output = scene.run("").exits(0);
    assert_eq!(output.run_ended()["result"], json!([3, "an answer"]), "{}", output.stdout);
    assert_eq!(scene.billed().0, 4);
    let causes = causes(&output);
    let expected = "the budget of 31000 tokens of phase `Look` has no room for another request";
    assert!(causes.len() == 1 && causes[0].1.starts_with(expected), "{causes:?}");
}

#[test]
fn c29_max_tokens_of_a_call_limit_each_answer_of_a_program() {
    let script = "export const meta = { name: 'short', description: 'd' }
return await parallel([40, 200].map(maxTokens => () => agent(`item ${maxTokens}`, { maxTokens })))\n";
    for flags in ["", "--budget-tokens 100k"] {
        let Some(scene) = Scene::new(&CODEX, script) else { return };
        let output = scene.run(flags).exits(0);
        assert_eq!(output.run_ended()["result"], json!([null, "an answer"]), "{}", output.stdout);
        let (requests, _, answered) = scene.billed();
        assert_eq!((requests, answered), (2, 40 + ANSWERED));
        let causes = causes(&output);
        assert_eq!((causes.len(), causes[0].0.as_str()), (1, "limit"), "the call's own: {causes:?}");
    }
}
