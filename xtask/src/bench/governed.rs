//! More agents than their provider takes at once.

use super::cases::{complete, run_command};
use super::fake_model::FakeModel;
use super::scripts;
use super::table::Row;
use super::world::World;
use serde_json::json;

/// What the provider takes at once; it refuses the rest without a word of how long.
const TAKEN: usize = 20;
const WANTED: &str = "64";
const EACH_MS: u64 = 200;
/// Of the answers, before anything is held against the lane: what the provider takes is not known yet.
const WARM_UP: usize = 5;

/// Time lost and requests refused, against a provider with a capacity.
pub fn all(world: &World) -> Result<Vec<Row>, String> {
    // With fewer there is nothing but warm-up.
    let calls = world.size.of(1_280).max(400);
    let room = world.room("governed")?;
    let rules = json!({ "capacity": TAKEN, "latency_ms": EACH_MS, "rules": [{ "text": "done" }] });
    let fake = FakeModel::start(&room, &rules)?;
    let flags = ["--concurrency", WANTED, "--max-agents", "2000"];
    let used = complete(&room, run_command(&room, &fake, &scripts::fan(calls), &flags)?)?;
    let ideal_ms = (calls.div_ceil(TAKEN) as u64 * EACH_MS) as f64;
    let what = format!("{calls} calls, {WANTED} wanted, a provider that takes {TAKEN}");
    Ok(vec![
        Row::new(format!("makespan / ideal: {what}"), used.wall_ms / ideal_ms, 1.0 / 0.9, ""),
        Row::new(format!("refused after warm-up: {what}"), refused_percent(&fake.statuses()), 5.0, "%"),
    ])
}

/// Refused answers in hundredths of all, from a fifth of the answers on.
fn refused_percent(statuses: &[u64]) -> f64 {
    let later = &statuses[statuses.len() / WARM_UP..];
    let refused = later.iter().filter(|status| **status == 429).count();
    refused as f64 * 100.0 / later.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_at_first_is_not_counted() {
        let statuses = [429, 429, 200, 200, 200, 200, 429, 200, 200, 200];
        assert_eq!(refused_percent(&statuses), 12.5);
        assert_eq!(refused_percent(&[]), 0.0);
    }
}
