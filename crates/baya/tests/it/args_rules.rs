//! How `args` come from the command line.

use crate::harness::{Baya, runs};
use serde_json::{Value, json};

const ECHO: &str =
    "export const meta = { name: 'echo', description: 'd' }\nreturn args === undefined ? 'none' : { args }\n";
const TYPED: &str = r#"export const meta = { name: 'typed', description: 'takes things', whenToUse: 'always',
  phases: [{ title: 'Look', detail: 'around' }, 'Judge'],
  args: { type: 'object', required: ['topic'], additionalProperties: false, properties: {
    topic: { type: 'string', description: 'what about' }, count: { type: 'integer', default: 3 },
    tags: { type: 'array', items: { type: 'string' } }, mode: { enum: ['fast', 'slow'] } } } }
await agent('x')
return args
"#;

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("echo.js", ECHO).write("typed.js", TYPED).write("text.txt", "from a file\n");
    baya.write("value.json", "{\"deep\": [1, null]}");
    baya
}

/// What the script sees; `None` is `undefined`.
#[track_caller]
fn check(args: &[&str], stdin: Option<&str>, expected: Option<Value>) {
    let baya = home();
    let mut call = baya.args(["run", "echo.js", "--backend", "simulated"].iter().chain(args).copied());
    if let Some(text) = stdin {
        call = call.stdin(text);
    }
    let output = call.run().exits(0);
    match expected {
        None => assert_eq!(output.stdout, "none\n"),
        Some(value) => {
            let told: Value = serde_json::from_str(&output.stdout).expect("JSON");
            assert_eq!(told, json!({ "args": value }), "{args:?}");
        }
    }
}

#[test]
fn c50_words_pairs_and_json_become_args() {
    check(&[], None, None);
    check(&["hello"], None, Some(json!("hello")));
    check(&["several", "words here"], None, Some(json!("several words here")));
    check(&["--arg", "a=1", "--arg", "b=x=y"], None, Some(json!({"a": "1", "b": "x=y"})));
    check(&["--arg", "t=@text.txt"], None, Some(json!({"t": "from a file\n"})));
    check(&["--args", "[1, true]"], None, Some(json!([1, true])));
    check(&["--args", "null"], None, Some(json!(null)));
    check(&["--args", "-5"], None, Some(json!(-5)));
    check(&["--args", "@value.json"], None, Some(json!({"deep": [1, null]})));
    check(&["--args", "-"], Some("{\"from\": \"stdin\"}"), Some(json!({"from": "stdin"})));
    check(&["--", "--looks", "like-a-flag"], None, Some(json!("--looks like-a-flag")));
}

#[test]
fn c50_a_string_that_is_json_of_an_object_or_list_arrives_parsed() {
    check(&["{\"a\": 1}"], None, Some(json!({"a": 1})));
    check(&["[1, 2]"], None, Some(json!([1, 2])));
    check(&["--args", "\"[1]\""], None, Some(json!([1])));
    check(&["17"], None, Some(json!("17")));
    check(&["{not json"], None, Some(json!("{not json")));
}

#[track_caller]
fn refused(args: &[&str], words: &[&str]) {
    let baya = home();
    let output = baya.args(["run", "--backend", "simulated"].iter().chain(args).copied()).run().exits(2);
    for word in words {
        assert!(output.stderr.contains(word), "{args:?}: stderr lacks {word:?}:\n{}", output.stderr);
    }
    assert!(runs(&baya.home()).is_empty(), "{args:?}: a run was made");
}

#[test]
fn args_given_twice_or_unreadable_are_refused() {
    refused(&["echo.js", "word", "--args", "1"], &["given twice", "by words after the workflow", "`--args`"]);
    refused(&["echo.js", "--arg", "a=1", "--args", "{}"], &["given twice", "`--arg`"]);
    refused(&["echo.js", "--arg", "a=1", "--arg", "a=2"], &["`--arg a` is given twice"]);
    refused(&["echo.js", "--arg", "novalue"], &["has no key and value", "KEY=VALUE"]);
    refused(&["echo.js", "--arg", "a=@gone.txt"], &["cannot read `gone.txt`", "no such file"]);
    refused(&["echo.js", "--args", "{oops"], &["`--args` is not JSON", "line 1"]);
    refused(&["echo.js", "--args", "@text.txt"], &["the file `text.txt` is not JSON", "--arg KEY=@FILE"]);
}

#[test]
fn c04_args_are_checked_against_the_schema_before_the_first_agent() {
    refused(&["typed.js"], &["the workflow needs args", "topic", "--help"]);
    refused(&["typed.js", "words"], &["the args do not fit the workflow"]);
    refused(&["typed.js", "--arg", "topic=x", "--arg", "count=many"], &["do not fit", "/count"]);
    refused(&["typed.js", "--arg", "topic=x", "--arg", "wrong=1"], &["do not fit", "wrong"]);
    let line = "run typed.js --backend simulated --arg topic=5 --arg count=2 --arg tags=[\"a\"]";
    let told = home().line(line).run().exits(0).stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told, json!({"topic": "5", "count": 2, "tags": ["a"]}));
}

#[test]
fn c04_help_of_a_workflow_is_made_from_its_meta() {
    let help = home().line("run typed.js --help").run().exits(0).stdout;
    let lines = [
        "typed: takes things",
        "use it: always",
        "  topic: string, required  what about",
        "  count: integer, default 3",
        "  tags: array of string",
        "  mode: one of \"fast\", \"slow\"",
        "  Look  around",
        "  Judge",
    ];
    for line in lines {
        assert!(help.lines().any(|told| told == line), "{line:?} is not in:\n{help}");
    }
}
