//! What is measured, but for what is bought again.

use super::fake_model::FakeModel;
use super::journal_lines::Lines;
use super::process::{Measured, Used};
use super::table::Row;
use super::world::{Room, World};
use super::{Size, scripts};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub type Case = fn(&World) -> Result<Vec<Row>, String>;

/// How long a measurement waits for what must come.
const PATIENCE: Duration = Duration::from_secs(300);
const STDOUT: &str = "stdout.jsonl";

/// Rules under which every answer takes so long.
fn latency(ms: u64) -> Value {
    json!({ "latency_ms": ms, "rules": [{ "text": "done" }] })
}

/// `baya run` of a script on the fake model, progress as JSON lines.
pub fn run_command(
    room: &Room<'_>,
    fake: &FakeModel,
    script: &str,
    flags: &[&str],
) -> Result<Command, String> {
    room.write("bench.js", script)?;
    let mut command = room.baya(&["run", "bench.js", "--json", "--yes"]);
    command.args(flags);
    fake.serve(&mut command);
    Ok(command)
}

/// Runs to the end; anything but a completed run is an error.
pub fn complete(room: &Room<'_>, command: Command) -> Result<Used, String> {
    let used = room.measure(command, STDOUT)?.wait()?;
    match Lines::parse(&room.read(STDOUT)).status() {
        Some("completed") => Ok(used),
        Some(status) => Err(format!("the run ended as `{status}`")),
        None => Err(format!("the run ended without a result, exit status {}", used.status)),
    }
}

