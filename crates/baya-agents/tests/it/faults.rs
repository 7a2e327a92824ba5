//! What programs do wrong, for every backend that is a program: each ends with the right cause and a hint
//! that helps, and leaves no process.

use crate::attempts::{attempt, task};
use crate::command::written;
use crate::standin::{Kind, Stage, no_rules};
use baya_core::agent::{AgentOptions, Answer, AttemptEnd, CauseKind};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What a report has to say; words of the cause, its kind first.
enum Ends {
    Answered(&'static str),
    Failed(&'static [&'static str]),
    Unusable(&'static [&'static str]),
}
use Ends::{Answered, Failed, Unusable};

/// What it does, how, with which `stallMs` and `timeoutMs`; then what `codex` and `claude` say (`NAME` is
/// the one of them), and what any other program.
type Fault = (&'static str, &'static str, (Option<u64>, Option<u64>), Ends, Ends);

const NONE: (Option<u64>, Option<u64>) = (None, None);
const GOOD: &str = "say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"";

fn bad_ends() -> Vec<Fault> {
    vec![
        (
            "dies at once",
            "echo boom >&2; exit 3",
            NONE,
            Failed(&["Program", "`NAME` ended with exit status 3", "boom"]),
            Failed(&["Program", "`prog` ended with exit status 3", "boom"]),
        ),
        (
            "dies midway, always",
            "say \"$SESSION\"; say \"$TOOL\"; kill -KILL $$",
            NONE,
            Failed(&["Program", "`NAME` was ended by signal 9"]),
            Failed(&["Program", "signal 9"]),
        ),
        (
            "returns garbage",
            "printf '\\377\\376 {\"a\": \\033[31m\\n[]\\n'",
            NONE,
            Failed(&["Program", "ended without an answer"]),
            Failed(&["Program", "UTF-8"]),
        ),
        (
            "ends well without an answer",
            "say \"$SESSION\"; exit 0",
            NONE,
            Failed(&["Program", "`NAME` ended without an answer"]),
            Answered(""),
        ),
        (
            "is not logged in",
            "echo 'Not logged in. Please run /login' >&2; exit 1",
            NONE,
            Unusable(&["Key", "Not logged in", "log in once with `NAME"]),
            Failed(&["Program", "Not logged in"]),
        ),
        (
            "asks for a word on its input",
            "printf 'Log in? [y/N] '; cat >/dev/null; read word || exit 1",
            NONE,
            Failed(&["Program", "exit status 1", "Log in? [y/N]"]),
            Failed(&["Program", "exit status 1"]),
        ),
        (
            "has the wrong version",
            "VERSION='program 0.1.2'",
            NONE,
            Unusable(&["ProviderDown", "NAME 0.1.2 is too old", "npm install -g @"]),
            Answered(""),
        ),
        (
            "is another program",
            "VERSION='hello world'",
            NONE,
            Unusable(&["ProviderDown", "does not look like NAME", "[backends.NAME]"]),
            Answered(""),
        ),
    ]
}

fn no_ends() -> Vec<Fault> {
    vec![
        (
            "hangs silent",
            "exec sleep 600",
            (Some(120), None),
            Failed(&["Stalled", "no sign of life for 120 ms", "stallMs"]),
            Failed(&["Stalled", "120 ms", "stallMs"]),
        ),
        (
            "hangs after it began",
            "say \"$SESSION\"; exec sleep 600",
            (Some(400), None),
            Failed(&["Stalled", "fell silent for 400 ms", "stallMs"]),
            Failed(&["Stalled", "400 ms", "stallMs"]),
        ),
        (
            "trickles bytes",
            "while :; do printf .; sleep 0.02; done",
            (Some(30_000), Some(400)),
            Failed(&["Timeout", "timeoutMs"]),
            Failed(&["Timeout", "timeoutMs"]),
        ),
        (
            "floods its output",
            "say \"$SESSION\"; exec yes",
            NONE,
            Failed(&["Program", "wrote more than", "no JSON"]),
            Failed(&["Program", "wrote more than"]),
        ),
        (
            "asks at the terminal",
            "say \"$SESSION\"; kill -TTIN $$; exec sleep 600",
            (Some(60_000), None),
            Unusable(&["Program", "`NAME` asks at the terminal", "once by hand"]),
            Failed(&["Program", "asks at the terminal"]),
        ),
    ]
}

fn odd_ends() -> Vec<Fault> {
    let done = || (Answered("done"), Answered("done"));
    let row = |what, script, (cli, command)| (what, script, NONE, cli, command);
    vec![
        row(
            "forks a daemon",
            "setsid sleep 600 </dev/null >/dev/null 2>&1 & say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"",
            done(),
        ),
        row(
            "leaves a child that holds its output open",
            "say \"$SESSION\"; say \"$ANSWER\"; say \"$END\"; sleep 600 & exit 0",
            done(),
        ),
        row(
            "writes noise between its lines",
            "echo; echo 'update available!'; say \"$SESSION\"; echo 17 >&2; echo '[1]' >&2; say \"$ANSWER\"; \
             say \"$END\"",
            (Answered("done"), Answered("\nupdate available!\ndone")),
        ),
        row(
            "writes its lines in pieces",
            "for line in \"$SESSION\" \"$ANSWER\" \"$END\"; do [ -n \"$line\" ] || continue; \
             printf '%.9s' \"$line\"; sleep 0.01; printf '%s' \"$line\" | tail -c +10; echo; done",
            done(),
        ),
    ]
}

