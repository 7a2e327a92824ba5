//! Many findings of many rehearsals to few: one for each place and kind, and none that only follows from
//! another one.

use super::Seen;
use baya_core::rehearsal::{Case, Finding};

pub(super) fn merge(all: Vec<(Case, Seen)>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (case, seen) in all {
        let mut here: Vec<usize> = Vec::new();
        for found in seen.found {
            let known = findings.iter().position(|known| is_same(known, &found));
            match known {
                Some(at) if here.contains(&at) => {}
                Some(at) => {
                    findings[at].seen += 1;
                    findings[at].weight = findings[at].weight.min(found.weight);
                    here.push(at);
                }
                None => {
                    here.push(findings.len());
                    findings.push(Finding { case: Some(case.clone()), seen: 1, ..found });
                }
            }
        }
    }
    findings
}

/// The same kind at the same place.
pub(super) fn is_same(one: &Finding, other: &Finding) -> bool {
    let place = |it: &Finding| it.site.as_ref().map(|site| (site.file.clone(), site.line));
    one.kind == other.kind && place(one) == place(other)
}

/// Pairs of kinds: the second says again, and less well, what the first says at the same place.
const SAID_BETTER: [(&str, &str); 9] = [
    ("unbounded-fan-out", "uncapped-fan-out"),
    ("budget-without-total", "endless-loop"),
    ("null-dereference", "null-result"),
    ("args-unchecked", "null-dereference"),
    ("called-thunk", "script-error"),
    ("null-result", "null-in-prompt"),
    ("missing-await", "unawaited-agent"),
    ("missing-await", "undefined-in-prompt"),
    ("swallowed-error", "lost-failure"),
];
/// Lines between two findings that are about the same thing.
const NEAR: u32 = 3;

/// Heaviest first, then by place; no finding twice.
pub(super) fn tidy(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    findings.sort_by_key(|it| {
        let place = it.site.as_ref().map(|site| (site.file.clone(), site.line, site.column));
        (it.weight, place.is_none(), place, it.kind.clone())
    });
    for found in &findings {
        let again = kept.iter().any(|known| is_same(known, found));
        let better = findings.iter().any(|other| {
            SAID_BETTER.contains(&(other.kind.as_str(), found.kind.as_str())) && is_near(other, found)
        });
        if !again && !better {
            kept.push(found.clone());
        }
    }
    kept
}

fn is_near(one: &Finding, other: &Finding) -> bool {
    match (&one.site, &other.site) {
        (Some(a), Some(b)) => a.file == b.file && a.line.abs_diff(b.line) <= NEAR,
        _ => false,
    }
}
