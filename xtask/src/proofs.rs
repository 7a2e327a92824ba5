//! `cargo xtask proofs`: the proofs of worktrees and landings, rehearsals, caps and estimates, in full size.
//!
//! The tests are those of the test suite, which runs them at middle size; here they are given their full
//! size by a variable, one after the other, and the figures they leave are printed as a table. No timing
//! decides anything.

use crate::agents;
use crate::shell::{self, cargo};
use std::path::Path;
use std::process::Command;

/// What a user asks for.
pub const WORKTREES: &str = "worktrees";
pub const REHEARSAL: &str = "rehearsal";
pub const CAPS: &str = "caps";
pub const ESTIMATE: &str = "estimate";

/// The tests, by the beginnings of their names.
const TESTS: [&str; 2] = ["migrate::a_migration", "crowd::"];

/// Tells tests their size, and where figures go.
const SIZE: (&str, &str) = ("BAYA_PROOF", "full");
const FIGURES: &str = "BAYA_PROOF_FIGURES";

pub fn worktrees() -> Result<(), String> {
    let agents = agents::install()?;
    if let Some((_, why)) = agents.missing.iter().find(|(name, _)| name == "tsc") {
        return Err(format!("the TypeScript compiler is missing: {why}"));
    }
    let mut command = cargo(&["test", "-p", "baya", "--test", "it", "--"]);
    command.args(TESTS).env(agents::FOLDER_VARIABLE, &agents.programs);
    prove(command)
}

/// Seeded faults and healthy twins, as fast as users get it.
pub fn rehearsal() -> Result<(), String> {
    let mut command = cargo(&["test", "--release", "-p", "baya-engine", "--test", "it", "--"]);
    command.arg("rehearsal::faults");
    prove(command)
}

/// The long proofs of caps, fleets and crashes; the suite plays a few of each.
pub fn caps() -> Result<(), String> {
    let words = ["test", "-p", "baya-core", "--test", "it", "budget::fleet", "--", "--nocapture"];
    let mut fleets = cargo(&words);
    fleets.env("BAYA_FLEET_SEEDS", "2000");
    shell::run(fleets)?;
    let words = ["test", "-p", "baya-engine", "--test", "it", "sim::caps", "--", "--nocapture"];
    let mut crashes = cargo(&words);
    crashes.env("BAYA_SIM_SEEDS", "60");
    shell::run(crashes)
}

/// Plans against reality, in full size; CI does a few of them.
pub fn estimate() -> Result<(), String> {
    let words = ["test", "-p", "baya-engine", "--test", "it", "estimate", "--", "--nocapture"];
    let mut command = cargo(&words);
    command.env("BAYA_ESTIMATE_TRIALS", "100");
    shell::run(command)
}

/// Runs tests one after the other at full size, and prints the figures they leave.
fn prove(mut command: Command) -> Result<(), String> {
    let figures = std::env::temp_dir().join(format!("baya-figures-{}", std::process::id()));
    command.args(["--test-threads", "1", "--nocapture"]).env(SIZE.0, SIZE.1).env(FIGURES, &figures);
    let proven = shell::run(command);
    println!("\n{}", table(&read(&figures)));
    let _ = std::fs::remove_file(&figures);
    proven
}

fn read(figures: &Path) -> String {
    std::fs::read_to_string(figures).unwrap_or_default()
}

/// As in `docs/benchmarks.md`; each line is what it is, a tab, and how much.
fn table(figures: &str) -> String {
    let rows: Vec<(&str, &str)> = figures.lines().filter_map(|line| line.split_once('\t')).collect();
    let width = |of: fn(&(&str, &str)) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (left, right) = (width(|row| row.0.chars().count()), width(|row| row.1.chars().count()).max(8));
    let line = |(what, value): &(&str, &str)| format!("| {what:left$} | {value:right$} |\n");
    let head = line(&("", "measured")) + &format!("|{}|{}|\n", "-".repeat(left + 2), "-".repeat(right + 2));
    head + &rows.iter().map(line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_table() {
        let expected = "\
|           | measured |
|-----------|----------|
| kills     | 50       |
| whole run | 12.5 s   |
";
        assert_eq!(table("kills\t50\nno figure\nwhole run\t12.5 s\n"), expected);
    }
}