/// Waits for a condition.
pub fn wait_until(mut met: impl FnMut() -> bool, what: &str) -> Result<(), String> {
    let began = Instant::now();
    while !met() {
        if began.elapsed() > PATIENCE {
            return Err(format!("waited in vain until {what}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// From the start of the process to the first request at the model, without a plan: nobody would see it.
pub fn start(world: &World) -> Result<Vec<Row>, String> {
    let room = world.room("start")?;
    let fake = FakeModel::start(&room, &latency(0))?;
    let once = || complete(&room, run_command(&room, &fake, &scripts::fan(1), &[])?).map(drop);
    let took_ms = to_first_request(&fake, once)?;
    Ok(vec![Row::new("start of the process to the first request", took_ms, 40.0, "ms")])
}

/// Runs behind a plan that somebody agreed to.
const EARLIER_RUNS: usize = 3;

/// The same with a plan before it, of a script that has run here: its history is read, and it is rehearsed.
pub fn start_with_a_plan(world: &World) -> Result<Vec<Row>, String> {
    let agents = world.size.of(60);
    let room = world.room("start with a plan")?;
    let fake = FakeModel::start(&room, &latency(0))?;
    room.write("bench.js", &scripts::fan(agents))?;
    room.write_settings("[plan]\nask_agents = 1000\nask_usd = 1000\n")?;
    for _ in 0..EARLIER_RUNS {
        planned(&room, &fake, &["--yes"])?;
    }
    let took_ms = to_first_request(&fake, || planned(&room, &fake, &[]))?;
    let what = format!("the same with a plan of {agents} agents, from {EARLIER_RUNS} earlier runs");
    Ok(vec![Row::new(what, took_ms, 300.0, "ms")])
}

/// A run as a person starts it.
fn planned(room: &Room<'_>, fake: &FakeModel, flags: &[&str]) -> Result<(), String> {
    let mut command = room.baya(&["run", "bench.js"]);
    fake.serve(command.args(flags));
    let used = room.measure(command, STDOUT)?.wait()?;
    if used.status == 0 { Ok(()) } else { Err(format!("the run ended with exit status {}", used.status)) }
}

/// The median of several runs.
fn to_first_request(fake: &FakeModel, run: impl Fn() -> Result<(), String>) -> Result<f64, String> {
    let mut times = Vec::new();
    for _ in 0..7 {
        let before = fake.requests().len();
        let began_ms = now_ms().floor();
        run()?;
        let first = fake.requests().get(before).cloned().ok_or("no request was logged")?;
        times.push(first.at_ms - began_ms);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// Processor time, memory, progress and disk of many trivial agents.
pub fn trivial_agents(world: &World) -> Result<Vec<Row>, String> {
    let agents = world.size.of(1_000);
    let room = world.room("trivial agents")?;
    let fake = FakeModel::start(&room, &latency(5))?;
    let used = complete(&room, run_command(&room, &fake, &scripts::fan(agents), &["--concurrency", "16"])?)?;
    let disk = room.disk();
    let each = |amount: f64| amount / agents as f64;
    let what = |what: &str| format!("{what}, {agents} agents");
    Ok(vec![
        Row::new(what("CPU per trivial agent, API backend"), each(used.cpu_ms), 1.5, "ms"),
        Row::new(what("peak memory"), megabytes(used.peak_kb), 60.0, "MB"),
        Row::new(
            what("`--json` on stdout per agent"),
            each(room.read(STDOUT).len() as f64 / 1000.0),
            1.5,
            "kB",
        ),
        Row::new(what("disk per agent"), each(disk.bytes as f64 / 1000.0), 3.0, "kB"),
        Row::new(what("files per agent"), (each(disk.files as f64) * 10.0).floor() / 10.0, 0.0, ""),
    ])
}

fn megabytes(kb: u64) -> f64 {
    kb as f64 * 1024.0 / 1e6
}

pub fn makespan_narrow(world: &World) -> Result<Vec<Row>, String> {
    makespan(world, 500, 50, 2, 1.05)
}

pub fn makespan_wide(world: &World) -> Result<Vec<Row>, String> {
    makespan(world, 1_000, 200, 16, 1.03)
}

/// How much longer a run takes than its agents must.
fn makespan(
    world: &World,
    agents: usize,
    each_ms: u64,
    at_once: usize,
    target: f64,
) -> Result<Vec<Row>, String> {
    let agents = world.size.of(agents);
    let room = world.room(&format!("makespan {at_once}"))?;
    let fake = FakeModel::start(&room, &latency(each_ms))?;
    let flags = ["--concurrency", &at_once.to_string()];
    let used = complete(&room, run_command(&room, &fake, &scripts::fan(agents), &flags)?)?;
    let ideal_ms = (agents.div_ceil(at_once) as u64 * each_ms) as f64;
    let what = format!("makespan / ideal: {agents} agents, {each_ms} ms each, {at_once} at once");
    Ok(vec![Row::new(what, used.wall_ms / ideal_ms, target, "")])
}

/// Memory while very many calls wait.
pub fn pending_calls(world: &World) -> Result<Vec<Row>, String> {
    let agents = world.size.of(10_000);
    let room = world.room("pending calls")?;
    let fake = FakeModel::start(&room, &json!({ "rules": [{ "fault": "hang" }] }))?;
    let command = run_command(&room, &fake, &scripts::fan(agents), &["--max-agents", "20000"])?;
    let measured = room.measure(command, STDOUT)?;
    let queued = || room.read(STDOUT).matches("\"agent_queued\"").count();
    let waited =
        wait_until(|| queued() == agents && fake.requests().len() >= 8.min(agents), "all calls wait");
    let settled = waited.map(|()| settle(&measured));
    measured.kill();
    let used = measured.wait()?;
    settled?;
    Ok(vec![Row::new(format!("peak memory, {agents} calls pending"), megabytes(used.peak_kb), 150.0, "MB")])
}

/// Gives the processes a moment to reach their peak.
fn settle(measured: &Measured) {
    let mut peak = 0;
    while measured.peak_kb() > peak {
        peak = measured.peak_kb();
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// From the moment a driver takes a killed run to its result.
pub fn resume(world: &World) -> Result<Vec<Row>, String> {
    let small = resume_of(world, world.size.of(500), if world.size == Size::Full { 25.0 } else { 10.0 })?;
    let large =
        resume_of(world, world.size.of(10_000), if world.size == Size::Full { 700.0 } else { 100.0 })?;
    Ok(vec![small, large])
}

/// All agents but the last have answered when the run is killed; the last one hangs the first time only.
fn resume_of(world: &World, agents: usize, target_ms: f64) -> Result<Row, String> {
    let room = world.room(&format!("resume {agents}"))?;
    let last = format!("^task {}\\.", agents - 1);
    let hang = json!({ "when": { "prompt": last }, "times": 1, "fault": "hang" });
    let fake = FakeModel::start(&room, &json!({ "rules": [hang, { "text": "done" }] }))?;
    let flags = ["--concurrency", "16", "--max-agents", "20000"];
    let measured = room.measure(run_command(&room, &fake, &scripts::fan(agents), &flags)?, STDOUT)?;
    let finished = || Lines::parse(&room.read(STDOUT)).finished();
    let waited =
        wait_until(|| room.read(STDOUT).matches("\"agent_finished\"").count() == agents - 1, "all answered");
    measured.kill();
    measured.wait()?;
    waited.map_err(|why| format!("{why} ({} of {agents})", finished()))?;
    let run = Lines::parse(&room.read(STDOUT)).run().ok_or("the run has no id")?;
    let mut command = room.baya(&["resume", &run, "--json"]);
    fake.serve(&mut command);
    let took_ms = super::stopwatch::driven_ms(command)?;
    let what = format!("resume of {agents} finished agents, script start to result");
    Ok(Row::new(what, took_ms, target_ms, "ms"))
}
