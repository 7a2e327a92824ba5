//! Rehearsals: one script, many worlds.
#![allow(unsafe_code)]

mod recorded;

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

#[test]
fn speed() {
    for (n, runs) in [(0, 20), (60, 20), (1000, 3)] {
        let body = format!(
            "const S={{type:'object',properties:{{findings:{{type:'array',items:{{type:'object',properties:{{file:{{type:'string'}},line:{{type:'integer'}},why:{{type:'string'}}}},required:['file','line','why']}}}}}},required:['findings']}}\nconst l = await pipeline(Array.from({{length: {n}}}, (_, i) => i), (i) => agent(`do ${{i}}`, {{label: `do ${{i}}`, schema: i % 2 ? S : undefined}}))\nreturn l.length"
        );
        let job = Job::of(script(&body), 20, 1);
        let t0 = cpu();
        for i in 0..runs {
            play(&job, &Case { seed: i, mood: baya_core::rehearsal::Mood::Typical, ..Case::default() });
        }
        eprintln!("{n}: {:?} ms cpu per run", (cpu() - t0) as f64 / runs as f64);
    }
}
fn cpu() -> i64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec * 1000 + t.tv_nsec / 1000000
}
