//! `baya test --update`: what a test came to becomes what is expected of it.

use super::file::{Answers, Test};
use super::judge::{Difference, Found};
use super::record::write;
use crate::failure::Failure;
use baya_core::cassette::{Found as Recorded, Player, RecordedCall};
use baya_core::event::RunStatus;
use baya_core::run::call_key;
use baya_engine::rehearsal::Played;

/// Rewrites the test's files. Answers that were never recorded cannot be made up.
pub fn update(
    test: &Test,
    found: &Found,
    played: &Played,
    differences: &[Difference],
) -> Result<(), Failure> {
    let missing =
        differences.iter().filter(|difference| matches!(difference, Difference::NotRecorded { .. })).count();
    if missing > 0 {
        let what = if missing == 1 { "one answer".to_owned() } else { format!("{missing} answers") };
        return Err(Failure::usage(format!("`{}`: its cassette lacks {what}", test.path.display()))
            .hint("run the workflow, then: baya test --record last --force"));
    }
    if differences.iter().any(|difference| matches!(difference, Difference::Unfit { .. })) {
        let why = "its fixtures give what the schema of an agent refuses";
        return Err(Failure::usage(format!("`{}`: {why}", test.path.display()))
            .hint("change the rule; `\"fault\": \"invalid\"` says that it is meant"));
    }
    let mut file = test.file.clone();
    match &test.answers {
        Answers::Recorded { path, cassette } => {
            let mut next = (**cassette).clone();
            next.calls = recorded_again(test, played);
            next.end.result.clone_from(&found.result);
            next.end.error.clone_from(&found.error);
            next.end.status = status(&found.status).unwrap_or(next.end.status);
            write(path, &next, true)?;
        }
        Answers::Written(_) => {
            let expect = &mut file.expect;
            expect.status = (found.status != "completed").then(|| found.status.clone());
            expect.error.clone_from(&found.error);
            expect.result.clone_from(&found.result);
            expect.calls = Some(found.calls.clone());
            expect.steps = (!found.steps.is_empty()).then(|| found.steps.clone());
            expect.failures = (found.failures > 0).then_some(found.failures);
        }
    }
    raise(&mut file.ceilings, found);
    write(&test.path, &file, true)
}

/// The recorded answers under what is asked now.
fn recorded_again(test: &Test, played: &Played) -> Vec<RecordedCall> {
    let Answers::Recorded { cassette, .. } = &test.answers else { return Vec::new() };
    let mut player = Player::new((**cassette).clone());
    let calls = played.agents.iter().filter_map(|agent| {
        let key = call_key(&agent.prompt, &agent.options);
        let call = match player.call(&key, &agent.label, agent.phase.as_deref()) {
            Recorded::Same(call) | Recorded::Changed(call) => call.clone(),
            Recorded::Nothing => return None,
        };
        let (label, phase, prompt) = (agent.label.clone(), agent.phase.clone(), agent.prompt.clone());
        Some(RecordedCall { key, label, phase, prompt, ..call })
    });
    calls.collect()
}

fn raise(ceilings: &mut super::file::Ceilings, found: &Found) {
    let higher = |most: &mut Option<u64>, found: u64| *most = most.map(|most| most.max(found));
    higher(&mut ceilings.agents, found.calls.len() as u64);
    higher(&mut ceilings.tokens, found.usage.total());
    higher(&mut ceilings.output, found.usage.output);
    let dollars = found.usage.cost.to_dollars();
    ceilings.usd = ceilings.usd.map(|most| most.max(dollars));
}

fn status(word: &str) -> Option<RunStatus> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}
