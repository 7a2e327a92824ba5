//! Today's date, in UTC, as the system's own program tells it.

use std::process::Command;

/// `2026-01-31`.
pub fn today() -> Result<String, String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let output = output.map_err(|error| format!("cannot start `date`: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
