//! Fan-out that grows with an answer: a list in it is made very long, and agents are counted.

use super::super::played::{Played, PlayedAgent};
use super::errors::new;
use super::plays::Plays;
use baya_core::agent::Answer;
use baya_core::call::Site;
use baya_core::rehearsal::{Draw, Finding, Weight};
use baya_core::schema::Schema;
use baya_core::script::Sight;
use baya_core::step::HostStep;
use serde_json::{Value, json};

/// Longer than what a script that cuts its lists lets through.
const LONG: usize = 300;
/// So many agents more are as many as there are elements.
const MORE: usize = 200;
/// Elements of the case that is told: long enough to see it.
const TOLD: usize = 20;
const KINDS_MAX: usize = 6;
const LISTS_MAX: usize = 3;
/// Files of a large repository.
const FILES: usize = 5_000;

pub(super) fn grows(plays: &Plays<'_>) -> Vec<Finding> {
    let Some(plain) = plays.plain() else { return Vec::new() };
    let mut found = Vec::new();
    for (_, agent) in plays.kinds().into_iter().take(KINDS_MAX) {
        let Some(Ok(Answer::Json(answer))) = &agent.outcome else { continue };
        let mut lists = Vec::new();
        places(answer, "", &mut lists);
        for place in lists.into_iter().take(LISTS_MAX) {
            found.extend(fan_out(plays, plain, agent, answer, &place));
        }
    }
    found.extend(host_lists(plays, plain));
    found
}

/// Pointers to the lists in a value that have elements.
fn places(value: &Value, way: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                places(member, &format!("{way}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(list) => {
            if let Some(first) = list.first() {
                all.push(way.to_owned());
                places(first, &format!("{way}/0"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn fan_out(
    plays: &Plays<'_>,
    plain: &Played,
    agent: &PlayedAgent,
    answer: &Value,
    place: &str,
) -> Option<Finding> {
    let case = |length: usize| {
        let answer = stretched(agent, answer, place, length)?;
        let mut case = plays.plain_case();
        case.draws.insert(agent.number.0, Draw::Answer(answer));
        Some(case)
    };
    let long = case(LONG)?;
    let played = plays.play(&long)?;
    let (site, more) = grown(plain, &played)?;
    if more < MORE {
        return None;
    }
    let told = case(TOLD).filter(|told| plays.play(told).is_some_and(|it| grown(plain, &it).is_some()));
    let list = place.trim_start_matches('/').replace("/0/", "[].").replace('/', ".");
    let message = format!(
        "as many agents as the answer of `{}` has elements in `{list}`: {LONG} of them made {more} agents more",
        agent.label
    );
    let hint =
        "cut the list: `.slice(0, 20)`, or say `maxItems` in the schema; log what was left out".to_owned();
    let found = new("unbounded-fan-out", Weight::Warning, message, Some(hint), Some(site));
    Some(Finding { case: Some(told.unwrap_or(long)), ..found })
}

/// The answer with one list as long as that; none if its schema does not allow it.
fn stretched(agent: &PlayedAgent, answer: &Value, place: &str, length: usize) -> Option<Value> {
    let mut answer = answer.clone();
    let list = answer.pointer_mut(place)?.as_array_mut()?;
    let first = list.first()?.clone();
    let schema = Schema::compile(agent.options.schema.as_ref()?).ok()?;
    // Short texts if they will do, else the first element's with a number.
    [true, false].into_iter().find_map(|short| {
        let list = answer.pointer_mut(place)?.as_array_mut()?;
        *list = (0..length).map(|at| another(&first, at, short)).collect();
        schema.is_valid(&answer).then(|| answer.clone())
    })
}

/// Another one of the same: with a number as its texts, or in them.
fn another(value: &Value, at: usize, short: bool) -> Value {
    match value {
        Value::String(_) if short => Value::String(at.to_string()),
        Value::String(text) => Value::String(format!("{text} {at}")),
        Value::Array(list) => list.iter().map(|it| another(it, at, short)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, it)| (key.clone(), another(it, at, short))).collect())
        }
        leaf @ (Value::Null | Value::Bool(_) | Value::Number(_)) => leaf.clone(),
    }
}

/// The site with the most agents more than in the plain rehearsal.
fn grown(plain: &Played, played: &Played) -> Option<(Site, usize)> {
    let count = |played: &Played, site: &Site| {
        played.agents.iter().filter(|agent| agent.site.as_ref() == Some(site)).count()
    };
    let mut sites: Vec<&Site> = Vec::new();
    for site in played.agents.iter().filter_map(|agent| agent.site.as_ref()) {
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    let more = sites.into_iter().map(|site| (site, count(played, site).saturating_sub(count(plain, site))));
    let (site, more) = more.max_by_key(|(_, more)| *more)?;
    (more >= TOLD / 2).then(|| (site.clone(), more))
}

/// Lists of files as long as those of a large repository: `parallel` and `pipeline` take so many and no more.
fn host_lists(plays: &Plays<'_>, plain: &Played) -> Vec<Finding> {
    let lists = plain
        .steps
        .iter()
        .filter(|step| matches!(step.step, HostStep::Glob { .. } | HostStep::ChangedFiles { .. }));
    let found = lists.take(LISTS_MAX).filter_map(|step| {
        let files: Vec<String> = (1..=FILES).map(|n| format!("{n}.rs")).collect();
        let mut case = plays.plain_case();
        case.steps.insert(step.number, Draw::Answer(json!(files)));
        let played = plays.play(&case)?;
        let (message, site) = too_long(&played)?;
        let hint = "go through it in slices, or cut it and log what is left".to_owned();
        let words = message.split("; hint").next().unwrap_or_default();
        let message = format!("`{}` may give more than that: {words}", step.step.name());
        // Its case would be a list of thousands: the message says all of it.
        Some(new("list-limit", Weight::Warning, message, Some(hint), site))
    });
    found.collect()
}

fn too_long(played: &Played) -> Option<(String, Option<Site>)> {
    const WORDS: &str = "are more than the limit of";
    if let Some(error) = played.end.run_end().and_then(|end| end.error.as_ref())
        && error.message.contains(WORDS)
    {
        return Some((error.message.clone(), error.site.clone()));
    }
    played.sights.iter().find_map(|sight| match sight {
        Sight::BranchThrew { message, site, .. } if message.contains(WORDS) => {
            Some((message.clone(), site.clone()))
        }
        _ => None,
    })
}
