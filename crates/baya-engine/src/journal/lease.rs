//! The lease: who drives a run, and whether somebody else may.
//!
//! A row in the journal names the owner, the last sign of life and the fence, a number that grows with
//! each owner. The owner renews it; others take it when the owner is dead or has been silent too
//! long. Every append compares the fence, so it does not matter if the old owner was only asleep.
//!
//! Silence is measured on the clock since the machine's start, which nobody sets back; the wall clock
//! counts only for an owner on another machine.

use super::error::JournalError;
use super::host::{Moment, Owner};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// Silence after which others may take over.
pub const LEASE_TTL_MS: i64 = 15_000;
/// How often the driver says that it is alive.
pub const RENEW_EVERY_MS: u64 = 3_000;

pub const SCHEMA: &str = "CREATE TABLE lease(
    one INTEGER PRIMARY KEY CHECK (one = 1), fence INTEGER NOT NULL, released INTEGER NOT NULL,
    pid INTEGER NOT NULL, started INTEGER NOT NULL, boot TEXT NOT NULL, host TEXT NOT NULL,
    since_ms INTEGER NOT NULL, renewed_ms INTEGER NOT NULL, renewed_boot_ms INTEGER NOT NULL,
    ttl_ms INTEGER NOT NULL) STRICT;";

/// Who drives a run, or drove it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub owner: Owner,
    pub fence: u64,
    /// Let go in an orderly way.
    pub released: bool,
    pub since_ms: i64,
    pub renewed: Moment,
    pub ttl_ms: i64,
}

impl Holder {
    /// Whether the run may not be taken from it: it was not let go, and its owner gives signs of life.
    pub fn drives(&self, me: &Owner, now: Moment) -> bool {
        !self.released && !self.is_dead(me) && self.silent_ms(me, now) <= self.ttl_ms
    }

    /// Only for an owner whose processes we can see, or whose machine has been started anew.
    fn is_dead(&self, me: &Owner) -> bool {
        if self.owner.boot == me.boot {
            return !self.owner.is_alive();
        }
        self.owner.host == me.host && !self.same_start_of_machine(me)
    }

    fn same_start_of_machine(&self, me: &Owner) -> bool {
        self.owner.boot.split(' ').next() == me.boot.split(' ').next()
    }

    /// How long ago the last sign of life was.
    fn silent_ms(&self, me: &Owner, now: Moment) -> i64 {
        if self.same_start_of_machine(me) {
            return now.boot_ms.saturating_sub(self.renewed.boot_ms);
        }
        now.wall_ms.saturating_sub(self.renewed.wall_ms).saturating_abs()
    }
}

/// The last holder; none in a journal that nobody has driven yet.
pub fn read(db: &Connection) -> rusqlite::Result<Option<Holder>> {
    db.prepare_cached(
        "SELECT pid, started, boot, host, fence, released, since_ms, renewed_ms, renewed_boot_ms, ttl_ms FROM lease",
    )?
    .query_row([], |row| {
        Ok(Holder {
            owner: Owner { pid: row.get(0)?, started: row.get(1)?, boot: row.get(2)?, host: row.get(3)? },
            fence: row.get(4)?,
            released: row.get(5)?,
            since_ms: row.get(6)?,
            renewed: Moment { wall_ms: row.get(7)?, boot_ms: row.get(8)? },
            ttl_ms: row.get(9)?,
        })
    })
    .optional()
}

/// Takes the lease in the caller's transaction; the fence, or who has it.
pub fn take(db: &Connection, path: &Path, me: &Owner, now: Moment, ttl_ms: i64) -> Result<u64, JournalError> {
    let last = read(db).map_err(|error| JournalError::sqlite(path, 0, error))?;
    if let Some(holder) = last.as_ref().filter(|holder| holder.drives(me, now)) {
        return Err(JournalError::Held {
            path: path.to_owned(),
            pid: holder.owner.pid,
            host: holder.owner.host.clone(),
            since_ms: holder.since_ms,
            silent_ms: holder.silent_ms(me, now),
        });
    }
    let fence = last.map_or(1, |holder| holder.fence + 1);
    let holder =
        Holder { owner: me.clone(), fence, released: false, since_ms: now.wall_ms, renewed: now, ttl_ms };
    write(db, &holder).map_err(|error| JournalError::sqlite(path, 0, error))?;
    Ok(fence)
}

fn write(db: &Connection, holder: &Holder) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR REPLACE INTO lease(one, pid, started, boot, host, fence, released, since_ms, renewed_ms,
         renewed_boot_ms, ttl_ms) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            holder.owner.pid,
            holder.owner.started,
            &holder.owner.boot,
            &holder.owner.host,
            holder.fence,
            holder.released,
            holder.since_ms,
            holder.renewed.wall_ms,
            holder.renewed.boot_ms,
            holder.ttl_ms,
        ),
    )
    .map(drop)
}

/// Whether the lease with this fence is still ours, in the caller's transaction.
pub fn check(db: &Connection, path: &Path, fence: u64) -> Result<(), JournalError> {
    let row = db.prepare_cached("SELECT fence, released, pid FROM lease").and_then(|mut select| {
        select.query_row([], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, bool>(1)?, row.get::<_, u32>(2)?)))
    });
    match row {
        Ok((found, false, _)) if found == fence => Ok(()),
        Ok((found, _, pid)) => {
            Err(JournalError::LeaseLost { path: path.to_owned(), pid, fence: found, ours: fence })
        }
        Err(error) => Err(JournalError::sqlite(path, 0, error)),
    }
}

/// A sign of life, in the caller's transaction and after [`check`].
pub fn renew(db: &Connection, now: Moment) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE lease SET renewed_ms = ?1, renewed_boot_ms = ?2")?
        .execute((now.wall_ms, now.boot_ms))
        .map(drop)
}

/// Lets go, in the caller's transaction and after [`check`].
pub fn release(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE lease SET released = 1", []).map(drop)
}
