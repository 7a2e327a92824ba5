//! The chores that call cargo: `ci`, `test`, `sim`, `fleets`.

use crate::agents;
use crate::counts::{Counts, Skips};
use crate::shell::{self, cargo};
use crate::tidy;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Where tests write the suites they skip, one line each: `opt-in NAME: why` or `missing NAME: why`.
const SKIP_FILE: &str = "BAYA_SKIP_FILE";

/// All that CI runs. Every step runs, so that one report shows every failure; the counts come last.
pub fn ci() -> Result<(), String> {
    let mut skips = Skips::default();
    let mut failed = Vec::new();
    let mut step = |name: &str, done: Result<(), String>| {
        let word = if done.is_ok() { "ok" } else { "FAILED" };
        println!("── {name}: {word}");
        failed.extend(done.err().map(|why| format!("{name}: {why}")));
    };
    step("fmt", component("fmt", &["--all", "--check"], &mut skips));
    step(
        "clippy",
        component("clippy", &["--workspace", "--all-targets", "--", "-D", "warnings"], &mut skips),
    );
    step("tidy", tidy::run());
    let counts = count_tests(&mut skips)?;
    step("test", counts.verdict());
    step("skips", skips.verdict(in_ci()));
    for failure in &failed {
        println!("failed: {failure}");
    }
    finish(&counts, &skips, failed.is_empty())
}

/// Every test of the workspace.
pub fn test() -> Result<(), String> {
    let mut skips = Skips::default();
    let counts = count_tests(&mut skips)?;
    let verdict = counts.verdict().and(skips.verdict(in_ci()));
    if let Err(why) = &verdict {
        println!("failed: {why}");
    }
    finish(&counts, &skips, verdict.is_ok())
}

/// One seed of the crash simulator, its story shown as it happens.
pub fn sim(seed: &str) -> Result<(), String> {
    let seed: u64 =
        seed.parse().map_err(|_| format!("`{seed}` is not a seed\nhint: a seed is a whole number"))?;
    let words =
        ["test", "-p", "baya-engine", "--test", "it", "sim::one_seed", "--", "--nocapture", "--exact"];
    let mut command = cargo(&words);
    command.env("BAYA_SIM_SEED", seed.to_string());
    shell::run(command)
}

/// The last words: skipped suites, then the counts alone on a line.
fn finish(counts: &Counts, skips: &Skips, good: bool) -> Result<(), String> {
    for line in skips.lines().chain(counts.ignored_lines()) {
        println!("skipped: {line}");
    }
    println!("{}", counts.line(skips.tests()));
    if good { Ok(()) } else { Err("some checks failed; they are named above".to_owned()) }
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Runs a cargo component; one that is not installed is a skip, which CI does not forgive.
fn component(name: &str, words: &[&str], skips: &mut Skips) -> Result<(), String> {
    if shell::read(cargo(&[name, "--version"])).is_err() {
        skips.step_missing(name, "the component is not installed");
        return Ok(());
    }
    let words: Vec<&str> = std::iter::once(name).chain(words.iter().copied()).collect();
    shell::run(cargo(&words))
}

/// Runs the tests, passing on what they print, and counts.
fn count_tests(skips: &mut Skips) -> Result<Counts, String> {
    let agents = agents::install()?;
    agents.missing.iter().for_each(|(name, why)| skips.step_missing(name, why));
    let skip_file = SkipFile::new()?;
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.env(agents::FOLDER_VARIABLE, &agents.programs);
    command.env(SKIP_FILE, skip_file.path()).stdout(Stdio::piped());
    let shown = shell::show(&command);
    println!("── {shown}");
    let mut child = command.spawn().map_err(|error| format!("`{shown}` did not start: {error}"))?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(|error| format!("the output of `{shown}` broke off: {error}"))?;
            let line = String::from_utf8_lossy(&line);
            counts.read(&line);
            print_line(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("`{shown}` was lost: {error}"))?;
    counts.ended(status.success());
    skips.read(&std::fs::read_to_string(skip_file.path()).unwrap_or_default());
    Ok(counts)
}

/// A reader that went away is no reason to stop counting.
fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
}

/// The file tests append their skips to; gone when dropped.
struct SkipFile(PathBuf);

impl SkipFile {
    fn new() -> Result<SkipFile, String> {
        let path = std::env::temp_dir().join(format!("baya-skips-{}", std::process::id()));
        std::fs::write(&path, "")
            .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
        Ok(SkipFile(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SkipFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
