//! Answers of earlier runs, gathered from their journals (`--reuse`).

use crate::runs::RunStore;
use baya_core::event::{Event, Surroundings};
use baya_core::reuse::Offers;

/// Runs that are looked into, the newest first.
const RUNS_MAX: usize = 50;

/// What the runs of this folder have to offer to one that starts in these surroundings. A journal that
/// cannot be read offers nothing.
pub fn offers(store: &RunStore, now: &Surroundings) -> Offers {
    let mut offers = Offers::default();
    let Ok(list) = store.list() else { return offers };
    let mut looked = 0;
    for run in list.runs {
        let Ok(reader) = store.read(&run.id) else { continue };
        let same_files =
            reader.since(0, 1).is_ok_and(|first| first.iter().any(|it| began_at(&it.event, now)));
        if !same_files {
            continue;
        }
        offers.add(&reader.prefix().events, now);
        looked += 1;
        if looked == RUNS_MAX {
            break;
        }
    }
    offers
}

fn began_at(event: &Event, now: &Surroundings) -> bool {
    matches!(event, Event::RunStarted { surroundings, .. } if surroundings.tree == now.tree)
}
