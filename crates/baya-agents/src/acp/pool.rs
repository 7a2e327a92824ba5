//! Processes that wait for their next agent: one agent at a time each, and only for the same folder,
//! profile and model. One that misbehaved never comes here.

use super::process::{Process, Use};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// One that can be used for this, the last used first.
    pub fn take(&self, wanted: &Use) -> Option<Process> {
        self.take_where(|process| process.made_for == *wanted)
    }

    /// The one whose sessions live in this folder.
    pub fn take_with(&self, private: &Path, wanted: &Use) -> Option<Process> {
        self.take_where(|process| process.private == private && process.made_for == *wanted)
    }

    fn take_where(&self, fits: impl Fn(&Process) -> bool) -> Option<Process> {
        let mut idle = self.lock();
        while let Some(at) = idle.iter().rposition(&fits) {
            let mut process = idle.remove(at);
            // One that ended while it waited is dropped, and what it left is killed with it.
            if process.is_alive() {
                return Some(process);
            }
        }
        None
    }

    pub fn give_back(&self, process: Process) {
        self.lock().push(process);
    }

    /// Ends all that wait.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.lock());
        futures_util::future::join_all(idle.into_iter().map(Process::end)).await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
