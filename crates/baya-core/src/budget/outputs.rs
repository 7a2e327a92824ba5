//! How long answers are, by kind of label: the 95th percentile and the mean of the newest answers.

use super::{OUTPUT_HELD, OUTPUT_HELD_MIN, OUTPUTS_KNOWN};
use crate::history::{SAMPLES_MAX, label_kind};
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Clone, Default)]
pub(super) struct Outputs(BTreeMap<String, Kind>);

#[derive(Debug, Clone, Default)]
struct Kind {
    newest: VecDeque<u64>,
    p95: u64,
    mean: u64,
}

impl Kind {
    fn of(newest: VecDeque<u64>) -> Kind {
        let p95 = p95(&newest);
        let sum = newest.iter().fold(0, |sum: u64, output| sum.saturating_add(*output));
        let mean = sum.checked_div(newest.len() as u64).unwrap_or(0);
        Kind { newest, p95, mean }
    }

    /// Too few answers say nothing.
    fn known(&self, statistic: u64) -> u64 {
        if self.newest.len() < OUTPUTS_KNOWN { statistic.max(OUTPUT_HELD) } else { statistic }
    }
}

impl Outputs {
    pub fn new(outputs: &BTreeMap<String, Vec<u64>>) -> Outputs {
        let kinds = outputs.iter().map(|(kind, lengths)| {
            let newest: VecDeque<u64> =
                lengths.iter().skip(lengths.len().saturating_sub(SAMPLES_MAX)).copied().collect();
            (kind.clone(), Kind::of(newest))
        });
        Outputs(kinds.collect())
    }

    pub fn add(&mut self, label: &str, output: u64) {
        let kind = self.0.entry(label_kind(label)).or_default();
        kind.newest.push_back(output);
        if kind.newest.len() > SAMPLES_MAX {
            kind.newest.pop_front();
        }
        *kind = Kind::of(std::mem::take(&mut kind.newest));
    }

    /// What an answer to an agent with this label is likely not to exceed.
    pub fn likely(&self, label: &str) -> u64 {
        self.statistic(label, |kind| kind.p95).max(OUTPUT_HELD_MIN)
    }

    /// How long one is on average.
    pub fn mean(&self, label: &str) -> u64 {
        self.statistic(label, |kind| kind.mean)
    }

    fn statistic(&self, label: &str, of: impl Fn(&Kind) -> u64) -> u64 {
        self.0.get(&label_kind(label)).map_or(OUTPUT_HELD, |kind| kind.known(of(kind)))
    }
}

/// By nearest rank; 0 of nothing.
fn p95(lengths: &VecDeque<u64>) -> u64 {
    let mut sorted: Vec<u64> = lengths.iter().copied().collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * 95).div_ceil(100);
    rank.checked_sub(1).and_then(|place| sorted.get(place)).copied().unwrap_or(0)
}
