//! `baya test`: workflows with written or recorded answers.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output};
use serde_json::{Value, json};

const REVIEW: &str = "export const meta = { name: 'review', description: 'd' }
const BUGS = { type: 'object', properties: { bugs: { type: 'array', items: { type: 'string' } } }, required: ['bugs'] }
const tests = await baya.exec('npm test')
const found = await parallel(args.files.map(it => () => agent(`bugs in ${it}?`, { label: it, schema: BUGS })))
const bugs = found.filter(Boolean).flatMap(it => it.bugs)
return { bugs: bugs.length, failed: found.filter(it => !it).length, tests: tests.code }
";

fn by_hand() -> Value {
    json!({
        "script": "../workflows/review.js",
        "args": {"files": ["a.rs", "b.rs"]},
        "fixtures": {
            "rules": [
                {"when": {"label": "a.rs"}, "json": {"bugs": ["off by one"]}, "usage": {"input": 10, "output": 5}},
                {"when": {"label": "b.rs"}, "fault": "null"}
            ],
            "steps": [{"step": "baya.exec", "about": "npm test", "json": {"code": 1}}]
        },
        "expect": {
            "result": {"bugs": 1, "failed": 1, "tests": 1},
            "calls": ["a.rs", "b.rs"],
            "steps": ["baya.exec npm test"],
            "failures": 1
        },
        "ceilings": {"agents": 2, "tokens": 50000, "usd": 0.5}
    })
}

fn site(test: &Value) -> Baya {
    let baya = Baya::new();
    baya.write(".baya/workflows/review.js", REVIEW).write(".baya/tests/review.test.json", &test.to_string());
    baya
}

/// The test with this member changed fails, and says this.
#[track_caller]
fn fails(path: &str, value: Value, said: &str) {
    let mut test = by_hand();
    *test.pointer_mut(path).expect("a member") = value;
    let output = site(&test).line("test").run().exits(1);
    assert!(output.stdout.contains(said), "{}", output.stdout);
    assert!(output.stdout.ends_with("1 test: 0 held, 1 failed\n"), "{}", output.stdout);
}

#[test]
fn a_test_by_hand_holds_without_a_key_and_does_nothing() {
    let baya = site(&by_hand());
    let output = baya.line("test").run().exits(0);
    assert_eq!(
        output.stdout,
        "ok     .baya/tests/review.test.json: 2 agents, 1 step\n1 test: 1 held, 0 failed\n"
    );
    let lines = baya.line("test .baya --json").run().exits(0).json_lines();
    assert_eq!((&lines[0]["holds"], &lines[0]["found"]["failures"]), (&json!(true), &json!(1)));
    assert_eq!(lines[1], json!({"type": "tests_ended", "held": 1, "failed": 0, "updated": 0}));
    assert!(!baya.home().join(".local/state/baya/runs").exists(), "no run was made");
}

#[test]
fn what_is_otherwise_is_told_line_by_line() {
    fails("/expect/result/bugs", json!(2), "-   \"bugs\": 2");
    fails("/expect/calls", json!(["a.rs"]), "other agents:");
    fails("/expect/steps", json!([]), "+ baya.exec npm test");
    fails("/expect/failures", json!(0), "1 agents gave nothing instead of 0");
    fails("/ceilings/agents", json!(1), "agents: 2, at most 1");
    fails("/ceilings/usd", json!(0), "usd: ");
    fails("/args", json!({"files": null}), "ended as `failed` instead of `completed`");
}

/// An answer that no agent could give makes a test of nothing, whatever is expected.
#[test]
fn fixtures_that_do_not_meet_a_schema_are_told_and_not_taken_for_failures() {
    fails("/fixtures/rules/0/json", json!({"bugs": 5}), "agent `a.rs`: the fixtures give what is no answer");
    let mut test = by_hand();
    test["fixtures"]["rules"][0] = json!({"when": {"label": "a.rs"}, "json": {"bugs": 5}});
    (test["expect"], test["ceilings"]) = (json!({}), json!({}));
    let baya = site(&test);
    baya.line("test").run().exits(1);
    baya.line("test --update").run().exits(2).says("its fixtures give what the schema of an agent refuses");
    test["fixtures"]["rules"][0] = json!({"when": {"label": "a.rs"}, "fault": "invalid"});
    site(&test).line("test").run().exits(0);
}

#[test]
fn update_takes_what_came_as_expected() {
    let mut test = by_hand();
    test["expect"] = json!({});
    let baya = site(&test);
    let output = baya.line("test --update").run().exits(0);
    assert!(output.stdout.contains("1 held"), "an empty expectation holds: {}", output.stdout);
    test["expect"] = json!({"result": 7});
    test["ceilings"] = json!({"agents": 1, "tokens": 1, "usd": 0.0000001});
    baya.write(".baya/tests/review.test.json", &test.to_string());
    let output = baya.line("test --update").run().exits(0);
    assert!(output.stdout.contains("1 test: 0 held, 0 failed, 1 updated"), "{}", output.stdout);
    let path = baya.work().join(".baya/tests/review.test.json");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    assert_eq!(written["expect"], by_hand()["expect"]);
    baya.line("test").run().exits(0);
}

