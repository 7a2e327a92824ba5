//! What is wrong with a script, from what its rehearsals showed.
//!
//! ```text
//! Played ──look──▶ Seen ─┐
//! Played ──look──▶ Seen ─┼─ sum_up ──▶ merged, tried further, shrunk ──▶ Findings
//! ```
//! `look` sees one rehearsal; `sum_up` sees all of them, and plays cases of its own: experiments that
//! differ from the plain rehearsal in one thing. Invariants: a finding that was played carries a case that
//! shows it; the same job gives the same findings; what is not sure is a warning or a note.

mod args;
mod endless;
mod errors;
mod grow;
mod lints;
mod lost;
mod merge;
mod order;
mod plays;
mod prompts;
mod results;
mod shrink;
mod sights;
mod source;

use super::job::{Job, Purpose};
use super::played::Played;
use baya_core::call::Site;
use baya_core::event::ScriptRecord;
use baya_core::rehearsal::{Case, Finding, Weight};
use baya_core::script::Watched;
use plays::Plays;
use std::collections::BTreeSet;

/// What one rehearsal showed, in short.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Findings without `case` and `seen`.
    pub found: Vec<Finding>,
    sights: sights::Short,
    /// What ended the script, if it did not come to its end: the message and the place.
    threw: Option<(String, Option<Site>)>,
}

/// What is known of a script besides its rehearsals.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub job: &'a Job,
    /// None: nothing was noted while it played.
    pub watched: Option<&'a Watched>,
    /// The scripts it calls.
    pub children: &'a [ScriptRecord],
}

/// Looks at one rehearsal; called for each, in the thread that played it.
pub fn look(scene: Scene<'_>, played: &Played) -> Seen {
    let mut found: Vec<Finding> = Vec::new();
    found.extend(endless::endless(scene, played));
    found.extend(errors::of_run(scene, played));
    found.extend(errors::of_branches(scene, played));
    found.extend(errors::refused(scene, played));
    found.extend(prompts::holes(scene, played));
    found.extend(results::results(scene, played));
    found.extend(sights::fields(played));
    found.extend(sights::divisions(scene, played));
    found.extend(sights::joined(played));
    Seen { found, sights: sights::Short::of(played), threw: errors::threw(played) }
}

/// Adds up what all rehearsals showed; may play further cases.
pub fn sum_up(scene: Scene<'_>, all: Vec<(Case, Seen)>, play: &dyn Fn(&Case) -> Played) -> Vec<Finding> {
    let mut sights: Vec<sights::Short> = all.iter().map(|(_, seen)| seen.sights.clone()).collect();
    let throws = errors::always_throws(&all);
    let mut findings = merge::merge(all);
    if findings.iter().all(|it| it.weight != Weight::Error) {
        findings.extend(throws);
    }
    if scene.job.purpose == Purpose::Forecast {
        return findings;
    }
    findings.extend(lints::lints(scene));
    let plays = Plays::new(scene, play);
    sights.extend(sights::of_steps(&plays));
    findings.extend(sights::compared(scene, &sights));
    findings.extend(sights::unlooked(&sights));
    findings.extend(args::unchecked(&plays));
    if plays.plain().is_some_and(|plain| plain.end.is_completed()) {
        findings.extend(lost::lost_failures(&plays));
        findings.extend(grow::grows(&plays));
        findings.extend(order::order_decides(&plays));
    }
    let broken: BTreeSet<u32> = findings.iter().filter_map(|it| Some(it.site.as_ref()?.line)).collect();
    findings.extend(sights::unreached(scene, &sights, &broken));
    let findings = merge::tidy(findings);
    findings.into_iter().map(|finding| shrink::shrink(&plays, finding)).collect()
}
