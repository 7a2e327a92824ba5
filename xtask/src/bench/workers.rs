//! Agents that work: what their turns, their commands and their end cost.

use super::cases::{complete, run_command, wait_until};
use super::fake_model::FakeModel;
use super::scripts;
use super::table::Row;
use super::world::{Room, World};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Answers that call for a tool, before the one that ends an agent.
const TURNS: [u64; 5] = [1, 2, 3, 4, 5];

/// Processor time of agents that read a small file five times, and the text of a first request.
pub fn turns(world: &World) -> Result<Vec<Row>, String> {
    let agents = world.size.of(200);
    let room = world.room("turns")?;
    room.write("note.txt", "a line to read\n")?;
    let read = json!({ "name": "read", "input": { "path": "note.txt" } });
    let fake = FakeModel::start(
        &room,
        &json!({ "rules": [{ "when": { "turn": TURNS }, "tool": read }, { "text": "done" }] }),
    )?;
    let used = complete(&room, run_command(&room, &fake, &scripts::fan(agents), &["--concurrency", "16"])?)?;
    let requests = fake.requests();
    let expected = agents * (TURNS.len() + 1);
    if requests.len() != expected {
        return Err(format!("{} requests instead of {expected}", requests.len()));
    }
    let each_ms = used.cpu_ms / agents as f64;
    let what = format!("CPU per agent with {} turns that call a tool, {agents} agents", TURNS.len());
    Ok(vec![
        Row::new(what, each_ms, 10.0, "ms"),
        Row::new("text of a trivial agent's first request", requests[0].bytes / 1000.0, 4.0, "kB"),
    ])
}

/// What a command costs more under the sandbox than without: the median of many starts of each.
pub fn sandbox_start(world: &World) -> Result<Vec<Row>, String> {
    let room = world.room("sandbox")?;
    let temporary = room.folder.join("temporary");
    std::fs::create_dir_all(&temporary).map_err(|error| error.to_string())?;
    let policy = json!({ "profile": "workspace", "folder": room.folder, "temporary": temporary, "readable": [],
        "writable": [], "protected": [], "hidden": [], "port": null, "best_effort": false });
    let sealed = || room.baya(&["__sandbox", &policy.to_string(), "/bin/true"]);
    let bare = || Command::new("/bin/true");
    let starts = world.size.of(500);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        without.push(start_ms(bare())?);
        with.push(start_ms(sealed())?);
    }
    let what = format!("start of a command in the sandbox, beyond a bare one, {starts} starts");
    Ok(vec![Row::new(what, median(with) - median(without), 2.0, "ms")])
}

fn start_ms(mut command: Command) -> Result<f64, String> {
    let began = Instant::now();
    let status = command.stdin(Stdio::null()).status().map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(began.elapsed().as_secs_f64() * 1000.0),
        false => Err(format!("a command in the sandbox ended with {status}")),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Ignores what asks it to end, and has a child that left its group and does so too.
const STUBBORN: &str = r#"
trap '' TERM INT HUP
setsid sh -c 'trap "" TERM INT HUP; echo $$ >> pids; while :; do sleep 1; done' &
echo $$ >> pids
while :; do sleep 1; done
"#;

/// From a person's stop to the end of the last process, with agents that withstand.
pub fn stop(world: &World) -> Result<Vec<Row>, String> {
    let agents = world.size.of(80);
    let room = world.room("stop")?;
    room.write("stubborn.sh", STUBBORN)?;
    room.write("baya.toml", "[commands.stubborn]\nargv = [\"/bin/sh\", \"stubborn.sh\"]\n")?;
    room.write("bench.js", &scripts::fan(agents))?;
    let concurrency = agents.to_string();
    let words = ["run", "bench.js", "--backend", "stubborn", "--trust", "--json", "--yes", "--concurrency"];
    let mut command = room.baya(&words);
    command.arg(concurrency);
    let measured = room.measure(command, "stdout.jsonl")?;
    let pids = || room.read("pids").lines().map(str::to_owned).collect::<Vec<_>>();
    let begun = wait_until(|| pids().len() == 2 * agents, "all agents are at work");
    let took = begun.and_then(|()| stopped_ms(&room, &pids()));
    measured.kill();
    measured.wait()?;
    let what = format!("stop to the end of all processes, {agents} agents that ignore TERM, a daemon each");
    Ok(vec![Row::new(what, took? / 1000.0, 2.0, "s")])
}

fn stopped_ms(room: &Room<'_>, pids: &[String]) -> Result<f64, String> {
    let began = Instant::now();
    let mut stop = room.baya(&["stop", "last"]).spawn().map_err(|error| error.to_string())?;
    let took = ended_within(pids, Duration::from_secs(30)).map(|()| began.elapsed());
    let _ = stop.wait();
    took.map(|took| took.as_secs_f64() * 1000.0)
}

fn ended_within(pids: &[String], patience: Duration) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let left = pids.iter().filter(|pid| runs(pid)).count();
        if left == 0 {
            return Ok(());
        }
        if began.elapsed() > patience {
            return Err(format!("{left} processes withstood"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One that has ended and waits to be reaped does not run.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_has_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().expect("a process");
        let pid = [child.id().to_string()];
        assert!(runs(&pid[0]));
        assert!(ended_within(&pid, Duration::ZERO).is_err());
        child.kill().expect("it runs");
        ended_within(&pid, Duration::from_secs(20)).expect("over, though nobody waited for it");
        child.wait().expect("its status");
    }

    #[test]
    fn the_middle_of_many_times_counts() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
    }
}