async fn check(kind: Kind, (what, script, limits, cli, command): &Fault) {
    let stage = Stage::new(no_rules()).await;
    let backend = stage.backend(kind, stage.program(kind, script));
    let (stall_ms, timeout_ms) = *limits;
    let options = AgentOptions { stall_ms, timeout_ms, ..AgentOptions::default() };
    let started = Instant::now();
    let (report, told) = stage.run(&*backend, options).await;
    let expected = if kind == Kind::Command { command } else { cli };
    let place = format!("{kind:?} {what}: {report:?}");
    let (words, cause) = match (expected, &report.end) {
        (Answered(text), AttemptEnd::Answered(Answer::Text(got))) => {
            assert_eq!(got, text, "{place}");
            (&[][..], None)
        }
        (Failed(words), AttemptEnd::Failed(cause)) | (Unusable(words), AttemptEnd::Unusable(cause)) => {
            (*words, Some(cause))
        }
        _ => panic!("{place}"),
    };
    if let Some(cause) = cause {
        let said =
            format!("{:?} {} {}", cause.kind, cause.message, cause.hint.as_deref().unwrap_or_default());
        for word in words.iter().map(|word| word.replace("NAME", backend.name())) {
            assert!(said.contains(&word), "{place}: `{word}` is not in {said}");
        }
        assert!(!said.chars().any(char::is_control), "{place}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(told.left(), Vec::<String>::new(), "{place}: leaves processes");
    assert!(!told.processes.lock().expect("lock").is_empty(), "{place}");
    assert!(started.elapsed() < Duration::from_secs(50), "{place}: {:?}", started.elapsed());
}

async fn check_all(kind: Kind) {
    // Many at once: each waits for its own limits.
    for faults in [bad_ends(), no_ends(), odd_ends()] {
        futures_util::future::join_all(faults.iter().map(|fault| check(kind, fault))).await;
    }
}

#[tokio::test]
async fn faults_of_codex_have_causes_and_leave_nothing() {
    check_all(Kind::Codex).await;
}

#[tokio::test]
async fn faults_of_claude_have_causes_and_leave_nothing() {
    check_all(Kind::Claude).await;
}

#[tokio::test]
async fn faults_of_any_program_have_causes_and_leave_nothing() {
    check_all(Kind::Command).await;
}

#[tokio::test]
async fn what_ignores_a_cancel_is_dead_within_two_seconds() {
    let script = "trap '' TERM INT; say \"$SESSION\"; echo $$ > \"$PWD/pid\"; \
                  setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & while :; do sleep 1; done";
    for kind in Kind::ALL {
        let stage = Stage::new(no_rules()).await;
        let backend = stage.backend(kind, stage.program(kind, script));
        let cancel = CancellationToken::new();
        let (attempt, told) = attempt(stage.folder(), cancel.clone());
        let task = task("p", AgentOptions::default());
        let pid = stage.folder().join("pid");
        let cancelling = async {
            written(&pid).await;
            cancel.cancel();
            Instant::now()
        };
        let (report, since) = tokio::join!(backend.run(&task, &attempt), cancelling);
        assert_eq!(report.end, AttemptEnd::Cancelled, "{kind:?}");
        assert!(since.elapsed() < Duration::from_secs(2), "{kind:?}: {:?}", since.elapsed());
        #[cfg(target_os = "linux")]
        assert_eq!(told.left(), Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_before_anything_is_done() {
    let stage = Stage::new(no_rules()).await;
    for kind in [Kind::Codex, Kind::Claude] {
        let backend = stage.backend(kind, vec!["/no/such/program".to_owned()]);
        let (report, told) = stage.run(&*backend, AgentOptions::default()).await;
        let AttemptEnd::Unusable(cause) = &report.end else { panic!("{report:?}") };
        assert!(cause.message.contains("there is no program `/no/such/program`"), "{}", cause.message);
        assert!(cause.hint.as_ref().is_some_and(|hint| hint.contains("npm install")), "{cause:?}");
        assert!(told.processes.lock().expect("lock").is_empty());
    }
}

#[tokio::test]
async fn with_a_gateway_that_is_gone_no_program_is_started() {
    for kind in [Kind::Codex, Kind::Claude] {
        let stage = Stage::new(no_rules()).await;
        let backend = stage.backend(kind, stage.program(kind, GOOD));
        stage.gateway.stop().await;
        let (report, told) = stage.run(&*backend, AgentOptions::default()).await;
        let AttemptEnd::Unusable(cause) = &report.end else { panic!("{report:?}") };
        assert_eq!(cause.kind, CauseKind::ProviderDown, "{cause:?}");
        assert!(cause.message.contains("has stopped") && cause.hint.is_some(), "{cause:?}");
        assert!(told.processes.lock().expect("lock").is_empty());
    }
}

#[tokio::test]
async fn one_good_run_is_an_answer_with_what_it_used() {
    for kind in [Kind::Codex, Kind::Claude] {
        let stage = Stage::new(no_rules()).await;
        let backend = stage.backend(kind, stage.program(kind, GOOD));
        let (report, _) = stage.run(&*backend, AgentOptions::default()).await;
        assert_eq!(report.end, AttemptEnd::Answered(Answer::Text("done".to_owned())), "{kind:?}: {report:?}");
        let usage = report.usage;
        assert_eq!((usage.input, usage.cache_read, usage.output), (6, 4, 3), "{kind:?}: as it reported");
    }
}
