//! What is wrong with a script, from what its rehearsals showed.

use super::job::Job;
use super::played::Played;
use baya_core::rehearsal::{Case, Finding, Weight};
use baya_core::script::Point;

/// What one rehearsal showed, in short.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Findings without `case` and `seen`.
    pub found: Vec<Finding>,
}

/// Looks at one rehearsal; called for each, in the thread that played it.
pub fn look(_job: &Job, played: &Played) -> Seen {
    let error = played.end.run_end().and_then(|end| end.error.clone());
    let found = error.map(|error| Finding {
        kind: "script-error".to_owned(),
        weight: Weight::Error,
        message: format!("{}: {}", error.name, error.message),
        hint: None,
        site: error.site,
        case: None,
        seen: 1,
    });
    Seen { found: found.into_iter().collect() }
}

/// Adds up what all rehearsals showed; may play further cases.
pub fn sum_up(
    _job: &Job,
    _points: &[Point],
    all: Vec<(Case, Seen)>,
    _play: &dyn Fn(&Case) -> Played,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (case, seen) in all {
        for found in seen.found {
            let same = |known: &&mut Finding| known.kind == found.kind && known.site == found.site;
            match findings.iter_mut().find(same) {
                Some(known) => known.seen += 1,
                None => findings.push(Finding { case: Some(case.clone()), ..found }),
            }
        }
    }
    findings
}
