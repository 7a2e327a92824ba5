//! `cargo xtask bench`: the numbers of `docs/benchmarks.md`, measured on this machine.
//!
//! Builds the release binary, drives it from outside against `baya fake-model` on loopback, with an
//! emptied environment and folders of its own, and prints one table. Timings are never tests.

mod again;
mod cases;
mod fake_model;
mod governed;
mod journal_lines;
mod metering;
mod process;
mod rehearsals;
mod scripts;
mod stopwatch;
mod table;
mod workers;
mod world;

use crate::shell::{cargo, run};
use cases::Case;
use table::Row;
use world::World;

/// How many agents the measurements have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Full,
    /// A tenth of the agents; for trying the bench itself.
    Quick,
}

impl Size {
    pub fn of(self, agents: usize) -> usize {
        match self {
            Size::Full => agents,
            Size::Quick => (agents / 10).max(1),
        }
    }
}

pub fn bench(size: Size) -> Result<(), String> {
    run(cargo(&["build", "--release", "-p", "baya"]))?;
    process::adopt_orphans();
    let world = World::new(size)?;
    let mut rows: Vec<Row> = Vec::new();
    for (name, case) in CASES {
        eprintln!("bench: {name} …");
        match case(&world) {
            Ok(measured) => rows.extend(measured),
            Err(why) => rows.push(Row::failed(name, &why)),
        }
    }
    println!("{}", table::render(&rows));
    if size == Size::Quick {
        println!("quick: a tenth of the agents; such figures do not belong into docs/benchmarks.md");
    }
    let missed = rows.iter().filter(|row| !row.is_met()).count();
    println!("{} of {} lines reach their target", rows.len() - missed, rows.len());
    Ok(())
}

const CASES: [(&str, Case); 14] = [
    ("start", cases::start),
    ("start with a plan", cases::start_with_a_plan),
    ("trivial agents", cases::trivial_agents),
    ("makespan, 2 at once", cases::makespan_narrow),
    ("makespan, 16 at once", cases::makespan_wide),
    ("a provider that takes 20 at once", governed::all),
    ("pending calls", cases::pending_calls),
    ("resume", cases::resume),
    ("bought again", again::all),
    ("metering", metering::all),
    ("rehearsals", rehearsals::all),
    ("agents with tools", workers::turns),
    ("sandbox", workers::sandbox_start),
    ("stop", workers::stop),
];
