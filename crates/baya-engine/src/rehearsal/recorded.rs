//! A recorded run played again: agents and host steps give what they gave then. What was never recorded
//! fails, and says so.

use super::draw::Fate;
use baya_core::agent::{AgentTask, AttemptEnd, AttemptReport, Cause, CauseKind};
use baya_core::cassette::{Cassette, Found, Player, RecordedCall};
use baya_core::event::Outcome;
use baya_core::ids::AgentNumber;
use baya_core::run::call_key;
use baya_core::step::{StepOrder, StepOutcome};
use std::collections::BTreeMap;

/// How a failure begins that stands for a missing recording.
pub const NOT_RECORDED: &str = "the cassette has no recording of this";

/// A cassette at play.
pub(super) struct Recording {
    player: Player,
    /// What an agent was given: another attempt comes to the same.
    given: BTreeMap<AgentNumber, Option<RecordedCall>>,
}

impl Recording {
    pub(super) fn of(cassette: &Cassette) -> Recording {
        Recording { player: Player::new(cassette.clone()), given: BTreeMap::new() }
    }

    pub(super) fn agent(&mut self, task: &AgentTask) -> Fate {
        let Recording { player, given } = self;
        let call = given.entry(task.agent).or_insert_with(|| {
            let key = call_key(&task.prompt, &task.options);
            match player.call(&key, &task.label, task.phase.as_deref()) {
                Found::Same(call) | Found::Changed(call) => Some(call.clone()),
                Found::Nothing => None,
            }
        });
        match call {
            Some(call) => again(call),
            None => {
                let cause = Cause::new(CauseKind::Api, format!("{NOT_RECORDED} agent"));
                Fate {
                    report: AttemptReport::new(AttemptEnd::Failed(cause)),
                    duration_ms: 1,
                    is_guess: false,
                }
            }
        }
    }

    pub(super) fn step(&mut self, order: &StepOrder) -> (StepOutcome, i64) {
        match self.player.step(&order.step) {
            Some(step) => (step.outcome.clone(), i64::try_from(step.duration_ms).unwrap_or(i64::MAX / 4)),
            None => (StepOutcome::Failed(format!("{}: {NOT_RECORDED} step", order.step.words())), 1),
        }
    }
}

fn again(call: &RecordedCall) -> Fate {
    let end = match &call.outcome {
        Outcome::Answered(answer) => AttemptEnd::Answered(answer.clone()),
        Outcome::Failed(cause) => AttemptEnd::Failed(cause.clone()),
    };
    let mut report = AttemptReport::new(end);
    report.usage = call.usage;
    report.requests = 1;
    report.model_served.clone_from(&call.model);
    report.work.clone_from(&call.work);
    let duration_ms = i64::try_from(call.duration_ms).unwrap_or(i64::MAX / 4);
    Fate { report, duration_ms, is_guess: false }
}
