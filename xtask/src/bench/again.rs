//! Finished agents that are asked again, counted at the model.

use super::cases::{complete, run_command, wait_until};
use super::fake_model::FakeModel;
use super::journal_lines::Lines;
use super::scripts;
use super::table::Row;
use super::world::{Room, World};
use serde_json::{Value, json};
use std::process::Command;

const BEFORE: &str = "stdout.jsonl";

/// The five cases. In the last three the edited or failed agent itself is asked once more.
pub fn all(world: &World) -> Result<Vec<Row>, String> {
    let row = |what: &str, asked: usize, target: f64| {
        Row::new(format!("bought again: {what}"), asked as f64, target, "")
    };
    Ok(vec![
        row("parallel killed midway", killed_parallel(world)?, 0.0),
        row("8 × 4 pipeline with a slow first item killed after 24", killed_pipeline(world)?, 0.0),
        row(
            "one prompt of 12 edited",
            edited(world, "edited fan", scripts::fan(12), scripts::fan_edited(12, 5))?,
            1.0,
        ),
        row("one of a sequence of 5 edited", edited_sequence(world)?, 1.0),
        row("one of 6 failed and asked again", failed(world)?, 1.0),
    ])
}

fn killed_parallel(world: &World) -> Result<usize, String> {
    let room = world.room("killed parallel")?;
    let fake = FakeModel::start(&room, &json!({ "latency_ms": [20, 200], "rules": [{ "text": "done" }] }))?;
    killed(&room, &fake, &scripts::fan(12), "4", 6)
}

fn killed_pipeline(world: &World) -> Result<usize, String> {
    let room = world.room("killed pipeline")?;
    let slow = json!({ "when": { "prompt": "^item 0 stage 0" }, "times": 1, "fault": "hang" });
    let fake = FakeModel::start(&room, &json!({ "latency_ms": 20, "rules": [slow, { "text": "done" }] }))?;
    killed(&room, &fake, &scripts::pipeline(8, 4), "8", 24)
}

/// Kills a run when so many agents have answered, resumes it, and counts which of those were asked again.
fn killed(
    room: &Room<'_>,
    fake: &FakeModel,
    script: &str,
    at_once: &str,
    after: usize,
) -> Result<usize, String> {
    let measured = room.measure(run_command(room, fake, script, &["--concurrency", at_once])?, BEFORE)?;
    let lines = || Lines::parse(&room.read(BEFORE));
    let waited = wait_until(|| lines().finished() >= after, "enough agents had answered");
    measured.kill();
    measured.wait()?;
    waited?;
    let answered = lines().answered_prompts();
    let asked_before = fake.requests().len();
    resume(room, fake, &lines(), &[])?;
    let again = fake.requests().split_off(asked_before);
    Ok(again.iter().filter(|request| answered.contains(&request.prompt)).count())
}

fn edited_sequence(world: &World) -> Result<usize, String> {
    edited(world, "edited sequence", scripts::sequence(5, None), scripts::sequence(5, Some(2)))
}

/// Runs a script, then its edited form on the same run, and counts the requests of the second.
fn edited(world: &World, name: &str, script: String, edited: String) -> Result<usize, String> {
    let room = world.room(name)?;
    let fake = FakeModel::start(&room, &json!({ "rules": [{ "text": "done" }] }))?;
    complete(&room, run_command(&room, &fake, &script, &[])?)?;
    room.write("edited.js", &edited)?;
    requests_of_resume(&room, &fake, &["--script", "edited.js"])
}

fn failed(world: &World) -> Result<usize, String> {
    let room = world.room("failed")?;
    let fails: Value = json!({ "when": { "prompt": "^task 4\\." }, "times": 1, "fault": "null" });
    let fake = FakeModel::start(&room, &json!({ "rules": [fails, { "text": "done" }] }))?;
    complete(&room, run_command(&room, &fake, &scripts::fan(6), &[])?)?;
    requests_of_resume(&room, &fake, &["--retry-failed"])
}

fn requests_of_resume(room: &Room<'_>, fake: &FakeModel, flags: &[&str]) -> Result<usize, String> {
    let asked_before = fake.requests().len();
    resume(room, fake, &Lines::parse(&room.read(BEFORE)), flags)?;
    Ok(fake.requests().len() - asked_before)
}

fn resume(room: &Room<'_>, fake: &FakeModel, before: &Lines, flags: &[&str]) -> Result<(), String> {
    let run = before.run().ok_or("the run has no id")?;
    let mut command: Command = room.baya(&["resume", &run, "--json"]);
    command.args(flags);
    fake.serve(&mut command);
    complete(room, command).map(drop)
}
