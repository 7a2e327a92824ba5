//! Which rehearsals there are: the first is plain, every second one is what may well happen, and the rest
//! look for trouble, each trouble alone first, then mixed.

use super::job::{Job, Purpose};
use baya_core::rehearsal::{Case, Mood};
use baya_core::simulate::Noise;

/// Moods that are tried one by one, the telling ones first.
const MOODS: [Mood; 15] = [
    Mood::Nulls,
    Mood::Empty,
    Mood::Long,
    Mood::Noes,
    Mood::Errors,
    Mood::Yeses,
    Mood::StepsFail,
    Mood::Single,
    Mood::Injection,
    Mood::Blank,
    Mood::Duplicates,
    Mood::Contradictory,
    Mood::Extremes,
    Mood::StepsEmpty,
    Mood::Wordy,
];

/// The `index`-th rehearsal of a job; `kinds` are the kinds of labels that the plain one showed.
pub fn case(job: &Job, index: u32, kinds: &[String]) -> Case {
    let seed = Noise::new(job.seed, &["rehearsal", &index.to_string()]).draw();
    // What goes to a person, and into JSON of others, as a number.
    let seed = seed & 0xffff_ffff;
    Case { seed, mood: mood(job.purpose, index, kinds), ..Case::default() }
}

fn mood(purpose: Purpose, index: u32, kinds: &[String]) -> Mood {
    if index == 0 {
        return Mood::Plain;
    }
    if purpose == Purpose::Forecast || index.is_multiple_of(2) {
        return Mood::Typical;
    }
    let place = (index / 2) as usize;
    let kind_nulls = kinds.iter().map(|kind| Mood::KindNull(kind.clone()));
    let kind_errors = kinds.iter().map(|kind| Mood::KindError(kind.clone()));
    let (first, rest) = MOODS.split_at(3);
    let first = first.iter().cloned().chain(kind_nulls);
    let mut all = first.chain(rest.iter().cloned()).chain(kind_errors).chain([Mood::Slow]);
    all.nth(place).unwrap_or(Mood::Mixed)
}
