//! Questions of agents to people, through the program: asked in one process, answered in another.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output, send, wait, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Child;

const SCRIPT: &str = "export const meta = { name: 'w', description: 'd' }
return await parallel([() => agent('make it'), () => agent('say hello')])
";

const POLICY: &str = "[policy.commands]\nask = ['touch']\n";

/// One agent wants to make a file, the other wants nothing.
struct Shop {
    baya: Baya,
    model: FakeModel,
}

impl Shop {
    fn new(settings: &str) -> Shop {
        let baya = Baya::new();
        baya.write("w.js", SCRIPT).write("baya.toml", &format!("{settings}{POLICY}"));
        let touch = json!([{"name": "bash", "input": {"command": "touch made.txt"}}]);
        let model = FakeModel::start(&json!({"rules": [
            {"when": {"prompt": "hello"}, "text": "hello"},
            {"when": {"prompt": "make", "turn": 1}, "tool": touch},
            {"when": {"prompt": "make"}, "text": "done"},
        ]}));
        Shop { baya, model }
    }

    fn call(&self, line: &str) -> Call<'_> {
        self.model.serves(self.baya.line(line))
    }

    fn is_made(&self) -> bool {
        self.baya.work().join("made.txt").exists()
    }

    /// Waits until so many questions were asked in all; the last one's id.
    fn question(&self, number: u32) -> Value {
        let mut question = Value::Null;
        wait_for("a question", || {
            // The run may not be there yet.
            let listed = self.baya.line("answer last --json").run();
            question = match listed.code {
                Some(0) => listed.json_lines().pop().unwrap_or_default(),
                _ => Value::Null,
            };
            question["id"] == format!("q{number}")
        });
        question
    }
}

fn end(child: Child) -> Output {
    Output::of(child).exits(0)
}

#[test]
fn without_a_person_an_agent_is_told_no_and_the_summary_counts_it() {
    let shop = Shop::new("");
    let output = shop.call("run w.js --json").run().exits(0);
    assert!(!shop.is_made());
    let ended = output.run_ended();
    assert_eq!((&ended["result"], &ended["denied"]["unattended"]), (&json!(["done", "hello"]), &json!(1)));
    output
        .prints_line("nobody is there to answer")
        .prints_line("\"answer_with\":\"baya answer wf_")
        .says("1 action was denied because nobody was there to answer\nhint: allow them in `[policy]`");
    let shown = shop.call("show last").run().exits(0);
    shown.prints_line("1 action was denied because nobody was there to answer");
    shop.call("run w.js").run().exits(0).says("q1: #1 make it asks for `bash`: touch made.txt (rule `touch`");
    let waits = Shop::new("approvals = 'wait'\n");
    waits.call("run w.js --yes").run().exits(0).says("1 action was denied");
}

#[test]
fn another_process_answers_and_only_who_asked_waits() {
    for (answer, made) in [("allow", true), ("deny", false), ("always", true)] {
        let shop = Shop::new("approvals = 'wait'\nconcurrency = 1\n");
        let child = shop.call("run w.js").spawn();
        let question = shop.question(1);
        assert_eq!(question["request"]["action"], "touch made.txt");
        wait_for("the other agent", || {
            shop.call("show last").run().exits(0).stdout.contains("say hello: done")
        });
        let shown = shop.call("show last").run().exits(0);
        shown.prints_line("#1 asks for `bash`: touch made.txt").prints_line(" q1 allow|deny|always");
        assert!(!shop.is_made());
        shop.call("answer last").run().exits(0).prints_line("always: commands rule touch");
        shop.call(&format!("answer last q1 {answer}")).run().exits(0).says(&format!("q1: {answer} to #1"));
        let output =
            end(child).says(" q1 allow|deny|always").says(&format!("q1: {answer}, said by baya answer"));
        assert!(!output.stderr.contains("denied because"), "{}", output.stderr);
        assert_eq!(shop.is_made(), made, "{answer}");
    }
}

#[test]
fn a_question_has_a_time_limit_if_the_settings_say_so() {
    let shop = Shop::new("approvals = 'wait'\napproval_timeout = '300ms'\n");
    let output = shop.call("run w.js --json").run().exits(0);
    assert_eq!(output.run_ended()["denied"], json!({"unattended": 0, "too_late": 1}));
    output.prints_line("nobody answered in time").says("1 action was denied because nobody answered in time");
    assert!(!shop.is_made());
}

#[test]
fn c61_a_question_that_waited_when_we_died_is_asked_again() {
    let shop = Shop::new("approvals = 'wait'\n");
    let mut child = shop.call("run w.js").spawn();
    shop.question(1);
    child.kill().expect("a living child");
    wait(&mut child);
    shop.call("answer last").run().exits(0).says("no question waits");
    shop.call("answer last q1 allow").run().exits(2).says("is not running").says("baya resume wf_");
    let child = shop.call("resume last").spawn();
    shop.question(2);
    shop.call("answer last q1 allow").run().exits(2).says("no question `q1` waits").says("there waits `q2`");
    shop.call("answer last 2 allow").run().exits(0);
    end(child);
    assert!(shop.is_made());
    let asked = shop.model.asked();
    assert_eq!((asked["say hello"], asked["make it"]), (1, 2), "nothing is bought twice");
}

#[test]
fn a_question_that_nobody_answers_holds_up_no_stop() {
    let shop = Shop::new("approvals = 'wait'\n");
    let child = shop.call("run w.js").spawn();
    shop.question(1);
    send(&child, Signal::INT);
    Output::of(child).exits(130).says("baya resume wf_");
    let child = shop.call("resume last").spawn();
    shop.question(2);
    shop.call("stop last").run().exits(0);
    Output::of(child).exits(1);
    assert!(!shop.is_made());
}

#[test]
fn a_wrong_answer_says_what_is_right() {
    let shop = Shop::new("approvals = 'deny'\n");
    shop.call("run w.js").run().exits(0);
    shop.call("answer last one allow").run().exits(2).says("`one` is no question");
    shop.call("answer last q1 perhaps").run().exits(2).says("allow, deny, always");
    shop.call("answer last q1").run().exits(2).says("<ANSWER>");
    shop.call("answer nowhere").run().exits(2).says("nowhere");
}
