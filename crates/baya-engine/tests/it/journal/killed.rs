//! A writer that is killed with SIGKILL in the middle of its work loses nothing that was committed.

use super::{log_event, until, wait};
use baya_core::event::{Event, Recorded};
use baya_core::ids::RunId;
use baya_engine::journal::{Durability, Journal, SqliteJournal};
use baya_engine::runs::RunStore;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const KILLS: u64 = 24;

fn run() -> RunId {
    super::run_id(0xabc)
}

/// Lines of many lengths: in the row, in a blob, in a file.
fn event(seq: u64) -> Recorded {
    let length = [10, 40, 3_000, 80, 20, 300_000][(seq % 6) as usize];
    log_event(seq, format!("{seq} ").repeat(length / 4))
}

/// Not a test of its own: the writer that the test below starts and kills. It appends several events at
/// once and then one at a time, and says what is committed.
#[test]
fn writer() {
    let Ok(state) = std::env::var("BAYA_TEST_WRITER") else { return };
    let journal: SqliteJournal = RunStore::new(Path::new(&state)).drive(&run()).unwrap();
    let mut seq = journal.load().unwrap().len() as u64;
    let mut out = std::io::stderr();
    loop {
        let group: Vec<_> =
            (1..=5).map(|more| journal.append(vec![event(seq + more)], Durability::Now)).collect();
        for appended in group {
            wait(appended).unwrap();
            seq += 1;
            writeln!(out, "committed {seq}").unwrap();
        }
    }
}

struct Writer {
    child: Child,
    committed: u64,
}

impl Writer {
    fn start(state: &Path) -> Writer {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::killed::writer", "--nocapture"])
            .env("BAYA_TEST_WRITER", state)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Writer { child, committed: 0 }
    }

    /// Kills it when it has committed so many more, and gives the last number it said.
    fn kill_after(mut self, count: u64) -> u64 {
        let mut lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        for _ in 0..count {
            self.hear(&lines.next().expect("the writer ended").unwrap());
        }
        self.child.kill().unwrap();
        // What it said before it died is still in the pipe.
        for line in lines.map_while(Result::ok) {
            self.hear(&line);
        }
        self.child.wait().unwrap();
        self.committed
    }

    fn hear(&mut self, line: &str) {
        if let Some(seq) = line.strip_prefix("committed ") {
            self.committed = self.committed.max(seq.parse().unwrap_or(0));
        }
    }
}

#[test]
fn c60_a_killed_writer_loses_nothing_it_has_committed() {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::new(folder.path());
    drop(store.create(&run()).unwrap());
    for round in 0..KILLS {
        let committed = Writer::start(folder.path()).kill_after(1 + round * 7 % 23);
        let events = store.read(&run()).unwrap().load().unwrap();
        assert!(events.len() as u64 >= committed, "round {round}: {} of {committed}", events.len());
        for (found, seq) in events.iter().zip(1..) {
            assert_eq!(*found, event(seq), "round {round}");
        }
    }
    let folder = store.run_folder(&run());
    assert!(folder.join("blobs").read_dir().unwrap().count() > 1);
    assert_eq!(store.drive(&run()).unwrap().fence(), KILLS + 2);
}

#[test]
fn a_reader_sees_each_commit_while_the_writer_writes_and_after_it_died() {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::new(folder.path());
    drop(store.create(&run()).unwrap());
    let mut reader = store.read(&run()).unwrap();
    assert!(reader.has_changed().unwrap());
    let writer = Writer::start(folder.path());
    let mut seen: Vec<Recorded> = Vec::new();
    until(|| {
        if reader.has_changed().unwrap() {
            seen.extend(reader.since(seen.len() as u64, 50).unwrap());
        }
        seen.len() > 40
    });
    let committed = writer.kill_after(1);
    seen.extend(reader.since(seen.len() as u64, u64::MAX).unwrap());
    assert!(seen.len() as u64 >= committed);
    assert!(seen.iter().zip(1..).all(|(found, seq)| *found == event(seq)));
    assert!(matches!(seen[0].event, Event::Logged { .. }));
    reader.has_changed().unwrap();
    assert!(!reader.has_changed().unwrap());
}
