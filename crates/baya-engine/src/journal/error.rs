//! What can go wrong with a journal, said to the person who has to act.

use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of a journal or of the folder of runs. Cloned to everybody who waited for the commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    #[error("no space left on the disk for `{}`", path.display())]
    DiskFull { path: PathBuf },
    #[error("`{}` cannot be written: {why}", path.display())]
    NotWritable { path: PathBuf, why: String },
    #[error("`{}` cannot be read: {why}", path.display())]
    NotReadable { path: PathBuf, why: String },
    /// `readable` events before the damage are whole.
    #[error("the journal `{}` is damaged at event {seq}: {why}; {readable} events before it can be read",
        path.display())]
    Damaged { path: PathBuf, seq: u64, readable: u64, why: String },
    #[error("the journal `{}` was written by a newer baya ({what} {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, what: &'static str, found: u32, known: u32 },
    #[error("the run `{}` is driven by process {pid} on `{host}` since {} (last sign of life {} ago)",
        path.display(), utc(*since_ms), seconds(*silent_ms))]
    Held { path: PathBuf, pid: u32, host: String, since_ms: i64, silent_ms: i64 },
    #[error("the run `{}` was taken over by process {pid} (fence {fence}, ours is {ours})", path.display())]
    LeaseLost { path: PathBuf, pid: u32, fence: u64, ours: u64 },
    /// The events of an append do not follow the last one; a fault of the caller.
    #[error("event {found} was appended where event {expected} follows")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("there is a run `{run}` already")]
    RunExists { run: String },
    #[error("there is no run `{wanted}` in `{}`{}", path.display(), list(" near it: ", near))]
    UnknownRun { wanted: String, path: PathBuf, near: Vec<String> },
    #[error("`{wanted}` may be any of{}", list(" ", runs))]
    AmbiguousRun { wanted: String, runs: Vec<String> },
    #[error("the journal `{}` failed: {why}", path.display())]
    Storage { path: PathBuf, why: String },
    /// The writer is gone; only after a bug of ours.
    #[error("the journal's writer has ended")]
    Closed,
}

impl JournalError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            JournalError::DiskFull { .. } => Some("free some space, then `baya resume` goes on".to_owned()),
            JournalError::NotWritable { .. } => Some(
                "give yourself the right to write there, or set `XDG_STATE_HOME` to another folder"
                    .to_owned(),
            ),
            JournalError::NotReadable { .. } => Some("give yourself the right to read it".to_owned()),
            JournalError::Damaged { .. } => Some(
                "`baya show RUN --events` prints what can be read; start the script anew for the rest"
                    .to_owned(),
            ),
            JournalError::Newer { .. } => Some("upgrade baya to open it".to_owned()),
            JournalError::Held { pid, .. } => {
                Some(format!("`baya show` looks at it, `baya stop` ends it; or end process {pid}"))
            }
            JournalError::LeaseLost { .. } => Some("the other process goes on with the run".to_owned()),
            JournalError::UnknownRun { .. } => Some("`baya runs` lists all runs".to_owned()),
            JournalError::AmbiguousRun { .. } => Some("give more of the id".to_owned()),
            JournalError::Storage { .. } => Some("the run stays as it is; `baya resume` goes on".to_owned()),
            JournalError::OutOfOrder { .. } | JournalError::RunExists { .. } | JournalError::Closed => None,
        }
    }

    /// A failure of SQLite on this journal while events after `readable` were read or written.
    pub(crate) fn sqlite(path: &Path, readable: u64, error: rusqlite::Error) -> JournalError {
        let path = path.to_owned();
        let why = error.to_string();
        let damaged = |path, why| JournalError::Damaged { path, seq: readable + 1, readable, why };
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => JournalError::DiskFull { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                JournalError::NotWritable { path, why }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SchemaChanged) => {
                damaged(path, why)
            }
            Some(ErrorCode::SystemIoFailure) => io_failure(path, readable, why, &error),
            // `no such table` and the like: the schema of the file is not ours any more.
            Some(ErrorCode::Unknown) => damaged(path, why),
            Some(_) => JournalError::Storage { path, why },
            // No code of SQLite's: a value is missing or of the wrong type.
            None => damaged(path, why),
        }
    }

    /// For a journal opened to be read: what cannot be opened cannot be read.
    pub(crate) fn for_reader(self) -> JournalError {
        match self {
            JournalError::NotWritable { path, why } => JournalError::NotReadable { path, why },
            other => other,
        }
    }

    pub(crate) fn io(path: &Path, error: &io::Error) -> JournalError {
        let path = path.to_owned();
        let why = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalError::DiskFull { path },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            // A file stands where a folder of ours would.
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotFound => JournalError::NotWritable { path, why },
            _ => JournalError::Storage { path, why },
        }
    }
}

/// SQLite says `disk I/O error` for a short file and, on some roads, for a full disk.
fn io_failure(path: PathBuf, readable: u64, why: String, error: &rusqlite::Error) -> JournalError {
    let short_read =
        error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ);
    if short_read {
        return JournalError::Damaged { path, seq: readable + 1, readable, why };
    }
    match path.parent().map(has_room) {
        Some(false) => JournalError::DiskFull { path },
        Some(true) | None => JournalError::Storage { path, why },
    }
}

/// Whether a few pages can be written in the folder.
fn has_room(folder: &Path) -> bool {
    let probe = folder.join(format!(".room-{}", std::process::id()));
    let written = std::fs::write(&probe, [0u8; 64 * 1024]);
    let _ = std::fs::remove_file(&probe);
    !matches!(written, Err(error) if error.kind() == io::ErrorKind::StorageFull)
}

fn seconds(ms: i64) -> String {
    format!("{}.{} s", ms.max(0) / 1000, ms.max(0) % 1000 / 100)
}

fn list(before: &str, names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let comma = if before.trim().is_empty() { "" } else { ";" };
    format!("{comma}{before}{}", quoted.join(", "))
}

/// `2026-01-31 12:00:00 UTC`
fn utc(ms: i64) -> String {
    let (days, second) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    let (year, month, day) = baya_core::calendar::date_of_day(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02} UTC", second % 60)
}
