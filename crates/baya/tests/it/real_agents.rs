//! Agents that are real programs, pinned and installed by `cargo xtask agents`, against a fake model:
//! inside our sandbox, through our gateway. What is not installed is skipped by name.

use crate::fake::FakeModel;
use crate::fix_tests::{check_fixed, example, failing, has_python, lay_out, rules};
use crate::harness::{Baya, Call, Output, send, skip, wait, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A backend, its program, and a call of the tool by which it runs commands.
pub struct Agent {
    pub backend: &'static str,
    program: &'static str,
    tool: &'static str,
    command: fn(&str) -> Value,
}

pub const CODEX: Agent = Agent {
    backend: "codex",
    program: "codex",
    tool: "exec_command",
    command: |line| json!({"name": "exec_command", "input": {"cmd": line}}),
};
pub const OPENCODE: Agent = Agent {
    backend: "acp:opencode",
    program: "opencode",
    tool: "bash",
    command: |line| json!({"name": "bash", "input": {"command": line, "description": "work"}}),
};

pub const CODEX_ACP: Agent = Agent { backend: "acp:codex-acp", program: "codex-acp", ..CODEX };

/// One that neither knows: models they know are offered other tools.
pub const MODEL: &str = "test-model";

/// Where `cargo xtask agents` puts the programs.
pub fn installed() -> PathBuf {
    let named = std::env::var_os("BAYA_TEST_AGENTS").map(PathBuf::from);
    let usual = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../agents/bin");
    let folder = named.unwrap_or_else(usual);
    std::fs::canonicalize(&folder).unwrap_or(folder)
}

impl Agent {
    pub fn is_here(&self) -> bool {
        let here = installed().join(self.program).exists();
        if !here {
            skip(&format!("missing {}: `cargo xtask agents` installs it", self.program));
        }
        here
    }

    /// A call whose agents are this program's, with this fake model behind them.
    pub fn works<'a>(&self, model: &FakeModel, call: Call<'a>) -> Call<'a> {
        let path = format!("{}:/usr/bin:/bin", installed().display());
        model.serves_openai(call).env("PATH", &path)
    }

    fn run(&self, baya: &Baya, model: &FakeModel, script: &str) -> Output {
        let words = ["run", script, "--backend", self.backend, "--model", MODEL, "--json", "--yes"];
        self.works(model, baya.args(words)).run()
    }
}

const SCRIPT: &str = "export const meta = { name: 'real', description: 'd' }
const schema = { type: 'object', required: ['done'], properties: { done: { type: 'boolean' } } }
const text = await agent('Write the file.')
const object = await agent('Say whether it is done.', { schema })
return { text, object }
";

fn tokens(usage: &Value) -> (u64, u64) {
    let of = |name: &str| usage[name].as_u64().unwrap_or_default();
    (of("input") + of("cache_read") + of("cache_write"), of("output"))
}

/// Prompt, tool call, file edited, schema, usage to the token; writes outside and secrets refused.
#[track_caller]
fn check_work(agent: &Agent) {
    if !agent.is_here() {
        return;
    }
    let baya = Baya::new();
    baya.write("real.js", SCRIPT);
    std::fs::create_dir(baya.home().join(".ssh")).expect("a folder");
    std::fs::write(baya.home().join(".ssh/id_test"), "a-secret-of-somebody").expect("a file");
    let outside = baya.home().join("outside.txt");
    let secret = baya.home().join(".ssh/id_test");
    let line = format!(
        "echo made > made.txt; echo no > {}; cat {} > seen.txt; env > env.txt; true",
        outside.display(),
        secret.display()
    );
    let model = FakeModel::start(&json!({"rules": [
        {"when": {"prompt": "Write the file", "turn": 1}, "tool": (agent.command)(&line)},
        {"when": {"prompt": "Write the file"}, "text": "written"},
        {"when": {"prompt": "Say whether", "schema": true}, "json": {"done": true}},
        {"text": "over"},
    ]}));
    let output = agent.run(&baya, &model, "real.js").exits(0);
    let ended = output.run_ended();
    assert_eq!(ended["result"], json!({"text": "written", "object": {"done": true}}), "{}", output.stdout);
    let read = |name: &str| std::fs::read_to_string(baya.work().join(name)).unwrap_or_default();
    assert_eq!(read("made.txt"), "made\n");
    assert!(!outside.exists(), "nothing is written outside");
    assert_eq!(read("seen.txt"), "", "no foreign secret is read");
    assert!(!read("env.txt").contains("OPENAI_API_KEY=fake"), "the key stays with the gateway");
    let ends = model.log().into_iter().filter(|line| line["event"] == "ended");
    let counted = ends.fold((0, 0), |(input, output), line| {
        let of = |name: &str| line[name].as_u64().unwrap_or_default();
        (input + of("input"), output + of("output"))
    });
    // What was spent on the way stands apart from what came last.
    let lines = output.json_lines();
    let finished = lines.iter().filter(|line| line["type"] == "agent_finished").map(|line| &line["usage"]);
    let spent =
        lines.iter().filter(|line| line["turn"]["step"] == "spent").map(|line| &line["turn"]["usage"]);
    let told = finished.chain(spent).map(tokens).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    assert_eq!(told, counted, "the gateway counts what the model counts: {}", output.stdout);
}