/// A run against a fake model, recorded.
struct Recorded {
    baya: Baya,
    model: FakeModel,
}

const ASK: &str = "export const meta = { name: 'ask', description: 'd' }
const first = await agent('what is first?', { label: 'first' })
const rest = await parallel(['b', 'c'].map(it => () => agent(`and ${it}, ${first.length}?`, { label: it })))
return [first, ...rest]
";

impl Recorded {
    fn new() -> Recorded {
        let model = FakeModel::start(&json!({"rules": [{"echo": true}]}));
        let recorded = Recorded { baya: Baya::new(), model };
        recorded.baya.write("flows/ask.js", ASK);
        recorded.model.serves(recorded.baya.line("run flows/ask.js")).run().exits(0);
        recorded.baya.line("test --record last").run().exits(0).tells("wrote ").tells("flows/ask.test.json");
        recorded
    }

    fn edited(&self, from: &str, to: &str) -> Output {
        assert!(ASK.contains(from));
        self.baya.write("flows/ask.js", &ASK.replace(from, to));
        self.baya.line("test").run()
    }
}

trait Tells {
    fn tells(self, words: &str) -> Self;
}

impl Tells for Output {
    #[track_caller]
    fn tells(self, words: &str) -> Output {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(words), "`{words}` is not in:\n{all}");
        self
    }
}

#[test]
fn a_recorded_run_holds_until_the_script_asks_something_else() {
    let recorded = Recorded::new();
    let asked = recorded.model.prompts().len();
    recorded.baya.line("test").run().exits(0).tells("3 agents").tells("1 test: 1 held");
    let changed = recorded.edited("and ${it}", "and now ${it}").exits(1);
    changed
        .tells("agent `b` is asked something else:")
        .tells("- and b, ")
        .tells("+ and now b, ")
        .tells("--update");
    recorded.edited("rest]", "rest, 'more']").exits(1).tells("another result:").tells("+   \"more\"");
    recorded.edited("['b', 'c']", "['b']").exits(1).tells("agent `c` is recorded and not asked for");
    let more = recorded.edited("['b', 'c']", "['b', 'c', 'd']").exits(1);
    more.tells("agent `d`: the cassette has no answer").tells("agents: 4, at most 3");
    recorded
        .baya
        .line("test --update")
        .run()
        .exits(2)
        .tells("its cassette lacks one answer")
        .tells("--record last");
    assert_eq!(recorded.model.prompts().len(), asked, "nobody is asked");
}

#[test]
fn an_update_keeps_the_answers_under_the_new_prompts() {
    let recorded = Recorded::new();
    recorded.edited("and ${it}", "and now ${it}").exits(1);
    recorded.baya.line("test --update").run().exits(0).tells("1 updated");
    recorded.baya.line("test").run().exits(0).tells("1 held");
}

#[test]
fn a_recording_writes_over_nothing_and_through_no_link() {
    let recorded = Recorded::new();
    let baya = &recorded.baya;
    baya.line("test --record last").run().exits(2).tells("exists already").tells("--force");
    baya.line("test --record last --force").run().exits(0);
    baya.line("test --record last -o other.json").run().exits(2).tells("ends in `.test.json`");
    baya.line("test --record last -o t/x.test.json").run().exits(2).tells("cannot write");
    std::fs::create_dir(baya.work().join("t")).expect("a folder");
    baya.line("test --record last -o t/x.test.json").run().exits(0);
    baya.line("test t").run().exits(0).tells("1 held");
    let cassette = baya.work().join("flows/ask.cassette.json");
    std::fs::rename(&cassette, baya.work().join("elsewhere")).expect("moved");
    std::os::unix::fs::symlink(baya.work().join("elsewhere"), &cassette).expect("a link");
    baya.line("test --record last --force").run().exits(2).tells("is a link: it is not written through");
    baya.line("test --record wf_00000000-000").run().exits(2);
}

#[test]
fn what_is_wrong_with_a_test_is_told_with_its_place() {
    let baya = Baya::new();
    baya.line("test").run().exits(2).tells("no test below").tells("hint: ");
    baya.line("test nowhere").run().exits(2).tells("there is no such file or folder");
    baya.write("x.js", ASK);
    let cases = [
        ("{", "x.test.json:1:1`: EOF"),
        (r#"{"cassete": "x"}"#, "unknown field `cassete`"),
        (r#"{"cassette": "x", "fixtures": {}}"#, "answers come from one of them"),
        (r#"{"cassette": "gone.json"}"#, "there is no such file"),
        (r#"{"script": "gone.js"}"#, "gone.js"),
        (r#"{"fixtures": {"rulez": []}}"#, "fixtures: "),
        (r#"{"fixtures": {"steps": [{"step": "baya.exce", "json": 1}]}}"#, "there is no step `baya.exce`"),
    ];
    for (text, said) in cases {
        baya.write("x.test.json", text);
        baya.line("test").run().exits(1).tells("FAILED").tells(said);
    }
    baya.write("x.test.json", r#"{"cassette": "c.json"}"#).write("c.json", r#"{"format": 99}"#);
    baya.line("test").run().exits(1).tells("its format 99 is newer");
    baya.write("y.test.json", "{}");
    baya.line("test y.test.json").run().exits(1).tells("there is no `y.js` beside it");
}
