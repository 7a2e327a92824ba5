//! Programs of agents: the gate they wait behind, and their certain end.

use crate::attempts::attempt;
use crate::command::{works, written};
use baya_agents::program::{Launch, NotStarted, Running, end_survivor, launch, start};
use baya_agents::sandbox::{Profile, Sandbox};
use baya_core::agent::AgentProcess;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

fn environment() -> BTreeMap<String, String> {
    let path = std::env::var("PATH").expect("PATH");
    BTreeMap::from([("PATH".to_owned(), path)])
}

fn sh(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

fn sandbox(folder: &TempDir) -> Sandbox {
    let temporary = folder.path().join("tmp");
    std::fs::create_dir_all(&temporary).expect("folder");
    let mut sandbox = Sandbox::new(Profile::Workspace, folder.path(), &temporary);
    sandbox.applier = vec![env!("CARGO_BIN_EXE_sandbox").to_owned(), "__sandbox".to_owned()];
    sandbox
}

async fn waiting(script: &str, folder: &Path, sandbox: Option<&Sandbox>) -> Running {
    let (argv, environment) = (sh(script), environment());
    launch(&Launch { argv: &argv, environment: &environment, folder, sandbox }).await.expect("started")
}

/// Waits until no process has this number any more, or none that works.
async fn gone(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while works(pid) {
        assert!(Instant::now() < deadline, "process {pid} lives on");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_program_starts_when_it_is_let_in_and_its_input_is_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = sandbox(&folder);
    for sandbox in [None, Some(&sealed)] {
        let mut running = waiting("cat; echo said >&2; exit 3", folder.path(), sandbox).await;
        running.begin().await;
        let (mut stdin, mut stdout) =
            (running.take_stdin().expect("in"), running.take_stdout().expect("out"));
        stdin.write_all(b"first\nlast").await.expect("written");
        drop(stdin);
        let mut text = String::new();
        stdout.read_to_string(&mut text).await.expect("read");
        assert_eq!(text, "first\nlast", "the gate takes nothing that is the program's");
        assert_eq!(running.exited().await.expect("status").code(), Some(3));
        let ended = running.end().await;
        assert!(
            ended.over && ended.said == "said" && ended.status.and_then(|s| s.code()) == Some(3),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn a_program_that_nobody_lets_in_never_runs() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = sandbox(&folder);
    for sandbox in [None, Some(&sealed)] {
        let mut running = waiting("echo ran > ran", folder.path(), sandbox).await;
        // As the kernel does for a process of ours that dies here.
        drop(running.take_stdin());
        let status = running.exited().await.expect("status");
        assert!(!status.success());
        assert!(!folder.path().join("ran").exists(), "it ran though nobody recorded it");
        running.end().await;
    }
    let unheard = baya_agents::backend::Attempt {
        signals: std::sync::Arc::new(|_| {}),
        ..attempt(folder.path().to_owned(), CancellationToken::new()).0
    };
    let (argv, environment) = (sh("echo ran > ran"), environment());
    let words = Launch { argv: &argv, environment: &environment, folder: folder.path(), sandbox: None };
    assert!(matches!(start(&words, &unheard).await, Err(NotStarted::Unrecorded)));
    assert!(!folder.path().join("ran").exists());
}

#[tokio::test]
async fn what_cannot_be_started_is_told_before_a_process_is_made() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("plain"), "").expect("file");
    std::fs::create_dir(folder.path().join("place")).expect("folder");
    let environment = environment();
    let rows: [(&[&str], &Path, &str); 5] = [
        (&[], folder.path(), "`argv` is empty"),
        (&["no-such-program"], folder.path(), "there is no program `no-such-program`"),
        (&["./plain"], folder.path(), "`./plain` may not be run: it is not executable"),
        (&["./place"], folder.path(), "`./place` may not be run: it is no file"),
        (&["sh"], Path::new("/no/such/folder"), "there is no folder `/no/such/folder` to work in"),
    ];
    for (argv, folder, expected) in rows {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let words = Launch { argv: &argv, environment: &environment, folder, sandbox: None };
        let error = launch(&words).await.err().expect("not started");
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.is_for_all(), !matches!(error, NotStarted::NoFolder(_)));
    }
}

/// Programs that leave something behind; each writes the number of what must not live on.
#[cfg(target_os = "linux")]
const LEAVING: [(&str, &str); 4] = [
    ("a child of the group", "sleep 300 & echo $! > pid; sleep 300"),
    ("a daemon", "setsid sh -c 'echo $$ > pid; exec sleep 300' & sleep 300"),
    (
        "a stubborn daemon",
        "setsid sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' & sleep 300",
    ),
    ("a child whose parent is gone", "sh -c 'sleep 300 & echo $! > pid'; sleep 300"),
];

#[cfg(target_os = "linux")]
#[tokio::test]
async fn all_that_a_program_started_ends_with_it() {
    for (what, script) in LEAVING {
        let folder = tempfile::tempdir().expect("folder");
        let mut running = waiting(script, folder.path(), None).await;
        running.begin().await;
        let pid = written(&folder.path().join("pid")).await;
        assert!(works(&pid), "{what}: works until its end");
        assert!(running.end().await.over, "{what}");
        assert!(!works(&pid), "{what}: process {pid} lives on");

        std::fs::remove_file(folder.path().join("pid")).expect("removed");
        let mut running = waiting(script, folder.path(), None).await;
        running.begin().await;
        let pid = written(&folder.path().join("pid")).await;
        drop(running);
        gone(&pid).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn c61_survivors_are_found_by_process_group_and_mark() {
    let dying = [
        ("a group without its leader", "sleep 300 & echo $! > pid; kill -KILL $$"),
        (
            "a daemon without its group",
            "setsid sh -c 'echo $$ > pid; exec sleep 300' & sleep 0.1; kill -KILL $$",
        ),
    ];
    for (what, script) in LEAVING.into_iter().chain(dying) {
        let folder = tempfile::tempdir().expect("folder");
        let mut running = waiting(script, folder.path(), None).await;
        running.begin().await;
        let pid = written(&folder.path().join("pid")).await;
        if script.contains("KILL") {
            running.exited().await.expect("status");
        }
        let process = running.process().clone();
        let strangers = [
            AgentProcess { started: process.started + 1, mark: Some("other".to_owned()), ..process.clone() },
            AgentProcess { started: process.started + 1, mark: None, ..process.clone() },
            AgentProcess { boot: "another".to_owned(), ..process.clone() },
            AgentProcess { pid: std::process::id(), mark: None, ..process.clone() },
        ];
        for stranger in strangers {
            assert!(!end_survivor(&stranger), "{what}: {stranger:?}");
            assert!(works(&pid), "{what}: {stranger:?} is not this process");
        }
        let known = process.clone();
        assert!(tokio::task::spawn_blocking(move || end_survivor(&known)).await.expect("task"), "{what}");
        assert!(!works(&pid), "{what}: process {pid} lives on");
        assert!(!end_survivor(&process), "{what}: nobody is there any more");
        running.end().await;
    }
}
