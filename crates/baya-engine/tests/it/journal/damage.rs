//! A damaged journal is an error that names the place, or a prefix; never a panic, never a wrong event.

use super::{Place, agent_events, log_event, log_events, place, wait};
use baya_core::event::{EVENT_VERSION, Recorded};
use baya_engine::journal::{Durability, Journal, JournalError, Reader};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

fn journal_file(place: &Place) -> PathBuf {
    place.store.run_folder(&place.run).join("journal.db")
}

/// Changes the closed journal with SQL, as something that is not baya.
fn meddle(place: &Place, sql: &str) {
    let db = Connection::open(journal_file(place)).unwrap();
    db.execute_batch(sql).unwrap();
}

fn check_damage(lines: u64, sql: &str, seq: u64, why: &str) {
    let place = Place::with_lines(lines);
    meddle(&place, sql);
    let error = place.load().unwrap_err();
    let JournalError::Damaged { path, seq: found, readable, .. } = &error else { panic!("{error}") };
    assert_eq!((path, *found, *readable), (&journal_file(&place), seq, seq - 1), "{sql}: {error}");
    assert!(error.to_string().contains(why), "{sql}: {error}");
    let prefix = place.store.read(&place.run).unwrap().prefix();
    assert_eq!(prefix.events, log_events(1..=seq - 1), "{sql}");
    assert_eq!(prefix.damage, Some(error), "{sql}");
}

#[test]
fn each_kind_of_damage_is_named_with_its_place() {
    check_damage(9, "DELETE FROM event WHERE seq = 5", 5, "the number 6");
    check_damage(9, "DELETE FROM event WHERE seq = 1", 1, "the number 2");
    check_damage(9, "DELETE FROM event WHERE seq > 7", 8, "should have 9 events");
    check_damage(9, "DELETE FROM event", 1, "should have 9 events");
    check_damage(
        9,
        "UPDATE event SET body = replace(body, 'line 4', 'line 5') WHERE seq = 4",
        4,
        "check sum",
    );
    check_damage(9, "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 9", 9, "check sum");
    check_damage(9, "UPDATE event SET sum = x'00' WHERE seq = 3", 3, "");
    check_damage(
        9,
        "UPDATE head SET sum = x'00112233445566778899aabbccddeeff'",
        10,
        "check sum of the whole",
    );
    check_damage(9, "UPDATE head SET seq = 12", 10, "should have 12 events");
    check_damage(9, "DELETE FROM head", 10, "");
    check_damage(9, "DROP TABLE event", 1, "event");
    let swap = "UPDATE event SET seq = 100 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 3;
                UPDATE event SET seq = 3 WHERE seq = 100;";
    check_damage(9, swap, 2, "check sum");
}

#[test]
fn a_run_taken_from_another_one_is_damage() {
    let place = Place::with_lines(3);
    meddle(&place, "UPDATE meta SET value = 'wf_00000000-000' WHERE key = 'run'");
    assert!(matches!(place.load(), Err(JournalError::Damaged { seq: 1, .. })));
}

#[test]
fn a_missing_or_changed_value_that_is_stored_apart_is_damage() {
    for size in [5_000, 400_000] {
        for gone in [true, false] {
            let place = place();
            let journal = place.create();
            let events = vec![log_event(1, "a"), log_event(2, "b".repeat(size)), log_event(3, "c")];
            wait(journal.append(events, Durability::Now)).unwrap();
            drop(journal);
            hurt_blob(&place, gone);
            let error = place.load().unwrap_err();
            assert!(
                matches!(error, JournalError::Damaged { seq: 2, readable: 1, .. }),
                "{size} {gone}: {error}"
            );
        }
    }
}

fn hurt_blob(place: &Place, gone: bool) {
    let folder = place.store.run_folder(&place.run).join("blobs");
    match std::fs::read_dir(folder) {
        Err(_) if gone => meddle(place, "DELETE FROM blob"),
        Err(_) => meddle(place, "UPDATE blob SET bytes = x'00'"),
        Ok(mut files) => {
            let file = files.next().unwrap().unwrap().path();
            if gone { std::fs::remove_file(file).unwrap() } else { std::fs::write(file, "other").unwrap() }
        }
    }
}

/// Opens and loads, whatever is there. What is given without an error must be true.
fn check_hurt(folder: &Path, truth: &[Recorded], what: &str) -> bool {
    let prefix = match Reader::open(folder) {
        Ok(reader) => reader.prefix(),
        Err(_) => return true,
    };
    let count = prefix.events.len();
    assert_eq!(prefix.events, truth[..count], "{what}");
    assert!(prefix.damage.is_some() || count == truth.len(), "{what}: {count} events and no word of damage");
    prefix.damage.is_some()
}

