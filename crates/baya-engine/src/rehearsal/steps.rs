//! What host steps of a rehearsal come to. None of them is performed.

use super::job::{Job, StepFixture};
use crate::host_steps;
use crate::landing::Landed;
use baya_core::landing::Fate;
use baya_core::rehearsal::{Case, Draw, Mood};
use baya_core::simulate::Noise;
use baya_core::step::{HostStep, StepOrder, StepOutcome};
use serde_json::{Value, json};

/// How long a command takes.
const EXEC_MS: i64 = 2_000;
/// How long a landing takes for each piece, its check included.
const PIECE_MS: i64 = 20_000;
/// How long what only touches files takes.
const FILE_MS: i64 = 5;

enum Way {
    Works,
    Fails,
    Empty,
    TimesOut,
}

/// The outcome of a step, and how long it takes; `known` is what it would really read.
pub(super) fn drawn(
    job: &Job,
    case: &Case,
    order: &StepOrder,
    known: Option<StepOutcome>,
) -> (StepOutcome, i64) {
    let duration_ms = match &order.step {
        HostStep::Exec { .. } => EXEC_MS,
        HostStep::Land { .. } => PIECE_MS * order.pieces.len().max(1) as i64,
        HostStep::ReadFile { .. }
        | HostStep::WriteFile { .. }
        | HostStep::Glob { .. }
        | HostStep::ChangedFiles { .. } => FILE_MS,
    };
    let mut noise = Noise::new(case.seed, &["step", &order.number.0.to_string()]);
    let way = match case.steps.get(&order.number.0) {
        Some(Draw::Answer(value)) => return (StepOutcome::Done(value.clone()), duration_ms),
        Some(Draw::Error | Draw::Null) => Way::Fails,
        Some(Draw::Slow(times)) => {
            return (worked(job, order, known, &mut noise), duration_ms * i64::from(*times));
        }
        Some(Draw::Plain) => Way::Works,
        None => way(case, &mut noise),
    };
    let outcome = match way {
        Way::Works => worked(job, order, known, &mut noise),
        Way::Empty => empty(order),
        Way::Fails => failed(order, &mut noise),
        Way::TimesOut => timed_out(order),
    };
    (outcome, duration_ms)
}

fn way(case: &Case, noise: &mut Noise) -> Way {
    match (&case.mood, noise.below(100)) {
        (Mood::StepsFail, _) => Way::Fails,
        (Mood::StepsEmpty, _) => Way::Empty,
        (Mood::Slow, 0..30) => Way::TimesOut,
        (Mood::Mixed, 0..15) => Way::Fails,
        (Mood::Mixed, 15..25) => Way::Empty,
        (Mood::Mixed, 25..30) => Way::TimesOut,
        _ => Way::Works,
    }
}

fn worked(job: &Job, order: &StepOrder, known: Option<StepOutcome>, noise: &mut Noise) -> StepOutcome {
    if let Some(outcome) = job.fixtures.steps.iter().find_map(|fixture| written(fixture, &order.step)) {
        return outcome;
    }
    if let Some(outcome) = known {
        return outcome;
    }
    let paths = || -> Vec<String> { (1..=3).map(|n| format!("src/rehearsed_{n}.rs")).collect() };
    StepOutcome::Done(match &order.step {
        HostStep::Exec { command, .. } => {
            json!({"code": 0, "stdout": stdout(command, &paths()), "stderr": "", "timedOut": false})
        }
        HostStep::ReadFile { path } => Value::String(text_of(path)),
        HostStep::WriteFile { .. } => Value::Null,
        HostStep::Glob { .. } | HostStep::ChangedFiles { .. } => json!(paths()),
        HostStep::Land { .. } => landed(order, |agent, _| {
            let _ = &noise;
            Fate::Landed { commit: format!("{agent:040x}"), resolved_by: None }
        }),
    })
}

