//! Rules and what they say of actions, as tables.

use baya_agents::backend::{Action, Deed};
use baya_agents::policy::{Judgement, Place, Policy, PolicyFile, Ruling};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static PLACE: LazyLock<Place<'static>> =
    LazyLock::new(|| Place { folder: Path::new("/src/project"), home: Path::new("/home/ann") });

pub fn layer(name: &str, file: Value) -> (PathBuf, PolicyFile) {
    (PathBuf::from(name), serde_json::from_value(file).expect("a policy"))
}

fn judged(policy: &Policy, tool: &str, what: Deed) -> Judgement {
    policy.judge(&Action { tool: tool.to_owned(), what }, *PLACE)
}

/// Each row: an action, and what becomes of it.
fn check(file: Value, deed: fn(&str) -> (&str, Deed), rows: &[(&str, Ruling)]) {
    let policy = Policy::new(vec![layer("p.toml", file.clone())]);
    for (text, expected) in rows {
        let (tool, what) = deed(text);
        let judgement = judged(&policy, tool, what);
        assert_eq!(judgement.ruling, *expected, "`{text}` under {file}: {judgement:?}");
    }
}

fn command(text: &str) -> (&str, Deed) {
    ("bash", Deed::Command(text.to_owned()))
}

fn read(path: &str) -> (&str, Deed) {
    ("read", Deed::Read(PathBuf::from(path)))
}

fn write(path: &str) -> (&str, Deed) {
    ("write", Deed::Write(PathBuf::from(path)))
}

fn host(name: &str) -> (&str, Deed) {
    ("web_fetch", Deed::Host(name.to_owned()))
}

fn tool(name: &str) -> (&str, Deed) {
    (name, Deed::Other("does it".to_owned()))
}

use Ruling::{Allow, Ask, Deny};

#[test]
fn a_command_line_is_judged_part_by_part() {
    let file = json!({"commands": {"deny": ["rm -rf", "* --force"], "ask": ["git push", "npm publish"]}});
    check(
        file,
        command,
        &[
            ("git status", Allow),
            ("git push origin main", Ask),
            ("git pushy", Allow),
            ("cd x && git push", Ask),
            ("git status; git push | cat", Ask),
            ("git push --force", Deny),
            ("git push && rm -rf /", Deny),
            ("echo \"$(git push)\"", Ask),
            ("echo `git push`", Ask),
            ("GIT_DIR=x /usr/bin/git push", Ask),
            ("sudo env A=1 git push", Ask),
            ("timeout 5s git push", Ask),
            ("bash -c 'cd x && git push'", Ask),
            ("sh -c \"bash -c 'rm -rf x'\"", Deny),
            ("eval git push", Ask),
            ("'git' push", Ask),
            ("g\\it push", Ask),
            ("(git push)", Ask),
            ("if true; then git push; fi", Ask),
            ("echo git push", Allow),
            ("# git push", Allow),
        ],
    );
}

#[test]
fn an_allow_list_covers_only_what_can_be_judged() {
    let file =
        json!({"commands": {"default": "ask", "allow": ["cargo", "git status"], "deny": ["cargo publish"]}});
    check(
        file,
        command,
        &[
            ("cargo test", Allow),
            ("cd a && cargo test 2>&1 | cat", Ask),
            ("cd a && cargo test 2>&1", Allow),
            ("cargo publish", Deny),
            ("cargo test > out.txt", Ask),
            ("cargo test $(rm x)", Ask),
            ("git status", Allow),
            ("git stash", Ask),
            ("cargo test; git stash", Ask),
        ],
    );
}

#[test]
fn deny_goes_before_ask_before_allow_before_the_default() {
    for (file, expected) in [
        (json!({"commands": {"allow": ["a"], "ask": ["a"], "deny": ["a"]}}), Deny),
        (json!({"commands": {"allow": ["a"], "ask": ["a"]}}), Ask),
        (json!({"default": "deny", "commands": {"allow": ["a"], "default": "ask"}}), Allow),
        (json!({"default": "deny", "commands": {"default": "ask"}}), Ask),
        (json!({"default": "deny"}), Deny),
        (json!({"default": "deny", "tools": {"allow": ["bash"]}}), Allow),
        (json!({"tools": {"allow": ["bash"]}, "commands": {"ask": ["a"]}}), Ask),
        (json!({"tools": {"deny": ["Bash"]}, "commands": {"allow": ["a"]}}), Deny),
        (json!({}), Allow),
    ] {
        check(file, command, &[("a b", expected)]);
    }
}

#[test]
fn paths_are_judged_like_lines_of_a_gitignore() {
    let file = json!({
        "paths": {"deny": ["*.pem", "~/.ssh", "/etc/**"]},
        "reads": {"ask": [".env"]},
        "writes": {"ask": ["migrations/", "./src/gen/**"], "deny": ["Cargo.lock"]},
    });
    check(
        file.clone(),
        read,
        &[
            ("/src/project/a/b/key.pem", Deny),
            ("key.pem", Deny),
            ("/home/ann/.ssh/id", Deny),
            ("/home/ann/.sshd", Allow),
            ("/etc/passwd", Deny),
            ("a/../../../etc/passwd", Deny),
            ("deep/.env", Ask),
            (".env.example", Allow),
            ("migrations/1.sql", Allow),
            ("Cargo.lock", Allow),
        ],
    );
    check(
        file,
        write,
        &[
            ("migrations/1/x.sql", Ask),
            ("a/migrations/1.sql", Ask),
            ("src/gen/a/b.rs", Ask),
            ("src/general.rs", Allow),
            ("a/Cargo.lock", Deny),
            (".env", Allow),
        ],
    );
}

