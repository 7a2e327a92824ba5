//! Providers that refuse, break, lie or are not there, on the wire: the fake model of the program itself,
//! with one fault at a time.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output};
use serde_json::{Value, json};

/// A port of this machine where nothing listens.
const NOBODY: &str = "http://127.0.0.1:1";

fn script(body: &str) -> String {
    format!(
        "export const meta = {{ name: 'x', description: 'd' }}
const S = {{ type: 'object', properties: {{ a: {{ type: 'string' }}, n: {{ type: 'integer' }} }},
  required: ['a', 'n'], additionalProperties: false }}
{body}
"
    )
}

/// The call with this address and a key.
fn at<'a>(call: Call<'a>, url: &str) -> Call<'a> {
    call.env("ANTHROPIC_BASE_URL", url).env("ANTHROPIC_API_KEY", "sk-key-of-the-test")
}

/// Runs a script against a fake model with one rule for every prompt that has `bad` in it, and for what is
/// asked again after a bad answer.
#[track_caller]
fn faulty(rule: &str, body: &str, flags: &str) -> (Baya, Output) {
    let baya = Baya::new();
    baya.write("x.js", &script(body));
    let rule = format!(r#"{{"when": {{"prompt": "bad|usable result|What is wrong"}}, {rule}}}"#);
    let rule: Value = serde_json::from_str(&rule).expect("a rule");
    let model = FakeModel::start(&json!({"rules": [rule]}));
    let output = at(baya.line(&format!("run x.js --yes {flags}")), model.url()).run();
    (baya, output)
}

const GOOD_AND_BAD: &str =
    "return await parallel([() => agent('good one'), () => agent('bad one', { label: 'bad' })])";

/// The `bad` agent gives null for this reason; the run says so, and `show` says all.
#[track_caller]
fn gives_null(fault: &str, kind: &str, said: &[&str]) {
    let (baya, output) = faulty(&format!(r#""fault": "{fault}""#), GOOD_AND_BAD, "--json");
    let output =
        output.exits(0).says(&format!("completed with failures: 1 of 2 agents gave nothing (1 × {kind})"));
    let ended = output.run_ended();
    assert_eq!((&ended["result"][1], &ended["failures"]["failed"]), (&Value::Null, &json!(1)), "{fault}");
    assert!(ended["result"][0].is_string(), "{fault}: {ended}");
    let shown = baya.line("show last 2").run().exits(0).stdout;
    for words in said.iter().chain(&[kind, "no answer (null)", "bad one"]) {
        assert!(shown.contains(words), "{fault}: `show` lacks {words:?}:\n{shown}");
    }
}

#[test]
fn c25_each_null_has_its_cause_in_show() {
    gives_null("null", "provider error", &["400", "simulated: this request is not valid"]);
    gives_null("refuse", "refused by the model", &["the model refused"]);
    gives_null("html", "provider error", &["is no model API", "hint: check the address of the provider"]);
    gives_null(
        "context",
        "model's limit",
        &["the prompt is too long for `claude-", "hint: give the agent less"],
    );
    gives_null("length", "model's limit", &["draft:", "Simulated answer", "`maxTokens` allows a longer"]);
}

#[test]
fn strict_makes_one_failed_agent_an_exit_of_3() {
    let (_, output) = faulty(r#""fault": "refuse""#, GOOD_AND_BAD, "--strict");
    output.exits(3).says("completed with failures: 1 of 2 agents gave nothing (1 × refused by the model)");
}

#[test]
fn all_agents_of_the_run_or_of_a_phase_failed_is_exit_3() {
    let (_, output) = faulty(r#""fault": "null""#, "await agent('bad 1'); await agent('bad 2')", "");
    output.exits(3).says("completed with failures: all of 2 agents gave nothing (2 × provider error)");
    let phases = "await agent('good', { phase: 'One' }); await agent('bad', { phase: 'Two' })";
    let (_, output) = faulty(r#""fault": "null""#, phases, "");
    output.exits(3).says("every agent failed in: Two");
}

/// A server that has a bad moment costs time, not a result; `show` tells of it.
#[test]
fn a_bad_moment_of_the_provider_is_waited_out() {
    let moments = [
        (r#""fault": "429", "retry_after": 0.02"#, "429"),
        (r#""fault": "429""#, "429"),
        (r#""fault": "500""#, "500"),
        (r#""fault": "529""#, "529"),
        (r#""fault": "cut""#, "broke off"),
    ];
    for (rule, said) in moments {
        let (baya, output) = faulty(&format!("{rule}, \"times\": 1"), GOOD_AND_BAD, "--json");
        let result = output.exits(0).run_ended()["result"].clone();
        assert!(result[1].as_str().is_some_and(|text| text.contains("bad one")), "{rule}: {result}");
        let shown = baya.line("show last 2").run().exits(0).stdout;
        for words in ["requests: 2", "asked again after: ", said] {
            assert!(shown.contains(words), "{rule}: `show` lacks {words:?}:\n{shown}");
        }
    }
}

/// It gives up in the end, and says how often it asked.
#[test]
fn c25_a_moment_that_never_ends_gives_null_after_all_retries() {
    let body = "return [await agent('good'), await agent('bad', { retries: 2 })]";
    for (rule, said) in [("429", "429"), ("529", "529"), ("cut", "broke off")] {
        let rule = format!(r#""fault": "{rule}", "retry_after": 0.01"#);
        let (baya, output) = faulty(&rule, body, "");
        output.exits(0).says("1 of 2 agents gave nothing").says(", 3 times");
        let shown = baya.line("show last 2").run().exits(0).stdout;
        assert!(shown.contains("requests: 3") && shown.contains(said), "{shown}");
    }
}

#[test]
fn tokens_that_nobody_reported_are_said_to_be_estimated() {
    let (baya, output) = faulty(r#""fault": "no_usage""#, GOOD_AND_BAD, "");
    output.exits(0).says("(partly estimated)");
    baya.line("show last 2").run().exits(0).prints_line("(estimated)");
    let whole = baya.line("show last 1").run().exits(0).stdout;
    assert!(whole.contains("(reported)"), "{whole}");
}

/// What would hit every agent parks the run where it first happens, and is over when the cause is.
#[track_caller]
fn parks(fault: &str, kind: &str, said: &[&str]) {
    let baya = Baya::new();
    let many =
        "return (await parallel(Array.from({ length: 200 }, (_, i) => () => agent(`ask ${i}`)))).length";
    baya.write("x.js", &script(&format!("await agent('first')\n{many}")));
    let refusing = FakeModel::start(&json!({"rules": [{"when": {"prompt": "ask"}, "fault": fault}]}));
    let output = at(baya.line("run x.js --yes --json"), refusing.url()).run().exits(6);
    let ended = output.run_ended();
    assert_eq!((&ended["status"], &ended["result"]), (&json!("needs_person"), &Value::Null), "{fault}");
    let run = ended["run"].as_str().expect("an id").to_owned();
    for words in said.iter().copied().chain(["parked: ", kind, &format!("baya resume {run}")]) {
        assert!(output.stderr.contains(words), "{fault}: stderr lacks {words:?}:\n{}", output.stderr);
    }
    assert!(!output.stdout.contains("sk-key-of-the-test") && !output.stderr.contains("sk-key-of-the-test"));
    let asked = refusing.received().len();
    assert!(asked <= 1 + 8, "{fault}: {asked} requests for 8 agents at work at most");
    let finished = output.json_lines().into_iter().filter(|line| line["type"] == "agent_finished").count();
    assert_eq!(finished, 1, "{fault}: no agent is failed by what hits all of them");
    baya.line("runs").run().exits(0).prints_line("parked");

    let healed = FakeModel::start(&json!({}));
    let resumed = at(baya.args(["resume", &run, "--json", "--yes"]), healed.url()).run().exits(0).run_ended();
    assert_eq!((&resumed["result"], &resumed["failures"]["failed"]), (&json!(200), &json!(0)), "{fault}");
    assert_eq!(healed.received().len(), 200, "{fault}: the finished one is not asked again");
}

#[test]
fn a_refused_key_parks_the_run() {
    parks("401", "key refused", &["`anthropic` refused the key", "hint: check the key"]);
}

#[test]
fn a_lack_of_credit_parks_the_run() {
    parks("402", "no credit", &["credit balance is too low", "hint: add credit"]);
}

/// A limit that is reset too late for `reset_wait` is not waited for: the person decides.
#[test]
fn a_usage_limit_parks_the_run_and_says_for_how_long() {
    let baya = Baya::new();
    baya.write("x.js", &script("return await agent('hello')"));
    baya.write("baya.toml", "[requests]\nreset_wait = \"10m\"\n");
    let model = FakeModel::start(&json!({"rules": [{"fault": "429", "retry_after": 900}]}));
    let output = at(baya.line("run x.js --yes"), model.url()).run().exits(6);
    output.says("a usage limit of `anthropic` is reached").says("hint: the limit is reset in 15 minutes");
    assert_eq!(model.received().len(), 1);
}

#[test]
fn an_unknown_model_parks_the_run() {
    parks("404", "unknown model", &["does not know the model `claude-", "hint: choose one with `--model`"]);
}

#[test]
fn a_provider_that_is_down_parks_the_run() {
    let baya = Baya::new();
    baya.write("x.js", &script("return await agent('hello', { retries: 0 })"));
    let output = at(baya.line("run x.js --yes --json"), NOBODY).run().exits(6);
    assert_eq!(output.run_ended()["status"], "needs_person");
    let output = output.says("provider down").says("cannot be reached at http://127.0.0.1:1");
    output.says("hint: check the address and the network").says("baya resume wf_");
    let model = FakeModel::start(&json!({}));
    let output = at(baya.line("resume last --yes"), model.url()).run().exits(0);
    assert!(output.stdout.contains("hello"), "{}", output.stdout);
}

#[test]
fn an_address_with_a_wrong_path_parks_the_run_and_says_how_it_is_given() {
    let baya = Baya::new();
    baya.write("x.js", &script("return await agent('hello')"));
    let model = FakeModel::start(&json!({}));
    let output = at(baya.line("run x.js"), &format!("{}/elsewhere", model.url())).run().exits(6);
    let output = output.says("no API of `anthropic` at ").says("/elsewhere");
    output.says("hint: `ANTHROPIC_BASE_URL` is given without `/v1`");
}

#[test]
fn a_missing_key_is_exit_6_with_the_line_that_mends_it() {
    let baya = Baya::new();
    baya.write("x.js", &script("return await agent('hello')"));
    for (backend, variable) in [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("openai", "OPENAI_API_KEY"),
        ("openai-responses", "OPENAI_API_KEY"),
        ("gemini", "GEMINI_API_KEY"),
        ("openrouter", "OPENROUTER_API_KEY"),
    ] {
        let output = baya.args(["run", "x.js", "--json", "--backend", backend]).run().exits(6);
        let output =
            output.says(&format!("`{variable}` is not set")).says(&format!("hint: export {variable}="));
        assert_eq!(output.run_ended()["status"], "refused", "{backend}");
    }
    let ollama = baya.line("run x.js --backend ollama").env("OLLAMA_HOST", "127.0.0.1:1").run().exits(6);
    ollama.says("no Ollama answers at http://127.0.0.1:1").says("hint: ollama serve");
}

/// Five tries, a repair pass, and only then the throw; every draft is kept (C32).
#[test]
fn c32_an_answer_that_never_meets_its_schema_is_the_last_resort() {
    let body = "return await agent('bad one', { schema: S })";
    let (baya, output) = faulty(r#""fault": "invalid""#, body, "--json");
    let ended = output.exits(1).run_ended();
    let message = ended["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("no answer met the schema: ") && message.contains("`/a`"), "{message}");
    let shown = baya.line("show last 1").run().exits(0).stdout;
    assert!(shown.contains("schema never met") && shown.contains("`/a`"), "{shown}");
    assert_eq!(shown.matches("  draft:\n").count(), 6, "{shown}");
    assert!(shown.contains("requests: 6"), "{shown}");
    let caught = "return await parallel([() => agent('bad one', { schema: S }), () => agent('good')])";
    let (_, output) = faulty(r#""fault": "invalid""#, caught, "--json");
    let ended = output.exits(0).says("(1 × schema never met)").run_ended();
    assert_eq!(ended["result"][0], Value::Null);
}

#[test]
fn c32_a_wrong_answer_and_prose_are_asked_for_again() {
    for rule in [r#""fault": "invalid", "times": 2"#, r#""text": "Well, let me think.", "times": 2"#] {
        let (baya, output) = faulty(rule, "return await agent('bad one', { schema: S })", "--json");
        let result = output.exits(0).run_ended()["result"].clone();
        assert!(result["a"].is_string() && result["n"].is_i64(), "{result}");
        let shown = baya.line("show last 1").run().exits(0).stdout;
        assert_eq!(shown.matches("  draft:\n").count(), 2, "{shown}");
    }
}

/// Whole on stdout, whole again from the journal, and small in the events.
#[test]
fn answers_of_5_megabytes_are_kept_whole() {
    let text = "0123456789abcdef".repeat(5 * 65_536);
    let rule = format!(r#""text": "{text}", "usage": {{"input": 9, "output": 9}}"#);
    let (baya, output) = faulty(&rule, "return await agent('bad one')", "");
    output.exits(0).prints(&format!("{text}\n"));
    let again = baya.line("resume last --json").env("ANTHROPIC_API_KEY", "none").run().exits(0);
    assert_eq!(again.run_ended()["result"], json!(text));
    let lines: Vec<&str> = again.stdout.lines().collect();
    assert!(lines[..lines.len() - 1].iter().all(|line| line.len() < 4_000));
}

/// A proxy for the world must not stand between us and this machine.
#[test]
fn proxy_variables_do_not_matter_for_this_machine() {
    let baya = Baya::new();
    baya.write("x.js", &script("return await agent('hello', { retries: 0 })"));
    let model = FakeModel::start(&json!({}));
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    for address in [model.url().to_owned(), model.url().replace("127.0.0.1", "localhost")] {
        let call = at(baya.line("run x.js"), &address);
        let call = names.iter().fold(call, |call, name| call.env(name, NOBODY));
        call.run().exits(0);
    }
    let ollama = names.iter().fold(baya.line("run x.js"), |call, name| call.env(name, NOBODY));
    ollama.env("OLLAMA_HOST", model.url()).run().exits(0);
}

/// Each wire once, the whole way: `examples/review.js` with real requests and validated answers.
#[track_caller]
fn reviews(wire: &str, line: &str, variables: &[(&str, &str)]) {
    let baya = Baya::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/review.js");
    baya.write("review.js", &std::fs::read_to_string(example).expect("the example"));
    let model = FakeModel::start(&json!({}));
    let call = variables
        .iter()
        .fold(baya.line(&format!("run review.js --yes --json {line}")), |call, (name, value)| {
            call.env(name, &value.replace("URL", model.url()))
        });
    let output = call.run().exits(0);
    let ended = output.run_ended();
    assert_eq!((&ended["status"], &ended["failures"]["failed"]), (&json!("completed"), &json!(0)), "{ended}");
    assert!(ended["result"]["report"].is_string(), "{ended}");
    let counts = &ended["result"]["counts"];
    assert_eq!((&counts["looks"], &counts["silent"]), (&json!(3), &json!(0)), "{ended}");
    let received = model.received();
    assert!(received.len() >= 3, "{received:?}");
    assert!(
        received.iter().all(|request| request["wire"] == wire && request["stream"] == true),
        "{received:?}"
    );
    assert!(received.iter().filter(|request| request["schema"] == true).count() >= 3, "{received:?}");
    let finished = output.json_lines().into_iter().filter(|line| line["type"] == "agent_finished").count();
    assert_eq!(finished, received.len(), "one request for one agent");
}

#[test]
fn review_runs_on_anthropic_messages() {
    reviews("anthropic", "", &[("ANTHROPIC_BASE_URL", "URL"), ("ANTHROPIC_API_KEY", "k")]);
}

#[test]
fn review_runs_on_openai_chat() {
    reviews("openai-chat", "", &[("OPENAI_BASE_URL", "URL/v1"), ("OPENAI_API_KEY", "k")]);
}

#[test]
fn review_runs_on_openai_responses() {
    let variables = [("OPENAI_BASE_URL", "URL/v1"), ("OPENAI_API_KEY", "k")];
    reviews("openai-responses", "--backend openai-responses", &variables);
}

#[test]
fn review_runs_on_gemini() {
    reviews("gemini", "", &[("GEMINI_BASE_URL", "URL"), ("GEMINI_API_KEY", "k")]);
}

#[test]
fn review_runs_on_an_ollama_that_is_found() {
    reviews("openai-chat", "", &[("OLLAMA_HOST", "URL")]);
}

/// A provider that never answers is cut off by the agent's own patience.
#[test]
fn a_provider_that_says_nothing_is_not_waited_for_for_ever() {
    let body = "return [await agent('good'), await agent('bad', { timeoutMs: 50 })]";
    let (baya, output) = faulty(r#""fault": "hang""#, body, "");
    output.exits(0).says("1 of 2 agents gave nothing");
    baya.line("show last 2").run().exits(0).prints_line("timeoutMs");
}
