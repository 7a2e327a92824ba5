//! Rehearsals: one script, many worlds.

mod recorded;
mod world;

mod bounds;
mod children;
mod endless;
mod faults;
mod figures;

use baya_core::event::ScriptRecord;
use baya_core::rehearsal::{Case, Draw};
use baya_core::script::{self, Options, SourceFile};
use baya_engine::rehearsal::{Job, play, rehearse};

fn script(body: &str) -> ScriptRecord {
    let text = format!("export const meta = {{name: 'rehearsed', description: 'd'}}\n{body}");
    let file = SourceFile { name: "rehearsed.js".to_owned(), text };
    let checked = script::check(file, &Options::default(), &mut |_, _| Err("no imports".to_owned()));
    checked.map_err(|found| script::render(&found, false)).unwrap().script
}

const REVIEW: &str = r#"
const LIST = {type: 'object', properties: {files: {type: 'array', items: {type: 'string'}}}, required: ['files']}
phase('Find')
const found = await agent('find the files', {label: 'find', schema: LIST})
phase('Review')
const out = await parallel(found.files.map((file) => () => agent(`review ${file}`, {label: `review ${file}`})))
return out.length
"#;

#[test]
fn a_plain_rehearsal_goes_the_whole_way() {
    let job = Job::of(script(REVIEW), 1, 1);
    let played = play(&job, &Case::default());
    assert!(played.end.is_completed(), "{:?}", played.end);
    assert!(played.total.agents > 1);
    assert_eq!(played.total.depth, 2);
}

#[test]
fn a_null_where_the_script_reads_a_member_is_its_error() {
    let job = Job::of(script(REVIEW), 1, 1);
    let case = Case { draws: [(1, Draw::Null)].into(), ..Case::default() };
    let played = play(&job, &case);
    let error = played.end.run_end().and_then(|end| end.error.clone()).unwrap();
    assert_eq!((error.name.as_str(), error.site.map(|site| site.line)), ("TypeError", Some(7)));
}

#[test]
fn the_same_job_gives_the_same_report() {
    let job = Job::of(script(REVIEW), 60, 7);
    let (one, other) = (rehearse(&job), rehearse(&job));
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
    assert_eq!(one.runs, 60);
    assert!(one.total.agents.p90 >= one.total.agents.p50 && one.total.agents.worst > 20, "{:?}", one.total);
}
