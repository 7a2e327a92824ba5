//! How long answers are: the 95th percentile by kind of label, of the newest answers.

use super::{OUTPUT_HELD, OUTPUT_HELD_MIN, OUTPUTS_KNOWN};
use crate::history::{SAMPLES_MAX, label_kind};
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Clone, Default)]
pub(super) struct Outputs(BTreeMap<String, Kind>);

#[derive(Debug, Clone, Default)]
struct Kind {
    newest: VecDeque<u64>,
    p95: u64,
}

impl Outputs {
    pub fn new(outputs: &BTreeMap<String, Vec<u64>>) -> Outputs {
        let kinds = outputs.iter().map(|(kind, lengths)| {
            let newest: VecDeque<u64> =
                lengths.iter().skip(lengths.len().saturating_sub(SAMPLES_MAX)).copied().collect();
            let p95 = p95(&newest);
            (kind.clone(), Kind { newest, p95 })
        });
        Outputs(kinds.collect())
    }

    pub fn add(&mut self, label: &str, output: u64) {
        let kind = self.0.entry(label_kind(label)).or_default();
        kind.newest.push_back(output);
        if kind.newest.len() > SAMPLES_MAX {
            kind.newest.pop_front();
        }
        kind.p95 = p95(&kind.newest);
    }

    /// What an answer to an agent with this label is likely not to exceed.
    pub fn likely(&self, label: &str) -> u64 {
        match self.0.get(&label_kind(label)) {
            None => OUTPUT_HELD,
            Some(kind) if kind.newest.len() < OUTPUTS_KNOWN => kind.p95.max(OUTPUT_HELD),
            Some(kind) => kind.p95.max(OUTPUT_HELD_MIN),
        }
    }
}

/// By nearest rank; 0 of nothing.
fn p95(lengths: &VecDeque<u64>) -> u64 {
    let mut sorted: Vec<u64> = lengths.iter().copied().collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * 95).div_ceil(100);
    rank.checked_sub(1).and_then(|place| sorted.get(place)).copied().unwrap_or(0)
}
