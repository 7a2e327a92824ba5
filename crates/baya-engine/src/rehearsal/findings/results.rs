//! What becomes of the work: a result that is none, agents nobody waits for, worktrees nobody lands.

use super::super::played::{Played, PlayedAgent};
use super::Scene;
use super::errors::new;
use baya_core::call::Site;
use baya_core::rehearsal::{Finding, Mood, Weight};
use baya_core::script::{Sight, What};
use baya_core::step::HostStep;

/// Characters of what the engine says of a result.
const NOTE_CHARS: usize = 160;

pub(super) fn results(scene: Scene<'_>, played: &Played) -> Vec<Finding> {
    if !played.end.is_completed() {
        return Vec::new();
    }
    let last = last_reached(scene, played);
    let found = [no_result(played, &last), not_data(played, &last), unawaited(played), unlanded(played)];
    found.into_iter().flatten().collect()
}

/// The statement that was reached last of all; without notes, the last agent.
fn last_reached(scene: Scene<'_>, played: &Played) -> Option<Site> {
    let points = scene.watched.map(|watched| watched.points.as_slice()).unwrap_or_default();
    let last = played.sights.iter().rev().find_map(|sight| match sight {
        Sight::Reached(point) => points.get(*point).filter(|point| point.what == What::Statement),
        _ => None,
    });
    last.map(|point| point.site.clone()).or_else(|| played.agents.last()?.site.clone())
}

/// Nothing is returned, and agents were at work for it.
fn no_result(played: &Played, last: &Option<Site>) -> Option<Finding> {
    let is_lost = played.end.run_end()?.result.is_none() && answers(played).next().is_some();
    let keeps = played
        .steps
        .iter()
        .any(|step| matches!(step.step, HostStep::WriteFile { .. } | HostStep::Land { .. }));
    let message = "the script returns nothing: what its agents said is only in the journal".to_owned();
    let hint = "end it with `return { … }`".to_owned();
    (is_lost && !keeps).then(|| new("no-result", Weight::Warning, message, Some(hint), last.clone()))
}

fn answers(played: &Played) -> impl Iterator<Item = &PlayedAgent> {
    played.agents.iter().filter(|agent| matches!(agent.outcome, Some(Ok(_))))
}

/// C17: the result held what is no plain data.
fn not_data(played: &Played, last: &Option<Site>) -> Option<Finding> {
    let note = played.log.iter().find(|line| line.call.is_none() && line.text.starts_with("result: "))?;
    let note: String = note.text.trim_start_matches("result: ").chars().take(NOTE_CHARS).collect();
    let message = format!("the result is no plain data: {note}");
    let hint = "return numbers, texts, lists and plain objects that do not hold themselves".to_owned();
    Some(new("result-not-data", Weight::Warning, message, Some(hint), last.clone()))
}

/// The script ended while agents were at work.
fn unawaited(played: &Played) -> Option<Finding> {
    // What loses against a timer because it is slow was waited for.
    if !matches!(played.case.mood, Mood::Plain | Mood::Typical) || !played.case.draws.is_empty() {
        return None;
    }
    let left: Vec<&PlayedAgent> = played.agents.iter().filter(|agent| agent.outcome.is_none()).collect();
    let first = left.first()?;
    let message = format!(
        "the script ends while `{}`{} at work: what they do is paid for and lost",
        first.label,
        if left.len() > 1 { format!(" and {} more are", left.len() - 1) } else { " is".to_owned() }
    );
    let hint = "await every agent; `Promise.race` ends no agent that lost".to_owned();
    Some(new("unawaited-agent", Weight::Warning, message, Some(hint), first.site.clone()))
}

/// Work in worktrees that nobody lands and whose place nobody is told.
fn unlanded(played: &Played) -> Option<Finding> {
    let lands =
        played.steps.iter().any(|step| matches!(step.step, HostStep::Land { .. } | HostStep::Exec { .. }));
    let hands_on = |prompt: &str| {
        ["push", "pull request", "PR", "commit", "patch", "diff"].iter().any(|word| prompt.contains(word))
    };
    let left = answers(played)
        .find(|agent| agent.options.worktree && !agent.options.work && !hands_on(&agent.prompt))?;
    let message =
        format!("`{}` works in a worktree of its own, and the script leaves its work there", left.label);
    let hint = "land it with `baya.land(…)`, or return `baya.work(…)`, which says where it is".to_owned();
    (!lands).then(|| new("unlanded-work", Weight::Warning, message, Some(hint), left.site.clone()))
}
