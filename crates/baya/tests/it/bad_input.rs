//! What a careless person gives the program: wrong files, wrong scripts, wrong args, wrong settings. Each is
//! refused before anything runs, in words that help, and leaves no run behind.

use crate::harness::{Baya, Output, runs};
use serde_json::Value;

const META: &str = "export const meta = { name: 'n', description: 'd' }\n";

/// The output of a refused line: exit 2, these words on stderr, nothing on stdout, no run.
#[track_caller]
fn refused(baya: &Baya, line: &str, words: &[&str]) -> Output {
    let output = baya.line(line).run().exits(2).prints("");
    for word in words {
        assert!(output.stderr.contains(word), "{line}: stderr lacks {word:?}:\n{}", output.stderr);
    }
    assert_eq!(runs(&baya.home()), Vec::<String>::new(), "{line}: a run was made");
    output
}

#[test]
fn files_that_are_no_scripts_are_refused_with_a_way_on() {
    let baya = Baya::new();
    baya.write("review.js", META).write("empty/readme.md", "").write("folder.js/a.js", META);
    baya.write("big.js", &format!("{META}//{}", "x".repeat(512 * 1024)));
    std::fs::write(baya.work().join("latin.js"), b"export const meta = { name: 'caf\xe9' }").expect("a file");
    std::os::unix::fs::symlink("nowhere.js", baya.work().join("dangling.js")).expect("a link");
    let cases: [(&str, &[&str]); 9] = [
        ("reveiw.js", &["there is no file", "reveiw.js`", "hint: did you mean `review.js`?"]),
        ("wholly-other.js", &["there is no file", "hint: the scripts in", "`review.js`"]),
        ("gone/x.js", &["there is no file", "hint: there is no folder", "gone` either"]),
        ("dangling.js", &["there is no file", "dangling.js`"]),
        ("folder.js", &["folder.js` is not a file", "hint: the scripts in", "`a.js`"]),
        ("empty", &["empty` is not a file"]),
        (".", &["is not a file", "`review.js`"]),
        ("latin.js", &["is not UTF-8: byte 32", "hint: save the file as UTF-8"]),
        ("big.js", &["is larger than 524288 bytes, the limit of a script", "hint: give large data"]),
    ];
    for (target, words) in cases {
        refused(&baya, &format!("run {target} --backend simulated"), words);
        let checked = baya.line(&format!("check {target}")).run().exits(2);
        for word in words {
            assert!(checked.stdout.contains(word), "check {target}: lacks {word:?}:\n{}", checked.stdout);
        }
    }
}

