//! The one thread that writes a journal.
//!
//! It commits at once what is there and groups what came in meanwhile, up to
//! [`INPUTS_PER_COMMIT`] appends in one transaction. Each transaction checks the fence, the order of
//! the events, and writes events, blobs and head together. Deferred events wait for the next durable
//! append, or [`DEFERRED_WAIT`] if none comes, so that views see them.

use super::blobs;
use super::body;
use super::database::{Sum, next_sum};
use super::error::JournalError;
use super::host::{Clock, Moment};
use super::lease::{self, LEASE_TTL_MS};
use super::reader::Head;
use super::summary::Summary;
use super::{Durability, JOURNAL_FILE};
use baya_core::event::Recorded;
use baya_core::limits::INPUTS_PER_COMMIT;
use baya_core::op::Op;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long deferred events wait for company.
const DEFERRED_WAIT: Duration = Duration::from_millis(100);

pub struct Append {
    pub events: Vec<Recorded>,
    pub durability: Durability,
    pub done: oneshot::Sender<Result<(), JournalError>>,
}

pub enum Job {
    Append(Append),
    Other(Box<dyn FnOnce(&mut Writer) + Send>),
}

pub struct Writer {
    db: Connection,
    folder: PathBuf,
    path: PathBuf,
    fence: u64,
    head: Head,
    clock: Clock,
    renewed: Moment,
    deferred: Vec<Recorded>,
    /// The database's version at the last look for orders.
    orders_seen_at: Option<i64>,
}

impl Writer {
    pub fn new(db: Connection, folder: PathBuf, fence: u64, head: Head, clock: Clock) -> Writer {
        let path = folder.join(JOURNAL_FILE);
        let renewed = clock();
        Writer { db, folder, path, fence, head, clock, renewed, deferred: Vec::new(), orders_seen_at: None }
    }

    /// Works until nobody can send a job any more.
    pub fn serve(mut self, jobs: Receiver<Job>) {
        let mut waiting = None;
        while let Some(job) = waiting.take().or_else(|| self.next_job(&jobs)) {
            match job {
                Job::Append(append) => {
                    let mut group = vec![append];
                    waiting = add_what_waits(&mut group, &jobs);
                    self.append(group);
                }
                Job::Other(job) => job(&mut self),
            }
        }
        let _ = self.close();
    }

    fn next_job(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        if self.deferred.is_empty() {
            return jobs.recv().ok();
        }
        match jobs.recv_timeout(DEFERRED_WAIT) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                // What fails here stays deferred and fails again, audibly, with the next append.
                let _ = self.flush();
                jobs.recv().ok()
            }
        }
    }

    fn append(&mut self, group: Vec<Append>) {
        let answered_before = self.deferred.len();
        let mut durable = false;
        let mut waiters = Vec::with_capacity(group.len());
        for append in group {
            match self.check_order(&append.events) {
                Ok(()) => {
                    durable |= append.durability == Durability::Now;
                    self.deferred.extend(append.events);
                    waiters.push(append.done);
                }
                Err(error) => drop(append.done.send(Err(error))),
            }
        }
        let result = if durable { self.flush() } else { Ok(()) };
        if result.is_err() {
            // These callers hear of it; what was answered before is kept for the next commit.
            self.deferred.truncate(answered_before);
        }
        for waiter in waiters {
            let _ = waiter.send(result.clone());
        }
    }

    fn check_order(&self, events: &[Recorded]) -> Result<(), JournalError> {
        let next = self.head.seq + self.deferred.len() as u64 + 1;
        match events.iter().zip(next..).find(|(event, expected)| event.seq != *expected) {
            Some((event, expected)) => Err(JournalError::OutOfOrder { expected, found: event.seq }),
            None => Ok(()),
        }
    }

    /// Commits what is deferred; nothing of it, if it fails.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        if self.deferred.is_empty() {
            return Ok(());
        }
        let now = (self.clock)();
        let renew = now.boot_ms.saturating_sub(self.renewed.boot_ms).saturating_abs() > LEASE_TTL_MS / 5;
        let mut head = self.head.clone();
        let (events, folder, path) = (&self.deferred, &self.folder, &self.path);
        in_transaction(&mut self.db, path, self.fence, |tx| {
            for event in events {
                write_event(tx, folder, &mut head, event)?;
            }
            write_head(tx, path, &head)?;
            if renew {
                lease::renew(tx, now).map_err(|error| JournalError::sqlite(path, 0, error))
            } else {
                Ok(())
            }
        })?;
        self.head = head;
        self.deferred.clear();
        if renew {
            self.renewed = now;
        }
        Ok(())
    }

    pub fn renew_lease(&mut self) -> Result<(), JournalError> {
        let now = (self.clock)();
        let path = &self.path;
        in_transaction(&mut self.db, path, self.fence, |tx| {
            lease::renew(tx, now).map_err(|error| JournalError::sqlite(path, 0, error))
        })?;
        self.renewed = now;
        Ok(())
    }

    pub fn release_lease(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        let path = &self.path;
        in_transaction(&mut self.db, path, self.fence, |tx| {
            lease::release(tx).map_err(|error| JournalError::sqlite(path, 0, error))
        })
    }

    /// Asks SQLite first whether anybody else wrote since the last look.
    pub fn take_ops(&mut self) -> Result<Vec<Op>, JournalError> {
        let path = &self.path;
        let failed = |error| JournalError::sqlite(path, self.head.seq, error);
        let version: i64 = self.pragma("data_version")?;
        if self.orders_seen_at == Some(version) {
            return Ok(Vec::new());
        }
        let bodies = untaken_ops(&self.db).map_err(failed)?;
        if let Some((last, _)) = bodies.last() {
            in_transaction(&mut self.db, path, self.fence, |tx| {
                tx.execute("UPDATE op SET taken = 1 WHERE id <= ?1", [last])
                    .map(drop)
                    .map_err(|error| JournalError::sqlite(path, 0, error))
            })?;
        }
        self.orders_seen_at = Some(version);
        // An order of a newer version that this one does not know is none.
        Ok(bodies.iter().filter_map(|(_, body)| serde_json::from_str(body).ok()).collect())
    }

    pub fn limit_bytes(&mut self, bytes: u64) -> Result<(), JournalError> {
        let page: u64 = self.pragma("page_size")?;
        self.db
            .query_row(&format!("PRAGMA max_page_count = {}", bytes / page), [], |_| Ok(()))
            .map_err(|error| JournalError::sqlite(&self.path, self.head.seq, error))
    }

    fn pragma<T: rusqlite::types::FromSql>(&self, name: &str) -> Result<T, JournalError> {
        self.db
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(|error| JournalError::sqlite(&self.path, self.head.seq, error))
    }

    fn close(mut self) -> Result<(), JournalError> {
        let released = self.release_lease();
        // Best effort: the next one who opens the journal does it otherwise.
        let _ = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        released
    }
}

