//! `baya rehearse`: from the outside.

use crate::harness::{Baya, Output, runs};
use serde_json::{Value, json};

const REVIEW: &str = "export const meta = { name: 'review', description: 'reads files', phases: [{title: 'Read'}] }
const S = { type: 'object', properties: { bugs: { type: 'array', items: { type: 'string' } } }, required: ['bugs'] }
const files = await baya.glob('src/*.rs')
const read = (file) => agent(`read ${file}`, { label: `read ${file}`, phase: 'Read', schema: S })
const found = await parallel(files.map((file) => () => read(file)))
const checked = await baya.exec('touch made-by-the-script')
if (checked.code !== 0) log('the check failed')
return found.filter((one) => one !== null).map((one) => one.bugs.length)
";
const NULL: &str = "export const meta = { name: 'null', description: 'd' }
const S = { type: 'object', properties: { bugs: { type: 'array', items: { type: 'string' } } }, required: ['bugs'] }
const a = await agent('look', { label: 'look', schema: S })
return a.bugs.length
";

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("review.js", REVIEW).write("null.js", NULL);
    for name in ["a", "b", "c", "d", "e"] {
        baya.write(&format!("src/{name}.rs"), "fn main() {}\n");
    }
    baya
}

fn report(output: &Output) -> Value {
    let lines = output.json_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[test]
fn a_script_is_rehearsed_and_nothing_is_done() {
    let baya = home();
    let output = baya.line("rehearse review.js --runs 30").run().exits(0);
    for text in [
        "rehearsed `review.js` 30 times",
        "nothing was asked, done or spent",
        "Read   5",
        "total  5",
        "the middle – nine of ten (the worst seen)",
        "baya.exec touch made-by-the-script",
        "baya.glob src/*.rs",
    ] {
        assert!(output.stdout.contains(text), "no {text:?} in:\n{}", output.stdout);
    }
    assert!(!baya.work().join("made-by-the-script").exists());
    assert!(runs(&baya.home()).is_empty(), "a run was made");
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let baya = home();
    let say = |line: &str| baya.line(line).run().stdout;
    let one = say("rehearse null.js --runs 25 --seed 7 --json");
    assert_eq!(one, say("rehearse null.js --runs 25 --seed 7 --json"));
    let report: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!((&report["runs"], &report["seed"]), (&json!(25), &json!(7)));
}

#[test]
fn an_error_is_told_with_its_place_and_seen_again_by_its_command() {
    let baya = home();
    let output = baya.line("rehearse null.js --runs 25").run().exits(1);
    for text in [
        "most: the agents there can be at most",
        "error[",
        "--> null.js:4:",
        "4 | return a.bugs.length",
        "see it: baya rehearse null.js --case '",
    ] {
        assert!(output.stdout.contains(text), "no {text:?} in:\n{}", output.stdout);
    }
    let json = report(&baya.line("rehearse null.js --runs 25 --json").run().exits(1));
    assert_eq!(json["total"]["agents"]["bound"], 1);
    let case = json["findings"][0]["case"].to_string();
    let story = baya.args(["rehearse", "null.js", "--case", &case]).run().exits(1);
    for text in
        ["agent 1 `look` is asked at null.js:3: look", "agent 1 `look` fails:", "it ends with TypeError"]
    {
        assert!(story.stdout.contains(text), "no {text:?} in:\n{}", story.stdout);
    }
    let told = report(&baya.args(["rehearse", "null.js", "--json", "--case", &case]).run().exits(1));
    assert_eq!(told["type"], "played");
    baya.write("case.json", &case).args(["rehearse", "null.js", "--case", "@case.json"]).run().exits(1);
}

#[test]
fn what_cannot_be_rehearsed_is_told_at_once() {
    let baya = home();
    baya.write("broken.js", "export const meta = {\n").write("null.fixtures.json", "{\"rulez\": []}");
    for (line, words) in [
        ("rehearse nothere.js", "there is no file"),
        ("rehearse broken.js", "does not run"),
        ("rehearse review.js --runs 0", "too small"),
        ("rehearse review.js --runs 200k", "is above 100000"),
        ("rehearse review.js --case {\"sed\":1", "`--case` is no case"),
        ("rehearse review.js --backend nobody", "there is no backend `nobody`"),
        ("rehearse null.js", "unknown key `rulez`"),
        ("rehearse review.js --fixtures gone.json", "cannot read `gone.json`"),
    ] {
        let output = baya.line(line).run().exits(2);
        assert!(output.stderr.contains(words), "{line}: {}", output.stderr);
    }
}

#[test]
fn workflows_that_are_called_are_rehearsed_with_the_script() {
    let baya = home();
    baya.write(
        "child.js",
        "export const meta = { name: 'child', description: 'd' }\nreturn await agent('x')",
    );
    let parent = "export const meta = { name: 'parent', description: 'd' }
return await workflow({ scriptPath: './child.js' })";
    baya.write("parent.js", parent);
    let told = report(&baya.line("rehearse parent.js --runs 10 --json").run().exits(0));
    assert_eq!(told["phases"][0][0], "▸ child", "{told}");
}

#[test]
fn fixtures_beside_the_script_and_prices_of_a_backend_are_drawn_from() {
    let baya = home();
    let fixtures = r#"{"rules": [{"when": {"label": "^look"}, "json": {"bugs": ["one", "two"]},
        "usage": {"input": 1000, "output": 100}, "latency_ms": 2000}]}"#;
    baya.write("flow.fixtures.json", fixtures);
    let told = report(&baya.line("rehearse null.js --runs 20 --model opus --json").run());
    assert!(told["fixtures"].as_str().is_some_and(|path| path.ends_with("flow.fixtures.json")), "{told}");
    assert_eq!(told["priced_as"], "anthropic");
    assert_eq!(
        (&told["total"]["tokens_in"]["p50"], &told["total"]["wall_ms"]["p50"]),
        (&json!(1000), &json!(2000))
    );
    assert!(told["total"]["cost"]["p50"].as_u64() > Some(0), "{told}");
    let free = report(&baya.line("rehearse null.js --runs 20 --backend simulated --json").run());
    assert_eq!((&free["total"]["cost"]["worst"], &free["unpriced"]), (&json!(0), &json!([])));
}