/// Scripts of contract section 1 that do not run: rule, text, place, code, and a part of message or hint.
const REFUSALS: &[(&str, &str, &str, &str, &str)] = &[
    ("C02", "const meta = {}", "1:1", "meta-first", "write `export` before it"),
    ("C02", "'use strict'\nMETA", "1:1", "meta-first", "it is strict anyway"),
    ("C02", "const a = 1\nMETA", "1:1", "meta-first", "begin the script with"),
    ("C02", "", "1:1", "meta-first", "begin the script with"),
    ("C03", "export const meta = { ...x }", "1:23", "meta-literal", "a spread"),
    ("C03", "export const meta = { ['a']: 1 }", "1:23", "meta-literal", "a computed key"),
    ("C03", "export const meta = { f() {} }", "1:23", "meta-literal", "a method"),
    ("C03", "export const meta = { get a() { return 1 } }", "1:23", "meta-literal", "a getter or setter"),
    ("C03", "export const meta = { name: f() }", "1:29", "meta-literal", "a call"),
    ("C03", "export const meta = { name: f }", "1:29", "meta-literal", "a name"),
    ("C03", "export const meta = { name: 'a' + 'b' }", "1:29", "meta-literal", "an operator"),
    ("C03", "export const meta = { name: `${1}` }", "1:29", "meta-literal", "a template with"),
    (
        "C03",
        "export const meta = { name: 'n', description: 'd', a: [1,,2] }",
        "1:58",
        "meta-literal",
        "a hole",
    ),
    ("C03", "export const meta = { name: 'n', __proto__: 1 }", "1:34", "meta-key", "choose another name"),
    ("C03", "export const meta = { name: 'n', constructor: 1 }", "1:34", "meta-key", "choose another name"),
    ("C03", "export const meta = { name: 'n', prototype: 1 }", "1:34", "meta-key", "choose another name"),
    (
        "C04",
        "export const meta = { name: '', description: 'd' }",
        "1:29",
        "meta-shape",
        "`meta.name` is empty",
    ),
    ("C04", "export const meta = { name: 'n' }", "1:21", "meta-shape", "add `description: '…'`"),
    ("C04", "export const meta = { name: 'n', description: 3 }", "1:47", "meta-shape", "between quotes"),
    (
        "C04",
        "export const meta = { name: 'n', description: 'd', phases: [{}] }",
        "1:61",
        "meta-shape",
        "title",
    ),
    (
        "C04",
        "export const meta = { name: 'n', description: 'd', args: 3 }",
        "1:58",
        "meta-shape",
        "JSON Schema",
    ),
    ("C06", "METAreturn (", "2:8", "syntax", "is not closed before the end"),
    ("C06", "METAreturn { a b }", "2:12", "syntax", "something may be missing"),
    ("C06", "METAexport const b = 1", "2:1", "second-export", "drop `export`"),
    ("C06", "METAawait import('./x.js')", "2:7", "dynamic-import", "at the top of the file"),
    ("C06", "METAeval('1')", "2:1", "code-from-text", "JSON.parse"),
    ("C06", "METAnew Function('a')", "2:5", "code-from-text", "write the function out"),
    ("C07", "METAconst a: string = 'x'", "2:8", "typescript", "name the file `.ts`, or give `--ts`"),
    ("C09", "import './gone.js'\nMETA", "1:8", "import", "there is no file"),
    ("C09", "import '../outside.js'\nMETA", "1:8", "import", "lies outside"),
    ("C09", "import fs from 'fs'\nMETA", "1:16", "import-specifier", "scripts import files only"),
    ("C09", "import { x } from 'baya:patterns'\nMETA", "1:19", "import-specifier", "is not in this version"),
    ("C10", "METAreturn new Intl.NumberFormat()", "2:12", "absent-global", "toLocaleString"),
    ("C10", "METAreturn Temporal.Now", "2:8", "absent-global", "use `Date`"),
    ("C12", "METArequire('fs')", "2:1", "absent-global", "`require` is not there"),
];

#[test]
fn c02_to_c12_every_refusal_has_place_line_caret_and_hint() {
    for (rule, text, place, code, said) in REFUSALS {
        let baya = Baya::new();
        baya.write("x.js", &text.replace("META", META));
        let shown = refused(&baya, "run x.js --backend simulated", &["`x.js` does not run: "]).stderr;
        let checked = baya.line("check x.js").run().exits(2).stdout;
        for output in [&shown, &checked] {
            for words in [&format!("x.js:{place}"), &format!("error[{code}]"), *said, "hint: "] {
                assert!(output.contains(words), "{rule} {text:?}: lacks {words:?}:\n{output}");
            }
            assert!(text.is_empty() || output.contains(" ^"), "{rule} {text:?}: no caret:\n{output}");
        }
        let found = baya.line("check x.js --json").run().exits(2).json_lines();
        let first = &found[0]["findings"][0];
        assert_eq!(format!("{}:{}", first["line"], first["column"]), *place, "{rule} {text:?}: {first}");
        assert_eq!((&first["code"], &first["severity"]), (&(*code).into(), &"error".into()), "{text:?}");
        let ended = baya.line("run x.js --backend simulated --json").run().exits(2).run_ended();
        assert_eq!((&ended["status"], &ended["run"]), (&"refused".into(), &Value::Null), "{rule} {text:?}");
        let excerpt = ended["error"]["excerpt"].as_str().unwrap_or_default();
        assert!(excerpt.contains(said), "{rule} {text:?}: {ended}");
    }
}

