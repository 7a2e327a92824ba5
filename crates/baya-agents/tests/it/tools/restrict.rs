//! Which tools, and which commands, an agent has.

use baya_agents::tools::clamp::Clamp;
use baya_agents::tools::{Filter, NAMES, ToolSet, set};
use serde_json::{Value, json};

fn names(set: &ToolSet) -> String {
    set.tools.iter().map(|tool| tool.name()).collect::<Vec<_>>().join(" ")
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|entry| (*entry).to_owned()).collect()
}

#[test]
fn c27_lists_of_names_choose_the_tools() {
    let check = |allow: Option<&[&str]>, deny: &[&str], expected: &str, notes: usize| {
        let filter = Filter { allow: allow.map(owned), deny: owned(deny), ..Filter::default() };
        let set = set(&filter);
        assert_eq!(
            (names(&set).as_str(), set.notes.len()),
            (expected, notes),
            "{allow:?} {deny:?} {:?}",
            set.notes
        );
    };
    check(None, &[], "read write edit glob grep bash todo", 0);
    check(None, &["Edit", "Write", "NotebookEdit"], "read glob grep bash todo", 0);
    check(Some(&[]), &[], "", 0);
    check(Some(&["*"]), &["bash"], "read write edit glob grep todo", 0);
    check(Some(&["Read", "LS", "MultiEdit", "TodoWrite"]), &[], "read edit todo", 0);
    check(Some(&["read", "Bash(git:*)"]), &[], "read bash", 0);
    check(Some(&["Read", "WebFetch", "mcp__x__y"]), &[], "read", 2);
    check(Some(&["Read"]), &["Read"], "", 0);
    check(None, &["*"], "", 0);
    check(None, &["Bash(rm:*)"], "read write edit glob grep bash todo", 0);
    check(None, &["Read(secret/**)"], "write edit glob grep bash todo", 0);
    let read_only = set(&Filter { read_only: true, ..Filter::default() });
    assert_eq!(names(&read_only), "read glob grep todo");
    let note = &set(&Filter { allow: Some(owned(&["WebFetch"])), ..Filter::default() }).notes[0];
    assert_eq!(note, "there is no tool `WebFetch`; this agent works without it");
}

#[test]
fn all_declarations_together_are_small() {
    let tools = set(&Filter::default()).tools;
    assert_eq!(tools.len(), NAMES.len());
    let declarations: Vec<Value> = tools
        .iter()
        .map(|tool| {
            let (name, description) = (tool.name(), tool.description());
            json!({"name": name, "description": description, "input_schema": tool.input_schema()})
        })
        .collect();
    let bytes = Value::Array(declarations).to_string().len();
    assert!(bytes <= 2_200, "{bytes} bytes");
}

/// `allowed` and `refused` under one clamp.
fn check(option: Value, allowed: &[&str], refused: &[&str]) {
    let clamp = Clamp::parse(&option).unwrap();
    for command in allowed {
        assert_eq!(clamp.judge(command), Ok(()), "{option}: `{command}`");
    }
    for command in refused {
        assert!(clamp.judge(command).is_err(), "{option}: `{command}` is let through");
    }
}

#[test]
fn c23_a_clamp_lets_only_some_commands_through() {
    let allowed = [
        "git status",
        "git",
        "  git   log  --oneline ",
        "git log 2>&1 | git hash-object --stdin",
        "cd sub && git diff",
        "git diff >/dev/null 2>&1",
        "git commit -m 'a; rm -rf / $(x)'",
        "git commit -m \"a & b\"",
        "git log # rm\ngit show",
        "git show $HEAD ${HEAD}",
        "git show HEAD@{1} a#b \\#c '#' d",
        "git \\\n status",
        "git log &> /dev/null",
        "",
    ];
    let refused = [
        "rm -rf /",
        "gitx",
        "git status; rm x",
        "git status && rm x",
        "git status || rm x",
        "git status | sh",
        "git status & rm x",
        "git status\nrm x",
        "git log $(rm x)",
        "git log `rm x`",
        "git log \"$(rm x)\"",
        "git log \"`rm x`\"",
        "git log <(rm x)",
        "git log > file",
        "git log >> file",
        "git log >file 2>&1",
        "(rm x)",
        "{ rm x; }",
        "$(echo rm) x",
        "GIT_PAGER=rm git log",
        "sudo git status",
        "git log $'\\'' ; rm x ; $'\\''",
        "git log # '\nrm x # '",
        "git log 'open",
        "git log <<X\n$(rm x)\nX",
        "if true; then rm x; fi",
        "/bin/git status",
        "git log ${X:=$(rm x)}",
        "git log &>file",
        "git log >|file",
        "git log >&file",
        "git log \\\\; rm x",
        "git log \\\\ # '\nrm x # '",
        "git log \\  # '\nrm x # '",
        "git\u{a0}/evil",
        "git\r/evil",
        "g\"it\" log",
    ];
    check(json!(["git"]), &allowed, &refused);
    check(json!("git:*"), &allowed, &refused);
    check(json!({"allow": ["git *"]}), &allowed, &refused);
    check(
        json!(["git log", "npm run test*"]),
        &["git log -1", "npm run test:all"],
        &["git status", "npm run build"],
    );
}

#[test]
fn c23_a_clamp_refuses_what_it_denies() {
    let refused = [
        "rm x",
        "ls; rm x",
        "/bin/rm x",
        "sudo rm x",
        "X=1 rm x",
        "env -i rm x",
        "echo $(rm x)",
        "echo `rm x`",
        "(rm x)",
        "if true; then rm x; fi",
        "find | xargs rm",
        "'rm' x",
        "r\\m x",
        "echo \"$(rm x)\"",
    ];
    check(json!({"deny": ["rm"]}), &["ls", "echo rm", "rmdir x", "ls > file", "echo $(ls)"], &refused);
    check(json!({"allow": ["git"], "deny": ["git push"]}), &["git log"], &["git push -f", "git  push", "ls"]);
}

#[test]
fn c23_a_refusal_says_what_is_allowed() {
    let clamp = Clamp::parse(&json!(["git", "npm test"])).unwrap();
    let refusal = clamp.judge("git log && rm x").unwrap_err();
    assert_eq!(refusal, "`rm x` is not allowed here\nhint: allowed are only `git:*`, `npm test:*`");
    let refusal = clamp.judge("git log $(x)").unwrap_err();
    assert!(
        refusal.starts_with("a substitution cannot be judged where commands are restricted\nhint: "),
        "{refusal}"
    );
    for unusable in [
        json!([]),
        json!({}),
        json!({"allow": []}),
        json!([""]),
        json!([7]),
        json!(7),
        json!({"only": ["a"]}),
    ] {
        assert!(Clamp::parse(&unusable).is_err(), "{unusable}");
    }
}

#[tokio::test]
async fn c23_patterns_of_agent_types_clamp_as_well() {
    let place = super::Place::new();
    let clamp = Some(Clamp::parse(&json!(["echo", "true"])).unwrap());
    let filter =
        Filter { allow: Some(owned(&["Bash(echo a)", "Bash(false:*)"])), clamp, ..Filter::default() };
    let tools = set(&filter).tools;
    for (command, passes) in [("echo a", true), ("echo a b", false), ("true", false), ("false", false)] {
        let output = tools[0].call(json!({"command": command}), &place.room).await;
        assert_eq!(!output.text.contains("not allowed"), passes, "{command}: {}", output.text);
    }
}
