//! Interrupting, killing, detaching, stopping: nothing that is finished is lost.

use crate::harness::{Baya, Output, runs, send, wait, wait_for};
use rustix::process::Signal;
use serde_json::json;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

/// One quick agent, then one that takes until the test is long over.
const SLOW: &str = "export const meta = { name: 'slow', description: 'd' }
const quick = await agent('quick')
const slow = await agent('slow')
return [quick, slow].length
";
const RULES: &str = r#"{"rules": [{"when": {"prompt": "slow"}, "latency_ms": 600000}]}"#;
const RUN: &str = "run slow.js --backend simulated --rules rules.json";

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("slow.js", SLOW).write("rules.json", RULES);
    baya
}

/// Waits until the slow agent is at work, by the run's own journal.
fn wait_for_slow(baya: &Baya) -> String {
    let running = || {
        let shown = baya.line("show last --json").run();
        shown.code == Some(0) && shown.json_lines()[0]["agents"]["2"]["state"] == "running"
    };
    wait_for("the slow agent", running);
    runs(&baya.home()).pop().expect("a run")
}

fn start(baya: &Baya, line: &str) -> (Child, String) {
    let child = baya.line(line).spawn();
    let run = wait_for_slow(baya);
    (child, run)
}

/// Goes on with quick rules and wants exactly the slow agent to be asked.
#[track_caller]
fn resumes(baya: &Baya, run: &str) {
    baya.write("rules.json", "{}");
    let output = baya.args(["resume", run, "--json"]).run().exits(0);
    assert_eq!(output.run_ended()["result"], json!(2));
    let asked: Vec<_> =
        output.json_lines().into_iter().filter(|line| line["type"] == "agent_started").collect();
    assert_eq!(asked.iter().map(|line| &line["agent"]).collect::<Vec<_>>(), [2]);
}

#[test]
fn c61_one_signal_stops_gracefully_and_says_how_to_resume() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let baya = home();
        let (mut child, run) = start(&baya, RUN);
        send(&child, signal);
        wait(&mut child);
        let output =
            Output::of(child).exits(130).says(&format!("baya resume {run}")).says("interrupted by SIG");
        assert_eq!(output.stdout, "");
        resumes(&baya, &run);
    }
}

/// A Ctrl-C in a terminal reaches every process of the group, ours that evaluates the script too.
#[test]
fn c61_a_signal_to_the_whole_group_is_graceful_too() {
    let baya = home();
    let mut command = baya.line(RUN).command();
    let child =
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let run = wait_for_slow(&baya);
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(group, Signal::INT).expect("the group is there");
    Output::of(child).exits(130).says("interrupted by SIGINT");
    resumes(&baya, &run);
}

/// An agent that does not listen: the second signal does not wait for it.
#[test]
fn two_signals_kill_now() {
    let baya = home();
    let (child, run) = start(&baya, RUN);
    send(&child, Signal::INT);
    send(&child, Signal::INT);
    Output::of(child).exits(130).says(&format!("baya resume {run}"));
    resumes(&baya, &run);
}

#[test]
fn an_interrupted_json_run_ends_with_run_ended() {
    let baya = home();
    let (child, run) = start(&baya, &format!("{RUN} --json"));
    send(&child, Signal::INT);
    let ended = Output::of(child).exits(130).run_ended();
    assert_eq!((&ended["run"], &ended["status"]), (&json!(run), &json!("interrupted")));
}

#[test]
fn c61_a_killed_run_goes_on_where_it_was() {
    let baya = home();
    let (mut child, run) = start(&baya, RUN);
    child.kill().expect("a living child");
    wait(&mut child);
    baya.line("runs").run().exits(0).prints_line("killed, resumable");
    baya.args(["show", &run]).run().exits(0).prints_line("its process is gone");
    resumes(&baya, &run);
}

#[test]
fn c60_a_live_run_is_not_taken_over() {
    let baya = home();
    let (mut child, run) = start(&baya, RUN);
    let refused = baya.args(["resume", &run]).run().exits(2);
    assert!(refused.stderr.contains(&child.id().to_string()), "{}", refused.stderr);
    child.kill().expect("a living child");
    wait(&mut child);
}

#[test]
fn a_detached_run_can_be_looked_at_and_stopped() {
    let baya = home();
    let output = baya.line(&format!("{RUN} --detach")).run().exits(0);
    let run = output.stdout.trim_end().to_owned();
    assert_eq!(runs(&baya.home()), std::slice::from_ref(&run));
    wait_for_slow(&baya);
    baya.line("runs").run().exits(0).prints_line("running");
    baya.args(["stop", &run]).run().exits(0).says(&format!("stopped {run}"));
    let shown = baya.args(["show", &run, "--json"]).run().exits(0);
    assert_eq!(shown.json_lines()[0]["state"], json!({"ended": {"status": "stopped"}}));
    baya.args(["stop", &run]).run().exits(0).says("is not running");
}

#[test]
fn one_agent_of_a_run_can_be_stopped() {
    let baya = home();
    let (child, run) = start(&baya, RUN);
    baya.args(["stop", &run, "--agent", "2"]).run().exits(0);
    Output::of(child).exits(0).prints("2\n").says("1 × skipped by a person");
}

#[test]
fn a_detached_run_that_is_refused_says_so_at_once() {
    let baya = home();
    baya.line("run gone.js --detach").run().exits(2).says("there is no file").prints("");
    baya.line("run slow.js --detach --backend anthropic").run().exits(6).says("ANTHROPIC_API_KEY").prints("");
    assert!(runs(&baya.home()).is_empty());
}

/// A program that does not listen to TERM, and one that says its pid.
const STUBBORN: &str = "[commands.stubborn]
argv = [\"sh\", \"-c\", \"trap '' TERM INT HUP; echo $$ > pid; cat > /dev/null; while :; do sleep 1; done\"]
";

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // One that waits to be reaped does nothing any more.
    !stat.is_empty() && !stat.contains(") Z ")
}

fn stubborn() -> (Baya, Child, String) {
    let baya = Baya::new();
    baya.write("baya.toml", STUBBORN);
    baya.write("s.js", "export const meta = { name: 's', description: 'd' }\nawait agent('x')\n");
    let child = baya.line("run s.js --backend stubborn --trust").spawn();
    let pid_file = baya.work().join("pid");
    wait_for("the program", || std::fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n')));
    let pid = std::fs::read_to_string(pid_file).expect("a pid");
    // It runs a moment before it is recorded, and gets its prompt only then.
    let recorded = || baya.line("show last --events").run().stdout.contains("agent_process_started");
    wait_for("its record", recorded);
    (baya, child, pid)
}

#[test]
fn two_signals_kill_programs_that_do_not_listen() {
    let (_baya, child, pid) = stubborn();
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    Output::of(child).exits(130).says("baya resume wf_");
    wait_for("the end of the program", || !is_alive(&pid));
}

#[test]
fn a_program_that_outlived_a_kill_is_ended_before_the_run_goes_on() {
    let (baya, mut child, pid) = stubborn();
    child.kill().expect("a living child");
    wait(&mut child);
    assert!(is_alive(&pid));
    baya.write("baya.toml", "[commands.stubborn]\nargv = [\"cat\"]\n");
    baya.line("resume last --trust").run().exits(0);
    assert!(!is_alive(&pid));
}
