//! `cargo xtask live`: the examples that do real work, on every backend that works here.
//!
//! The one chore that asks real models. It looks for no key and no login itself: `baya doctor` says which
//! backends work, and `baya run` asks them. Each trial has a folder of its own that is gone afterwards; the
//! runs stay where `baya show` finds them. Never in CI, and never at somebody's cost without `--yes`.

mod backends;
mod day;
mod options;
mod table;
mod trial;

use crate::shell::{cargo, root, run};
use options::Options;
use std::path::PathBuf;
use std::process::Command;
use trial::{Outcome, TRIALS};

pub fn live(words: &[&str]) -> Result<(), String> {
    let options = Options::parse(words)?;
    if std::env::var("CI").is_ok_and(|value| !value.is_empty()) {
        return Err("`live` asks real models, and `CI` is set: never there".to_owned());
    }
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        return Err("there is no `python3`, and the example's tests are Python's".to_owned());
    }
    let baya = program(&options)?;
    let folder = Folder::new()?;
    let backends = backends::chosen(backends::usable(&baya, &folder.0)?, &options.only)?;
    backends::allow(&backends, options.yes)?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for backend in &backends {
        for trial in &TRIALS {
            eprintln!("live: {} on {} …", trial.name, backend.name);
            outcomes.push(trial.run(&baya, backend, options.model.as_deref(), &folder.0));
        }
    }
    println!("{}\n", table::render(&outcomes));
    outcomes.iter().filter_map(table::failure).for_each(|line| println!("{line}"));
    println!("{}", table::dated(&day::today()?, &backends, &outcomes));
    match outcomes.iter().filter(|outcome| outcome.failure.is_some()).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} trials failed", outcomes.len())),
    }
}

/// The program that is tried: the one that is named, or a fresh one.
fn program(options: &Options) -> Result<PathBuf, String> {
    if let Some(named) = &options.baya {
        let found = std::fs::canonicalize(named);
        return found.map_err(|error| format!("`--baya {}`: {error}", named.display()));
    }
    run(cargo(&["build", "-q", "-p", "baya"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(root().join(target).join("debug/baya"))
}

/// A temporary folder; gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!("baya-live-{}", std::process::id()));
        let made = std::fs::create_dir(&path);
        made.map_err(|error| format!("`{}` cannot be made: {error}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
