//! Results that depend on who answers first: the same answers, one of them later, another result.

use super::super::played::{Played, PlayedAgent};
use super::errors::new;
use super::plays::Plays;
use super::source;
use baya_core::rehearsal::{Case, Draw, Finding, Weight};
use serde_json::Value;

/// Seeds that are tried: a tie does not come every time, and more often among many.
const SEEDS: u64 = 6;
const SEEDS_OF_MANY: u64 = 2;
const MANY: usize = 40;
const SLOW: u32 = 60;
/// More agents than these are not compared.
const AGENTS_MAX: usize = 200;

pub(super) fn order_decides(plays: &Plays<'_>) -> Option<Finding> {
    let plain = plays.plain()?;
    // Who races means it.
    let races = ["Promise.race", "Promise.any"].iter().any(|it| source::mentions(plays.scene, it));
    if races || side_by_side(plain).is_none() {
        return None;
    }
    let seeds = if plain.agents.len() > MANY { SEEDS_OF_MANY } else { SEEDS };
    (0..seeds).find_map(|more| {
        let base = plays.plain_case();
        let base = Case { seed: base.seed + more, ..base };
        let before = plays.play(&base).filter(|it| it.end.is_completed() && it.agents.len() <= AGENTS_MAX)?;
        let group = side_by_side(&before)?;
        let ends = [group.first()?, group.last()?];
        ends.into_iter().find_map(|late| try_late(plays, &base, &before, late))
    })
}

fn try_late(plays: &Plays<'_>, base: &Case, before: &Played, late: &PlayedAgent) -> Option<Finding> {
    let mut case = base.clone();
    case.draws.insert(late.number.0, Draw::Slow(SLOW));
    let after = plays.play(&case)?;
    if !same_answers(before, &after) || settled(before)? == settled(&after)? {
        return None;
    }
    let message = format!(
        "the result depends on who answers first: with the same answers, `{}` late, it is another one",
        late.label
    );
    let hint = "collect all answers first, then decide in the order they were asked for".to_owned();
    let found = new("order-dependent", Weight::Warning, message, Some(hint), late.site.clone());
    Some(Finding { case: Some(case), ..found })
}

/// The first agents of the same place that are at work at the same time.
fn side_by_side(played: &Played) -> Option<Vec<&PlayedAgent>> {
    played.agents.iter().find_map(|first| {
        let group: Vec<&PlayedAgent> = played
            .agents
            .iter()
            .filter(|agent| agent.site == first.site && agent.asked_ms == first.asked_ms)
            .collect();
        (group.len() > 1).then_some(group)
    })
}

/// The same prompts, with the same answers.
fn same_answers(one: &Played, other: &Played) -> bool {
    let answers = |played: &Played| {
        let mut all: Vec<String> = played
            .agents
            .iter()
            .map(|it| {
                let answer = it.outcome.as_ref().map(|it| it.as_ref().map(|it| it.to_value()).ok());
                format!("{}\u{0}{}\u{0}{answer:?}", it.label, it.prompt)
            })
            .collect();
        all.sort();
        all
    };
    other.end.is_completed() && answers(one) == answers(other)
}

/// The result, with lists in an order of their own: who answers first may come first.
fn settled(played: &Played) -> Option<Value> {
    Some(sorted(played.end.run_end()?.result.clone().unwrap_or_default()))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(sorted).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, it)| (key, sorted(it))).collect())
        }
        leaf => leaf,
    }
}
