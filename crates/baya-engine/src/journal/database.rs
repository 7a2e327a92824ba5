//! The file `journal.db`: its tables, how it is made, and who may open it.
//!
//! ```text
//! meta(key, value)              run, event_version, created_ms
//! event(seq, at_ms, body, sum)  body: see `body`; sum: BLAKE3 over the sum before, seq, at_ms and body
//! head(seq, sum, summary)       the last event and the run at a glance, written with each append
//! blob(hash, bytes)             long values; above 256 KiB files `blobs/<hash>`
//! lease(…)                      see `lease`
//! op(id, body, taken)           orders of other processes
//! ```
//! `user_version` is [`FORMAT_VERSION`]. WAL and `synchronous=FULL`: what was committed survives a power loss.

use super::error::JournalError;
use super::host::{Moment, Owner};
use super::lease;
use baya_core::event::EVENT_VERSION;
use baya_core::ids::RunId;
use baya_core::op::Op;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The version of the tables this binary writes.
pub const FORMAT_VERSION: u32 = 1;
/// The file's name in a run's folder.
pub const JOURNAL_FILE: &str = "journal.db";

/// `baya` in the file's header, for `file(1)` and the like.
const APPLICATION_ID: u32 = 0x6261_7961;
/// How long a process waits while another one commits.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body TEXT NOT NULL, sum BLOB NOT NULL) STRICT;
CREATE TABLE head(one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, sum BLOB NOT NULL,
    summary TEXT NOT NULL) STRICT;
CREATE TABLE blob(hash BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE op(id INTEGER PRIMARY KEY, body TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0) STRICT;
";

/// The check sum of one event, over all before it.
pub type Sum = [u8; 16];

/// The sum before the first event.
pub fn first_sum(run: &str) -> Sum {
    shorten(blake3::hash(format!("baya journal of {run}").as_bytes()))
}

pub fn next_sum(before: &Sum, seq: u64, at_ms: i64, body: &str) -> Sum {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&seq.to_le_bytes()).update(&at_ms.to_le_bytes()).update(body.as_bytes());
    shorten(hasher.finalize())
}

fn shorten(hash: blake3::Hash) -> Sum {
    let mut sum = Sum::default();
    sum.copy_from_slice(&hash.as_bytes()[..16]);
    sum
}

/// Makes the file with its tables and its first lease. Its content is on the disk when this returns, its
/// name when the first append is: SQLite then syncs the folder for the log it makes beside it.
pub fn create(
    folder: &Path,
    run: &RunId,
    owner: &Owner,
    now: Moment,
    ttl_ms: i64,
    summary: &str,
) -> Result<(), JournalError> {
    let path = folder.join(JOURNAL_FILE);
    // SQLite gives the files beside it the rights of this one.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| JournalError::io(&path, &error))?;
    let failed = |error| JournalError::sqlite(&path, 0, error);
    let db = Connection::open_with_flags(&path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE)).map_err(failed)?;
    fill(&db, run, now, summary).map_err(failed)?;
    lease::take(&db, &path, owner, now, ttl_ms)?;
    db.execute_batch("COMMIT").map_err(failed)?;
    db.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    db.close().map_err(|(_, error)| failed(error))?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(|error| JournalError::io(&path, &error))
}

/// Nobody sees the file yet, so nothing is synced before all is there.
fn fill(db: &Connection, run: &RunId, now: Moment, summary: &str) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA journal_mode = memory; PRAGMA synchronous = off; BEGIN IMMEDIATE;")?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "user_version", FORMAT_VERSION)?;
    db.execute_batch(SCHEMA)?;
    db.execute_batch(lease::SCHEMA)?;
    let mut insert = db.prepare("INSERT INTO meta(key, value) VALUES (?1, ?2)")?;
    insert.execute(("run", run.as_str()))?;
    insert.execute(("event_version", EVENT_VERSION))?;
    insert.execute(("created_ms", now.wall_ms))?;
    db.execute(
        "INSERT INTO head(one, seq, sum, summary) VALUES (1, 0, ?1, ?2)",
        (first_sum(run.as_str()), summary),
    )
    .map(drop)
}

/// Opens for the driver, or for an order.
pub fn open_for_writing(path: &Path) -> Result<Connection, JournalError> {
    let db = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let failed = |error| JournalError::sqlite(path, 0, error);
    db.pragma_update(None, "synchronous", "full").map_err(failed)?;
    Ok(db)
}

/// Leaves an order for the driver of the run in this folder.
pub fn leave_op(folder: &Path, op: &Op) -> Result<(), JournalError> {
    let path = folder.join(JOURNAL_FILE);
    let failed = |error| JournalError::sqlite(&path, 0, error);
    let body = serde_json::to_string(op)
        .map_err(|error| JournalError::Storage { path: path.clone(), why: error.to_string() })?;
    open_for_writing(&path)?.execute("INSERT INTO op(body) VALUES (?1)", [body]).map(drop).map_err(failed)
}

/// Opens for views; sees each commit as soon as it is made, and blocks nobody.
pub fn open_for_reading(path: &Path) -> Result<Connection, JournalError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(JournalError::for_reader)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, JournalError> {
    let failed = |error| JournalError::sqlite(path, 0, error);
    let db = Connection::open_with_flags(path, flags(access)).map_err(failed)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    db.pragma_update(None, "cell_size_check", true).map_err(failed)?;
    check_version(&db, path)?;
    Ok(db)
}

/// No threads share a connection.
fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn check_version(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let failed = |error| JournalError::sqlite(path, 0, error);
    let newer = |what, found, known| JournalError::Newer { path: path.to_owned(), what, found, known };
    let format: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    if format > FORMAT_VERSION {
        return Err(newer("format", format, FORMAT_VERSION));
    }
    let events: u32 = meta(db, "event_version").map_err(failed)?;
    if events > EVENT_VERSION {
        return Err(newer("event version", events, EVENT_VERSION));
    }
    Ok(())
}

/// A value of the table `meta`.
pub fn meta<T: rusqlite::types::FromSql>(db: &Connection, key: &str) -> rusqlite::Result<T> {
    db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}