/// Takes further appends that are there already; gives back the first job that is none.
fn add_what_waits(group: &mut Vec<Append>, jobs: &Receiver<Job>) -> Option<Job> {
    while group.len() < INPUTS_PER_COMMIT {
        match jobs.try_recv() {
            Ok(Job::Append(append)) => group.push(append),
            Ok(other) => return Some(other),
            Err(_) => return None,
        }
    }
    None
}

fn in_transaction(
    db: &mut Connection,
    path: &Path,
    fence: u64,
    work: impl FnOnce(&Transaction) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let failed = |error| JournalError::sqlite(path, 0, error);
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    lease::check(&tx, path, fence)?;
    work(&tx)?;
    tx.commit().map_err(failed)
}

fn write_event(
    tx: &Transaction,
    folder: &Path,
    head: &mut Head,
    event: &Recorded,
) -> Result<(), JournalError> {
    let path = folder.join(JOURNAL_FILE);
    let stored = body::encode(&event.event)
        .map_err(|error| JournalError::Storage { path: path.clone(), why: error.to_string() })?;
    for (hash, bytes) in &stored.blobs {
        blobs::put(tx, folder, hash, bytes)?;
    }
    let sum: Sum = next_sum(&head.sum, event.seq, event.at_ms, &stored.text);
    tx.prepare_cached("INSERT INTO event(seq, at_ms, body, sum) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut insert| insert.execute((event.seq, event.at_ms, &stored.text, &sum[..])))
        .map_err(|error| JournalError::sqlite(&path, 0, error))?;
    head.seq = event.seq;
    head.sum = sum;
    head.summary.apply(event);
    Ok(())
}

fn write_head(tx: &Transaction, path: &Path, head: &Head) -> Result<(), JournalError> {
    let summary = summary_text(&head.summary);
    tx.prepare_cached("UPDATE head SET seq = ?1, sum = ?2, summary = ?3")
        .and_then(|mut update| update.execute((head.seq, &head.sum[..], summary)))
        .map(drop)
        .map_err(|error| JournalError::sqlite(path, 0, error))
}

/// A summary as the head keeps it.
pub fn summary_text(summary: &Summary) -> String {
    serde_json::to_string(summary).unwrap_or_default()
}

fn untaken_ops(db: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    db.prepare_cached("SELECT id, body FROM op WHERE taken = 0 ORDER BY id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