/// QuickJS does not look at its clock inside of `replaceAll`: only the death of the process ends it.
#[test]
fn a_script_that_blocks_natively_costs_one_process_and_is_named() {
    let baya = home();
    let body = "export const meta = { name: 'blocks', description: 'd' }
const a = await agent('look')
if (a === null) 'x'.repeat(1 << 22).replaceAll('x', 'y'.repeat(1 << 12))
return 1";
    baya.write("blocks.js", body);
    let told = report(&baya.line("rehearse blocks.js --runs 12 --json").run().exits(1));
    let found = told["findings"].as_array().expect("a list").iter();
    let kinds: Vec<&Value> = found.map(|finding| &finding["kind"]).collect();
    assert!(kinds.contains(&&json!("endless-loop")) || kinds.contains(&&json!("script-error")), "{told}");
}

/// A script that starts nothing has nothing wrong with it only if it did not try to.
#[test]
fn what_no_run_would_accept_is_told_and_not_passed_over() {
    let baya = home();
    let check = |body: &str, code: i32, said: &[&str]| {
        baya.write("x.js", &format!("export const meta = {{ name: 'x', description: 'd' }}\n{body}\n"));
        let output = baya.line("rehearse x.js --runs 6").run().exits(code);
        for text in said.iter().chain(&["--> x.js:2:"]) {
            assert!(output.stdout.contains(text), "no {text:?} in:\n{}", output.stdout);
        }
        assert!(!output.stdout.contains("seen in 0"), "{}", output.stdout);
    };
    let unknown = ["error[unusable-option]: there is no agent type `judge`", "seen in 6 of 6"];
    check("return await agent('a', { agentType: 'judge' })", 1, &unknown);
    let branches =
        "return (await parallel([() => agent('a', { agentType: 'judge' })])).filter(Boolean).length";
    check(branches, 1, &unknown);
    check("return await workflow('gone')", 1, &["error[unusable-workflow]", "`gone`"]);
    let fallback = "let r; try { r = await workflow('gone') } catch (e) { log(e.message); r = 1 }\nreturn r";
    check(fallback, 0, &["warning[unusable-workflow]"]);
    let worktree = "return await agent('a', { isolation: 'worktree' })";
    check(worktree, 1, &["error[unusable-option]", "git repository"]);
    let throws = "if (!budget.total) throw new Error('say --budget')\nreturn await agent('a')";
    check(throws, 0, &["warning[always-throws]: the script throws in every rehearsal: say --budget"]);
    let output = baya.line("rehearse x.js --runs 6 --budget 100k").run().exits(0);
    assert!(output.stdout.contains("nothing wrong was seen"), "{}", output.stdout);
}

#[test]
fn a_result_that_calls_itself_a_failure_hides_none() {
    let baya = home();
    let list = "{ type: 'object', properties: { all: { type: 'array', maxItems: 3, items: { type: 'string' } } }, \
                required: ['all'] }";
    let told = |body: &str| {
        let script = format!("const r = await agent('look', {{ schema: {list} }})\n{body}\nreturn r.all");
        baya.write("x.js", &format!("export const meta = {{ name: 'x', description: 'd' }}\n{script}\n"));
        baya.line("rehearse x.js --runs 10").run().exits(0).stdout
    };
    assert!(told("if (!r || !r.all.length) return { error: 'no list' }").contains("nothing wrong was seen"));
    assert!(told("if (!r || !r.all.length) return { list: [] }").contains("warning[lost-failure]"));
}
