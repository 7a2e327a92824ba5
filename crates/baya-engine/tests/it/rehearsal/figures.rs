//! The size of a proof, and what it measured. Timings are noted, never asserted.

use std::io::Write;

/// `cargo xtask proofs` asks for the full size.
pub fn is_full() -> bool {
    std::env::var("BAYA_PROOF").is_ok_and(|size| size == "full")
}

/// A figure for the table in `docs/benchmarks.md`.
pub fn note(what: &str, value: &str) {
    let Some(path) = std::env::var_os("BAYA_PROOF_FIGURES") else { return };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{what}\t{value}").unwrap();
}
