//! `baya doctor`: what works here, told without a key's value and without waiting for what hangs.

use crate::fake::FakeModel;
use crate::harness::{Baya, Call, Output};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// A program in the working folder's `bin`, which comes first on the path.
fn program(baya: &Baya, name: &str, text: &str) {
    baya.write(&format!("bin/{name}"), text);
    let path = baya.work().join("bin").join(name);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
}

fn doctor<'a>(baya: &'a Baya, flags: &str) -> Call<'a> {
    let path = format!("{}:/usr/bin:/bin", baya.work().join("bin").display());
    // An Ollama of this machine is nobody's business.
    baya.line(&format!("doctor {flags}")).env("PATH", &path).env("OLLAMA_HOST", "http://127.0.0.1:1")
}

#[track_caller]
fn finding(output: &Output, name: &str) -> Value {
    let lines = output.json_lines();
    let found = lines.iter().find(|line| line["name"] == name);
    found.unwrap_or_else(|| panic!("nothing about {name}:\n{}", output.stdout)).clone()
}

/// What one finding says, given an environment and programs.
#[track_caller]
fn check(call: Call<'_>, name: &str, state: &str, said: &str) -> Output {
    let output = call.run();
    let finding = finding(&output, name);
    assert_eq!(finding["state"], state, "{finding}");
    assert!(finding.to_string().contains(said), "{finding} lacks {said}");
    output
}

#[test]
fn without_a_model_no_run_starts_and_what_helps_is_said() {
    let baya = Baya::new();
    let output = doctor(&baya, "").run().exits(6);
    for text in [
        "  bad  default ",
        "no provider found",
        "hint: export ANTHROPIC_API_KEY=…",
        "  off  openai            `OPENAI_API_KEY` is not set: export OPENAI_API_KEY=…",
        "  off  claude            not found on `PATH`: npm install -g @anthropic-ai/claude-code",
        "  off  qwen              not found on `PATH`: npm install -g @qwen-code/qwen-code",
        "  ok   simulated ",
        "no run could start",
    ] {
        assert!(output.stdout.contains(text), "{text:?} is not in\n{}", output.stdout);
    }
    assert!(!output.stdout.contains('\u{1b}') && output.stderr.is_empty(), "{}", output.stderr);
}

#[test]
fn a_key_is_named_by_its_variable_and_never_shown() {
    let baya = Baya::new();
    for flags in ["", "--json"] {
        let output = doctor(&baya, flags).env("ANTHROPIC_API_KEY", "s3kr1t-value").run().exits(0);
        assert!(output.stdout.contains("key from `ANTHROPIC_API_KEY`, https://api.anthropic.com"));
        assert!(output.stdout.contains("`baya run` takes `anthropic`"), "{}", output.stdout);
        assert!(!output.stdout.contains("s3kr1t") && !output.stderr.contains("s3kr1t"));
    }
    let last = doctor(&baya, "--json").env("OPENAI_API_KEY", "k").run().json_lines().pop();
    assert_eq!(last, Some(json!({"type": "doctor", "run_could_start": true})));
}

#[test]
fn providers_of_the_settings_are_looked_at() {
    let baya = Baya::new();
    baya.write(
        "baya.toml",
        "[providers.ours]\nkind = \"openai-compatible\"\nbase_url = \"http://127.0.0.1:9/v1\"\nkey_env = \"OUR_KEY\"\n\
         [providers.theirs]\nkind = \"openrouter\"\n",
    );
    let call = || doctor(&baya, "--json").env("OUR_KEY", "k");
    check(call(), "ours", "ok", "key from `OUR_KEY`, http://127.0.0.1:9/v1");
    check(call(), "theirs", "warn", "`OPENROUTER_API_KEY` is not set");
}

#[test]
fn only_online_asks_a_provider() {
    let baya = Baya::new();
    let model = FakeModel::start(&json!({}));
    check(model.serves_openai(doctor(&baya, "--json")), "openai", "ok", "/v1");
    let output = check(model.serves_openai(doctor(&baya, "--json --online")), "openai", "ok", "; reachable");
    assert_eq!(output.code, Some(0));
    let nobody = doctor(&baya, "--json --online").env("OPENAI_API_KEY", "k");
    check(nobody.env("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"), "openai", "warn", "not reachable");
    assert!(model.received().is_empty(), "no model is asked for an answer");
}