#[test]
fn c01_byte_order_mark_line_ends_and_a_fence_are_fine() {
    let baya = Baya::new();
    for text in [format!("\u{feff}{META}"), META.replace('\n', "\r\n"), format!("```js\n{META}```\n")] {
        baya.write("x.js", &text);
        baya.line("check x.js").run().exits(0).prints("x.js: ok\n");
    }
}

#[test]
fn portable_warns_of_what_the_original_refuses_and_of_nothing_else() {
    let baya = Baya::new();
    let body = "await agent('x', { timeoutMs: 3 })
        return [Date.now(), new Date(), Math.random(), new URL('http://x')]";
    baya.write("x.js", &format!("{META}{body}\n"))
        .write("plain.js", &format!("{META}return await agent('x')\n"));
    baya.line("check x.js").run().exits(0).prints("x.js: ok\n");
    let warned = baya.line("check x.js --portable").run().exits(0).stdout;
    for words in
        ["warning[portable]", "`Date.now()`", "`new Date()`", "`Math.random()`", "`URL`", "`timeoutMs`"]
    {
        assert!(warned.contains(words), "lacks {words:?}:\n{warned}");
    }
    assert!(warned.ends_with("x.js: 5 warnings\n"), "{warned}");
    baya.line("check plain.js --portable").run().exits(0).prints("plain.js: ok\n");
}

const TAKES: &str =
    "export const meta = { name: 'takes', description: 'd', args: { type: 'object', properties: {
  n: { type: 'integer' }, who: { type: 'string', enum: ['ann', 'bob'] } },
  required: ['n'],
  additionalProperties: false } }
return args.n
";

#[test]
fn c04_args_are_checked_before_the_first_agent() {
    let baya = Baya::new();
    baya.write("x.js", TAKES).write("bad.json", "{\n  \"n\": 1,\n}").write("good.json", "{\"n\": 4}");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--args", "{n: 1}"], &["`--args` is not JSON", "line 1 column 2"]),
        (&["--args", ""], &["`--args` is not JSON"]),
        (&["--args", "@bad.json"], &["the file `bad.json` is not JSON", "line 3 column 1"]),
        (&["--args", "@gone.json"], &["cannot read `gone.json`: there is no such file"]),
        (
            &["--args", "{\"n\": \"x\"}"],
            &["the args do not fit", "\"integer\" at `/n`", "baya run x.js --help"],
        ),
        (&["--args", "{\"n\": 1, \"who\": \"eve\"}"], &["at `/who`", "ann"]),
        (&["--args", "{\"n\": 1, \"m\": 2}"], &["the args do not fit", "m"]),
        (&[], &["the workflow needs args", "\"n\" is a required property"]),
        (&["--arg", "n=x"], &["at `/n`"]),
        (&["--arg", "n"], &["`--arg n` has no key and value", "`--arg KEY=VALUE`"]),
        (&["--arg", "n=1", "--arg", "n=2"], &["`--arg n` is given twice"]),
        (&["--arg", "n=1", "--args", "{}"], &["args are given twice"]),
        (&["plain", "words"], &["the args do not fit", "\"object\" at the root"]),
    ];
    for (flags, words) in cases {
        let line = ["run", "x.js", "--backend", "simulated"].iter().chain(*flags).copied();
        let output = baya.args(line).run().exits(2).prints("");
        for word in *words {
            assert!(output.stderr.contains(word), "{flags:?}: stderr lacks {word:?}:\n{}", output.stderr);
        }
    }
    assert_eq!(runs(&baya.home()), Vec::<String>::new());
    for flags in [["--arg", "n=4"], ["--args", "@good.json"]] {
        let line = ["run", "x.js", "--backend", "simulated"].into_iter().chain(flags);
        baya.args(line).run().exits(0).prints("4\n");
    }
}

