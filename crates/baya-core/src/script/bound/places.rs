//! How often something happens in a run, by the places of the script's own text that lead to it.

use std::collections::BTreeMap;

/// A place: its offset in the text, and whether what begins there may go on behind it.
pub(super) type Place = (u32, bool);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<Place, u64>);

impl Places {
    pub(super) fn at(offset: u32, floats: bool) -> Places {
        Places(BTreeMap::from([((offset, floats), 1)]))
    }

    #[must_use]
    pub(super) fn times(mut self, factor: u64) -> Places {
        self.0.values_mut().for_each(|count| *count = count.saturating_mul(factor));
        self
    }

    #[must_use]
    pub(super) fn and(mut self, other: Places) -> Places {
        for (place, count) in other.0 {
            let known = self.0.entry(place).or_default();
            *known = known.saturating_add(count);
        }
        self
    }

    /// Nobody waits for it.
    #[must_use]
    pub(super) fn floating(self) -> Places {
        let all =
            self.0.into_iter().map(|((offset, _), count)| Places(BTreeMap::from([((offset, true), count)])));
        all.fold(Places::default(), Places::and)
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().copied().fold(0, u64::saturating_add)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, u64)> + '_ {
        self.0.iter().map(|(place, count)| (*place, *count))
    }
}

/// All of them; none if one is not known.
pub(super) fn sum(all: impl Iterator<Item = Option<Places>>) -> Option<Places> {
    all.sum::<Option<Sum>>().map(|sum| sum.0)
}

struct Sum(Places);

impl std::iter::Sum<Places> for Sum {
    fn sum<I: Iterator<Item = Places>>(all: I) -> Sum {
        Sum(all.fold(Places::default(), Places::and))
    }
}
