//! The journal of a run in its folder, in the hands of the process that drives it.

use super::database::{self, JOURNAL_FILE};
use super::error::JournalError;
use super::host::{Clock, Moment, Owner};
use super::lease::{self, LEASE_TTL_MS};
use super::reader::{Reader, read_head};
use super::writer::{Append, Job, Writer, summary_text};
use super::{Appended, Durability, Journal, Summary};
use baya_core::event::{EVENT_VERSION, Recorded};
use baya_core::ids::RunId;
use baya_core::op::Op;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Lets the lease go when dropped.
pub struct SqliteJournal {
    folder: PathBuf,
    fence: u64,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteJournal {
    /// Makes a journal in this folder, which exists, with a lease for `owner`. It is not open yet.
    pub(crate) fn create(folder: &Path, run: &RunId, owner: &Owner, now: Moment) -> Result<(), JournalError> {
        let summary = Summary::new(now.wall_ms);
        database::create(folder, run, owner, now, LEASE_TTL_MS, &summary_text(&summary))
    }

    /// Opens a journal that [`SqliteJournal::create`] made a moment ago, with its first lease.
    pub(crate) fn open_created(folder: &Path, clock: Clock) -> Result<SqliteJournal, JournalError> {
        let db = database::open_for_writing(&folder.join(JOURNAL_FILE))?;
        SqliteJournal::start(db, folder, 1, clock)
    }

    /// Takes the lease of the run in this folder, if nobody alive has it.
    pub fn acquire(folder: &Path, owner: &Owner, clock: Clock) -> Result<SqliteJournal, JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let failed = |error| JournalError::sqlite(&path, 0, error);
        let mut db = database::open_for_writing(&path)?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let fence = lease::take(&tx, &path, owner, clock(), LEASE_TTL_MS)?;
        // From now on events of this version may follow.
        tx.execute("UPDATE meta SET value = ?1 WHERE key = 'event_version'", [EVENT_VERSION])
            .map_err(failed)?;
        tx.execute("DELETE FROM op", []).map_err(failed)?;
        tx.commit().map_err(failed)?;
        SqliteJournal::start(db, folder, fence, clock)
    }

    fn start(db: Connection, folder: &Path, fence: u64, clock: Clock) -> Result<SqliteJournal, JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let head = read_head(&db).map_err(|error| JournalError::sqlite(&path, 0, error))?;
        let writer = Writer::new(db, folder.to_owned(), fence, head, clock);
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.serve(queue))
            .map_err(|error| JournalError::Storage { path, why: error.to_string() })?;
        Ok(SqliteJournal { folder: folder.to_owned(), fence, jobs: Some(jobs), writer: Some(thread) })
    }

    /// Where the run lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Caps the size of the journal's file, blob files apart; at the cap it behaves like a full disk.
    pub fn limit_bytes(&self, bytes: u64) -> Result<(), JournalError> {
        self.ask(move |writer| writer.limit_bytes(bytes))
    }

    /// Has the writer do something, and waits for it.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, result) = std::sync::mpsc::sync_channel(1);
        self.send(Job::Other(Box::new(move |writer| {
            let _ = answer.send(work(writer));
        })))?;
        result.recv().map_err(|_| JournalError::Closed)?
    }

    fn send(&self, job: Job) -> Result<(), JournalError> {
        let jobs = self.jobs.as_ref().ok_or(JournalError::Closed)?;
        jobs.send(job).map_err(|_| JournalError::Closed)
    }
}

impl Journal for SqliteJournal {
    fn append(&self, events: Vec<Recorded>, durability: Durability) -> Appended {
        let (done, result) = oneshot::channel();
        let sent = self.send(Job::Append(Append { events, durability, done }));
        Box::pin(async move {
            sent?;
            result.await.map_err(|_| JournalError::Closed)?
        })
    }

    fn load(&self) -> Result<Vec<Recorded>, JournalError> {
        self.ask(Writer::flush)?;
        Reader::open(&self.folder)?.load()
    }

    fn fence(&self) -> u64 {
        self.fence
    }

    fn renew_lease(&self) -> Result<(), JournalError> {
        self.ask(Writer::renew_lease)
    }

    fn release_lease(&self) -> Result<(), JournalError> {
        self.ask(Writer::release_lease)
    }

    fn take_ops(&self) -> Result<Vec<Op>, JournalError> {
        self.ask(Writer::take_ops)
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        // Without a sender the writer ends, after what is queued.
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
