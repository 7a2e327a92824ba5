//! What the text of a script says it can take at most, against what its rehearsals took.

use super::figures;
use baya_core::budget::Caps;
use baya_core::history::label_kind;
use baya_core::money::NanoUsd;
use baya_core::rehearsal::{Forecast, Report};
use baya_core::script::{self, Options, SourceFile};
use baya_engine::rehearsal::{Given, Job, Purpose, bound, play, rehearse};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Scripts of the corpus that have a bound, at least.
const BOUNDED_MIN: usize = 65;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> SourceFile {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    SourceFile { name: path.display().to_string(), text }
}

/// Every script that the project shows or tests.
fn corpus() -> Vec<PathBuf> {
    let folders = ["examples", "scenarios", "scenarios/parts", "scenarios/rehearsal"];
    let files = folders.into_iter().flat_map(|folder| std::fs::read_dir(project().join(folder)).unwrap());
    let mut all: Vec<PathBuf> = files.map(|it| it.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|it| it == "js"));
    all.sort();
    all
}

fn job(path: &Path, runs: u32) -> Job {
    let mut load = |importer: &str, specifier: &str| Ok(read(&Path::new(importer).with_file_name(specifier)));
    let checked = script::check(read(path), &Options::default(), &mut load);
    Job::of(checked.map_err(|found| script::render(&found, false)).unwrap().script, runs, 1)
}

/// Plays a script, and says what went beyond its bounds, and how many bounds it has: in all, and of phases.
fn beyond(name: &str, job: &Job, wrong: &mut Vec<String>) -> (usize, usize) {
    let played = play(job, &job.case(0, &[]));
    let kinds: BTreeSet<String> = played.agents.iter().map(|agent| label_kind(&agent.label)).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    let phases = played.by_phase.keys().map(|title| (title.clone(), Forecast::default())).collect();
    let mut report = Report { phases, ..Report::default() };
    bound(job, job, &mut report);
    let most = report.total.agents.bound;
    let known: Vec<(&str, u64)> =
        report.phases.iter().filter_map(|(title, it)| Some((title.as_str(), it.agents.bound?))).collect();
    if most.is_none() && known.is_empty() {
        return (0, 0);
    }
    for index in 0..job.runs {
        let played = play(job, &job.case(index, &kinds));
        let of_phases = known
            .iter()
            .filter_map(|(title, most)| Some((*title, played.by_phase.get(*title)?.agents, *most)));
        let in_all = most.map(|most| ("in all", played.total.agents, most));
        let beyond = of_phases.chain(in_all).filter(|(_, agents, most)| agents > most);
        wrong.extend(beyond.map(|(what, agents, most)| format!("{name}, {what}: {agents} above {most}")));
    }
    (usize::from(most.is_some()), known.len())
}

#[test]
fn no_rehearsal_goes_beyond_the_bound_of_its_script() {
    let (mut bounded, mut phases, mut wrong) = (0, 0, Vec::new());
    let corpus = corpus();
    let runs = if figures::is_full() { 200 } else { 8 };
    for path in &corpus {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Looking for trouble, and as a run would begin.
        let job = job(path, runs);
        let of_any = beyond(&name, &job, &mut wrong);
        let plain = Job { purpose: Purpose::Forecast, runs: runs / 2, ..job };
        let of_plain = beyond(&name, &plain, &mut wrong);
        bounded += of_any.0.max(of_plain.0);
        phases += of_any.1.max(of_plain.1);
    }
    figures::note("scripts with a bound", &format!("{bounded} of {}", corpus.len()));
    assert_eq!(wrong, Vec::<String>::new());
    assert!(bounded >= BOUNDED_MIN, "{bounded} of {}, {phases} phases", corpus.len());
}

fn of_text(body: &str, change: impl FnOnce(&mut Job)) -> Report {
    let mut job = Job::of(super::script(body), 12, 1);
    change(&mut job);
    rehearse(&job)
}

const FAN: &str = "await parallel(args.files.map((it) => () => agent(`read ${it}`, {phase: 'Read'})))\nphase('Sum')\n\
                   return agent('sum up')";

#[test]
fn arguments_that_are_given_make_a_bound() {
    let files = json!({"files": ["a", "b", "c"]});
    let report = of_text(FAN, |job| job.args = Some(Given(files)));
    let phases: BTreeMap<&str, Option<u64>> =
        report.phases.iter().map(|(title, it)| (title.as_str(), it.agents.bound)).collect();
    let expected = BTreeMap::from([("Read", Some(3)), ("Sum", Some(1))]);
    assert_eq!((report.total.agents.bound, phases), (Some(4), expected));
    // Made up, they may be others the next time.
    let report = of_text(FAN, |_| {});
    assert_eq!((report.total.agents.bound, report.phases[0].1.agents.bound), (None, Some(1)));
}

#[test]
fn what_a_run_is_held_to_is_a_bound() {
    let body = "for (let i = 0; i < 40; i++) await agent(`look ${i}`)";
    let held = |job: &mut Job| {
        job.limits.agents_max = 25;
        job.limits.budget_tokens = Some(50_000);
        *job.limits.caps = Caps { cost: Some(NanoUsd(5)), tokens: Some(60_000), ..Caps::default() };
    };
    let report = of_text(body, |job| {
        held(job);
        job.purpose = Purpose::Forecast;
    });
    let total = &report.total;
    assert_eq!((total.agents.bound, total.agents.worst, total.depth.bound), (Some(25), 25, Some(25)));
    assert_eq!((total.cost.bound, total.tokens_out.bound), (Some(5), Some(50_000)));
    assert_eq!((total.tokens_in.bound, total.cost.worst), (Some(60_000), 0));
    // What looks for trouble shows what the script wants.
    let wanted = of_text(body, held).total;
    assert_eq!((wanted.agents.bound, wanted.cost.bound, wanted.tokens_in.bound), (Some(25), None, None));
    let phased = |job: &mut Job| {
        job.script.meta["phases"] = json!([{"title": "Read", "budget": {"agents": 2}}]);
        job.args = Some(Given(json!({"files": ["a", "b", "c"]})));
    };
    let read = &of_text(FAN, phased).phases[0];
    assert_eq!((read.0.as_str(), read.1.agents.bound, read.1.agents.worst), ("Read", Some(2), 2));
    // Without a bound of its own the script has that of the cap; the limit every run has says nothing.
    let open = "while (x()) await agent('look')\nfunction x() { return true }";
    let capped = of_text(open, |job| {
        job.limits.caps.agents = Some(30);
        job.purpose = Purpose::Forecast;
    });
    assert_eq!(capped.total.agents.bound, Some(30));
    assert_eq!(of_text(open, |_| {}).total.agents.bound, None);
}
