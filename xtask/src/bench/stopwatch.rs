//! The time between two lines of `--json`, taken as they arrive.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// From the line that says that a driver took the run to the line that says how it ended, in ms.
pub fn driven_ms(mut command: Command) -> Result<f64, String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("`baya`: {error}"))?;
    let stdout = child.stdout.take().ok_or("no stdout")?;
    let (mut began, mut took) = (None, None);
    for line in BufReader::new(stdout).lines() {
        let line: Value =
            line.map(|line| serde_json::from_str(&line).unwrap_or_default()).unwrap_or_default();
        match line["type"].as_str() {
            Some("driver_started") => began = Some(Instant::now()),
            Some("run_ended") if line["status"] == "completed" => took = began.map(|began| began.elapsed()),
            _ => {}
        }
    }
    let _ = child.wait();
    let took: Duration = took.ok_or("the resumed run did not complete")?;
    Ok(took.as_secs_f64() * 1000.0)
}
