//! What a journal takes of the disk, who may read it, and what happens when nothing more can be written.

use super::{agent_events, log_event, log_events, place, wait};
use baya_engine::journal::{Durability, Journal, JournalError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn a_trivial_agent_takes_less_than_three_kilobytes_and_no_file() {
    let place = place();
    let journal = place.create();
    for number in 1..=1_000u32 {
        let events = agent_events(u64::from(number - 1) * 4 + 1, number);
        let pending: Vec<_> =
            events.into_iter().map(|event| journal.append(vec![event], Durability::Now)).collect();
        pending.into_iter().for_each(|appended| wait(appended).unwrap());
    }
    drop(journal);
    let folder = place.store.run_folder(&place.run);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [folder.join("journal.db")]);
    let per_agent = std::fs::metadata(&files[0]).unwrap().len() / 1_000;
    println!("{per_agent} bytes an agent");
    assert!(per_agent < 3_000, "{per_agent} bytes an agent");
}

#[test]
fn files_are_for_the_user_alone() {
    let place = place();
    let journal = place.create();
    wait(journal.append(vec![log_event(1, "x".repeat(300_000))], Durability::Now)).unwrap();
    let mut seen = 0;
    check_rights(&place.folder.path().join("runs"), &mut seen);
    assert!(seen >= 7, "runs, its run, journal, wal, shm, blobs, a blob; only {seen} were seen");
}

fn check_rights(path: &Path, seen: &mut usize) {
    let metadata = std::fs::metadata(path).unwrap();
    let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", path.display());
    *seen += 1;
    if metadata.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| check_rights(&entry.unwrap().path(), seen));
    }
}

/// Fills the disk under a journal: a limit of SQLite's stands for it, which every user may set.
#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let place = place();
    let journal = place.create();
    wait(journal.append(log_events(1..=3), Durability::Now)).unwrap();
    journal.limit_bytes(200_000).unwrap();
    let path = place.store.run_folder(&place.run).join("journal.db");
    let big = vec![log_event(4, "y".repeat(250_000))];
    let full = wait(journal.append(big.clone(), Durability::Now)).unwrap_err();
    assert_eq!(full, JournalError::DiskFull { path: path.clone() });
    assert_eq!(full.to_string(), format!("no space left on the disk for `{}`", path.display()));
    assert_eq!(place.load().unwrap(), log_events(1..=3));
    journal.limit_bytes(16_000_000).unwrap();
    wait(journal.append(big, Durability::Now)).unwrap();
    assert_eq!(place.load().unwrap().len(), 4);
}
