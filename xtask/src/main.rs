//! The house's own chores: `cargo xtask ci | test | agents | tidy | sim SEED | estimate | bench |
//! proofs worktrees | proofs rehearsal | live`.
//!
//! Knows nothing of the house's crates: it runs cargo, reads sources as text, and drives the built
//! binary from outside. What it prints is for people; what it ends with is an exit status.

mod agents;
mod bench;
mod chores;
mod counts;
mod live;
mod proofs;
mod shell;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask CHORE
  ci           what CI runs: fmt, clippy, tidy, test
  test         every test of the workspace; the last line says how many passed, failed and were skipped
  agents       installs the pinned agents that tests drive (npm); `ci` and `test` do it by themselves
  tidy         the rules that need no compiler: crate edges, licences, sizes, dead files, contract ids
  sim SEED     one seed of the crash simulator, with its whole story
  bench        the numbers of docs/benchmarks.md, measured here (--quick: a tenth of the agents)
  proofs worktrees
               the proofs of worktrees and landings at full size; some minutes
  proofs rehearsal
               the seeded faults and their healthy twins, 200 rehearsals each; some minutes
  proofs caps  2000 simulated fleets and crowds on one purse: no cap is overshot, none starves
  proofs estimate
               100 plans for each example, held against what the next run costs
  live         the examples that do real work, on every backend that works here; costs tokens, asks before";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["ci"] => chores::ci(),
        ["test"] => chores::test(),
        ["agents"] => agents::report(),
        ["tidy"] => tidy::run(),
        ["sim", seed] => chores::sim(seed),
        ["bench"] => bench::bench(bench::Size::Full),
        ["bench", "--quick"] => bench::bench(bench::Size::Quick),
        ["proofs", proofs::WORKTREES] => proofs::worktrees(),
        ["proofs", proofs::REHEARSAL] => proofs::rehearsal(),
        ["proofs", proofs::CAPS] => proofs::caps(),
        ["proofs", proofs::ESTIMATE] => proofs::estimate(),
        ["live", words @ ..] => live::live(words),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
