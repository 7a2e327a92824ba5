//! Scripts that a script calls are watched like itself: what is wrong with them is told with their file.

use baya_core::call::WorkflowTarget;
use baya_core::event::ScriptRecord;
use baya_core::rehearsal::Report;
use baya_core::script::{self, Options, SourceFile};
use baya_engine::rehearsal::{Job, rehearse};
use std::collections::BTreeSet;

fn part(body: &str) -> ScriptRecord {
    let text = format!("export const meta = {{name: 'part', description: 'd'}}\n{body}");
    let file = SourceFile { name: "part.js".to_owned(), text };
    let checked = script::check(file, &Options::default(), &mut |_, _| Err("no imports".to_owned()));
    checked.map_err(|found| script::render(&found, false)).unwrap().script
}

fn rehearsed(body: &str, child: &str) -> Report {
    let mut job = Job::of(super::script(body), 30, 1);
    let target = WorkflowTarget::Path("part.js".to_owned());
    job.known.workflows.push((target, job.script.path.clone(), Ok(part(child))));
    rehearse(&job)
}

/// Kinds and places of what was found in a file.
fn found<'r>(report: &'r Report, file: &str) -> BTreeSet<(&'r str, u32)> {
    let places = report.findings.iter().filter_map(|it| Some((it.kind.as_str(), it.site.as_ref()?)));
    places.filter(|(_, site)| site.file == file).map(|(kind, site)| (kind, site.line)).collect()
}

const CALLS: &str = "const one = await workflow({scriptPath: 'part.js'}, {n: 1})\nreturn {one}";

#[test]
fn what_is_wrong_with_a_script_that_is_called_is_told_with_its_file() {
    let child = "const S = {type: 'object', properties: {kind: {enum: ['bug', 'wish']}}, required: ['kind']}
const seen = await agent('what is it?', {label: 'look', schema: S})
if (seen === null) return 'nobody looked'
log(`${seen.urgency}`)
if (seen.kind === 'Bug') {
  log('never')
}
return seen.kind";
    let report = rehearsed(CALLS, child);
    let expected = [("unknown-field", 5), ("unmatched-value", 6), ("unreached", 7)];
    assert_eq!(found(&report, "part.js"), BTreeSet::from(expected), "{:?}", report.findings);
    assert_eq!(found(&report, "rehearsed.js"), BTreeSet::new(), "{:?}", report.findings);
}

/// Steps are counted by each script on its own.
#[test]
fn steps_of_both_scripts_are_told_apart() {
    let own = "const ran = await baya.exec('make')\nif (ran.code !== 0) throw new Error(ran.stderr)\n\
               return workflow({scriptPath: 'part.js'})";
    let report = rehearsed(own, "log('x')\nawait baya.exec('make check')\nreturn 'done'");
    assert_eq!(found(&report, "part.js"), BTreeSet::from([("unchecked-step", 3)]), "{:?}", report.findings);
    assert_eq!(found(&report, "rehearsed.js"), BTreeSet::new(), "{:?}", report.findings);
}

/// A script that is never called is not unreached line by line.
#[test]
fn what_is_never_called_is_told_where_it_would_be() {
    let own = "const seen = await agent('look')\nif (seen === 'x y z') {\n  \
               await workflow({scriptPath: 'part.js'})\n}\n\
               return seen ?? 'nobody'";
    let report = rehearsed(own, "log('one')\nlog('two')");
    assert_eq!(found(&report, "part.js"), BTreeSet::new());
    assert!(found(&report, "rehearsed.js").contains(&("unreached", 4)), "{:?}", report.findings);
}