/// What the fixtures say of a step.
fn written(fixture: &StepFixture, step: &HostStep) -> Option<StepOutcome> {
    let about = step.words();
    let about = about.strip_prefix(step.name()).unwrap_or_default().trim_start();
    let fits = fixture.step.as_deref().is_none_or(|name| name == step.name())
        && fixture
            .about
            .as_deref()
            .is_none_or(|pattern| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(about)));
    if !fits {
        return None;
    }
    if let Some(why) = &fixture.fails {
        return Some(StepOutcome::Failed(why.clone()));
    }
    let said = fixture.json.clone()?;
    Some(StepOutcome::Done(match (step, said) {
        (HostStep::Exec { .. }, Value::Object(said)) => {
            let mut whole = json!({"code": 0, "stdout": "", "stderr": "", "timedOut": false});
            said.into_iter().for_each(|(key, value)| whole[key] = value);
            whole
        }
        (_, said) => said,
    }))
}

/// Lines, or JSON for a command that speaks of it.
fn stdout(command: &str, paths: &[String]) -> String {
    let fields = command.split_once("--json").map(|(_, rest)| rest.trim_start_matches([' ', '=']));
    let Some(fields) = fields else { return format!("{}\n", paths.join("\n")) };
    let names: Vec<&str> = fields
        .split(|c: char| !(c.is_alphanumeric() || c == ',' || c == '_'))
        .next()
        .unwrap_or_default()
        .split(',')
        .filter(|name| !name.is_empty())
        .collect();
    let row = |n: usize| -> Value {
        let member = |name: &&str| {
            let value = match *name {
                "number" | "id" | "count" | "line" => json!(n),
                name => json!(format!("rehearsed {name} {n}")),
            };
            ((*name).to_owned(), value)
        };
        Value::Object(names.iter().map(member).collect())
    };
    match names.is_empty() {
        true => "[]".to_owned(),
        false => Value::Array((1..=3).map(row).collect()).to_string(),
    }
}

fn text_of(path: &str) -> String {
    match path.ends_with(".json") {
        true => "{}".to_owned(),
        false => format!("rehearsed text of {path}\nsecond line\nthird line\n"),
    }
}

fn empty(order: &StepOrder) -> StepOutcome {
    StepOutcome::Done(match &order.step {
        HostStep::Exec { .. } => json!({"code": 0, "stdout": "", "stderr": "", "timedOut": false}),
        HostStep::ReadFile { .. } => json!(""),
        HostStep::WriteFile { .. } => Value::Null,
        HostStep::Glob { .. } | HostStep::ChangedFiles { .. } => json!([]),
        HostStep::Land { .. } => {
            landed(order, |_, _| Fate::Skipped { why: "nothing was changed".to_owned() })
        }
    })
}

/// A command that fails says so in its result; everything else throws.
fn failed(order: &StepOrder, noise: &mut Noise) -> StepOutcome {
    match &order.step {
        HostStep::Exec { .. } => StepOutcome::Done(json!({
            "code": 1 + noise.below(2), "stdout": "", "stderr": "rehearsed failure\n", "timedOut": false,
        })),
        HostStep::Land { .. } => StepOutcome::Done(landed(order, |_, place| match place % 2 {
            0 => Fate::Conflict { files: vec!["src/rehearsed_1.rs".to_owned()], why: None },
            _ => Fate::CheckFailed { said: "rehearsed failure".to_owned(), log: None },
        })),
        HostStep::ReadFile { .. }
        | HostStep::WriteFile { .. }
        | HostStep::Glob { .. }
        | HostStep::ChangedFiles { .. } => {
            StepOutcome::Failed(format!("{}: the rehearsal lets it fail", order.step.words()))
        }
    }
}

fn timed_out(order: &StepOrder) -> StepOutcome {
    match &order.step {
        HostStep::Exec { .. } => {
            StepOutcome::Done(json!({"code": null, "stdout": "", "stderr": "", "timedOut": true}))
        }
        HostStep::ReadFile { .. }
        | HostStep::WriteFile { .. }
        | HostStep::Glob { .. }
        | HostStep::ChangedFiles { .. }
        | HostStep::Land { .. } => {
            StepOutcome::Failed(format!("{}: the rehearsal lets it fail", order.step.words()))
        }
    }
}

fn landed(order: &StepOrder, fate: impl Fn(u32, usize) -> Fate) -> Value {
    let fates =
        order.pieces.iter().enumerate().map(|(place, piece)| (piece.agent, fate(piece.agent.0, place)));
    host_steps::to_script(&Landed {
        branch: "baya/rehearsed".to_owned(),
        tip: "0".repeat(40),
        fates: fates.collect(),
        checks: 0,
        stopped: None,
    })
}
