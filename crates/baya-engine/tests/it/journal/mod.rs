//! The journal: what is appended is there, in order, whatever happens; and only its driver appends.

mod damage;
mod disk;
mod killed;
mod lease;
mod values;

use baya_core::agent::{AgentOptions, Answer, Usage};
use baya_core::call::{Delivery, LogLevel, Payload, Site};
use baya_core::event::{Delivered, Event, Outcome, Recorded};
use baya_core::ids::{AgentNumber, CallId, FrameId, RunId};
use baya_core::op::Op;
use baya_engine::journal::{Durability, Journal, JournalError, MemoryRun, SqliteJournal};
use baya_engine::runs::{OpLeft, RunStore};
use std::future::Future;
use tempfile::TempDir;

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn run_id(bits: u64) -> RunId {
    RunId::from_random(bits)
}

pub fn log_event(seq: u64, text: impl Into<String>) -> Recorded {
    let event = Event::Logged { call: None, about: None, level: LogLevel::Info, text: text.into() };
    Recorded { seq, at_ms: 1_000 + seq as i64, event }
}

pub fn log_events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Recorded> {
    numbers.map(|seq| log_event(seq, format!("line {seq}"))).collect()
}

/// What a trivial agent leaves in the journal.
pub fn agent_events(first_seq: u64, number: u32) -> Vec<Recorded> {
    let agent = AgentNumber(number);
    let call = CallId(u64::from(number));
    let prompt = format!("What is the capital of country number {number}? Answer with one word.");
    let queued = Event::AgentQueued {
        agent,
        call,
        frame: FrameId::MAIN,
        key: blake3::hash(prompt.as_bytes()).to_hex()[..32].to_owned(),
        occurrence: 0,
        label: prompt.chars().take(60).collect(),
        phase: Some("Ask".to_owned()),
        prompt,
        options: AgentOptions::default(),
        tainted: None,
        site: Some(Site { file: "capitals.js".to_owned(), line: 12, column: 9 }),
        errand: None,
    };
    let answer = Answer::Text(format!("City {number}"));
    let finished = Event::AgentFinished {
        agent,
        attempt: 1,
        outcome: Outcome::Answered(answer),
        usage: Usage::estimate("What is the capital of that country?", "City"),
        model_asked: Some("small-model-1".to_owned()),
        model_served: Some("small-model-1-2026".to_owned()),
        requests: 1,
        rung: None,
        drafts: Vec::new(),
        notes: Vec::new(),
        duration_ms: 213,
        borrowed: None,
        work: None,
    };
    let delivery = Delivery { to: call, payload: Payload::Fired, now_ms: 5, tokens_spent: 6 };
    let delivered = Event::Delivered {
        call: delivery.to,
        what: Delivered::Agent(agent),
        now_ms: delivery.now_ms,
        tokens_spent: delivery.tokens_spent,
    };
    let events = [queued, Event::AgentStarted { agent, attempt: 1 }, finished, delivered];
    (first_seq..).zip(events).map(|(seq, event)| Recorded { seq, at_ms: 1_764_000_000_000, event }).collect()
}

/// A folder for runs that goes with the test.
pub struct Place {
    pub folder: TempDir,
    pub store: RunStore,
    pub run: RunId,
}

pub fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::new(folder.path());
    Place { store, folder, run: run_id(0x1a2_b3c4_d5e6) }
}

impl Place {
    pub fn create(&self) -> SqliteJournal {
        self.store.create(&self.run).unwrap()
    }

    pub fn with_lines(lines: u64) -> Place {
        let place = place();
        let journal = place.create();
        wait(journal.append(log_events(1..=lines), Durability::Now)).unwrap();
        drop(journal);
        place
    }

    pub fn load(&self) -> Result<Vec<Recorded>, JournalError> {
        self.store.read(&self.run)?.load()
    }
}

/// Both implementations answer the same.
fn check_both(test: impl Fn(&dyn Journal, &dyn Fn(Op))) {
    let run = MemoryRun::new();
    let memory = run.drive();
    test(&memory, &|op| run.leave_op(op));
    let place = place();
    let sqlite = place.create();
    test(&sqlite, &|op| assert_eq!(place.store.leave_op(&place.run, &op), Ok(OpLeft::ToDriver)));
}

