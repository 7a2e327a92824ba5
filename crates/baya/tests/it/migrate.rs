//! Migrations from the first agent to landed commits: the example, and one with agents that are wrong, in
//! each other's way, or hang; the same under SIGKILL.
//!
//! At middle size, or in full by `cargo xtask proofs`. The moments come from a seed that is printed:
//! `BAYA_KILL_SEED=7 cargo test -p baya migrate`.

use crate::fix_tests::example;
use crate::harness::{Baya, Running, send, wait, wait_within};
use crate::killed_process::events;
use crate::migration::Migration;
use crate::proof::{Random, figure, seconds};
use crate::repository::{RUN, checkout, git, noted, only_run, shown};
use baya_core::event::Event;
use baya_core::landing::LandingRecord;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[test]
fn the_example_migrates_every_file_and_lands_it_under_its_check() {
    let baya = Baya::new();
    let mut make = std::process::Command::new("sh");
    make.arg(example("migrate.sh")).arg(baya.work().join("shop"));
    make.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", baya.home());
    assert!(make.status().expect("sh").success());
    let call = baya.line("run migrate.js --backend stand-in --trust --json").in_folder("shop");
    let output = call.run().exits(0).prints_line("to_cent is not a function");
    let result = output.run_ended()["result"].clone();
    assert_eq!(result["landed"], 6, "{result}");
    let pieces = result["pieces"].as_array().expect("a list");
    let tries: Vec<&Value> = pieces.iter().map(|piece| &piece["tries"]).collect();
    assert_eq!(tries, [1, 1, 1, 2, 1, 1]);
    assert!(pieces.iter().all(|piece| piece["state"] == "landed"), "{result}");
    let branch = result["branch"].as_str().expect("a branch");
    let in_shop = |words: &[&str]| git(&baya, &[&["-C", "shop"], words].concat());
    assert!(in_shop(&["show", &format!("{branch}:src/order.sh")]).contains("{ to_cents 4 50; }"));
    assert_eq!(in_shop(&["diff", "--shortstat", "main", branch]).matches("6 files changed").count(), 1);
    assert_eq!(in_shop(&["status", "--porcelain"]), "", "the checkout is as it was");
    assert_eq!(in_shop(&["branch", "--show-current"]), "main");
}

#[test]
fn a_migration_lands_what_holds_and_names_the_fate_of_the_rest() {
    let Some(migration) = Migration::lay_out() else { return };
    let baya = &migration.baya;
    let (before, since) = (checkout(baya), Instant::now());
    let result = baya.args(RUN).run().exits(0).run_ended()["result"].clone();
    figure("migration: from the first agent to landed commits", seconds(since));
    figure("migration: checks by the compilers", checks(baya));
    migration.check_migrated(&result);
    assert_eq!(checkout(baya), before);
    assert_eq!(noted(baya, "asked").len(), migration.prompts());
}

/// How often merged trees were checked.
fn checks(baya: &Baya) -> usize {
    let checked = |event: &Event| matches!(event, Event::Landing { record: LandingRecord::Checked { .. } });
    events(baya, &only_run(baya)).iter().filter(|recorded| checked(&recorded.event)).count()
}

/// How long a proof in full may take to its next moment.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// When Baya is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// So long after so many agents have been asked.
    Asked { agents: usize, then_ms: usize },
    /// So long after it lands.
    Landing { then_ms: usize },
}

/// In order.
fn moments(migration: &Migration, random: &mut Random) -> Vec<Moment> {
    let (asked, landing) = migration.size.kills;
    let mut moments: Vec<Moment> = (0..asked)
        .map(|_| Moment::Asked {
            agents: 1 + random.below(migration.prompts() - 1),
            then_ms: random.below(100),
        })
        .collect();
    moments.extend((0..landing).map(|_| Moment::Landing { then_ms: random.below(1_000) }));
    moments.sort_unstable();
    moments
}

impl Moment {
    fn is_reached(self, baya: &Baya) -> bool {
        match self {
            Moment::Asked { agents, .. } => noted(baya, "asked").len() >= agents,
            Moment::Landing { .. } => {
                let run = only_run(baya);
                baya.home().join(format!(".local/state/baya/worktrees/{run}/{run}.landing")).exists()
            }
        }
    }

    fn then(self) -> Duration {
        let (Moment::Asked { then_ms, .. } | Moment::Landing { then_ms }) = self;
        Duration::from_millis(then_ms as u64)
    }
}

#[test]
fn a_migration_that_is_killed_again_and_again_ends_the_same_and_buys_nobody_twice() {
    let Some(migration) = Migration::lay_out() else { return };
    let (baya, mut random) = (&migration.baya, Random::seeded());
    let (before, since) = (checkout(baya), Instant::now());
    let mut words: Vec<String> = RUN.map(str::to_owned).to_vec();
    let mut bought = Bought::default();
    let mut kills = 0;
    for moment in moments(&migration, &mut random) {
        kills += usize::from(killed_at(baya, &words, moment));
        let run = only_run(baya);
        bought.check(baya, &run);
        words = ["resume", run.as_str(), "--yes", "--json"].map(str::to_owned).to_vec();
    }
    let result = baya.args(words).run().exits(0).run_ended()["result"].clone();
    figure("killed migration: SIGKILLs", kills);
    figure("killed migration: until its end", seconds(since));
    let (asked, landing) = migration.size.kills;
    assert!(kills * 10 >= (asked + landing) * 8, "killed only {kills} times");
    migration.check_migrated(&result);
    bought.check(baya, &only_run(baya));
    figure("killed migration: agents that were bought twice", 0);
    assert_eq!(checkout(baya), before);
    migration.check_tidy();
}

/// False: it ended before.
#[track_caller]
fn killed_at(baya: &Baya, words: &[String], moment: Moment) -> bool {
    let mut running = Running(vec![baya.args(words.iter().cloned()).spawn()]);
    let child = &mut running.0[0];
    let mut over = false;
    wait_within(PATIENCE, "the moment", || {
        over = child.try_wait().expect("a child").is_some();
        over || moment.is_reached(baya)
    });
    if !over {
        std::thread::sleep(moment.then());
        over = child.try_wait().expect("a child").is_some();
    }
    if !over {
        send(child, Signal::KILL);
    }
    wait(child);
    !over
}

/// Agents whose answers are in the journal, and how often they had been asked by then.
#[derive(Default)]
struct Bought(BTreeMap<String, usize>);

impl Bought {
    #[track_caller]
    fn check(&mut self, baya: &Baya, run: &str) {
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        noted(baya, "asked").iter().for_each(|line| *asked.entry(line.to_lowercase()).or_default() += 1);
        for name in answered(&shown(baya, run)) {
            let times = asked[&name];
            let known = *self.0.entry(name.clone()).or_insert(times);
            assert_eq!(known, times, "`{name}` was bought twice");
        }
    }
}

/// By their labels.
fn answered(view: &Value) -> Vec<String> {
    let agents = view["agents"].as_object().into_iter().flatten();
    let answered = agents.filter(|(_, agent)| agent["state"] == "answered");
    answered.map(|(_, agent)| agent["label"].as_str().expect("a label").to_owned()).collect()
}
