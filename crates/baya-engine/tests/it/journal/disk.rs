//! What a journal takes of the disk, who may read it, and what happens when nothing more can be written.

use super::{agent_events, log_event, log_events, place, run_id, wait};
use baya_engine::journal::{Durability, Journal, JournalError};
use baya_engine::runs::RunStore;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

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

/// Not a test of its own: what the test below starts where the file system is small.
#[test]
fn filler() {
    let Ok(state) = std::env::var("BAYA_TEST_FILL") else { return };
    let store = RunStore::new(Path::new(&state));
    let run = run_id(9);
    let journal = store.create(&run).unwrap();
    let mut committed = 0;
    let error = loop {
        let size = [20, 200_000, 2_000, 300_000][committed as usize % 4];
        match wait(journal.append(vec![log_event(committed + 1, "z".repeat(size))], Durability::Now)) {
            Ok(()) => committed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains(&state), "{error}");
    assert!(committed > 1);
    drop(journal);
    let events = store.read(&run).unwrap().load().unwrap();
    assert_eq!(events.len() as u64, committed);
    let error = store.create(&run_id(10)).err().expect("there is room for another run");
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    assert_eq!(store.list().unwrap().runs.len(), 1);
}

#[test]
fn a_full_file_system_is_named_and_loses_nothing() {
    for kilobytes in [700, 1_000, 1_500] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "mount -t tmpfs -o size={kilobytes}k none '{0}' || exit 77
             BAYA_TEST_FILL='{0}' exec '{1}' --exact journal::disk::filler --nocapture",
            folder.path().display(),
            std::env::current_exe().unwrap().display()
        );
        let Ok(output) = Command::new("unshare").args(["-rm", "sh", "-c", &script]).output() else {
            return skipped();
        };
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            Some(77) => return skipped(),
            _ if said.contains("unshare") => return skipped(),
            code => panic!("{kilobytes} kB: {code:?}\n{}{said}", String::from_utf8_lossy(&output.stdout)),
        }
    }
}

fn skipped() {
    eprintln!("skipped: this user may not mount a file system of its own");
}
