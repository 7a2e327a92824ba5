//! Scripts with one seeded fault each, and their healthy twins: the fault is found near its line, and the
//! twin has nothing to complain of. Middle size here, full size by `cargo xtask proofs rehearsal`.

use super::figures;
use baya_core::rehearsal::{Finding, Report, Weight};
use baya_core::script::{self, Options, SourceFile};
use baya_engine::rehearsal::{Job, play, rehearse};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

const SEED: u64 = 1;
/// Lines between a fault and what is said of it.
const NEAR: u32 = 4;
/// Warnings that a healthy script may get.
const WARNINGS_MAX: usize = 3;
/// Faults that may stay hidden.
const MISSED_MAX: usize = 2;

/// Rehearsals of each script.
fn runs() -> u32 {
    if figures::is_full() { 200 } else { 16 }
}

#[derive(Deserialize)]
struct Fault {
    fault: String,
    line: u32,
    kinds: Vec<String>,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn corpus() -> BTreeMap<String, Fault> {
    let path = project().join("scenarios/rehearsal/faults.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn read(path: &Path) -> SourceFile {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    SourceFile { name: path.display().to_string(), text }
}

fn job(path: &str) -> Job {
    let mut load = |importer: &str, specifier: &str| Ok(read(&Path::new(importer).with_file_name(specifier)));
    let checked = script::check(read(&project().join(path)), &Options::default(), &mut load);
    Job::of(checked.map_err(|found| script::render(&found, false)).unwrap().script, runs(), SEED)
}

fn rehearsed(path: &str) -> Report {
    rehearse(&job(path))
}

fn line(finding: &Finding) -> u32 {
    finding.site.as_ref().map_or(0, |site| site.line)
}

fn words(findings: &[Finding]) -> String {
    let words = |it: &Finding| {
        let case = serde_json::to_string(&it.case).unwrap();
        format!(
            "  {:?} {} line {}, seen {}: {}\n    {case}\n",
            it.weight,
            it.kind,
            line(it),
            it.seen,
            it.message
        )
    };
    findings.iter().map(words).collect()
}

#[test]
fn every_seeded_fault_is_found() {
    let corpus = corpus();
    assert!(corpus.len() >= 30);
    let (mut missed, mut slowest) = (Vec::new(), (0, String::new()));
    for (name, fault) in &corpus {
        let started = Instant::now();
        let report = rehearsed(&format!("scenarios/rehearsal/{name}.faulty.js"));
        slowest = slowest.max((started.elapsed().as_millis(), name.clone()));
        let is_it = |it: &Finding| fault.kinds.contains(&it.kind) && line(it).abs_diff(fault.line) <= NEAR;
        if !report.findings.iter().any(is_it) {
            let expected = format!("{name}: {}, {:?} at line {}", fault.fault, fault.kinds, fault.line);
            missed.push(format!("{expected}\n{}", words(&report.findings)));
        }
    }
    figures::note("seeded faults", &corpus.len().to_string());
    figures::note("found", &(corpus.len() - missed.len()).to_string());
    figures::note("slowest of them", &format!("{} ms ({})", slowest.0, slowest.1));
    assert!(missed.len() <= MISSED_MAX, "missed of {}:\n{}", corpus.len(), missed.concat());
}

#[test]
fn their_healthy_twins_are_left_alone() {
    let (mut alarms, mut warned) = (String::new(), 0);
    for name in corpus().keys() {
        let report = rehearsed(&format!("scenarios/rehearsal/{name}.healthy.js"));
        let count = |weight: Weight| report.findings.iter().filter(|it| it.weight == weight).count();
        warned += count(Weight::Warning);
        if count(Weight::Error) > 0 || count(Weight::Warning) > WARNINGS_MAX {
            alarms += &format!("{name}\n{}", words(&report.findings));
        }
    }
    figures::note("warnings on all healthy twins", &warned.to_string());
    assert_eq!(alarms, "");
}

/// Readers that fail and are not missed, a null in a prompt, a race on purpose. Which of them are seen hangs
/// on what is made up.
const SAID: [&str; 8] = [
    "examples/quarantine.js Warning lost-failure",
    "examples/quarantine.js Warning null-in-prompt",
    "scenarios/failures_are_counted.js Warning null-dereference",
    "scenarios/fan_out_synthesize.js Warning lost-failure",
    "scenarios/generate_and_filter.js Warning lost-failure",
    "scenarios/race_with_timeout.js Warning unawaited-agent",
    "scenarios/race_with_timeout.js Warning lost-failure",
    "scenarios/root_cause.js Warning lost-failure",
];

/// What rehearsals say of scripts that are shown to people; each line is true of its script.
#[test]
fn public_scripts_have_no_errors_and_few_warnings() {
    let mut said = Vec::new();
    for folder in ["examples", "scenarios"] {
        let entries = std::fs::read_dir(project().join(folder)).unwrap().map(|it| it.unwrap().path());
        let mut all: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|it| it == "js")).collect();
        all.sort();
        for path in all {
            let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            let report = rehearsed(&name);
            // Whoever plays it here finds no workflows for it.
            let loud = report.findings.iter().filter(|it| it.weight != Weight::Note);
            let loud = loud.filter(|it| it.kind != "unusable-workflow");
            said.extend(loud.map(|it| format!("{name} {:?} {}", it.weight, it.kind)));
        }
    }
    said.retain(|words| !SAID.contains(&words.as_str()));
    assert_eq!(said, Vec::<String>::new());
}

