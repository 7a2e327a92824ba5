//! `cargo xtask live` against a fake model: what it runs, what it finds wrong, and when it does not start.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The program under trial: cargo puts it beside us.
fn baya() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("baya");
    let python = Command::new("python3").arg("--version").env_clear().env("PATH", PATH).output();
    let missing = match (beside.exists(), python.is_ok_and(|output| output.status.success())) {
        (true, true) => return Some(beside),
        (false, _) => "missing baya: `cargo build -p baya` makes it",
        (true, false) => "missing python3: the failing tests of the example are Python's",
    };
    eprintln!("skipped: {missing}");
    if let Some(path) = std::env::var_os("BAYA_SKIP_FILE") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.expect("the skip file"), "{missing}").expect("written");
    }
    None
}

const PATH: &str = "/usr/bin:/bin";

/// A home, and a fake model beside it.
struct Place {
    baya: PathBuf,
    home: TempDir,
    model: Option<(Child, String)>,
}

impl Place {
    fn new(baya: PathBuf) -> Place {
        Place { baya, home: tempfile::tempdir().expect("a folder"), model: None }
    }

    fn with_model(baya: PathBuf, rules: &Value) -> Place {
        let mut place = Place::new(baya);
        let file = place.home.path().join("rules.json");
        std::fs::write(&file, rules.to_string()).expect("rules");
        let mut command = Command::new(&place.baya);
        command
            .args(["fake-model", "--log", "asked.jsonl", "--rules"])
            .arg(file)
            .current_dir(place.home.path());
        command.env_clear().env("PATH", PATH).env("HOME", place.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the fake model");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("export ANTHROPIC_BASE_URL=");
        let url = url.and_then(|rest| rest.split(' ').next()).unwrap_or_else(|| panic!("{line:?}"));
        place.model = Some((process, url.to_owned()));
        place
    }

    /// Exit status and all that was said.
    fn live(&self, words: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("live").arg("--baya").arg(&self.baya).args(words).current_dir(self.home.path());
        command.env_clear().env("PATH", PATH).env("HOME", self.home.path()).env("TMPDIR", self.home.path());
        // An Ollama of this machine is nobody's business.
        command.env("OLLAMA_HOST", "http://127.0.0.1:1").env("ANTHROPIC_API_KEY", "k3y");
        if let Some((_, url)) = &self.model {
            command.env("ANTHROPIC_BASE_URL", url);
        }
        let output = command.envs(variables.iter().copied()).stdin(Stdio::null()).output().expect("xtask");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("k3y"), "{said}");
        (output.status.code(), said)
    }

    fn asked(&self) -> usize {
        let log = std::fs::read_to_string(self.home.path().join("asked.jsonl")).unwrap_or_default();
        log.lines().filter(|line| line.contains("\"received\"")).count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((process, _)) = &mut self.model {
            // It may have ended by itself; then there is nothing to end.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The rules beside the example, and some for the other one.
fn rules() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fix-tests.rules.json");
    let mut rules: Value =
        serde_json::from_str(&std::fs::read_to_string(file).expect("the rules")).expect("JSON");
    let review = [
        json!({"when": {"prompt": "Review this text", "schema": true},
            "json": {"findings": [{"line": 3, "title": "reads past the end", "why": "<= for <"}]}}),
        json!({"when": {"prompt": "A reviewer says", "schema": true}, "json": {"real": true, "reason": "it does"}}),
    ];
    let all = rules["rules"].as_array_mut().expect("rules");
    all.splice(0..0, review);
    rules
}

#[track_caller]
fn says(said: &str, all: &[&str]) {
    for text in all {
        assert!(said.contains(text), "{text:?} is not in\n{said}");
    }
}

#[test]
fn both_examples_are_tried_and_told() {
    let Some(baya) = baya() else { return };
    let place = Place::with_model(baya, &rules());
    let (code, said) = place.live(&["--only", "anthropic"], &[]);
    assert_eq!(code, Some(0), "{said}");
    let row = |name: &str| {
        let row = said.lines().find(|line| line.starts_with("| anthropic") && line.contains(name));
        let row = row.unwrap_or_else(|| panic!("no row of {name} in\n{said}"));
        row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    for (example, agents) in [("fix-tests", "8"), ("review", "6")] {
        let cells = row(example);
        assert_eq!(
            (cells[3].as_str(), cells[4].as_str(), cells[7].as_str()),
            ("ok", agents, "unpriced"),
            "{said}"
        );
        assert!(cells[5].ends_with(" out") && !cells[5].starts_with("0 in"), "{said}");
    }
    says(&said, &["- 20", ", `cargo xtask live`:\n  - `anthropic`: fix-tests ok, review ok"]);
    let left = std::fs::read_dir(place.home.path()).expect("the folder").flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("baya-live-")).count();
    assert_eq!(left, 0, "its folders are gone");
}

#[test]
fn agents_that_only_say_so_are_found_out() {
    let Some(baya) = baya() else { return };
    let place = Place::with_model(
        baya,
        &json!({"rules": [
            {"when": {"prompt": "^Run the tests"}, "json": {"failures": []}},
            {"when": {"prompt": "Review this text"}, "json": {"findings": []}},
        ]}),
    );
    let (code, said) = place.live(&[], &[]);
    assert_eq!(code, Some(1), "{said}");
    says(
        &said,
        &[
            "failed: anthropic, fix-tests: no file was changed; baya show wf_",
            "`anthropic`: fix-tests FAILED, review ok",
            "1 of 2 trials failed",
        ],
    );
}

#[test]
fn real_providers_are_asked_by_nobody_who_did_not_say_so() {
    let Some(baya) = baya() else { return };
    let place = Place::new(baya);
    let (code, said) = place.live(&[], &[]);
    assert_eq!(code, Some(1), "{said}");
    says(
        &said,
        &["real models would be asked", "costs tokens", "  anthropic: https://api.anthropic.com", "--yes"],
    );
    let (code, said) = place.live(&["--only", "codex"], &[]);
    assert_eq!(code, Some(1), "{said}");
    says(&said, &["the backend `codex` does not work here", "those that do: `anthropic`"]);
    let (_, said) = place.live(&[], &[("ANTHROPIC_API_KEY", "")]);
    says(&said, &["no backend works here"]);
}

#[test]
fn it_never_starts_in_ci() {
    let Some(baya) = baya() else { return };
    let place = Place::with_model(baya, &json!({}));
    let (code, said) = place.live(&["--yes"], &[("CI", "true")]);
    assert_eq!(code, Some(1), "{said}");
    says(&said, &["`CI` is set"]);
    assert_eq!(place.asked(), 0);
}
