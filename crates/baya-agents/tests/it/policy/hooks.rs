//! Programs of the user that may say no.

use baya_agents::policy::{Hook, Hooks, Moment};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

fn hook(moment: Moment, script: &str) -> Hook {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Hook { moment, argv, tools: Vec::new(), timeout: Duration::from_secs(20) }
}

fn hooks(list: Vec<Hook>) -> Hooks {
    let environment = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    Hooks { list, environment }
}

async fn before(hooks: &Hooks, folder: &TempDir) -> String {
    let asked = hooks.before(Moment::BeforeTool, Some("bash"), json!({"tool": "bash"}), folder.path()).await;
    asked.map_or_else(|veto| veto.reason, |()| "go on".to_owned())
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn a_hook_lets_pass_says_no_or_fails_closed() {
    for (script, says) in [
        ("exit 0", "go on"),
        ("echo not on fridays >&2; exit 2", "says no: not on fridays"),
        ("exit 2", "says no: it gave no reason"),
        ("echo broken >&2; exit 1", "failed, so this is not done: exit status 1: broken"),
        ("kill -9 $$", "failed, so this is not done: it was ended by a signal"),
        ("sleep 30 >&2 & exit 0", "go on"),
    ] {
        let said = before(&hooks(vec![hook(Moment::BeforeTool, script)]), &folder()).await;
        assert!(said.contains(says), "{script}: {said}");
    }
    let mut missing = hook(Moment::BeforeTool, "");
    missing.argv = vec!["/nowhere/hook".to_owned()];
    assert!(before(&hooks(vec![missing]), &folder()).await.contains("there is no program `/nowhere/hook`"));
}

#[tokio::test]
async fn a_hook_that_does_not_end_is_ended_and_fails_closed() {
    let folder = folder();
    let mut slow = hook(Moment::BeforeTool, "echo $$ > pid; while :; do sleep 1; done");
    slow.timeout = Duration::from_millis(700);
    let said = before(&hooks(vec![slow]), &folder).await;
    assert!(said.contains("no end within 700 ms"), "{said}");
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("it began");
    assert!(!std::path::Path::new(&format!("/proc/{}/cwd", pid.trim())).exists());
}

#[tokio::test]
async fn hooks_are_asked_in_order_until_one_says_no_and_read_one_object() {
    let folder = folder();
    let mut other = hook(Moment::BeforeTool, "exit 2");
    other.tools = vec!["write".to_owned().try_into().expect("a pattern")];
    let list = vec![
        hook(Moment::AfterAgent, "exit 2"),
        other,
        hook(Moment::BeforeTool, "cat > seen.json"),
        hook(Moment::BeforeTool, "echo second >&2; exit 2"),
        hook(Moment::BeforeTool, "touch third; exit 0"),
    ];
    let said = before(&hooks(list), &folder).await;
    assert!(said.ends_with("says no: second"), "{said}");
    let seen = std::fs::read_to_string(folder.path().join("seen.json")).expect("a file");
    let seen: Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!(seen, json!({"tool": "bash", "hook": "before_tool"}));
    assert!(!folder.path().join("third").exists());
}

#[tokio::test]
async fn what_goes_wrong_after_an_agent_is_told_and_changes_nothing() {
    let list = vec![
        hook(Moment::AfterAgent, "echo no >&2; exit 2"),
        hook(Moment::AfterAgent, "exit 7"),
        hook(Moment::AfterAgent, "exit 0"),
    ];
    let wrong = hooks(list).after(Moment::AfterAgent, json!({}), folder().path()).await;
    assert_eq!(wrong, ["the hook `/bin/sh` says: no", "the hook `/bin/sh` failed: exit status 7"]);
}
