//! Reading a journal, from any process, while it is written or after its writer died.
//!
//! Every event is checked: no gap in the numbers, the sum over all events so far, the values stored
//! apart against their hashes, and the end against the head. What is damaged is said with the place;
//! what comes before it can be had with [`Reader::prefix`].

use super::JOURNAL_FILE;
use super::blobs;
use super::body::{self, BodyError};
use super::database::{self, Sum, first_sum, next_sum};
use super::error::JournalError;
use super::lease::{self, Holder};
use super::summary::Summary;
use baya_core::event::Recorded;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::path::{Path, PathBuf};

/// The end of a journal.
#[derive(Debug, Clone)]
pub struct Head {
    pub seq: u64,
    pub sum: Sum,
    pub summary: Summary,
}

/// The events that can be read, and what is wrong with the next one.
#[derive(Debug)]
pub struct Prefix {
    pub events: Vec<Recorded>,
    pub damage: Option<JournalError>,
}

/// A journal open for reading.
pub struct Reader {
    db: Connection,
    folder: PathBuf,
    path: PathBuf,
    run: String,
    version_seen: Option<i64>,
}

impl Reader {
    /// Opens the journal in a run's folder.
    pub fn open(folder: &Path) -> Result<Reader, JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let db = database::open_for_reading(&path)?;
        let run = database::meta(&db, "run").map_err(|error| JournalError::sqlite(&path, 0, error))?;
        Ok(Reader { db, folder: folder.to_owned(), path, run, version_seen: None })
    }

    /// All events.
    pub fn load(&self) -> Result<Vec<Recorded>, JournalError> {
        let Prefix { events, damage } = self.prefix();
        damage.map_or(Ok(events), Err)
    }

    /// What can be read of a journal, damaged or not.
    pub fn prefix(&self) -> Prefix {
        self.read_on(0, u64::MAX)
    }

    /// Up to `count` events after the one with this number.
    pub fn since(&self, seq: u64, count: u64) -> Result<Vec<Recorded>, JournalError> {
        let Prefix { events, damage } = self.read_on(seq, count);
        damage.map_or(Ok(events), Err)
    }

    /// Whether anything was written since the last call; true at the first one. Costs microseconds.
    pub fn has_changed(&mut self) -> Result<bool, JournalError> {
        let version = self
            .db
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|error| JournalError::sqlite(&self.path, 0, error))?;
        Ok(self.version_seen.replace(version) != Some(version))
    }

    pub fn summary(&self) -> Result<Summary, JournalError> {
        read_head(&self.db)
            .map(|head| head.summary)
            .map_err(|error| JournalError::sqlite(&self.path, 0, error))
    }

    /// Who drives the run, or drove it last.
    pub fn holder(&self) -> Result<Option<Holder>, JournalError> {
        lease::read(&self.db).map_err(|error| JournalError::sqlite(&self.path, 0, error))
    }

    /// One transaction, so that head and events are of one moment.
    fn read_on(&self, after: u64, count: u64) -> Prefix {
        let mut events = Vec::new();
        let damage = match self.db.unchecked_transaction() {
            Ok(_tx) => self.collect(after, count, &mut events).err(),
            Err(error) => Some(JournalError::sqlite(&self.path, after, error)),
        };
        Prefix { events, damage }
    }

    fn collect(&self, after: u64, count: u64, events: &mut Vec<Recorded>) -> Result<(), JournalError> {
        let failed = |readable, error| JournalError::sqlite(&self.path, readable, error);
        let mut sum = self.sum_at(after)?;
        let mut seq = after;
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let mut select = self
            .db
            .prepare_cached("SELECT seq, at_ms, body, sum FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .map_err(|error| failed(after, error))?;
        let mut rows = select.query((after, limit)).map_err(|error| failed(after, error))?;
        while let Some(row) = rows.next().map_err(|error| failed(seq, error))? {
            let (event, next) = self.event(row, seq, &sum)?;
            events.push(event);
            sum = next;
            seq += 1;
        }
        if (events.len() as u64) < count {
            self.check_end(seq, &sum)?;
        }
        Ok(())
    }

    fn sum_at(&self, seq: u64) -> Result<Sum, JournalError> {
        if seq == 0 {
            return Ok(first_sum(&self.run));
        }
        self.db
            .prepare_cached("SELECT sum FROM event WHERE seq = ?1")
            .and_then(|mut select| select.query_row([seq], |row| row.get(0)))
            .map_err(|error| JournalError::sqlite(&self.path, seq.saturating_sub(1), error))
    }

    fn event(&self, row: &Row, before: u64, sum: &Sum) -> Result<(Recorded, Sum), JournalError> {
        let failed = |error| JournalError::sqlite(&self.path, before, error);
        let seq: u64 = row.get(0).map_err(failed)?;
        if seq != before + 1 {
            return Err(self.damaged(before, format!("the next one has the number {seq}")));
        }
        let at_ms = row.get(1).map_err(failed)?;
        let stored: Sum = row.get(3).map_err(failed)?;
        let ValueRef::Text(text) = row.get_ref(2).map_err(failed)? else {
            return Err(self.damaged(before, "it is no text".to_owned()));
        };
        let text =
            std::str::from_utf8(text).map_err(|_| self.damaged(before, "it is not UTF-8".to_owned()))?;
        let next = next_sum(sum, seq, at_ms, text);
        if next != stored {
            return Err(self.damaged(before, "its check sum does not fit".to_owned()));
        }
        let event = body::decode(text, &mut |hash| blobs::get(&self.db, &self.folder, hash))
            .map_err(|error: BodyError<String>| self.damaged(before, error.to_string()))?;
        Ok((Recorded { seq, at_ms, event }, next))
    }

    /// The head was written with the last event, so one without the other is damage.
    fn check_end(&self, seq: u64, sum: &Sum) -> Result<(), JournalError> {
        let head = read_head(&self.db).map_err(|error| JournalError::sqlite(&self.path, seq, error))?;
        if head.seq != seq {
            return Err(
                self.damaged(seq, format!("the journal ends there and should have {} events", head.seq))
            );
        }
        if head.sum != *sum {
            return Err(self.damaged(seq, "the check sum of the whole does not fit".to_owned()));
        }
        Ok(())
    }

    fn damaged(&self, readable: u64, why: String) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), seq: readable + 1, readable, why }
    }
}

/// The end of the journal; a summary that cannot be read is an empty one, for it is only a shortcut.
pub fn read_head(db: &Connection) -> rusqlite::Result<Head> {
    db.prepare_cached("SELECT seq, sum, summary FROM head")?.query_row([], |row| {
        let summary: String = row.get(2)?;
        Ok(Head {
            seq: row.get(0)?,
            sum: row.get(1)?,
            summary: serde_json::from_str(&summary).unwrap_or_default(),
        })
    })
}
