//! Programs as agents: what they are given, how their output is read, how they end.

use crate::attempts::{Told, attempt, run, task};
use baya_agents::backend::{Attempt, Backend, OpenGate, Signal};
use baya_agents::command::{Command, CommandConfig, InputForm, OutputForm};
use baya_agents::purse::SharedPurse;
use baya_core::agent::{
    AgentOptions, AgentProcess, AgentTask, Answer, AttemptEnd, AttemptReport, Progress, UsageSource,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

fn environment() -> BTreeMap<String, String> {
    let path = std::env::var("PATH").expect("PATH");
    [("PATH", path.as_str()), ("HOME", "/tmp"), ("BAYA_SECRET", "s3cret"), ("BAYA_SHOWN", "shown")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A shell script as the program.
fn sh(script: &str) -> CommandConfig {
    CommandConfig::new("prog", ["sh", "-c", script].map(str::to_owned).to_vec())
}

fn with_schema() -> AgentOptions {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    AgentOptions { schema: Some(schema), ..AgentOptions::default() }
}

async fn report(config: CommandConfig, options: AgentOptions) -> (AttemptReport, Arc<Told>) {
    run(&Command::new(config, &environment()), &task("the prompt", options)).await
}

async fn text(config: CommandConfig) -> String {
    match report(config, AgentOptions::default()).await.0.end {
        AttemptEnd::Answered(Answer::Text(text)) => text,
        end => panic!("{end:?}"),
    }
}

/// The end is a failure whose kind and words are these; nothing in it moves a terminal.
async fn check_failed(config: CommandConfig, options: AgentOptions, words: &[&str]) {
    let (report, _) = report(config, options).await;
    let (how, cause) = match report.end {
        AttemptEnd::Failed(cause) => ("failed", cause),
        AttemptEnd::Unusable(cause) => ("unusable", cause),
        end => panic!("{end:?}"),
    };
    let told = format!("{how} {:?} {} {}", cause.kind, cause.message, cause.hint.unwrap_or_default());
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert!(!told.chars().any(char::is_control), "{told:?}");
}

#[tokio::test]
async fn a_program_reads_the_prompt_and_its_output_is_the_answer() {
    assert_eq!(text(sh("cat")).await, "the prompt");
    assert_eq!(text(sh("printf 'a\\n\\n b \\n'")).await, "a\n\n b ", "one line break at the end is dropped");
    assert_eq!(text(sh("true")).await, "", "an empty answer is an answer");
    assert_eq!(text(sh("echo early; exec cat >/dev/null")).await, "early");
    let big = sh("head -c 5000000 /dev/zero | tr '\\0' x");
    assert_eq!(text(big).await.len(), 5_000_000, "an answer may be large and the prompt unread");
}

#[tokio::test]
async fn c20_the_place_of_a_program_stands_below_its_prompt_or_in_a_field_of_its_own() {
    for (input, expected) in [
        (InputForm::Prompt, "the prompt\n\nYou work here."),
        (InputForm::Json, "\"place\":\"You work here.\""),
    ] {
        let config = CommandConfig { input, output: OutputForm::Text, ..sh("cat") };
        let task = AgentTask {
            place: Some("You work here.".to_owned()),
            ..task("the prompt", AgentOptions::default())
        };
        let (report, _) = run(&Command::new(config, &environment()), &task).await;
        let AttemptEnd::Answered(Answer::Text(text)) = report.end else { panic!("{report:?}") };
        assert!(text.contains(expected) && text.contains("the prompt"), "{text}");
    }
}

#[tokio::test]
async fn a_program_may_read_one_json_object() {
    let config = CommandConfig { input: InputForm::Json, ..sh("cat") };
    let options = AgentOptions { model: Some("opus".to_owned()), ..AgentOptions::default() };
    let (report, _) = report(CommandConfig { output: OutputForm::Text, ..config }, options).await;
    let AttemptEnd::Answered(Answer::Text(text)) = report.end else { panic!("{report:?}") };
    let seen: Value = serde_json::from_str(&text).expect("JSON");
    let expected = json!({"prompt": "the prompt", "schema": null, "label": "a label", "model": "opus",
        "phase": "a phase", "agent": 1, "attempt": 1, "run": "wf_00000000-04d"});
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_program_sees_only_the_variables_it_may_and_works_in_the_folder() {
    let shown = text(sh("env")).await;
    assert!(shown.contains("HOME=/tmp") && !shown.contains("BAYA_S"), "{shown}");
    let pass = ["PATH", "BAYA_SHOWN"].map(str::to_owned).to_vec();
    let set = BTreeMap::from([("FIXED".to_owned(), "value".to_owned())]);
    let shown = text(CommandConfig { pass, set, ..sh("env") }).await;
    assert!(shown.contains("BAYA_SHOWN=shown") && shown.contains("FIXED=value"), "{shown}");
    assert!(!shown.contains("BAYA_SECRET") && !shown.contains("HOME="), "{shown}");

    let folder = tempfile::tempdir().expect("folder");
    let (attempt, _) = attempt(folder.path().to_owned(), CancellationToken::new());
    let pwd = Command::new(sh("pwd -P"), &environment());
    let end = pwd.run(&task("p", AgentOptions::default()), &attempt).await.end;
    let here = folder.path().canonicalize().expect("path").display().to_string();
    assert_eq!(end, AttemptEnd::Answered(Answer::Text(here)));
}

#[tokio::test]
async fn output_as_an_object_carries_result_usage_and_model() {
    let script = r#"echo '{"result": "done", "usage": {"input": 11, "output": 7}, "model": "m-1"}'"#;
    for output in [OutputForm::Auto, OutputForm::Json] {
        let (report, _) = report(CommandConfig { output, ..sh(script) }, AgentOptions::default()).await;
        assert_eq!(report.end, AttemptEnd::Answered(Answer::Text("done".to_owned())));
        assert_eq!((report.usage.input, report.usage.output), (11, 7));
        assert_eq!(
            (report.usage.source, report.model_served.as_deref()),
            (UsageSource::Reported, Some("m-1"))
        );
    }
    let plain = CommandConfig { output: OutputForm::Text, ..sh(script) };
    assert!(text(plain).await.starts_with("{\"result\""));
    assert_eq!(text(sh("echo '{\"result\": 1, \"other\": 2}'")).await, "{\"result\": 1, \"other\": 2}");
    let (report, _) = report(sh("echo some words"), AgentOptions::default()).await;
    assert_eq!((report.usage.output, report.usage.source), (3, UsageSource::Estimated));

    let json = |script: &str| CommandConfig { output: OutputForm::Json, ..sh(script) };
    let none = AgentOptions::default;
    check_failed(json("echo no"), none(), &["failed Program", "`prog` wrote", "no JSON object"]).await;
    check_failed(json("echo '{}'"), none(), &["failed Program", "without `result`"]).await;
    check_failed(json("echo '{\"error\": \"quota\"}'"), none(), &["failed Program", "quota"]).await;
}

#[tokio::test]
async fn c33_structured_output_of_a_program_is_checked() {
    let outputs = [
        "{\"n\": 3}",
        "{\"result\": {\"n\": 3}}",
        "{\"result\": \"it is {\\\"n\\\": 3}\"}",
        "I think\n```json\n{\"n\": 3}\n```\nis right",
        "first {\"n\": \"x\"} then {\"n\": 3}",
    ];
    for output in outputs {
        let config = CommandConfig {
            set: [("OUT".to_owned(), output.to_owned())].into(),
            ..sh("printf %s \
             \"$OUT\"")
        };
        let (report, _) = report(config, with_schema()).await;
        assert_eq!(report.end, AttemptEnd::Answered(Answer::Json(json!({"n": 3}))), "{output}");
    }
    let (report, told) = report(sh("echo '{\"n\": \"three\"}'"), with_schema()).await;
    let AttemptEnd::Failed(cause) = &report.end else { panic!("{report:?}") };
    assert!(cause.message.contains("in 5 tries") && cause.message.contains("`/n`"), "{}", cause.message);
    assert_eq!((report.requests, report.drafts.len()), (5, 5), "nothing it wrote is lost");
    assert_eq!(told.progress().iter().filter(|p| matches!(p, Progress::Reasking { .. })).count(), 5);
}

#[tokio::test]
async fn c32_a_program_is_run_again_with_what_was_wrong() {
    let folder = tempfile::tempdir().expect("folder");
    let script =
        "cat > in.$(ls | wc -l | tr -d ' '); if [ -e in.1 ]; then echo '{\"n\": 1}'; else echo no; fi";
    for input in [InputForm::Prompt, InputForm::Json] {
        let folder = folder.path().join(format!("{input:?}"));
        std::fs::create_dir(&folder).expect("folder");
        let (attempt, _) = attempt(folder.clone(), CancellationToken::new());
        let config = CommandConfig { input, ..sh(script) };
        let end =
            Command::new(config, &environment()).run(&task("the prompt", with_schema()), &attempt).await.end;
        assert_eq!(end, AttemptEnd::Answered(Answer::Json(json!({"n": 1}))));
        let read = |n: u32| std::fs::read_to_string(folder.join(format!("in.{n}"))).expect("input");
        let (first, second) = (read(0), read(1));
        assert!(first.contains("the prompt") && first.contains("\"required\""), "{first}");
        assert!(!first.contains("no JSON object") && second.contains("no JSON object"), "{second}");
        if input == InputForm::Prompt {
            assert!(first.starts_with("the prompt\n\n"), "the prompt stands first, verbatim: {first}");
        }
    }
}

#[tokio::test]
async fn bad_ends_say_what_happened() {
    let none = AgentOptions::default;
    let noisy = "for i in 1 2 3 4 5 6 7; do echo \"line $i\" >&2; done; exit 9";
    check_failed(sh(noisy), none(), &["failed Program", "exit status 9", "line 3 | line 4", "line 7"]).await;
    let rude = r"printf '\033[31mred\033[0m \033]0;title\007 \342\200\256back\a\n' >&2; exit 1";
    check_failed(sh(rude), none(), &["exit status 1: red  back"]).await;
    check_failed(sh("kill -SEGV $$"), none(), &["failed Program", "signal 11"]).await;
    check_failed(sh("printf '\\377\\376'"), none(), &["failed Program", "UTF-8"]).await;
    let missing = CommandConfig::new("prog", vec!["/no/such/program".to_owned()]);
    check_failed(missing, none(), &["unusable ProviderDown", "`/no/such/program`", "argv"]).await;
    check_failed(CommandConfig::new("prog", vec![]), none(), &["unusable ProviderDown", "empty"]).await;
    check_failed(
        sh("exec sleep 60"),
        AgentOptions { timeout_ms: Some(40), ..none() },
        &[
            "Timeout",
            "40 \
         ms",
            "timeoutMs",
        ],
    )
    .await;
    let own = CommandConfig { timeout_ms: Some(30), ..sh("exec sleep 60") };
    check_failed(own, none(), &["Timeout", "30 ms", "settings"]).await;
    check_failed(sh("exec sleep 60"), AgentOptions { stall_ms: Some(50), ..none() }, &["Stalled", "50 ms"])
        .await;
    check_failed(sh("yes"), none(), &["failed Program", "more than"]).await;
    let gone = Attempt {
        cancel: CancellationToken::new(),
        folder: "/no/such/folder".into(),
        signals: Arc::new(|_| {}),
        gate: Arc::new(OpenGate),
        purse: SharedPurse::default(),
    };
    let end = Command::new(sh("cat"), &environment()).run(&task("p", none()), &gone).await.end;
    assert!(
        matches!(&end, AttemptEnd::Failed(cause) if cause.message.contains("/no/such/folder")),
        "{end:?}"
    );
}

/// Waits for a file that a program writes.
pub async fn written(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            Ok(_) | Err(_) => assert!(Instant::now() < deadline, "nobody wrote {}", path.display()),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether a process works; a dead one that waits to be reaped does not.
pub fn works(pid: &str) -> bool {
    let output = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().expect("ps");
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

#[tokio::test]
async fn nothing_a_program_started_lives_on() {
    let leaves_one = "sleep 300 & echo $! > pid; echo answer";
    let stubborn =
        "trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$ > pid; while :; do sleep 1; done\" & wait";
    for (script, cancelled) in [(leaves_one, false), (leaves_one, true), (stubborn, true)] {
        let script = if cancelled && script == leaves_one {
            format!(
                "{script}; sleep \
             300"
            )
        } else {
            script.to_owned()
        };
        let folder = tempfile::tempdir().expect("folder");
        let cancel = CancellationToken::new();
        let (attempt, _) = attempt(folder.path().to_owned(), cancel.clone());
        let (backend, task) = (Command::new(sh(&script), &environment()), task("p", AgentOptions::default()));
        let started = Instant::now();
        let cancelling = async {
            let pid = written(&folder.path().join("pid")).await;
            if cancelled {
                assert!(works(&pid), "it works until it is cancelled");
                cancel.cancel();
            }
            pid
        };
        let (report, pid) = tokio::join!(backend.run(&task, &attempt), cancelling);
        let answered = AttemptEnd::Answered(Answer::Text("answer".to_owned()));
        assert_eq!(report.end, if cancelled { AttemptEnd::Cancelled } else { answered }, "{script}");
        assert!(!works(&pid), "{script}: process {pid} lives on");
        assert!(started.elapsed() < Duration::from_secs(20), "{script}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_dropped_attempt_takes_its_processes_with_it() {
    let folder = tempfile::tempdir().expect("folder");
    let (attempt, _) = attempt(folder.path().to_owned(), CancellationToken::new());
    let backend = Command::new(sh("sleep 300 & echo $! > pid; wait"), &environment());
    let task = task("p", AgentOptions::default());
    let file = folder.path().join("pid");
    let pid = tokio::select! {
        report = backend.run(&task, &attempt) => panic!("{report:?}"),
        pid = written(&file) => pid,
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while works(&pid) {
        assert!(Instant::now() < deadline, "process {pid} lives on");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_program_gets_its_prompt_only_after_its_process_is_recorded() {
    let folder = tempfile::tempdir().expect("folder");
    let seen: Arc<Mutex<Option<(AgentProcess, bool)>>> = Arc::default();
    let (kept, got) = (seen.clone(), folder.path().join("got"));
    let signals = Arc::new(move |signal: Signal| {
        if let Signal::ProcessStarted { process, recorded } = signal {
            let got = got.clone();
            let kept = kept.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                *kept.lock().expect("lock") = Some((process, got.exists()));
                let _ = recorded.send(());
            });
        }
    });
    let attempt = Attempt {
        cancel: CancellationToken::new(),
        folder: folder.path().to_owned(),
        signals,
        gate: Arc::new(OpenGate),
        purse: SharedPurse::default(),
    };
    let script = "read line; echo $line > got; echo $$";
    let report =
        Command::new(sh(script), &environment()).run(&task("p\n", AgentOptions::default()), &attempt).await;
    let (process, early) = seen.lock().expect("lock").clone().expect("told");
    assert!(!early, "the prompt came before the process was recorded");
    assert_eq!(report.end, AttemptEnd::Answered(Answer::Text(process.pid.to_string())));
    assert!(process.started > 0 && !process.boot.trim().is_empty());

    let nobody = Arc::new(|_: Signal| {});
    let attempt = Attempt {
        cancel: CancellationToken::new(),
        folder: folder.path().to_owned(),
        signals: nobody,
        gate: Arc::new(OpenGate),
        purse: SharedPurse::default(),
    };
    let unheard =
        Command::new(sh("cat"), &environment()).run(&task("p", AgentOptions::default()), &attempt).await;
    assert_eq!(unheard.end, AttemptEnd::Cancelled, "nobody recorded it: it gets no work");
}

#[tokio::test]
async fn a_program_that_somebody_kills_is_told_as_killed() {
    let argv = ["sh", "-c", "kill -9 $$"].map(str::to_owned).to_vec();
    let environment = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    let backend = Command::new(CommandConfig::new("hungry", argv), &environment);
    let (report, _) = crate::attempts::run(&backend, &crate::api::task(AgentOptions::default())).await;
    let AttemptEnd::Failed(cause) = report.end else { panic!("{:?}", report.end) };
    assert!(cause.message.starts_with("`hungry` was "), "{cause:?}");
    assert!(["signal 9", "SIGKILL"].iter().any(|words| cause.message.contains(words)), "{cause:?}");
}
