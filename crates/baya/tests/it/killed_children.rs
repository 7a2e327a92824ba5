//! The processes beside the driver: the isolate, which ends with it and whose end ends the run; and
//! programs that work as agents, which outlive it until somebody resumes.
#![cfg(target_os = "linux")]

use crate::fake::FakeModel;
use crate::harness::{Baya, runs, wait_for};
use crate::killed_process::{Driver, answered, events};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::Path;

/// The processes that a process started and that still run.
fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| runs_as(*pid).is_some_and(|found| found == parent)).collect()
}

/// The parent of a process that runs; one that waits to be reaped does not.
fn runs_as(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.next()?.parse().ok() }
}

fn kill_now(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a small number")).expect("a pid");
    kill_process(pid, Signal::KILL).expect("it runs");
}

/// A run with one answer, one agent at work, and its isolate.
struct Waiting {
    baya: Baya,
    model: FakeModel,
    driver: Driver,
    isolate: u32,
}

impl Waiting {
    fn start() -> Waiting {
        let slow = json!({"when": {"prompt": "slow"}, "times": 1, "latency_ms": 600_000});
        let model = FakeModel::start(&json!({"rules": [slow, {"echo": true}]}));
        let baya = Baya::new();
        let body = "return [await agent('quick'), await agent('slow')]";
        baya.write("x.js", &format!("export const meta = {{ name: 'x', description: 'd' }}\n{body}\n"));
        let driver = Driver::start(&model.serves(baya.line("run x.js")));
        wait_for("both requests", || model.prompts().len() == 2);
        let children = children(driver.pid());
        let [isolate] = children[..] else { panic!("one child is expected: {children:?}") };
        Waiting { baya, model, driver, isolate }
    }

    fn finish(baya: &Baya, model: &FakeModel) {
        let output = model.serves(baya.line("resume last --json")).run().exits(0);
        assert_eq!(output.run_ended()["result"], json!(["quick", "slow"]));
        assert_eq!(model.prompts(), ["quick", "slow", "slow"]);
    }
}

#[test]
fn the_isolate_ends_with_its_driver() {
    let Waiting { baya, model, driver, isolate } = Waiting::start();
    driver.kill();
    wait_for("the end of the isolate", || runs_as(isolate).is_none());
    Waiting::finish(&baya, &model);
}

#[test]
fn c61_a_killed_isolate_fails_the_run_and_loses_nothing() {
    let Waiting { baya, model, driver, isolate } = Waiting::start();
    kill_now(isolate);
    let (code, said) = driver.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the process that evaluates the script was ended by signal 9"), "{said}");
    let run = runs(&baya.home()).pop().expect("a run");
    assert!(said.ends_with(&format!("resume: baya resume {run}\n")), "{said}");
    assert_eq!(answered(&events(&baya, &run)).into_iter().collect::<Vec<_>>(), ["quick"]);
    Waiting::finish(&baya, &model);
}

/// Writes down its pid, and who of those before it still runs. The first one takes until it is ended,
/// tells of a TERM and goes on. Nobody reads its complaints any more, and writing them would end it.
const WORKER: &str = r#"
exec 2>/dev/null
for pid in $(cat pids); do
  grep -q '^State:.[^ZX]' "/proc/$pid/status" && echo "$pid" >> overlap
done
trap 'echo TERM >> terms' TERM
echo "$$" >> pids
read -r prompt
if [ "$(wc -l < pids)" -eq 1 ]; then
  while :; do sleep 1; done
fi
echo "did $prompt"
"#;

fn home_of_worker() -> Baya {
    let baya = Baya::new();
    baya.write("worker.sh", WORKER);
    baya.write("baya.toml", "[commands.worker]\nargv = [\"/bin/sh\", \"worker.sh\"]\n");
    baya.write("x.js", "export const meta = { name: 'x', description: 'd' }\nreturn await agent('work')\n");
    baya
}

/// A worker whose driver is dead; killed when dropped, should the test have failed.
struct Survivor(u32);

impl Survivor {
    fn runs(&self) -> bool {
        runs_as(self.0).is_some()
    }
}

