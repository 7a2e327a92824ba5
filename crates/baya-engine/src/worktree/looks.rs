//! How much an agent has changed so far, seen from outside while it works.
//!
//! Only for views: nothing of it is journaled or decides anything. The agent's own index is read and never
//! written, no object is made, and all looks of a run together take a small share of one processor.

use super::WorktreeError;
use super::dirty::copy_with_time;
use super::keep::Place;
use super::measure::DIFF;
use super::record::Record;
use crate::git::Repository;
use crate::workspace::{Signs, Tell};
use baya_core::work::Changes;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

/// Short agents are never looked at.
const FIRST_AFTER: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After a look nobody looks for so many times as long as it took: 100 agents cost no more than one.
const REST: u32 = 20;
/// A repository that takes longer is not looked at this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The looks at all worktrees of a run; one at a time.
#[derive(Debug, Default)]
pub struct Looks {
    /// From when on the next one may be.
    next: Mutex<Option<Instant>>,
}

impl Looks {
    /// Looks now and then, and sooner when the agent has done something, until its attempt has ended.
    pub(crate) async fn watch(
        &self,
        repository: &Repository,
        record: &Record,
        signs: &Signs,
        tell: Tell<'_>,
    ) {
        let (mut known, mut pause) = (Changes::default(), FIRST_AFTER);
        loop {
            let mut next = tokio::select! {
                biased;
                () = signs.ended.notified() => return,
                next = self.turn(pause, signs) => next,
            };
            // Not broken off in the middle: a git that is killed leaves its lock.
            let since = Instant::now();
            let found = changes(repository, record).await;
            *next = Some(Instant::now() + since.elapsed() * REST);
            drop(next);
            if let Some(found) = found.ok().filter(|found| *found != known) {
                known = found;
                tell(found);
            }
            pause = LOOK_EVERY;
        }
    }

    async fn turn(&self, pause: Duration, signs: &Signs) -> tokio::sync::MutexGuard<'_, Option<Instant>> {
        tokio::select! {
            () = sleep(pause) => {}
            () = signs.acted.notified() => {}
        }
        let next = self.next.lock().await;
        if let Some(at) = *next {
            sleep_until(at).await;
        }
        next
    }
}

/// How much a worktree differs from where it started: tracked, untracked and not ignored, and committed.
pub async fn changes(repository: &Repository, record: &Record) -> Result<Changes, WorktreeError> {
    let place = Place::looked_at(repository, record).await?;
    let own = record.entry.join("index");
    if copy_with_time(&own, place.index()).is_err() {
        place.call(["read-tree", &record.base]).patience(PATIENCE).done().await?;
    }
    // New files count, too; what git cannot take in is left out here.
    let new = place.call(["add", "--intent-to-add", "--", "."]).setting("advice.addEmbeddedRepo", "false");
    let _ = new.patience(PATIENCE).done().await;
    let call = place.call(DIFF).also(["--shortstat", &record.base, "--"]).patience(PATIENCE);
    Ok(read(&call.text().await?))
}

/// ` 4 files changed, 12 insertions(+), 3 deletions(-)`; what is 0 is left out.
fn read(said: &str) -> Changes {
    let number = |word: &str| {
        let part = said.split(',').find(|part| part.contains(word))?;
        part.split_whitespace().next()?.parse().ok()
    };
    Changes {
        files_changed: number("file").unwrap_or(0),
        lines_added: number("insertion").unwrap_or(0),
        lines_removed: number("deletion").unwrap_or(0),
    }
}
