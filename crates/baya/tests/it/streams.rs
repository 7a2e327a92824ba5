//! stdout and stderr that are closed, or that nobody reads: the run goes on to its end in its journal.

use crate::harness::{Baya, Output, runs, send, wait, wait_for};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// Says more than a pipe holds.
const LOUD: &str = "export const meta = { name: 'loud', description: 'd' }
const one = await agent('one')
for (let n = 0; n < 3000; n++) log(`line ${n} ${'x'.repeat(100)}`)
await agent('two')
return 'it is done'
";
const RUN: &str = "run loud.js --backend simulated";

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("loud.js", LOUD);
    baya
}

/// Reads the first line, and closes it.
fn read_one_line(from: impl std::io::Read) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, from).read_line(&mut line).expect("a line");
    line
}

#[track_caller]
fn is_completed(baya: &Baya) {
    baya.line("runs").run().exits(0).prints_line("completed");
    assert_eq!(runs(&baya.home()).len(), 1);
}

#[test]
fn a_reader_of_stdout_that_goes_away_stops_no_run() {
    let baya = home();
    let mut child = baya.line(&format!("{RUN} --json")).spawn();
    let line = read_one_line(child.stdout.take().expect("a pipe"));
    assert!(line.contains("\"run_started\""), "{line}");
    let output = Output::of(child).exits(0).says("completed");
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    is_completed(&baya);
}

#[test]
fn a_reader_of_stderr_that_goes_away_stops_no_run() {
    let baya = home();
    let mut child = baya.line(RUN).spawn();
    let line = read_one_line(child.stderr.take().expect("a pipe"));
    assert!(line.starts_with("wf_"), "{line}");
    Output::of(child).exits(0).prints("it is done\n");
    is_completed(&baya);
}

#[test]
fn streams_that_are_closed_from_the_start_break_nothing() {
    let baya = home();
    for line in [RUN, "rehearse loud.js --runs 2", "runs", "show last", "check loud.js"] {
        for closed in [">&-", "2>&-", "<&- >&- 2>&-"] {
            let command = baya.line(line).command();
            let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
            let program = command.get_program().to_string_lossy().into_owned();
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &format!("exec {program} {} {closed}", words.join(" "))]).env_clear();
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.current_dir(baya.work()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let output = Output::of(shell.spawn().expect("a shell"));
            assert_eq!(output.code, Some(0), "{line} {closed}: {output:?}");
            assert!(!output.stderr.contains("panicked"), "{line} {closed}: {output:?}");
        }
    }
}

#[test]
fn a_report_whose_reader_is_gone_is_no_error() {
    let baya = home();
    let mut child = baya.line("rehearse loud.js --runs 2").spawn();
    drop(child.stdout.take());
    let output = Output::of(child).exits(0);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

/// It stands still where it writes: two Ctrl-C end it, and its run is over all the same.
#[track_caller]
fn ends(baya: &Baya, mut child: Child) {
    let is_over = || baya.line("runs").run().stdout.contains("completed");
    wait_for("the end of the run in its journal", is_over);
    send(&child, Signal::INT);
    send(&child, Signal::INT);
    // Two signals at once may be one.
    wait_for("the end of the process", || {
        send_if_there(&child);
        child.try_wait().expect("a child").is_some()
    });
    assert_eq!(wait(&mut child).code(), Some(130));
    is_completed(baya);
}

fn send_if_there(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    // It may have ended by now, and is our child until it is waited for.
    let _ = rustix::process::kill_process(pid, Signal::INT);
}

#[test]
fn a_run_whose_words_nobody_reads_ends_and_can_be_interrupted() {
    let baya = home();
    ends(&baya, baya.line(&format!("{RUN} --json")).spawn());
    let baya = home();
    ends(&baya, baya.line(RUN).spawn());
}