#[test]
fn what_is_appended_is_loaded_in_order() {
    check_both(|journal, _| {
        assert_eq!(journal.load().unwrap(), []);
        wait(journal.append(log_events(1..=3), Durability::Now)).unwrap();
        wait(journal.append(agent_events(4, 1), Durability::Now)).unwrap();
        let mut expected = log_events(1..=3);
        expected.extend(agent_events(4, 1));
        assert_eq!(journal.load().unwrap(), expected);
    });
}

#[test]
fn appends_count_in_the_order_of_the_calls_not_of_the_awaits() {
    check_both(|journal, _| {
        let pending: Vec<_> =
            (1..=600).map(|seq| journal.append(vec![log_event(seq, "x")], Durability::Now)).collect();
        for appended in pending.into_iter().rev() {
            wait(appended).unwrap();
        }
        let loaded = journal.load().unwrap();
        assert_eq!(loaded.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=600).collect::<Vec<_>>());
    });
}

#[test]
fn events_that_do_not_follow_are_refused_and_harm_nothing() {
    check_both(|journal, _| {
        wait(journal.append(log_events(1..=2), Durability::Now)).unwrap();
        for wrong in [log_events(2..=2), log_events(4..=4), vec![log_event(3, "a"), log_event(5, "b")]] {
            for durability in [Durability::Now, Durability::Deferred] {
                let refused = wait(journal.append(wrong.clone(), durability)).unwrap_err();
                assert!(matches!(refused, JournalError::OutOfOrder { .. }), "{refused}");
            }
        }
        wait(journal.append(log_events(3..=3), Durability::Now)).unwrap();
        assert_eq!(journal.load().unwrap(), log_events(1..=3));
    });
}

#[test]
fn deferred_events_come_with_the_next_durable_append_or_the_end() {
    let place = place();
    let journal = place.create();
    wait(journal.append(log_events(1..=2), Durability::Deferred)).unwrap();
    wait(journal.append(log_events(3..=3), Durability::Now)).unwrap();
    assert_eq!(place.load().unwrap(), log_events(1..=3));
    wait(journal.append(log_events(4..=5), Durability::Deferred)).unwrap();
    drop(journal);
    assert_eq!(place.load().unwrap(), log_events(1..=5));
}

#[test]
fn deferred_events_are_seen_soon_without_a_durable_append() {
    let place = place();
    let journal = place.create();
    wait(journal.append(log_events(1..=2), Durability::Deferred)).unwrap();
    until(|| place.load().unwrap().len() == 2);
    wait(journal.append(log_events(3..=3), Durability::Now)).unwrap();
    assert_eq!(place.load().unwrap(), log_events(1..=3));
}

#[test]
fn each_order_is_taken_once_and_in_order() {
    check_both(|journal, leave| {
        let by = || "test".to_owned();
        assert_eq!(journal.take_ops().unwrap(), []);
        leave(Op::Pause { by: by() });
        leave(Op::Skip { agent: AgentNumber(3), by: by() });
        let expected = [Op::Pause { by: by() }, Op::Skip { agent: AgentNumber(3), by: by() }];
        assert_eq!(journal.take_ops().unwrap(), expected);
        assert_eq!(journal.take_ops().unwrap(), []);
        leave(Op::Stop { by: by() });
        wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
        assert_eq!(journal.take_ops().unwrap(), [Op::Stop { by: by() }]);
    });
}

#[test]
fn after_the_lease_is_released_nothing_is_appended() {
    check_both(|journal, _| {
        wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
        journal.release_lease().unwrap();
        let refused = wait(journal.append(log_events(2..=2), Durability::Now)).unwrap_err();
        assert!(matches!(refused, JournalError::LeaseLost { .. }), "{refused}");
    });
}

#[test]
fn a_memory_journal_ends_with_the_next_driver_and_fails_where_told() {
    let run = MemoryRun::with_events(log_events(1..=2));
    let (first, second) = (run.drive(), run.drive());
    assert_eq!((first.fence(), second.fence()), (1, 2));
    assert!(matches!(
        wait(first.append(log_events(3..=3), Durability::Now)),
        Err(JournalError::LeaseLost { .. })
    ));
    let full = JournalError::DiskFull { path: "memory".into() };
    run.fail_at(4, full.clone());
    wait(second.append(log_events(3..=3), Durability::Now)).unwrap();
    assert_eq!(wait(second.append(log_events(4..=5), Durability::Now)), Err(full));
    assert_eq!(run.events(), log_events(1..=3));
}

/// Waits for a condition that another thread or process brings about.
pub fn until(mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "nothing happened for a minute");
        std::thread::yield_now();
    }
}
