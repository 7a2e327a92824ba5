//! What is refused before anything runs, and how it is said.

use crate::harness::{Baya, runs};
use serde_json::Value;

const OK: &str = "export const meta = { name: 'ok', description: 'd' }\nreturn 1\n";

/// Runs a line, `_` standing for spaces in a word, and wants this exit code and these words on stderr.
#[track_caller]
fn check(line: &str, code: i32, words: &[&str]) {
    let baya = Baya::new();
    baya.write("ok.js", OK).write("bad.js", "const meta = {}\n").write("list.json", "[1, 2");
    let spaced = |word: &str| if word.starts_with("wf_") { word.to_owned() } else { word.replace('_', " ") };
    let output = baya.args(line.split(' ').map(spaced)).run().exits(code);
    for word in words {
        assert!(output.stderr.contains(word), "{line}: stderr lacks {word:?}:\n{}", output.stderr);
    }
    assert_eq!(output.stdout, "", "{line}");
    assert_eq!(runs(&baya.home()), Vec::<String>::new(), "{line}: a run was made");
}

#[test]
fn words_that_are_no_command_are_never_a_task() {
    check("rnu ok.js", 2, &["there is no command `rnu`", "did you mean `run`?", "baya run rnu"]);
    check("deploy", 2, &["there is no command `deploy`", "to run a saved workflow: baya run deploy"]);
    check("./ok.js", 2, &["there is no command `./ok.js`", "to run a script: baya run ./ok.js"]);
    check("rename_our_User_model_everywhere", 2, &["is not in this version", "baya new", "baya run"]);
}

#[test]
fn bad_flags_are_usage_errors() {
    check("run ok.js --budget lots", 2, &["--budget", "`lots` is not a number", "500k"]);
    check("run ok.js --max-agents 0", 2, &["--max-agents", "at least 1"]);
    check("run ok.js --concurrency -3", 2, &["-3"]);
    check("run ok.js --script-memory big", 2, &["is not a size"]);
    check("run ok.js --script-cpu never", 2, &["is not a duration"]);
    check("run ok.js --bakcend simulated", 2, &["--bakcend", "--backend"]);
    check("run ok.js --budget-usd none", 2, &["is not a sum of dollars", "5 or 0.50"]);
    check("run ok.js --on-budget shrug", 2, &["`shrug` is none of `stop`, `pause`, `ask`"]);
    check("run", 2, &["no workflow is named", "baya run FILE"]);
    check("show", 2, &["RUN"]);
    check("new task", 2, &["--output"]);
    check("completions tcsh", 2, &["tcsh"]);
}

#[test]
fn c64_an_unknown_run_is_an_error_and_never_a_fresh_start() {
    for command in ["resume", "show", "stop"] {
        check(&format!("{command} wf_00000000-000"), 2, &["there is no run `wf_00000000-000`", "baya runs"]);
        check(&format!("{command} last"), 2, &["there is no run `last`"]);
    }
}

#[test]
fn scripts_that_cannot_run_are_refused_with_their_place() {
    check("run nothing.js", 2, &["there is no file", "nothing.js"]);
    check("run nothing", 2, &["there is no saved workflow `nothing`", "baya run ./FILE.js"]);
    check("run bad.js --backend simulated", 2, &["bad.js:1:1", "`bad.js` does not run: 1 error"]);
    check("bundle bad.js", 2, &["bad.js:1:1"]);
}

#[test]
fn backends_and_rules_that_are_not_there_are_refused() {
    check(
        "run ok.js --backend simluated",
        2,
        &["there is no backend `simluated`", "did you mean `simulated`?"],
    );
    check(
        "run ok.js --backend opencode",
        2,
        &["did you mean `acp:opencode`?", "`codex`", "[commands.opencode]"],
    );
    check("run ok.js --backend anthropic", 6, &["ANTHROPIC_API_KEY"]);
    check("run ok.js --backend simulated --rules gone.json", 2, &["cannot read `gone.json`", "no such file"]);
    check("run ok.js --backend simulated --rules list.json", 2, &["rules `list.json`"]);
}

#[test]
fn without_a_backend_exit_6_says_the_lines_that_would_fix_it() {
    let baya = Baya::new();
    baya.write("ok.js", OK);
    // A port where nothing listens: an Ollama of this machine is none of ours.
    let output = baya.line("run ok.js").env("OLLAMA_HOST", "127.0.0.1:1").run().exits(6);
    for line in ["export ANTHROPIC_API_KEY=", "ollama serve", "--backend simulated"] {
        assert!(output.stderr.contains(line), "{line}: {}", output.stderr);
    }
    assert_eq!(runs(&baya.home()), Vec::<String>::new());
}