#[test]
fn a_folders_name_above_the_agent_is_not_its_business() {
    check(json!({"paths": {"deny": ["project"]}}), read, &[("a.txt", Allow), ("sub/project/a.txt", Deny)]);
}

#[test]
fn a_link_does_not_lead_around_a_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a path");
    std::fs::create_dir(folder.join("secret")).expect("a folder");
    std::os::unix::fs::symlink(folder.join("secret"), folder.join("open")).expect("a link");
    let policy = Policy::new(vec![layer("p", json!({"reads": {"deny": ["secret/"]}}))]);
    let place = Place { folder: &folder, home: Path::new("/home/ann") };
    for path in ["secret/a", "open/a", "open/../secret/a", "x/../open/b"] {
        let action = Action { tool: "read".to_owned(), what: Deed::Read(folder.join(path)) };
        assert_eq!(policy.judge(&action, place).ruling, Deny, "{path}");
    }
}

#[test]
fn hosts_and_tools_have_rules_of_their_own() {
    check(
        json!({"hosts": {"default": "deny", "allow": ["example.com", "*.docs.rs"], "ask": ["*.example.com"]}}),
        host,
        &[
            ("example.com", Allow),
            ("EXAMPLE.com.", Allow),
            ("a.example.com", Ask),
            ("notexample.com", Deny),
            ("docs.rs", Deny),
            ("a.b.docs.rs", Allow),
        ],
    );
    check(
        json!({"tools": {"deny": ["Write", "mcp__mail__*"], "ask": ["mcp__*"]}}),
        tool,
        &[
            ("write", Deny),
            ("MultiEdit", Allow),
            ("mcp__mail__send", Deny),
            ("mcp__git__log", Ask),
            ("todo", Allow),
        ],
    );
}

#[test]
fn a_projects_file_narrows_and_never_widens() {
    let user = json!({"default": "ask", "commands": {"deny": ["rm"], "allow": ["ls"]}});
    let project = json!({"commands": {"allow": ["rm", "cp", "ls"], "deny": ["ls -l"], "ask": ["cat"]}});
    let policy = Policy::new(vec![layer("user", user), layer("project", project)]);
    for (text, ruling, by) in [
        ("rm x", Deny, "user"),
        ("cp a b", Ask, "user"),
        ("ls", Allow, "user"),
        ("ls -l", Deny, "project"),
        ("cat x", Ask, "user"),
    ] {
        let judgement = judged(&policy, "bash", Deed::Command(text.to_owned()));
        assert_eq!((judgement.ruling, judgement.why.contains(by)), (ruling, true), "{text}: {judgement:?}");
    }
}

#[test]
fn a_lasting_answer_stands_for_the_rules_that_ask_and_for_no_more() {
    let file = json!({"commands": {"ask": ["git push", "npm publish", "*"]}, "reads": {"default": "ask"}});
    let policy = Policy::new(vec![layer("p", file)]);
    let covers = |tool: &str, what: Deed| judged(&policy, tool, what).covers;
    let command = |text: &str| covers("bash", Deed::Command(text.to_owned()));
    assert_eq!(command("git push a"), ["commands rule git push"]);
    assert_eq!(command("git push; npm publish"), ["commands rule git push", "commands rule npm publish"]);
    assert_eq!(
        command("rm x"),
        ["just bash rm x"],
        "a rule for everything is no lasting answer for everything"
    );
    assert_eq!(covers("read", Deed::Read("/src/project/a".into())), ["just read /src/project/a"]);
}

#[test]
fn searches_look_into_nothing_that_a_rule_keeps() {
    let policy = Policy::new(vec![layer(
        "p",
        json!({"reads": {"deny": ["*.pem"], "ask": [".env"], "default": "ask"}}),
    )]);
    for (path, sees) in [("a.txt", true), ("a.pem", false), ("deep/.env", false)] {
        assert_eq!(policy.sees(&PLACE.folder.join(path), *PLACE), sees, "{path}");
    }
}

#[test]
fn a_bad_rule_says_what_is_wrong_with_it() {
    for (file, says) in [
        (json!({"commands": {"deny": ["a && b"]}}), "rules judge each alone"),
        (json!({"commands": {"deny": [""]}}), "empty"),
        (json!({"tools": {"deny": ["Bash(git push)"]}}), "[policy.commands]"),
        (json!({"paths": {"deny": ["!a"]}}), "takes nothing back"),
        (json!({"paths": {"deny": ["../x"]}}), "no pattern for paths"),
        (json!({"paths": {"deny": ["a[b"]}}), "no pattern for paths"),
        (json!({"hosts": {"deny": ["https://x.org"]}}), "is no host"),
        (json!({"commands": {"denied": []}}), "unknown field `denied`"),
        (json!({"default": "perhaps"}), "unknown variant `perhaps`"),
    ] {
        let error = serde_json::from_value::<PolicyFile>(file).expect_err("no policy").to_string();
        assert!(error.contains(says), "{error}");
    }
}
