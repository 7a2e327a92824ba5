//! A recorded run played again.

use super::script;
use baya_core::agent::Answer;
use baya_core::cassette::{CASSETTE_FORMAT, Cassette, RecordedCall, RecordedEnd, RecordedStep};
use baya_core::event::{Outcome, RunStatus};
use baya_core::rehearsal::Case;
use baya_core::run::call_key;
use baya_core::step::{HostStep, StepOutcome};
use baya_engine::rehearsal::{Job, NOT_RECORDED, Played, play};
use serde_json::{Value, json};

const SCRIPT: &str = r#"
const files = await baya.glob('src/*')
const now = new Date().toISOString()
const read = await parallel(files.map((file) => () => agent(`read ${file} on ${now}`, {label: file})))
return {files: files.length, read, by: args.by}
"#;

fn call(label: &str, prompt: &str, answer: &str) -> RecordedCall {
    RecordedCall {
        key: call_key(prompt, &Default::default()),
        label: label.to_owned(),
        phase: None,
        prompt: prompt.to_owned(),
        outcome: Outcome::Answered(Answer::Text(answer.to_owned())),
        usage: Default::default(),
        duration_ms: 7,
        model: None,
        work: None,
    }
}

fn cassette(files: &[&str]) -> Cassette {
    let outcome = StepOutcome::Done(json!(files));
    Cassette {
        format: CASSETTE_FORMAT,
        workflow: "rehearsed".to_owned(),
        args: Some(json!({"by": "me"})),
        seed: 3,
        started_ms: 1_000,
        surroundings: Default::default(),
        calls: vec![
            call("src/a", "read src/a on 1970-01-01T00:00:01.005Z", "of a"),
            call("src/b", "read src/b as it was", "of b"),
        ],
        steps: vec![RecordedStep {
            step: HostStep::Glob { pattern: "src/*".into() },
            outcome,
            duration_ms: 5,
        }],
        end: RecordedEnd { status: RunStatus::Completed, result: None, error: None },
    }
}

fn played(files: &[&str]) -> (Played, Value) {
    let job = Job { cassette: Some(Box::new(cassette(files))), ..Job::of(script(SCRIPT), 1, 1) };
    let played = play(&job, &Case { seed: 3, ..Case::default() });
    let result = played.end.run_end().and_then(|end| end.result.clone()).unwrap_or_default();
    (played, result)
}

#[test]
fn agents_and_steps_give_what_they_gave_at_the_time_they_gave_it() {
    let (_, result) = played(&["src/a", "src/b"]);
    // The second prompt has changed since: it is found by its label.
    assert_eq!(result, json!({"files": 2, "read": ["of a", "of b"], "by": "me"}));
}

#[test]
fn what_was_never_recorded_fails_and_says_so() {
    let (played, result) = played(&["src/a", "src/c"]);
    assert_eq!(result["read"], json!(["of a", null]));
    let why = played.agents[1].outcome.clone().unwrap().unwrap_err().message;
    assert!(why.starts_with(NOT_RECORDED), "{why}");
}
