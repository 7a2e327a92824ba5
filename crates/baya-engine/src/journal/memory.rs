//! A journal that lives in memory: for tests, simulations and embedders that need no second life.

use super::error::JournalError;
use super::{Appended, Durability, Journal};
use baya_core::event::Recorded;
use baya_core::op::Op;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What stands for the run's folder: it outlives its drivers.
#[derive(Debug, Clone, Default)]
pub struct MemoryRun {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Recorded>,
    fence: u64,
    released: bool,
    ops: Vec<Op>,
    /// The append that would write this event fails, and all after it.
    fails_at: Option<(u64, JournalError)>,
}

/// The journal in the hands of one driver; the next driver's lease ends it.
#[derive(Debug)]
pub struct MemoryJournal {
    run: MemoryRun,
    fence: u64,
}

impl MemoryRun {
    pub fn new() -> MemoryRun {
        MemoryRun::default()
    }

    /// A run that has got so far.
    pub fn with_events(events: Vec<Recorded>) -> MemoryRun {
        let run = MemoryRun::new();
        run.lock().events = events;
        run
    }

    /// Takes the run from whoever drives it, as after a kill.
    pub fn drive(&self) -> MemoryJournal {
        let mut state = self.lock();
        state.fence += 1;
        state.released = false;
        state.ops.clear();
        MemoryJournal { run: self.clone(), fence: state.fence }
    }

    pub fn events(&self) -> Vec<Recorded> {
        self.lock().events.clone()
    }

    pub fn leave_op(&self, op: Op) {
        self.lock().ops.push(op);
    }

    /// Appends fail from the one on that would write the event with this number.
    pub fn fail_at(&self, seq: u64, error: JournalError) {
        self.lock().fails_at = Some((seq, error));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryJournal {
    /// The state, if this driver still has the lease.
    fn own(&self) -> Result<MutexGuard<'_, State>, JournalError> {
        let state = self.run.lock();
        if state.fence != self.fence || state.released {
            return Err(JournalError::LeaseLost {
                path: PathBuf::from("memory"),
                pid: std::process::id(),
                fence: state.fence,
                ours: self.fence,
            });
        }
        Ok(state)
    }

    fn write(&self, events: Vec<Recorded>) -> Result<(), JournalError> {
        let mut state = self.own()?;
        for (event, expected) in events.iter().zip(state.events.len() as u64 + 1..) {
            if event.seq != expected {
                return Err(JournalError::OutOfOrder { expected, found: event.seq });
            }
        }
        if let (Some(last), Some((seq, error))) = (events.last(), &state.fails_at)
            && last.seq >= *seq
        {
            return Err(error.clone());
        }
        state.events.extend(events);
        Ok(())
    }
}

impl Journal for MemoryJournal {
    fn append(&self, events: Vec<Recorded>, _durability: Durability) -> Appended {
        let result = self.write(events);
        Box::pin(async move { result })
    }

    fn load(&self) -> Result<Vec<Recorded>, JournalError> {
        Ok(self.run.events())
    }

    fn fence(&self) -> u64 {
        self.fence
    }

    fn renew_lease(&self) -> Result<(), JournalError> {
        self.own().map(drop)
    }

    fn release_lease(&self) -> Result<(), JournalError> {
        self.own()?.released = true;
        Ok(())
    }

    fn take_ops(&self) -> Result<Vec<Op>, JournalError> {
        Ok(std::mem::take(&mut self.own()?.ops))
    }
}
