//! Loops and recursions that only answers end, and that did not end.

use super::super::played::{Ending, Played};
use super::errors::new;
use super::{Scene, source};
use baya_core::call::{ScriptErrorKind, Site, ThrowKind};
use baya_core::rehearsal::{Finding, Weight};
use baya_core::script::{Sight, What};
use std::collections::BTreeMap;

/// Agents in a row beyond which many agents are a loop, and no fan-out.
const DEPTH_MIN: u64 = 15;
/// The last agents: those of the loop.
const LAST: usize = 200;

pub(super) fn endless(scene: Scene<'_>, played: &Played) -> Option<Finding> {
    if let Some(found) = computing(scene, played) {
        return Some(found);
    }
    let why = why(played)?;
    let agents = played.agents.len();
    let at = usual_site(played);
    if agents > 0 && played.total.depth < DEPTH_MIN && !matches!(played.end, Ending::Endless(_)) {
        let message = format!("{agents} agents were asked for side by side: {why}");
        let hint = "cut the lists that agents are started from: `.slice(0, 20)`";
        return Some(new("unbounded-fan-out", Weight::Warning, message, Some(hint.to_owned()), at));
    }
    let around = at.as_ref().and_then(|at| loop_around(scene, at));
    if let Some(reads) = budget_read(scene, around.as_ref().or(at.as_ref())) {
        let message =
            format!("the loop ends by its budget alone, and without one `remaining()` is Infinity: {why}");
        let hint =
            "give it a limit for runs without a budget: `budget.total ? budget.remaining() > … : round < 5`";
        return Some(new("budget-without-total", Weight::Error, message, Some(hint.to_owned()), Some(reads)));
    }
    let again = at.as_ref().and_then(|at| recursion_around(scene, at));
    let (what, site) = match (again, around) {
        (Some(again), _) => ("the function calls itself without end", Some(again)),
        (None, Some(around)) => ("the loop does not end", Some(around)),
        (None, None) => ("agents lead to agents without end", at),
    };
    let failed = played.agents.iter().filter(|agent| matches!(agent.outcome, Some(Err(_)))).count();
    let when = match (agents, failed) {
        (0, _) => String::new(),
        (all, failed) if failed * 2 > all => " when agents fail".to_owned(),
        _ => " with these answers".to_owned(),
    };
    let message = format!("{what}{when}: {why}");
    let hint = "give it a limit of its own: `for (let round = 1; round <= 5; round++)`, a depth, or a count of tries";
    Some(new("endless-loop", Weight::Error, message, Some(hint.to_owned()), site))
}

/// A stretch of script that used all its time. What the error says of the place is nothing; the last that
/// was seen of it is.
fn computing(scene: Scene<'_>, played: &Played) -> Option<Finding> {
    let error = played.end.run_end()?.error.as_ref()?;
    if error.kind != ScriptErrorKind::CpuLimit {
        return None;
    }
    let last = error.site.clone().or_else(|| last_seen(scene, played));
    let around = last.as_ref().and_then(|last| loop_around(scene, last));
    let was = last.as_ref().map(|last| format!(", and was last at `{}:{}`", last.file, last.line));
    let what = if around.is_some() { "the loop does not end" } else { "the script does not end" };
    let message = format!("{what}: it computes and never waits{}", was.unwrap_or_default());
    let hint = "give it a limit of its own: a number of rounds, or of characters and elements it looks at";
    Some(new("endless-loop", Weight::Error, message, Some(hint.to_owned()), around.or(last)))
}

/// The last place that was reached for the first time, or the loop that went round most lately.
fn last_seen(scene: Scene<'_>, played: &Played) -> Option<Site> {
    let point = played.sights.iter().rev().find_map(|sight| match sight {
        Sight::Reached(point) | Sight::Spun(point) => Some(*point),
        Sight::DividedByZero(_)
        | Sight::Compared(..)
        | Sight::Missing { .. }
        | Sight::StepEnded { .. }
        | Sight::StepLookedAt(_)
        | Sight::BranchThrew { .. }
        | Sight::JoinedNull { .. } => None,
    })?;
    Some(scene.watched?.points.get(point)?.site.clone())
}

fn why(played: &Played) -> Option<String> {
    if let Ending::Endless(why) = &played.end
        && !why.contains("waits for what never comes")
    {
        return Some(why.clone());
    }
    if let Some(refusal) = played.refusals.iter().find(|it| it.thrown.kind == ThrowKind::AgentLimit) {
        return Some(refusal.thrown.message.split("; hint").next().unwrap_or_default().to_owned());
    }
    None
}

/// Where most of the last agents were asked for.
fn usual_site(played: &Played) -> Option<Site> {
    let mut counts: BTreeMap<(&str, u32, u32), (usize, &Site)> = BTreeMap::new();
    for site in played.agents.iter().rev().take(LAST).filter_map(|agent| agent.site.as_ref()) {
        counts.entry((&site.file, site.line, site.column)).or_insert((0, site)).0 += 1;
    }
    counts.into_values().max_by_key(|(count, _)| *count).map(|(_, site)| site.clone())
}

/// The innermost loop that holds a site.
pub(super) fn loop_around(scene: Scene<'_>, at: &Site) -> Option<Site> {
    let loops = scene.watched?.points.iter().filter(|point| point.what == What::Loop);
    let around = loops.filter(|point| {
        point.site.file == at.file && point.site.line <= at.line && at.line <= point.line_end
    });
    around.min_by_key(|point| point.line_end - point.site.line).map(|point| point.site.clone())
}

/// Where the function that holds a site calls itself.
fn recursion_around(scene: Scene<'_>, at: &Site) -> Option<Site> {
    let calls = scene.watched?.points.iter().find(|point| match point.what {
        What::Recursion { from, to } => point.site.file == at.file && (from..=to).contains(&at.line),
        _ => false,
    });
    calls.map(|point| point.site.clone())
}

/// Where a loop looks at the budget of a run that has none, if it never asks whether there is one.
fn budget_read(scene: Scene<'_>, around: Option<&Site>) -> Option<Site> {
    let site = source::first(scene, "budget.remaining()")?;
    let has_total = source::mentions(scene, "budget.total");
    let is_near = around.is_none_or(|around| around.file == site.file && around.line <= site.line + 1);
    (scene.job.limits.budget_tokens.is_none() && !has_total && is_near).then_some(site)
}
