//! What earlier records say: of the landing that was begun and not ended, of checks, of fates.

use baya_core::ids::AgentNumber;
use baya_core::landing::{Fate, LandingOptions, LandingRecord, Piece};
use std::collections::BTreeMap;

/// A landing's beginning.
pub(super) struct Begun {
    pub number: u32,
    pub tip: String,
    pub pieces: Vec<Piece>,
    pub options: LandingOptions,
    pub date_s: i64,
}

impl Begun {
    pub fn record(&self, branch: &str) -> LandingRecord {
        LandingRecord::Begun {
            landing: self.number,
            branch: branch.to_owned(),
            tip: self.tip.clone(),
            pieces: self.pieces.clone(),
            options: self.options.clone(),
            date_s: self.date_s,
        }
    }

    /// Where the branch may be if only this landing has moved it.
    pub fn reached<'p>(&'p self, past: &'p [LandingRecord]) -> Vec<&'p String> {
        let advanced = past.iter().filter_map(|record| match record {
            LandingRecord::Advanced { to } => Some(to),
            LandingRecord::Begun { .. }
            | LandingRecord::Checked { .. }
            | LandingRecord::Decided { .. }
            | LandingRecord::Ended { .. } => None,
        });
        advanced.chain([&self.tip]).collect()
    }
}

pub(super) fn open_landing(past: &[LandingRecord]) -> Option<Begun> {
    let mut open = None;
    for record in past {
        match record {
            LandingRecord::Begun { landing, tip, pieces, options, date_s, branch: _ } => {
                open = Some(Begun {
                    number: *landing,
                    tip: tip.clone(),
                    pieces: pieces.clone(),
                    options: options.clone(),
                    date_s: *date_s,
                });
            }
            LandingRecord::Ended { .. } => open = None,
            LandingRecord::Checked { .. }
            | LandingRecord::Advanced { .. }
            | LandingRecord::Decided { .. } => {}
        }
    }
    open
}

/// What each commit's check said.
pub(super) fn checks_of(past: &[LandingRecord]) -> BTreeMap<String, CheckOf> {
    let mut checked = BTreeMap::new();
    let mut line = None;
    for record in past {
        match record {
            LandingRecord::Begun { options, .. } => line.clone_from(&options.check),
            LandingRecord::Checked { commit, passed, said, log, .. } => {
                let (passed, said, log) = (*passed, said.clone(), log.clone());
                checked.insert(commit.clone(), CheckOf { line: line.clone(), passed, said, log });
            }
            LandingRecord::Advanced { .. } | LandingRecord::Decided { .. } | LandingRecord::Ended { .. } => {}
        }
    }
    checked
}

/// What became of pieces in landings before this one: what has landed stays so.
pub(super) fn fates_of(past: &[LandingRecord], number: u32) -> BTreeMap<AgentNumber, Fate> {
    let mut fates = BTreeMap::new();
    let mut current = 0;
    for record in past {
        match record {
            LandingRecord::Begun { landing, .. } => current = *landing,
            LandingRecord::Decided { agent, fate } => {
                let landed = matches!(fate, Fate::Landed { .. });
                if landed && current < number {
                    fates.insert(*agent, fate.clone());
                }
            }
            LandingRecord::Checked { .. } | LandingRecord::Advanced { .. } | LandingRecord::Ended { .. } => {}
        }
    }
    fates
}

/// What a landing that goes on has decided before.
pub(super) fn decided_in(past: &[LandingRecord], number: u32) -> BTreeMap<AgentNumber, Fate> {
    let mut current = 0;
    let mut decided = BTreeMap::new();
    for record in past {
        match record {
            LandingRecord::Begun { landing, .. } => current = *landing,
            LandingRecord::Decided { agent, fate } if current == number => {
                decided.insert(*agent, fate.clone());
            }
            LandingRecord::Decided { .. }
            | LandingRecord::Checked { .. }
            | LandingRecord::Advanced { .. }
            | LandingRecord::Ended { .. } => {}
        }
    }
    decided
}

#[derive(Debug, Clone)]
pub(super) struct CheckOf {
    pub line: Option<String>,
    pub passed: bool,
    pub said: String,
    pub log: Option<String>,
}