#[test]
fn help_goes_to_stdout_and_exits_0() {
    let baya = Baya::new();
    for line in ["--help", "run --help", "resume --help", "--version", "help show"] {
        let output = baya.line(line).run().exits(0);
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}: {}", output.stderr);
        let widest = output.stdout.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 100, "{line}: a line of {widest} columns");
    }
    let help = baya.line("--help").run().stdout;
    let commands = "run check bundle resume runs show list stop new fake-model completions";
    for command in commands.split(' ') {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(command)),
            "{command} is not in:\n{help}"
        );
    }
    assert!(!help.contains("isolate"), "{help}");
}

#[test]
fn completions_are_written_for_every_shell() {
    let baya = Baya::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = baya.args(["completions", shell]).run().exits(0);
        assert!(output.stdout.contains("fake-model"), "{shell}");
    }
}

#[test]
fn a_new_script_passes_its_own_check_and_runs() {
    let baya = Baya::new();
    let words = ["new", "Review", "the \"docs\"\nnow", "-o", "My Review.js"];
    baya.args(words).run().exits(0).says("baya run My Review.js");
    baya.args(["check", "My Review.js"]).run().exits(0).prints("My Review.js: ok\n");
    let help = baya.args(["run", "My Review.js", "--help"]).run().exits(0).stdout;
    assert!(help.starts_with("my-review: Review the \"docs\" now\n"), "{help}");
    baya.args(["run", "My Review.js", "--backend", "simulated"]).run().exits(0);
    let again = baya.args(["new", "-o", "My Review.js"]).run().exits(2).says("exists already");
    assert!(again.stdout.is_empty());
}

#[test]
fn json_ends_with_run_ended_even_when_nothing_ran() {
    let baya = Baya::new();
    baya.write("ok.js", OK);
    let lines = [
        ("run gone.js --json", "there is no file"),
        ("run ok.js --json --backend nobody", "there is no backend"),
        ("run ok.js --json --budget x", "invalid value"),
        ("resume wf_00000000-000 --json", "there is no run"),
        ("run --json", "no workflow"),
    ];
    for (line, message) in lines {
        let output = baya.line(line).run().exits(2);
        let ended = output.run_ended();
        assert_eq!((&ended["run"], &ended["status"]), (&Value::Null, &"refused".into()), "{line}");
        assert!(
            ended["error"]["message"].as_str().is_some_and(|text| text.contains(message)),
            "{line}: {ended}"
        );
        assert_eq!(output.stdout.lines().count(), 1, "{line}");
    }
}

#[test]
fn check_and_list_have_one_json_object_per_line() {
    let baya = Baya::new();
    baya.write("ok.js", OK).write("bad.js", "const meta = {}\n");
    let lines = baya.line("check ok.js bad.js gone.js --json").run().exits(2).json_lines();
    let oks: Vec<_> = lines.iter().map(|line| line["ok"].as_bool()).collect();
    assert_eq!(oks, [Some(true), Some(false), Some(false)]);
    assert_eq!((&lines[1]["findings"][0]["line"], &lines[2]["type"]), (&1.into(), &"checked".into()));
    baya.write(".baya/workflows/ok.js", OK).write(".claude/workflows/bad.js", "const meta = {}\n");
    let lines = baya.line("list --json").run().exits(0).json_lines();
    assert_eq!((&lines[0]["name"], &lines[0]["standing"]), (&"ok".into(), &"usable".into()));
    assert_eq!(lines[1]["type"], "broken");
}

#[test]
fn c80_a_saved_workflow_runs_by_its_name() {
    let baya = Baya::new();
    baya.write(".baya/workflows/any-file.js", OK).write(".claude/workflows/bad.js", "const meta = {}\n");
    baya.line("run ok --backend simulated").run().exits(0).prints("1\n");
    let listed = baya.line("list").run().exits(0).stdout;
    assert!(listed.contains("ok: d") && listed.contains("broken: "), "{listed}");
    baya.line("run okk").run().exits(2).says("did you mean `ok`?");
    baya.line("run bad").run().exits(2).says("cannot run");
    baya.write(".baya/workflows/twin.js", OK);
    baya.line("run ok").run().exits(2).says("files have the name `ok`");
    assert!(baya.line("list").run().exits(0).stdout.contains("cannot run: the same name is in"));
}
