//! `--backend codex` and `--backend claude`: found or not, set up or not, and at work.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const SCRIPT: &str = "export const meta = { name: 'x', description: 'd' }
return await agent('what is it?')
";

/// A program that writes the lines of codex, and keeps its config.
const CODEX: &str = r#"#!/bin/sh
case "$*" in *--version*) echo codex-cli 0.169.0; exit 0;; esac
cat > prompt; cp "$CODEX_HOME/config.toml" config; env > environment
echo '{"type":"thread.started","thread_id":"s-1"}'
echo '{"type":"item.completed","item":{"type":"agent_message","text":"it is done"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":3}}'
"#;

/// The user's own settings.
fn own_settings(baya: &Baya, text: &str) {
    let folder = baya.home().join(".config/baya");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.toml"), text).expect("settings");
}

/// Names the program that [`program`] makes.
fn codex_section(baya: &Baya) -> String {
    format!("[backends.codex]\nprogram = \"{}\"\n", baya.work().join("bin/codex").display())
}

fn program(baya: &Baya, path: &str, text: &str) -> PathBuf {
    baya.write(path, text);
    let path = baya.work().join(path);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    path
}

fn with_key(call: Call<'_>) -> Call<'_> {
    call.env("OPENAI_API_KEY", "sk-of-the-test").env("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
}

#[test]
fn a_program_that_is_not_installed_says_how_to_get_it() {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    let rows =
        [("codex", "npm install -g @openai/codex"), ("claude", "npm install -g @anthropic-ai/claude-code")];
    for (name, install) in rows {
        let output = baya.line(&format!("run x.js --backend {name}")).env("PATH", "/nowhere").run().exits(6);
        for words in [&format!("`{name}` is not installed"), install, &format!("[backends.{name}]")] {
            assert!(output.stderr.contains(words), "`{words}` is not in {}", output.stderr);
        }
    }
}

#[test]
fn a_program_without_key_and_login_says_what_is_missing() {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    program(&baya, "bin/codex", CODEX);
    own_settings(&baya, &codex_section(&baya));
    let output = baya.line("run x.js --backend codex").run().exits(6);
    for words in ["`codex` has no key and no login", "export OPENAI_API_KEY=", "log in once with `codex`"] {
        assert!(output.stderr.contains(words), "`{words}` is not in {}", output.stderr);
    }
    own_settings(&baya, "[backends.codex]\nprovider = \"mine\"\n");
    let bin = baya.work().join("bin").display().to_string();
    let output =
        baya.line("run x.js --backend codex").env("PATH", &format!("{bin}:/usr/bin:/bin")).run().exits(6);
    assert!(output.stderr.contains("asks the provider `mine`, which is not set up"), "{}", output.stderr);
}

#[test]
fn a_section_of_no_program_is_refused_with_what_there_is() {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    own_settings(&baya, "[backends.codx]\nprogram = \"codex\"\n");
    let output = baya.line("run x.js --backend simulated").run().exits(2);
    assert!(
        output.stderr.contains("`[backends.codx]`") && output.stderr.contains("codex"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_project_does_not_choose_the_program_that_gets_the_users_login() {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT).write("baya.toml", "[backends.codex]\nprogram = \"./mine\"\n");
    let output = baya.line("run x.js --backend simulated").run().exits(2);
    for words in
        ["`[backends.codex]` would choose the program", "your own settings", ".config/baya/config.toml"]
    {
        assert!(output.stderr.contains(words), "`{words}` is not in {}", output.stderr);
    }
}

#[test]
fn codex_works_from_the_settings_and_sees_no_key() {
    let baya = Baya::new();
    baya.write("x.js", SCRIPT);
    program(&baya, "bin/codex", CODEX);
    own_settings(&baya, &format!("{}env = [\"GREETING=hello\"]\n", codex_section(&baya)));
    let output =
        with_key(baya.line("run x.js --backend codex")).env("SECRET_OF_MINE", "s3cret").run().exits(0);
    assert_eq!(output.stdout, "it is done\n");
    let kept = |name: &str| std::fs::read_to_string(baya.work().join(name)).expect("kept");
    assert_eq!(kept("prompt"), "what is it?");
    let environment = kept("environment");
    assert!(environment.contains("GREETING=hello") && !environment.contains("s3cret"), "{environment}");
    assert!(
        !environment.contains("sk-of-the-test") && !kept("config").contains("sk-of-the-test"),
        "{environment}"
    );
    assert!(kept("config").contains("model = \"gpt-5.6-terra\""), "{}", kept("config"));
}

#[test]
fn c29_what_codex_cannot_be_held_to_is_refused_at_the_call() {
    let baya = Baya::new();
    let script = SCRIPT.replace("agent('what is it?')", "agent('what is it?', { maxTurns: 3 })");
    baya.write("x.js", &script);
    program(&baya, "bin/codex", CODEX);
    own_settings(&baya, &codex_section(&baya));
    let output = with_key(baya.line("run x.js --backend codex --yes")).run().exits(1);
    assert!(output.stderr.contains("cannot be held to the option `maxTurns`"), "{}", output.stderr);
    assert!(!baya.work().join("prompt").exists(), "nothing was started");
}

/// Where codex is installed for tests, or here.
fn codex_folder() -> Option<PathBuf> {
    let chores = std::env::var_os("BAYA_TEST_AGENTS").map(PathBuf::from);
    let searched = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let found = chores.into_iter().chain(searched).find(|folder| folder.join("codex").exists());
    if found.is_none() {
        let line = "missing codex: it is not installed; `cargo xtask agents` installs it for tests\n";
        eprint!("{line}");
        if let Some(path) = std::env::var_os("BAYA_SKIP_FILE") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            file.expect("skips").write_all(line.as_bytes()).expect("skips");
        }
    }
    found
}

#[test]
fn review_runs_on_codex_itself() {
    let Some(folder) = codex_folder() else { return };
    let baya = Baya::new();
    baya.write("review.js", include_str!("../../../../examples/review.js"));
    let model = FakeModel::start(&json!({"rules": []}));
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("PATH"));
    let call = baya.line("run review.js --backend codex --yes --json").env("PATH", &path);
    let url = format!("{}/v1", model.url());
    let output = call.env("OPENAI_API_KEY", "sk-of-the-test").env("OPENAI_BASE_URL", &url).run().exits(0);
    let ended = output.run_ended();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["failures"]["failed"].as_u64().unwrap_or_default(), 0, "{ended}");
    let finished: Vec<Value> =
        output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let rungs = finished.iter().filter(|line| line.to_string().contains("\"rung\":\"native\"")).count();
    assert!(rungs > 0, "structured answers came natively: {}", output.stdout);
}