/// A journal with rows, stored values and more than a few pages.
fn rich() -> (Place, Vec<Recorded>, Vec<u8>) {
    let place = place();
    let mut events = Vec::new();
    for number in 1..=20 {
        events.extend(agent_events(events.len() as u64 + 1, number));
        events.push(log_event(events.len() as u64 + 1, format!("{number}").repeat(1500)));
    }
    let journal = place.create();
    wait(journal.append(events.clone(), Durability::Now)).unwrap();
    drop(journal);
    let bytes = std::fs::read(journal_file(&place)).unwrap();
    (place, events, bytes)
}

#[test]
fn flipped_bytes_never_give_a_wrong_event() {
    let (place, events, bytes) = rich();
    let path = journal_file(&place);
    let folder = path.parent().unwrap();
    let step = (bytes.len() / 1_500).max(1);
    let mut noticed = 0;
    let places: Vec<usize> = (0..200).chain((200..bytes.len()).step_by(step)).collect();
    for &at in &places {
        let mut hurt = bytes.clone();
        hurt[at] ^= 1 << (at % 8);
        std::fs::write(&path, &hurt).unwrap();
        noticed += usize::from(check_hurt(folder, &events, &format!("byte {at}")));
    }
    assert!(noticed * 2 > places.len(), "only {noticed} of {} were noticed", places.len());
}

#[test]
fn a_truncated_file_never_gives_a_wrong_event() {
    let (place, events, bytes) = rich();
    let path = journal_file(&place);
    for length in (0..bytes.len()).step_by(997) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let noticed = check_hurt(path.parent().unwrap(), &events, &format!("{length} bytes"));
        assert!(noticed, "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn a_flip_in_the_log_of_a_killed_writer_gives_a_prefix_or_an_error() {
    let place = place();
    let journal = place.create();
    for number in 1..=30 {
        wait(journal.append(log_events(number..=number), Durability::Now)).unwrap();
    }
    let source = place.store.run_folder(&place.run);
    let copy = tempfile::tempdir().unwrap();
    let db = std::fs::read(source.join("journal.db")).unwrap();
    let wal = std::fs::read(source.join("journal.db-wal")).unwrap();
    drop(journal);
    for at in (0..wal.len()).step_by(1_013) {
        let mut hurt = wal.clone();
        hurt[at] ^= 0x10;
        let _ = std::fs::remove_file(copy.path().join("journal.db-shm"));
        std::fs::write(copy.path().join("journal.db"), &db).unwrap();
        std::fs::write(copy.path().join("journal.db-wal"), &hurt).unwrap();
        // SQLite ends the log at a torn page, as after a power loss: an earlier state, whole in itself.
        let Ok(reader) = Reader::open(copy.path()) else { continue };
        let events = reader.prefix().events;
        assert_eq!(events, log_events(1..=30)[..events.len()], "byte {at}");
    }
}

#[test]
fn a_journal_of_a_newer_version_is_not_opened_and_not_touched() {
    let newer = [
        ("PRAGMA user_version = 2".to_owned(), "format"),
        (
            format!("UPDATE meta SET value = {} WHERE key = 'event_version'", EVENT_VERSION + 1),
            "event version",
        ),
    ];
    for (sql, what) in newer {
        let place = Place::with_lines(2);
        meddle(&place, &sql);
        let before = std::fs::read(journal_file(&place)).unwrap();
        let errors = [place.load().unwrap_err(), place.store.drive(&place.run).err().unwrap()];
        for error in errors {
            assert!(matches!(&error, JournalError::Newer { what: found, .. } if *found == what), "{error}");
            assert!(error.hint().unwrap().contains("upgrade"), "{error}");
        }
        assert_eq!(std::fs::read(journal_file(&place)).unwrap(), before);
    }
}

#[test]
fn a_journal_of_an_older_event_version_opens_and_goes_on() {
    let place = Place::with_lines(2);
    meddle(&place, "UPDATE meta SET value = 0 WHERE key = 'event_version'");
    assert_eq!(place.load().unwrap(), log_events(1..=2));
    let journal = place.store.drive(&place.run).unwrap();
    wait(journal.append(log_events(3..=3), Durability::Now)).unwrap();
    drop(journal);
    assert_eq!(place.load().unwrap(), log_events(1..=3));
    let db = Connection::open(journal_file(&place)).unwrap();
    let version: u32 =
        db.query_row("SELECT value FROM meta WHERE key = 'event_version'", [], |row| row.get(0)).unwrap();
    assert_eq!(version, EVENT_VERSION, "an older baya must not read what was appended now");
}

#[test]
fn an_event_that_is_not_known_is_damage_with_its_name() {
    let place = Place::with_lines(1);
    meddle(&place, "UPDATE event SET body = '{\"event\":\"sang\"}'");
    let error = place.load().unwrap_err();
    assert!(matches!(error, JournalError::Damaged { seq: 1, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_journal_is_not_one() {
    for content in ["", "hello", "SQLite format 3\0 and nothing more"] {
        let place = Place::with_lines(1);
        std::fs::write(journal_file(&place), content).unwrap();
        let error = place.load().unwrap_err();
        assert!(matches!(error, JournalError::Damaged { seq: 1, readable: 0, .. }), "{content:?}: {error}");
    }
}
