//! How large the proofs of worktrees are here, and the figures they leave.
//!
//! Tests run at middle size; `cargo xtask proofs` runs the very same ones with `BAYA_PROOF=full`, and
//! collects the figures from the file that `BAYA_PROOF_FIGURES` names.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

/// What a proof is made of.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Files of the repository that is migrated, half of them Rust, half TypeScript.
    pub files: usize,
    /// Agents that migrate them.
    pub agents: usize,
    /// SIGKILLs while agents work, and while it lands.
    pub kills: (usize, usize),
    /// Agents of each of the runs at once.
    pub crowd: [usize; 3],
}

const MIDDLE: Size = Size { files: 120, agents: 16, kills: (4, 1), crowd: [8, 8, 8] };
const FULL: Size = Size { files: 500, agents: 60, kills: (34, 16), crowd: [34, 33, 33] };

impl Size {
    pub fn here() -> Size {
        match std::env::var("BAYA_PROOF") {
            Ok(word) if word == "full" => FULL,
            Ok(word) => panic!("`BAYA_PROOF={word}` is no size: it is `full`, or not there"),
            Err(_) => MIDDLE,
        }
    }
}

/// One line of the table that the chore prints.
pub fn figure(what: &str, value: impl Display) {
    eprintln!("figure: {what}: {value}");
    if let Some(path) = std::env::var_os("BAYA_PROOF_FIGURES") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(file.expect("the figures"), "{what}\t{value}").expect("written");
    }
}

/// As `12.3 s`.
pub fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

/// Numbers that follow from a seed.
pub struct Random(u64);

impl Random {
    /// The seed is `BAYA_KILL_SEED`, or always the same; it is printed.
    pub fn seeded() -> Random {
        let seed = std::env::var("BAYA_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(20_261_121);
        figure("seed", format!("BAYA_KILL_SEED={seed}"));
        Random(seed)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