/// A case that a finding comes with shows it again.
#[test]
fn cases_are_small_and_replay() {
    for (name, draws) in [("null_dereference", 1), ("reduce_of_nothing", 6), ("prose_instead_of_answer", 1)] {
        let job = job(&format!("scenarios/rehearsal/{name}.faulty.js"));
        let report = rehearse(&job);
        let error = report.findings.iter().find(|it| it.weight == Weight::Error).unwrap();
        let case = error.case.clone().unwrap();
        assert!(case.draws.len() <= draws && case.mood.is_plain(), "{name}: {case:?}");
        let again = play(&job, &case);
        let thrown = again.end.run_end().and_then(|end| end.error.clone()).unwrap();
        assert_eq!(thrown.site.map(|site| site.line), Some(line(error)), "{name}");
    }
}

fn of_text(text: &str) -> Report {
    let file = SourceFile { name: "odd.js".to_owned(), text: text.to_owned() };
    let checked = script::check(file, &Options::default(), &mut |_, _| Err("no imports".to_owned()));
    rehearse(&Job::of(checked.map_err(|found| script::render(&found, false)).unwrap().script, 20, SEED))
}

#[test]
fn a_script_without_agents_has_nothing_to_find_and_costs_nothing() {
    let report =
        of_text("export const meta = {name: 'sum', description: 'd'}\nreturn [1, 2].reduce((a, b) => a + b)");
    assert_eq!((report.findings, report.total.agents.worst, report.total.cost.worst), (Vec::new(), 0, 0));
    let none = "export const meta = {name: 'none', description: 'd'}\nif (2 > 1) log('x')";
    assert_eq!(of_text(none).findings, Vec::new());
}

#[test]
fn arguments_that_are_required_and_absent_are_made_up_from_what_describes_them() {
    let described = |body: &str| {
        format!(
            "export const meta = {{name: 'a', description: 'd', args: {{type: 'object', required: ['files'], \
             properties: {{files: {{type: 'array', items: {{type: 'string'}}}}}}}}}}\n{body}"
        )
    };
    let body = "const all = args.files.map((it) => it.trim())\nlog(all.join())\nreturn agent(`look at ${all.length}`)";
    assert_eq!(words(&of_text(&described(body)).findings), "");
    // Nothing describes them: a run with a text for them ends at once.
    let report = of_text(&format!("export const meta = {{name: 'a', description: 'd'}}\n{body}"));
    let found: Vec<(&str, u32)> = report.findings.iter().map(|it| (it.kind.as_str(), line(it))).collect();
    assert_eq!(found, [("args-unchecked", 2)]);
}

/// The kinds that findings may have are told apart in the documentation.
#[test]
fn every_kind_has_its_line() {
    let pages =
        [include_str!("../../../../../docs/rehearsal.md"), include_str!("../../../../../docs/lints.md")];
    for kind in corpus().into_values().flat_map(|fault| fault.kinds) {
        let is_told = pages[0].contains(&format!("- `{kind}`")) || pages[1].contains(&format!("## {kind}\n"));
        assert!(is_told, "`{kind}`");
    }
}
