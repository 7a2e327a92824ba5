//! The journal: what happened in a run, on disk before anything else follows from it.
//!
//! One process drives a run at a time. It holds the journal's lease, and each append checks the
//! lease's fence in the same transaction, so a driver that was replaced while it slept cannot write a
//! word more. Others read whenever they like and leave orders.
//!
//! Two implementations: [`SqliteJournal`], one folder per run, and [`MemoryJournal`] for tests and
//! embedders. Not here: what an event means (`baya_core::run`) and where runs lie ([`crate::runs`]).

mod blobs;
mod body;
mod database;
mod error;
mod host;
mod lease;
mod memory;
mod reader;
mod sqlite;
mod summary;
mod writer;

pub use error::JournalError;
pub use host::{Clock, Moment, Owner};
pub use lease::{Holder, LEASE_TTL_MS, RENEW_EVERY_MS};
pub use memory::{MemoryJournal, MemoryRun};
pub use reader::{Prefix, Reader};
pub use sqlite::SqliteJournal;
pub use summary::{RunState, Summary};

pub(crate) use database::{JOURNAL_FILE, leave_op};

use baya_core::event::Recorded;
use baya_core::op::Op;
use std::future::Future;
use std::pin::Pin;

/// When an append counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk when the future resolves.
    Now,
    /// On disk with the next durable append, or a moment later; lost if the process dies before.
    Deferred,
}

/// Resolves when the append counts.
pub type Appended = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// The journal of one run in the hands of its one driver.
pub trait Journal: Send {
    /// Adds events, whose `seq` follow the last one. All of them or none; in the order of the calls,
    /// also when the futures are awaited in another one.
    fn append(&self, events: Vec<Recorded>, durability: Durability) -> Appended;

    /// All events, each checked.
    fn load(&self) -> Result<Vec<Recorded>, JournalError>;

    /// The number of this driver among all that ever drove the run, from 1.
    fn fence(&self) -> u64;

    /// Says that this driver is alive; to be called every [`RENEW_EVERY_MS`].
    fn renew_lease(&self) -> Result<(), JournalError>;

    /// Lets the run go, after all appends so far. Nothing can be appended afterwards.
    fn release_lease(&self) -> Result<(), JournalError>;

    /// Orders that other processes left since the last call, oldest first, each once. Cheap when there
    /// is none. Orders left to an earlier driver died with it.
    fn take_ops(&self) -> Result<Vec<Op>, JournalError>;
}