#[test]
fn c80_a_name_that_exists_twice_is_never_guessed() {
    let baya = Baya::new();
    for file in ["a", "b"] {
        let text = format!("export const meta = {{ name: 'twin', description: 'in {file}' }}\n");
        baya.write(&format!(".baya/workflows/{file}.js"), &text);
    }
    refused(
        &baya,
        "run twin --backend simulated",
        &["workflows/a.js`", "workflows/b.js`", "`twin`", "baya list"],
    );
    let listed = baya.line("list").run().exits(0).stdout;
    assert_eq!(listed.matches("cannot run: the same name is in").count(), 2, "{listed}");
    let path = ".baya/workflows/a.js --backend simulated";
    baya.line(&format!("run {path}")).run().exits(0);
}

#[test]
fn broken_settings_are_told_with_their_place_and_nothing_runs() {
    let baya = Baya::new();
    baya.write("x.js", META).write("baya.toml", "strict = true\n[models\n");
    let output =
        refused(&baya, "run x.js --backend simulated", &["baya.toml` line 2, column 8", "expected `]`"]);
    assert!(!output.stderr.contains("TOML parse error"), "{}", output.stderr);
    let ended = baya.line("run x.js --backend simulated --json").run().exits(2).run_ended();
    assert!(
        ended["error"]["message"].as_str().is_some_and(|text| text.contains("line 2, column 8")),
        "{ended}"
    );
    std::fs::write(baya.work().join("baya.toml"), b"\xff").expect("a file");
    refused(&baya, "run x.js --backend simulated", &["baya.toml`", "not UTF-8"]);
}

#[test]
fn an_address_that_is_no_url_is_refused_before_an_agent_fails_on_it() {
    let baya = Baya::new();
    baya.write("x.js", META);
    for address in ["not-a-url", "http://", "ftp://host", "localhost:8080"] {
        let call = baya.line("run x.js").env("ANTHROPIC_API_KEY", "k").env("ANTHROPIC_BASE_URL", address);
        let output = call.run().exits(6).says("the address of the provider `anthropic` is no URL");
        output.says(&format!("`{address}`")).says("hint: export ANTHROPIC_BASE_URL=");
    }
    assert_eq!(runs(&baya.home()), Vec::<String>::new());
}

#[test]
fn a_fake_model_that_cannot_serve_says_why() {
    let baya = Baya::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    baya.write("rules.json", r#"{"rulez": []}"#)
        .write("list.json", r#"{"rules": [{"when": {"prompt": "("}}]}"#);
    let cases: [(String, &[&str]); 5] = [
        (format!("--port {port}"), &["cannot listen on port", "another program listens there", "`--port 0`"]),
        ("--rules gone.json".to_owned(), &["cannot read `gone.json`: there is no such file"]),
        ("--rules rules.json".to_owned(), &["rules `rules.json`", "unknown key `rulez`", "`rules`"]),
        ("--rules list.json".to_owned(), &["rules `list.json`", "`rules[0]`", "no regular expression"]),
        ("--log gone/log".to_owned(), &["cannot write the log `gone/log`: there is no such file"]),
    ];
    for (flags, words) in cases {
        refused(&baya, &format!("fake-model {flags}"), words);
    }
}

#[test]
fn a_working_folder_that_is_gone_is_said() {
    let baya = Baya::new();
    std::fs::create_dir(baya.work().join("gone")).expect("a folder");
    let line = format!("rmdir ../gone; exec '{}' runs", env!("CARGO_BIN_EXE_baya"));
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &line]).current_dir(baya.work().join("gone")).env_clear().env("HOME", baya.home());
    shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let output = Output::of(shell.spawn().expect("a shell")).exits(2);
    output.says("cannot find the working folder").says("hint: it may have been deleted");
}

#[test]
fn commands_that_do_not_exist_are_never_a_task() {
    let baya = Baya::new();
    refused(&baya, "chekc x.js", &["there is no command `chekc`", "did you mean `check`?"]);
    let empty = baya.args([""]).run().exits(2).says("there is no command ``");
    assert!(!empty.stderr.contains("saved workflow"), "{}", empty.stderr);
}
