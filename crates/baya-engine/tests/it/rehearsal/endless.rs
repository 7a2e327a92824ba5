//! Scripts that compute and never wait: the engine of JavaScript says no place, and rehearsals do.

use baya_core::rehearsal::{Case, Finding};
use baya_core::script::watch;
use baya_engine::rehearsal::findings::{Scene, look};
use baya_engine::rehearsal::{Job, Stage, Unwatched};

fn found(body: &str) -> Vec<Finding> {
    let job = Job::of(super::script(body), 1, 1);
    let played = Stage::new(&job, &job).play(&Case::default(), &Unwatched, &job);
    let watched = watch(&job.script.program);
    look(Scene { job: &job, watched: watched.as_ref(), children: &[] }, &played).found
}

/// The line of the loop, and where the script was last.
#[track_caller]
fn check(body: &str, line: u32, last: u32) {
    let found = found(body);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.kind, "endless-loop");
    let at = finding.site.as_ref().map(|site| (site.file.as_str(), site.line));
    assert_eq!(at, Some(("rehearsed.js", line)), "{}", finding.message);
    let told = format!("it computes and never waits, and was last at `rehearsed.js:{last}`");
    assert!(finding.message.ends_with(&told), "{}", finding.message);
}

#[test]
fn a_script_that_computes_for_ever_is_told_with_its_place() {
    // It went the same way before, and ended.
    let turn = "const turn = (n) => {\n  while (n !== 1) {\n    n = n % 2 ? n : n / 2\n  }\n}\n\
                turn(8)\nawait agent('x')";
    check(&format!("{turn}\nturn(7)"), 3, 3);
    check("let n = 0\nfor (let i = 0; i < 10; n++) for (let j = 0; j < 10; j++) n += j", 3, 3);
    check("await agent('x')\nlog('y')\nfor (;;);", 4, 4);
    // Nothing goes round: the last place that was new.
    check("const text = 'a'.repeat(40)\nlog('x')\nif (/^(a+)+$/.test(text + '!')) log('y')", 4, 4);
}
