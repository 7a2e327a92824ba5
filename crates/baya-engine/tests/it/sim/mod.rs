//! The crash simulator: a random script, crashed at every event of its journal and resumed.
//!
//! For each seed: the run is played without a crash; then, for each event, a process that died right
//! after it is resumed. Asserted: same result, no finished call started twice, no delivery before its
//! commit; resuming the ended run starts only what has no answer. One seed: `cargo xtask sim SEED`.

mod caps;
mod script;
mod till;
mod world;

use baya_core::event::{Event, Outcome, Recorded};
use script::{Feature, random_script};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use world::World;
pub use world::record_of;

const SEEDS: u64 = 200;

#[test]
fn c61_a_crash_after_any_event_changes_nothing() {
    let mut hits: BTreeMap<Feature, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        for feature in play(seed, false) {
            *hits.entry(feature).or_default() += 1;
        }
    }
    for feature in [
        Feature::Deep,
        Feature::Race,
        Feature::Timer,
        Feature::Child,
        Feature::Budget,
        Feature::Cancel,
        Feature::Null,
        Feature::Step,
        Feature::Taint,
    ] {
        let count = hits.get(&feature).copied().unwrap_or(0);
        tell(&format!("simulator: {count} of {SEEDS} seeds hit {feature:?}"));
        assert!(count * 20 >= SEEDS, "{feature:?} is hit by less than 5 % of the seeds");
    }
}

/// Shown in the log of a passing run, too: the test harness keeps only what macros print.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `BAYA_SIM_SEED=7 cargo test -p baya-engine --test it sim::one_seed -- --nocapture`
#[test]
fn one_seed() {
    let seed = std::env::var("BAYA_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let features = play(seed, true);
    println!("seed {seed}: {features:?}");
}

fn play(seed: u64, aloud: bool) -> BTreeSet<Feature> {
    let script = random_script(seed);
    if aloud {
        println!("{}\nchildren: {:#?}", script.body, script.children);
    }
    let mut whole = World::fresh(&script, seed);
    let expected = whole.run_to_end();
    if aloud {
        println!("result: {:?} {:?}", expected.status, expected.result);
        whole.journal.iter().for_each(|recorded| println!("{recorded:?}"));
    }
    for crash in 1..whole.journal.len() {
        let context = format!("seed {seed}, crashed after event {crash}");
        let before = whole.journal[..crash].to_vec();
        let mut resumed = World::resumed(&script, before, 2);
        let end = resumed.run_to_end();
        assert_eq!((end.status, &end.result), (expected.status, &expected.result), "{context}");
        // And once more, in the middle of the second life.
        let middle = (crash + resumed.journal.len()) / 2;
        if crash % 7 == 0 && middle > crash && middle < resumed.journal.len() {
            let mut again = World::resumed(&script, resumed.journal[..middle].to_vec(), 3);
            assert_eq!(again.run_to_end().result, expected.result, "{context}, then after {middle}");
        }
    }
    resume_ended(seed, &script, whole.journal);
    script.features
}

/// The ended run asks again only what has no answer: of the calls with one prompt, as many reuse an
/// answer as there are answers, and the rest is asked.
fn resume_ended(seed: u64, script: &script::RandomScript, journal: Vec<Recorded>) {
    let before = tally(&journal);
    let ended = journal.len();
    let mut resumed = World::resumed(script, journal, 2);
    resumed.run_to_end();
    for (prompt, calls) in tally_from(&resumed.journal, ended) {
        let answers = before.get(&prompt).map_or(0, |tally| tally.answered);
        let expected = (calls.reused + calls.queued).saturating_sub(answers);
        assert_eq!(calls.queued, expected, "seed {seed}: `{prompt}` with {answers} answers");
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    queued: u32,
    reused: u32,
    answered: u32,
}

fn tally(journal: &[Recorded]) -> BTreeMap<String, Tally> {
    tally_from(journal, 0)
}

/// Per prompt, what the events after the first `skipped` say.
fn tally_from(journal: &[Recorded], skipped: usize) -> BTreeMap<String, Tally> {
    let mut prompts = BTreeMap::new();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (place, recorded) in journal.iter().enumerate() {
        let counted =
            |tallies: &mut BTreeMap<String, Tally>, prompt: Option<&String>, add: fn(&mut Tally)| {
                if let Some(prompt) = prompt.filter(|_| place >= skipped) {
                    add(tallies.entry(prompt.clone()).or_default());
                }
            };
        match &recorded.event {
            Event::AgentQueued { agent, prompt, .. } => {
                prompts.insert(*agent, prompt.clone());
                counted(&mut tallies, Some(prompt), |tally| tally.queued += 1);
            }
            Event::AgentReused { agent, .. } => {
                counted(&mut tallies, prompts.get(agent), |tally| tally.reused += 1)
            }
            Event::AgentFinished { agent, outcome: Outcome::Answered(_), .. } => {
                counted(&mut tallies, prompts.get(agent), |tally| tally.answered += 1);
            }
            _ => {}
        }
    }
    tallies
}
