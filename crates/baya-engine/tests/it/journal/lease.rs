//! One process drives a run; who was replaced cannot write a word more (C60).

use super::{log_events, place, until, wait};
use baya_engine::journal::{Clock, Durability, Journal, JournalError, LEASE_TTL_MS, Moment, Owner};
use baya_engine::runs::RunStore;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that tests set.
struct Hands {
    wall_ms: AtomicI64,
    boot_ms: AtomicI64,
}

impl Hands {
    fn new() -> Arc<Hands> {
        Arc::new(Hands { wall_ms: AtomicI64::new(1_764_000_000_000), boot_ms: AtomicI64::new(50_000) })
    }

    fn clock(self: &Arc<Hands>) -> Clock {
        let hands = self.clone();
        Arc::new(move || Moment {
            wall_ms: hands.wall_ms.load(Ordering::SeqCst),
            boot_ms: hands.boot_ms.load(Ordering::SeqCst),
        })
    }

    fn pass(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

/// A process that does nothing until it is ended.
struct Idle(Child);

impl Idle {
    fn start() -> Idle {
        Idle(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn owner(&self) -> Owner {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
        Owner { pid: self.0.id(), started, ..Owner::this_process() }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn refused(store: &RunStore, run: &baya_core::ids::RunId) -> JournalError {
    store.drive(run).err().expect("the lease was given twice")
}

#[test]
fn c60_a_run_that_is_driven_is_not_taken_over() {
    let place = place();
    let journal = place.create();
    let error = refused(&place.store, &place.run);
    assert!(matches!(&error, JournalError::Held { pid, .. } if *pid == std::process::id()), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    assert!(error.to_string().contains(" UTC (last sign of life 0."), "{error}");
    wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
    drop(journal);
    let next = place.store.drive(&place.run).unwrap();
    assert_eq!(next.fence(), 2);
    assert_eq!(next.load().unwrap(), log_events(1..=1));
}

#[test]
fn c60_a_run_of_a_dead_process_is_adopted_at_once_and_the_dead_cannot_write() {
    let place = place();
    let idle = Idle::start();
    let dead = idle.owner();
    let journal = place.store.clone().with_owner(dead.clone()).create(&place.run).unwrap();
    wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
    assert!(matches!(refused(&place.store, &place.run), JournalError::Held { pid, .. } if pid == dead.pid));
    drop(idle);
    let next = place.store.drive(&place.run).unwrap();
    let lost = wait(journal.append(log_events(2..=2), Durability::Now)).unwrap_err();
    assert!(matches!(lost, JournalError::LeaseLost { fence: 2, ours: 1, .. }), "{lost}");
    wait(next.append(log_events(2..=2), Durability::Now)).unwrap();
    assert_eq!(next.load().unwrap(), log_events(1..=2));
}

#[test]
fn c60_a_number_that_another_process_got_is_not_the_owner() {
    let place = place();
    let mut earlier = Owner::this_process();
    earlier.started -= 1;
    let _journal = place.store.clone().with_owner(earlier).create(&place.run).unwrap();
    assert_eq!(place.store.drive(&place.run).unwrap().fence(), 2);
}

#[test]
fn c60_a_driver_that_slept_too_long_goes_on_unless_it_was_replaced() {
    let (place, hands) = (place(), Hands::new());
    let store = place.store.clone().with_clock(hands.clock());
    let journal = store.create(&place.run).unwrap();
    hands.pass(LEASE_TTL_MS * 100);
    wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
    hands.pass(LEASE_TTL_MS);
    assert!(matches!(refused(&store, &place.run), JournalError::Held { .. }), "an append is a sign of life");
    hands.pass(1);
    let next = store.drive(&place.run).unwrap();
    for durability in [Durability::Now, Durability::Deferred] {
        let _ = wait(journal.append(log_events(2..=2), durability));
    }
    assert!(matches!(
        wait(journal.append(log_events(3..=3), Durability::Now)),
        Err(JournalError::LeaseLost { .. })
    ));
    assert!(matches!(journal.renew_lease(), Err(JournalError::LeaseLost { .. })));
    assert!(matches!(journal.take_ops(), Ok(ops) if ops.is_empty()));
    wait(next.append(log_events(2..=2), Durability::Now)).unwrap();
    drop(journal);
    assert_eq!(next.load().unwrap(), log_events(1..=2));
    wait(next.append(log_events(3..=3), Durability::Now)).unwrap();
}

#[test]
fn c60_a_renewed_lease_lasts() {
    let (place, hands) = (place(), Hands::new());
    let store = place.store.clone().with_clock(hands.clock());
    let journal = store.create(&place.run).unwrap();
    for _ in 0..20 {
        hands.pass(LEASE_TTL_MS - 1);
        journal.renew_lease().unwrap();
        assert!(matches!(refused(&store, &place.run), JournalError::Held { .. }));
    }
}

#[test]
fn c60_a_clock_that_is_set_changes_nothing() {
    for shift in [-86_400_000_000, -1_000, 1_000, 86_400_000_000] {
        let (place, hands) = (place(), Hands::new());
        let store = place.store.clone().with_clock(hands.clock());
        let journal = store.create(&place.run).unwrap();
        hands.wall_ms.fetch_add(shift, Ordering::SeqCst);
        assert!(matches!(refused(&store, &place.run), JournalError::Held { .. }), "{shift}");
        wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
        hands.boot_ms.fetch_add(LEASE_TTL_MS + 1, Ordering::SeqCst);
        store.drive(&place.run).unwrap();
    }
}

#[test]
fn c60_after_the_machine_was_started_anew_the_run_is_free() {
    let (place, hands) = (place(), Hands::new());
    let before = Owner { boot: "another-boot pid:[1]".to_owned(), ..Owner::this_process() };
    let store = place.store.clone().with_clock(hands.clock());
    let _journal = store.clone().with_owner(before).create(&place.run).unwrap();
    hands.boot_ms.store(10, Ordering::SeqCst);
    assert_eq!(store.drive(&place.run).unwrap().fence(), 2);
}

#[test]
fn c60_a_process_we_cannot_see_keeps_the_run_until_it_is_silent() {
    let here = Owner::this_process();
    let boot = here.boot.split(' ').next().unwrap();
    let container = Owner { pid: 4_000_000, boot: format!("{boot} pid:[7]"), ..here.clone() };
    let other_machine =
        Owner { pid: 4_000_000, boot: "elsewhere pid:[7]".to_owned(), host: "elsewhere".to_owned(), ..here };
    for owner in [container, other_machine] {
        let (place, hands) = (place(), Hands::new());
        let store = place.store.clone().with_clock(hands.clock());
        let _journal = store.clone().with_owner(owner.clone()).create(&place.run).unwrap();
        hands.pass(LEASE_TTL_MS);
        assert!(matches!(refused(&store, &place.run), JournalError::Held { .. }), "{owner:?}");
        hands.pass(1);
        store.drive(&place.run).unwrap();
    }
}

#[test]
fn orders_to_an_earlier_driver_die_with_it() {
    let place = place();
    let journal = place.create();
    place.store.leave_op(&place.run, &baya_core::op::Op::Stop { by: "test".to_owned() }).unwrap();
    drop(journal);
    assert_eq!(place.store.drive(&place.run).unwrap().take_ops().unwrap(), []);
}

/// Not a test of its own: what the test below starts as other processes.
#[test]
fn racer() {
    let Ok(state) = std::env::var("BAYA_TEST_RACE") else { return };
    let state = std::path::PathBuf::from(state);
    let store = RunStore::new(&state);
    std::fs::write(state.join(format!("ready-{}", std::process::id())), "").unwrap();
    until(|| state.join("go").exists());
    let verdict = match store.drive(&super::run_id(7)) {
        Ok(journal) => {
            std::mem::forget(journal);
            "won"
        }
        Err(JournalError::Held { .. }) => "refused",
        Err(error) => panic!("{error}"),
    };
    std::fs::write(state.join(format!("verdict-{}", std::process::id())), verdict).unwrap();
    until(|| state.join("over").exists());
}

#[test]
fn c60_of_processes_that_race_for_a_run_one_wins() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let run = super::run_id(7);
        drop(RunStore::new(folder.path()).create(&run).unwrap());
        let start = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "journal::lease::racer", "--nocapture"])
                .env("BAYA_TEST_RACE", folder.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut racers: Vec<Child> = (0..4).map(|_| start()).collect();
        let named = |prefix: &str| -> Vec<_> {
            let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).collect()
        };
        until(|| named("ready-").len() == racers.len());
        std::fs::write(folder.path().join("go"), "").unwrap();
        until(|| named("verdict-").len() == racers.len());
        until(|| named("verdict-").iter().all(|path| std::fs::metadata(path).unwrap().len() > 2));
        std::fs::write(folder.path().join("over"), "").unwrap();
        let won =
            named("verdict-").iter().filter(|path| std::fs::read_to_string(path).unwrap() == "won").count();
        assert_eq!(won, 1);
        assert!(racers.iter_mut().all(|racer| racer.wait().unwrap().success()));
    }
}
