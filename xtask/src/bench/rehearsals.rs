//! How long rehearsals take: what a person waits for, findings and all.

use super::scripts;
use super::table::Row;
use super::world::World;
use serde_json::Value;

const RUNS: usize = 200;
const REPORT: &str = "report.json";

pub fn all(world: &World) -> Result<Vec<Row>, String> {
    Ok(vec![rehearsed(world, 60, 2.0)?, rehearsed(world, 1_000, 20.0)?])
}

fn rehearsed(world: &World, agents: usize, target_s: f64) -> Result<Row, String> {
    let agents = world.size.of(agents);
    let room = world.room(&format!("rehearsed {agents}"))?;
    room.write("bench.js", &scripts::gathered(agents))?;
    let command = room.baya(&["rehearse", "bench.js", "--runs", &RUNS.to_string(), "--json"]);
    let used = room.measure(command, REPORT)?.wait()?;
    let report: Value = serde_json::from_str(&room.read(REPORT))
        .map_err(|error| format!("no report, exit status {}: {error}", used.status))?;
    let played = (&report["runs"], &report["total"]["agents"]["p50"]);
    if played != (&Value::from(RUNS), &Value::from(agents)) {
        return Err(format!("{} rehearsals of {} agents were played", played.0, played.1));
    }
    let what = format!("{RUNS} rehearsals of a script with {agents} agents");
    Ok(Row::new(what, used.wall_ms / 1_000.0, target_s, "s"))
}
