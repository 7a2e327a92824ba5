//! `baya gateway`: what it prints, what passes, what it keeps, and what it plays again.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output, send, wait_for};
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;

const SCRIPT: &str = "export const meta = {name: 'n', description: 'd'}\n\
    return await parallel([() => agent('one'), () => agent('two')])\n";

/// A gateway that works until it is ended.
struct Gateway {
    process: Child,
    stdout: BufReader<std::process::ChildStdout>,
    variables: BTreeMap<String, String>,
}

impl Gateway {
    fn start(call: Call<'_>) -> Gateway {
        let mut process = call.spawn();
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut variables = BTreeMap::new();
        for _ in 0..2 {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            let words = line.strip_prefix("export ").unwrap_or_else(|| panic!("{line:?}"));
            variables.extend(words.split_whitespace().filter_map(|word| {
                let (name, value) = word.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            }));
        }
        Gateway { process, stdout, variables }
    }

    /// A call that a shell would make after it took the lines.
    fn serves<'a>(&self, call: Call<'a>) -> Call<'a> {
        self.variables.iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    /// As ctrl-c does.
    fn end(mut self) -> Output {
        send(&self.process, Signal::INT);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("stdout ends");
        assert_eq!(rest, "", "stdout has the lines for the shell and nothing else");
        let mut stderr = String::new();
        self.process.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("stderr ends");
        let code = self.process.wait().expect("the program ends").code();
        Output { stdout: String::new(), stderr, code }
    }
}

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    baya
}

/// Runs the script with agents of this provider.
fn run(baya: &Baya, gateway: &Gateway, backend: &str) -> Output {
    let line = format!("run x.js --yes --sandbox read-only --model m --backend {backend}");
    gateway.serves(baya.line(&line)).run()
}

#[test]
fn an_agent_works_through_it_without_the_real_key() {
    let (baya, model) = (home(), FakeModel::start(&json!({"keys": ["fake"], "rules": [{"echo": true}]})));
    let gateway = Gateway::start(model.serves(baya.line("gateway")));
    assert!(!gateway.variables.values().any(|value| value.contains("fake")), "{:?}", gateway.variables);
    run(&baya, &gateway, "anthropic").exits(0).prints("[\n  \"one\",\n  \"two\"\n]\n");
    let end =
        gateway.end().exits(0).says("ANTHROPIC: 2 requests, ").says("ANTHROPIC: with the key of `anthropic`");
    end.says("OPENAI: no key found, clients bring their own login");
    assert_eq!(model.prompts().len(), 2);
}

#[test]
fn a_recorded_run_is_answered_without_a_model_and_without_a_key() {
    let (baya, model) =
        (home(), FakeModel::start(&json!({"rules": [{"text": "answer {{n}} to {{prompt}}"}]})));
    let gateway = Gateway::start(model.serves_openai(baya.line("gateway --record tape")));
    let first = run(&baya, &gateway, "openai").exits(0);
    gateway.end().exits(0).says("records into `tape`");
    drop(model);
    assert_eq!(std::fs::read_dir(baya.work().join("tape")).expect("a folder").count(), 2);

    let gateway = Gateway::start(baya.line("gateway --replay tape"));
    let again =
        gateway.serves(baya.line("run x.js --yes --sandbox read-only --model m --backend openai")).run();
    again.exits(0).prints(&first.stdout);
    let changed = baya.write("x.js", &SCRIPT.replace("'two'", "'three'"));
    let refused =
        gateway.serves(changed.line("run x.js --yes --sandbox read-only --model m --backend openai")).run();
    refused.says("the nearest, `").says("asked was `\"three\"`");
    gateway.end().exits(0).says("answers from `tape`");
}

#[test]
fn what_is_asked_wrongly_is_said_with_what_to_do() {
    let baya = home();
    baya.line("gateway --replay nowhere").run().exits(2).says("`nowhere` is no folder").says("--record DIR");
    baya.write("empty/readme.txt", "");
    baya.line("gateway --replay empty").run().exits(2).says("`empty` holds no recording");
    baya.line("gateway --record a --replay b").run().exits(2).says("cannot be used with");
    let taken = Gateway::start(baya.line("gateway"));
    let url = &taken.variables["ANTHROPIC_BASE_URL"];
    let port = url.split(':').nth(2).and_then(|rest| rest.split('/').next()).expect("a port");
    let output = baya.line(&format!("gateway --port {port}")).run().exits(2);
    output.says("another program listens there").says("hint: `--port 0` takes a free one");
    assert!(!taken.variables.contains_key("ANTHROPIC_API_KEY"), "without a key, clients keep their own");
    taken.end().exits(0);
}

#[test]
fn a_folder_can_be_recorded_into_twice() {
    let (baya, model) = (home(), FakeModel::start(&json!({"rules": [{"echo": true}]})));
    for _ in 0..2 {
        let gateway = Gateway::start(model.serves(baya.line("gateway --record tape")));
        run(&baya, &gateway, "anthropic").exits(0);
        gateway.end().exits(0);
    }
    wait_for("four files", || std::fs::read_dir(baya.work().join("tape")).expect("a folder").count() == 4);
}

#[tokio::test]
async fn a_process_has_one_gateway_and_starts_it_when_it_is_wanted() {
    use baya::wiring::gateway::LazyGateway;
    use baya_agents::governor::{Governor, GovernorSettings};
    let lazy = LazyGateway::new(Vec::new(), Governor::new(GovernorSettings::default()));
    let (first, second) = tokio::join!(lazy.get(), lazy.get());
    let (first, second) = (first.expect("a gateway"), second.expect("a gateway"));
    assert!(std::sync::Arc::ptr_eq(&first, &second) && first.is_alive());
}