/// Ctrl-C, twice at most, ends everything; then the run goes on.
#[track_caller]
fn check_stop(agent: &Agent, signal: Signal) {
    if !agent.is_here() {
        return;
    }
    let baya = Baya::new();
    baya.write("real.js", SCRIPT);
    let model = FakeModel::start(&json!({"rules": [
        {"when": {"prompt": "Write the file", "offers": agent.tool, "nth": 1}, "fault": "hang"},
        {"when": {"prompt": "Say whether", "schema": true}, "json": {"done": true}},
        {"text": "written"},
    ]}));
    let words = ["run", "real.js", "--backend", agent.backend, "--model", MODEL];
    let mut child = agent.works(&model, baya.args(words)).spawn();
    // A title that OpenCode asks for is answered.
    wait_for("a request of the agent", || model.received().iter().any(|line| line["tools"] != json!([])));
    send(&child, signal);
    wait(&mut child);
    let mark = baya.work().display().to_string();
    wait_for("the end of its processes", || signal == Signal::KILL || processes_below(&mark).is_empty());
    let output = agent.works(&model, baya.args(["resume", "last", "--json"])).run().exits(0);
    assert_eq!(output.run_ended()["result"]["object"], json!({"done": true}), "{}", output.stdout);
    wait_for("the end of all processes", || processes_below(&mark).is_empty());
}

/// Processes that work in the folder.
pub fn processes_below(folder: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let below = all.filter(|entry| {
        let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        cwd.to_string_lossy().starts_with(folder)
    });
    below.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn codex_works_in_the_sandbox_and_is_counted() {
    check_work(&CODEX);
}

#[test]
fn opencode_works_in_the_sandbox_and_is_counted() {
    check_work(&OPENCODE);
}

#[test]
fn codex_is_stopped_and_resumed() {
    check_stop(&CODEX, Signal::INT);
}

#[test]
fn codex_is_killed_with_us_and_resumed() {
    check_stop(&CODEX, Signal::KILL);
}

#[test]
fn opencode_is_stopped_and_resumed() {
    check_stop(&OPENCODE, Signal::INT);
}

#[track_caller]
fn check_fix_tests(agent: &Agent) {
    let baya = Baya::new();
    if !agent.is_here() || !has_python(&baya) {
        return;
    }
    lay_out(&baya);
    assert_eq!(failing(&baya), 3);
    let model = FakeModel::start(&rules());
    let output = agent.run(&baya, &model, &example("fix-tests.js").display().to_string()).exits(0);
    check_fixed(&baya, &output);
}

#[test]
fn opencode_fixes_three_failing_tests() {
    check_fix_tests(&OPENCODE);
}

#[test]
fn codex_fixes_three_failing_tests() {
    check_fix_tests(&CODEX);
}

#[test]
fn each_reviews_a_text() {
    for agent in [&CODEX, &CODEX_ACP, &OPENCODE] {
        if !agent.is_here() {
            continue;
        }
        let baya = Baya::new();
        let model = FakeModel::start(&json!({"rules": [
            {"when": {"prompt": "Review this text", "schema": true},
             "json": {"findings": [{"line": 3, "title": "reads past the end", "why": "<= for <"}]}},
            {"when": {"prompt": "A reviewer says", "schema": true}, "json": {"real": true, "reason": "it does"}},
            {"text": "One defect."},
        ]}));
        let output = agent.run(&baya, &model, &example("review.js").display().to_string()).exits(0);
        let result = &output.run_ended()["result"];
        assert_eq!(result["counts"]["confirmed"], 1, "{}: {result}", agent.backend);
        assert_eq!(result["report"], "One defect.");
    }
}
