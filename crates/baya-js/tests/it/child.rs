//! The isolate in a process of its own: the same steps, and no way out.

use crate::fixture::{delivery, start};
use baya_core::call::{Payload, ScriptErrorKind, ScriptLimits, Start, Step, StepState};
use baya_core::ids::CallId;
use baya_js::watchdog::{self, ChildEnd};
use baya_js::{Isolate, Message};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn spawn() -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_isolate"))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Process { child, stdin, stdout: BufReader::new(stdout) }
    }

    fn say(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    /// The line that answers, empty if the process ended.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    fn step(&mut self, message: &Message) -> Step {
        self.say(&serde_json::to_string(message).unwrap());
        serde_json::from_str(&self.hear()).unwrap()
    }

    fn ended(mut self) -> ExitStatus {
        self.stdin = None;
        self.child.wait().unwrap()
    }
}

fn script(body: &str) -> Message {
    Message::Start(Box::new(start(body)))
}

fn answer(to: u64, value: serde_json::Value) -> Message {
    Message::Deliver(vec![delivery(CallId(to), Payload::Value(value))])
}

#[test]
fn the_child_answers_as_the_thread_does_and_ends_at_eof() {
    let body = "const a = await agent('a' + Math.random()); log(a, new Date()); return a.n + 1";
    let (mut isolate, first) = Isolate::start(start(body));
    let second = isolate.deliver(vec![delivery(CallId(1), Payload::Value(json!({"n": 1})))]);
    assert!(matches!(second.state, StepState::Done { .. }));

    let mut child = Process::spawn();
    assert_eq!(child.step(&script(body)), first);
    assert_eq!(child.step(&answer(1, json!({"n": 1}))), second);
    assert_eq!(child.ended().code(), Some(0));
}

#[test]
fn the_wire_is_one_line_each_way() {
    let wire = serde_json::to_value(script("return 1")).unwrap();
    assert!(wire.get("start").is_some_and(|start| start.get("program").is_some()));
    let wire = serde_json::to_value(answer(3, json!("x"))).unwrap();
    assert_eq!(wire["deliver"][0]["to"], 3);

    let mut child = Process::spawn();
    child.say(&serde_json::to_string(&script("log('a\\nb'); return 'c\\nd'")).unwrap());
    let line = child.hear();
    assert!(serde_json::from_str::<Step>(&line).is_ok(), "{line}");
    assert_eq!(child.ended().code(), Some(0));
}

#[test]
fn what_is_no_message_ends_the_child() {
    let ends = |lines: &[&str]| {
        let mut child = Process::spawn();
        lines.iter().for_each(|line| child.say(line));
        while !child.hear().is_empty() {}
        child.ended().code()
    };
    let start = serde_json::to_string(&script("return await agent('a')")).unwrap();
    assert_eq!(ends(&["hello"]), Some(watchdog::EXIT_PROTOCOL));
    assert_eq!(ends(&[r#"{"deliver":[]}"#]), Some(watchdog::EXIT_PROTOCOL));
    assert_eq!(ends(&[&start, &start]), Some(watchdog::EXIT_PROTOCOL));
}

/// Natives of QuickJS that never ask whether to go on: only the end of the process ends them.
#[test]
fn c15_natives_that_block_end_the_child() {
    for body in [
        "'a'.repeat(1e5).replaceAll('a', 'b'.repeat(1e5))",
        "const a = []; a[4294967294] = 1; return a.join('')",
        "await agent('first'); const a = []; a[4294967294] = 1; return a.join('')",
    ] {
        let limits = ScriptLimits { cpu_ms: 100, memory_bytes: 64 << 30, ..ScriptLimits::default() };
        let mut child = Process::spawn();
        let message = Message::Start(Box::new(Start { limits: limits.clone(), ..start(body) }));
        child.say(&serde_json::to_string(&message).unwrap());
        child.say(&serde_json::to_string(&answer(1, json!(1))).unwrap());
        let mut last = String::new();
        for line in std::iter::repeat_with(|| child.hear()).take_while(|line| !line.is_empty()) {
            last = line;
        }
        let threw = serde_json::from_str::<Step>(&last).map(|step| step.state);
        let end = ChildEnd::from(child.ended());
        let error = match threw {
            // Some build of QuickJS may ask after all; then the limit is told in the usual way.
            Ok(StepState::Threw { error }) => error,
            _ => watchdog::explain(end, &limits),
        };
        assert_eq!(error.kind, ScriptErrorKind::CpuLimit, "{body}: {end:?}");
        assert!(error.message.contains("--script-cpu"), "{}", error.message);
    }
}

#[test]
fn the_end_of_a_child_is_explained() {
    let limits = ScriptLimits::default();
    let kind = |end| watchdog::explain(end, &limits).kind;
    assert_eq!(kind(ChildEnd::TimedOut), ScriptErrorKind::CpuLimit);
    assert_eq!(kind(ChildEnd::Exited(watchdog::EXIT_CPU)), ScriptErrorKind::CpuLimit);
    assert_eq!(kind(ChildEnd::Exited(watchdog::EXIT_NO_SANDBOX)), ScriptErrorKind::IsolateLost);
    assert_eq!(kind(ChildEnd::Signalled(11)), ScriptErrorKind::IsolateLost);
    assert!(watchdog::answer_within(&limits, 2) > watchdog::answer_within(&limits, 1));
}

#[cfg(target_os = "linux")]
#[test]
fn the_child_is_closed_off() {
    let mut child = Process::spawn();
    // Once it has answered, the filter is in place.
    child.step(&script("return await agent('wait')"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.child.id())).unwrap();
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).unwrap()
    };
    assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), ("2".to_owned(), "1".to_owned()));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.child.id())).unwrap();
    assert!(limits.lines().any(|line| line.starts_with("Max core file size        0 ")), "{limits}");
    for task in std::fs::read_dir(format!("/proc/{}/task", child.child.id())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
    assert_eq!(child.ended().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn c12_a_closed_off_process_reaches_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_isolate")).arg("--probe").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().filter(|line| line.ends_with(": false")).count(), 10, "{text}");
    assert!(!text.contains(": true"), "{text}");
}

/// A machine that has no seccomp, played by a filter that refuses to install another one.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // `pre_exec` runs between fork and exec; what it calls allocates nothing.
#[test]
fn without_seccomp_nothing_is_evaluated() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    use std::os::unix::process::CommandExt;
    let refused = [(libc::SYS_seccomp, Vec::new())].into_iter().collect();
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(refused, SeccompAction::Allow, refuse, arch).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_isolate"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: only two system calls happen in the forked process.
    unsafe {
        command.pre_exec(move || seccompiler::apply_filter(&filter).map_err(std::io::Error::other));
    }
    let mut child = command.spawn().unwrap();
    let message = serde_json::to_string(&script("return 1")).unwrap();
    // The child may be gone before the line is written.
    let _ = child.stdin.take().unwrap().write_all(format!("{message}\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(watchdog::EXIT_NO_SANDBOX));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("seccomp"), "{output:?}");
}