#[test]
fn programs_are_told_with_version_backend_and_their_way_to_a_model() {
    let baya = Baya::new();
    program(&baya, "codex", "#!/bin/sh\n[ -z \"$OPENAI_API_KEY\" ] && echo codex-cli 1.2.3\n");
    program(&baya, "opencode", "#!/bin/sh\nexit 3\n");
    let call = || doctor(&baya, "--json");
    check(call(), "codex", "warn", "export OPENAI_API_KEY=…");
    check(call().env("OPENAI_API_KEY", "k"), "codex", "ok", "codex-cli 1.2.3");
    check(call().env("OPENAI_API_KEY", "k"), "codex", "ok", "asks `openai-responses` through the gateway");
    check(call().env("ANTHROPIC_API_KEY", "k"), "codex", "warn", "`--backend codex`");
    std::fs::create_dir(baya.home().join(".codex")).expect("a folder");
    std::fs::write(baya.home().join(".codex/auth.json"), "not for anybody's eyes").expect("a file");
    let output = check(call(), "codex", "ok", "its own login");
    assert!(!output.stdout.contains("anybody's eyes"));
    check(call(), "opencode", "warn", "`--version` failed: exit status: 3");
}

/// What a script needs to try every backend that works here: its name, and whom it asks.
#[test]
fn backends_that_work_are_named_with_whom_they_ask() {
    let baya = Baya::new();
    program(&baya, "codex", "#!/bin/sh\necho codex-cli 1.2.3\n");
    program(&baya, "opencode", "#!/bin/sh\necho 1.0\n");
    program(&baya, "gemini", "#!/bin/sh\necho 1.0\n");
    program(&baya, "ours", "#!/bin/sh\necho 1.0\n");
    let named = |call: Call<'_>| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let lines = call.run().json_lines();
        let with = lines.iter().filter(|line| line.get("backend").is_some());
        with.map(|line| (text(&line["backend"]), text(&line["asks"]))).collect()
    };
    assert_eq!(named(doctor(&baya, "--json")), []);
    let openai = "http://127.0.0.1:9/v1";
    let call = || doctor(&baya, "--json").env("OPENAI_API_KEY", "k").env("OPENAI_BASE_URL", openai);
    let expected = ["openai", "codex", "acp:opencode"].map(|name| (name.to_owned(), openai.to_owned()));
    assert_eq!(named(call()), expected, "gemini has a login at most, and not in this sandbox");
    let folder = baya.home().join(".config/baya");
    std::fs::create_dir_all(&folder).expect("a folder");
    let settings =
        "sandbox = \"full\"\n[acp.ours]\nargv = [\"ours\"]\n[backends.codex]\nprogram = \"./bin/nobody\"\n";
    std::fs::write(folder.join("config.toml"), settings).expect("settings");
    let names: Vec<String> = named(call()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["openai", "acp:gemini", "acp:opencode", "acp:ours"]);
}

#[test]
fn best_effort_is_told() {
    let baya = Baya::new();
    let folder = baya.home().join(".config/baya");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.toml"), "sandbox = \"best-effort\"\n").expect("settings");
    let call = doctor(&baya, "--json").env("ANTHROPIC_API_KEY", "k");
    check(call, "profile", "ok", "`workspace, best-effort`");
}

#[test]
fn a_program_that_hangs_does_not_hang_the_doctor() {
    let baya = Baya::new();
    program(&baya, "claude", "#!/bin/sh\nsleep 600 &\necho $! > child.txt\nsleep 600\n");
    let call = doctor(&baya, "--json").env("ANTHROPIC_API_KEY", "k");
    let output = check(call, "claude", "warn", "did not end within 5 s");
    assert_eq!(output.code, Some(0));
    let child = std::fs::read_to_string(baya.work().join("child.txt")).expect("its child");
    crate::harness::wait_for("the end of what it started", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}

#[test]
fn the_machine_is_looked_at() {
    let baya = Baya::new();
    let call = || doctor(&baya, "--json").env("ANTHROPIC_API_KEY", "k");
    check(call(), "git", "ok", "git version");
    check(call(), "state", "ok", "free");
    check(call(), "profile", "ok", "commands start in it");
    program(&baya, "git", "#!/bin/sh\necho git version 2.30.1\n");
    check(call(), "git", "warn", "install git 2.38 or newer");
    std::fs::write(baya.home().join("file"), "").expect("a file");
    let nowhere = baya.home().join("file").display().to_string();
    let output = check(call().env("XDG_STATE_HOME", &nowhere), "state", "bad", "export XDG_STATE_HOME");
    assert_eq!(output.code, Some(6));
}
