//! The smallest case that still shows a finding: a simple mood in place of a mixed one, few agents that do
//! not answer plainly, short lists in what they answer. Greedy, and bounded.

use super::super::played::Played;
use super::merge::is_same;
use super::plays::Plays;
use baya_core::agent::CauseKind;
use baya_core::rehearsal::{Case, Draw, Finding, Mood};
use baya_core::step::StepOutcome;
use serde_json::Value;
use std::collections::BTreeMap;

/// Rehearsals for one finding.
const TRIES_MAX: u32 = 60;
/// With more agents than these, single ones are not told apart.
const AGENTS_MAX: usize = 48;
/// Moods that say by themselves what happens.
const SIMPLE: [Mood; 8] = [
    Mood::Plain,
    Mood::Nulls,
    Mood::Empty,
    Mood::Noes,
    Mood::Yeses,
    Mood::Errors,
    Mood::StepsFail,
    Mood::StepsEmpty,
];

/// The finding with a smaller case, if there is one. What an experiment found has its case already.
pub(super) fn shrink(plays: &Plays<'_>, finding: Finding) -> Finding {
    let Some(case) = finding.case.clone() else { return finding };
    let mut shrinking = Shrinking { plays, finding: &finding, tries: TRIES_MAX };
    let smallest = shrinking.run(case);
    match smallest {
        Some((case, message)) => Finding { case: Some(case), message, ..finding },
        None => finding,
    }
}

struct Shrinking<'p, 'a, 'f> {
    plays: &'p Plays<'a>,
    finding: &'f Finding,
    tries: u32,
}

impl Shrinking<'_, '_, '_> {
    /// The smallest case, and the message as it is in it.
    fn run(&mut self, case: Case) -> Option<(Case, String)> {
        let (mut played, mut message) = self.shows(&case)?;
        let mut best = case;
        for mood in SIMPLE {
            let simple = Case { mood, draws: BTreeMap::new(), steps: BTreeMap::new(), ..best.clone() };
            if simple == best {
                break;
            }
            if let Some((again, words)) = self.shows(&simple) {
                (played, message, best) = (again, words, simple);
                break;
            }
        }
        if best.mood == Mood::Plain || played.agents.len() > AGENTS_MAX {
            return Some((best, message));
        }
        let explicit = explicit(&best, &played);
        let Some((_, words)) = self.shows(&explicit) else { return Some((best, message)) };
        message = words;
        best = explicit;
        self.drop_draws(&mut best, &mut message);
        self.shorten(&mut best, &mut message);
        Some((best, message))
    }

    /// What the finding says in this case; none if the case does not show it.
    fn shows(&mut self, case: &Case) -> Option<(Played, String)> {
        self.tries = self.tries.checked_sub(1)?;
        let (played, seen) = self.plays.seen(case)?;
        let found = seen.found.iter().find(|found| is_same(found, self.finding))?.message.clone();
        Some((played, found))
    }

    fn try_case(&mut self, tried: Case, best: &mut Case, message: &mut String) -> bool {
        let shown = self.shows(&tried);
        if let Some((_, words)) = &shown {
            message.clone_from(words);
            *best = tried;
        }
        shown.is_some()
    }

    /// Halves first, then one by one.
    fn drop_draws(&mut self, best: &mut Case, message: &mut String) {
        let mut size = (best.draws.len() + best.steps.len()).div_ceil(2);
        while size > 0 {
            let keys: Vec<(bool, u32)> = best
                .draws
                .keys()
                .map(|key| (true, *key))
                .chain(best.steps.keys().map(|key| (false, *key)))
                .collect();
            for part in keys.chunks(size) {
                let mut tried = best.clone();
                for (is_agent, key) in part {
                    let draws = if *is_agent { &mut tried.draws } else { &mut tried.steps };
                    draws.remove(key);
                }
                self.try_case(tried, best, message);
            }
            size /= 2;
        }
    }

    /// Lists of the answers that are left: none of their elements, or half of them.
    fn shorten(&mut self, best: &mut Case, message: &mut String) {
        let keys: Vec<u32> = best.draws.keys().copied().collect();
        for key in keys {
            while let Some(Draw::Answer(answer)) = best.draws.get(&key) {
                let Some(shorter) = halved(answer) else { break };
                let mut tried = best.clone();
                tried.draws.insert(key, Draw::Answer(shorter));
                if !self.try_case(tried, best, message) {
                    break;
                }
            }
        }
    }
}

/// The plain case in which each agent and step is told to do what it did.
fn explicit(case: &Case, played: &Played) -> Case {
    let mut explicit = Case { mood: Mood::Plain, ..case.clone() };
    for agent in &played.agents {
        let draw = match &agent.outcome {
            Some(Ok(answer)) => Draw::Answer(answer.to_value()),
            Some(Err(cause)) if matches!(cause.kind, CauseKind::SchemaUnmet | CauseKind::Stalled) => {
                Draw::Error
            }
            Some(Err(_)) => Draw::Null,
            None => continue,
        };
        explicit.draws.insert(agent.number.0, draw);
    }
    for step in &played.steps {
        let draw = match &step.outcome {
            Some(StepOutcome::Done(value)) => Draw::Answer(value.clone()),
            Some(StepOutcome::Failed(_)) => Draw::Error,
            None => continue,
        };
        explicit.steps.insert(step.number, draw);
    }
    explicit
}

/// Every list in it half as long; none if there is none to cut.
fn halved(value: &Value) -> Option<Value> {
    let mut value = value.clone();
    cut(&mut value).then_some(value)
}

fn cut(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => {
            let is_cut = list.len() > 1;
            list.truncate(list.len().div_ceil(2));
            list.iter_mut().filter_map(|member| cut(member).then_some(())).count() > 0 || is_cut
        }
        Value::Object(members) => {
            members.values_mut().filter_map(|member| cut(member).then_some(())).count() > 0
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