impl Drop for Survivor {
    fn drop(&mut self) {
        if self.runs() {
            kill_now(self.0);
        }
    }
}

/// Starts the worker under a driver, which is killed.
fn leave_survivor(baya: &Baya) -> Survivor {
    let driver = Driver::start(&baya.line("run x.js --backend worker --trust"));
    let run = || runs(&baya.home()).pop();
    let recorded = |run: String| {
        let line = baya.line(&format!("show {run} --events")).run().stdout;
        line.contains("agent_process_started")
    };
    wait_for("the worker", || lines(baya, "pids") == 1 && run().is_some_and(recorded));
    driver.kill();
    let survivor = Survivor(read(baya, "pids").trim().parse().expect("a pid"));
    assert!(survivor.runs(), "it outlives a killed driver");
    survivor
}

fn read(baya: &Baya, file: &str) -> String {
    std::fs::read_to_string(baya.work().join(Path::new(file))).unwrap_or_default()
}

fn lines(baya: &Baya, file: &str) -> usize {
    read(baya, file).lines().count()
}

#[track_caller]
fn check_resumed(baya: &Baya, survivor: &Survivor) {
    baya.line("resume last").run().exits(0).prints("did work\n");
    assert!(!survivor.runs(), "the survivor is ended");
    assert_eq!((read(baya, "overlap"), lines(baya, "pids")), (String::new(), 2));
}

#[test]
fn c61_a_surviving_command_is_ended_before_its_agent_starts_again() {
    let baya = home_of_worker();
    let survivor = leave_survivor(&baya);
    check_resumed(&baya, &survivor);
}

#[test]
fn c61_a_survivor_is_not_forgotten_by_a_resume_that_is_killed() {
    let baya = home_of_worker();
    let survivor = leave_survivor(&baya);
    let second = Driver::start(&baya.line("resume last"));
    wait_for("the first attempt to end it", || lines(&baya, "terms") == 1);
    second.kill();
    assert!(survivor.runs(), "it withstands a TERM");
    check_resumed(&baya, &survivor);
}

/// An agent of the Agent Client Protocol that answers at once, and that neither a TERM nor the end of its
/// input ends.
const STUBBORN: &str = r#"
echo $$ >> stubborn
trap '' TERM
while read -r line; do
  id=$(printf '%s' "$line" | sed 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/')
  case $line in
    *'"initialize"'*) result='{"protocolVersion":1,"agentCapabilities":{}}' ;;
    *'"session/new"'*) result='{"sessionId":"s"}' ;;
    *'"session/prompt"'*)
      update='{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"said"}}'
      echo '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":'"$update"'}}'
      result='{"stopReason":"end_turn"}' ;;
    *) continue ;;
  esac
  echo '{"jsonrpc":"2.0","id":'"$id"',"result":'"$result"'}'
done
while :; do sleep 1; done
"#;

#[test]
fn c61_a_process_that_waited_for_its_next_agent_is_ended_too() {
    let baya = home_of_worker();
    baya.write("stubborn.sh", STUBBORN);
    let argv = |file: &str| format!("argv = [\"/bin/sh\", \"{file}\"]\n");
    let sections = [("commands.worker", "worker.sh"), ("acp.stubborn", "stubborn.sh")];
    let settings = sections.map(|(name, file)| format!("[{name}]\n{}\n", argv(file)));
    baya.write("baya.toml", &settings.concat());
    let body = "const said = await agent('one', { backend: 'acp:stubborn' })\nreturn `${said}, ${await agent('work')}`";
    baya.write("x.js", &format!("export const meta = {{ name: 'x', description: 'd' }}\n{body}\n"));
    let worker = leave_survivor(&baya);
    let idle = Survivor(read(&baya, "stubborn").trim().parse().expect("a pid"));
    assert!(idle.runs(), "the end of its input does not end it");
    baya.line("resume last").run().exits(0).prints("said, did work\n");
    assert!(!idle.runs() && !worker.runs(), "both are ended");
    assert_eq!(lines(&baya, "stubborn"), 1, "and nothing is asked again");
}
