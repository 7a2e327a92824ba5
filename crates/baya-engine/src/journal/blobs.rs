//! Where long values lie: in the table `blob`, above [`BLOB_ROW_BYTES_MAX`] in files `blobs/<hash>`.
//!
//! A file is whole and on the disk before the commit that names it; one that no commit names is
//! harmless. What is read is checked against its name.

use super::body::BlobHash;
use super::error::JournalError;
use baya_core::limits::BLOB_ROW_BYTES_MAX;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of blob files in a run's folder.
pub const BLOB_FOLDER: &str = "blobs";

/// Stores a blob, inside the transaction that names it.
pub fn put(db: &Connection, folder: &Path, hash: &BlobHash, bytes: &[u8]) -> Result<(), JournalError> {
    if bytes.len() > BLOB_ROW_BYTES_MAX {
        let path = file_path(folder, hash);
        return write_file(&path, bytes).map_err(|error| JournalError::io(&path, &error));
    }
    db.prepare_cached("INSERT OR IGNORE INTO blob(hash, bytes) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute((&hash.as_bytes()[..], bytes)))
        .map(drop)
        .map_err(|error| JournalError::sqlite(&folder.join(super::JOURNAL_FILE), 0, error))
}

/// The bytes of a blob, or why they are not there.
pub fn get(db: &Connection, folder: &Path, hash: &BlobHash) -> Result<Vec<u8>, String> {
    let row = db
        .prepare_cached("SELECT bytes FROM blob WHERE hash = ?1")
        .and_then(|mut select| {
            select.query_row([&hash.as_bytes()[..]], |row| row.get::<_, Vec<u8>>(0)).optional()
        })
        .map_err(|error| error.to_string())?;
    let bytes = match row {
        Some(bytes) => bytes,
        None => {
            let path = file_path(folder, hash);
            std::fs::read(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?
        }
    };
    if blake3::hash(&bytes) != *hash {
        return Err(format!("the stored value `{}` does not fit its hash", hash.to_hex()));
    }
    Ok(bytes)
}

fn file_path(folder: &Path, hash: &BlobHash) -> PathBuf {
    folder.join(BLOB_FOLDER).join(hash.to_hex().as_str())
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let partial = path.with_extension(format!("{}.part", std::process::id()));
    let written = write_whole(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written?;
    sync_folder(folder)
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes names in a folder survive a power loss.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
