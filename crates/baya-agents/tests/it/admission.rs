//! Slots for heavy commands and room for processes: nobody waits without need, nobody for ever.

use baya_agents::admission::{Admission, MemoryKills, MemorySettings, SlotSettings, Slots, free_bytes};
use baya_core::agent::{Cause, CauseKind, Wait};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn slots(count: usize, folder: Option<&Path>) -> Arc<Slots> {
    Slots::new(SlotSettings { count, folder: folder.map(Path::to_owned), ..SlotSettings::default() })
}

fn ignore(_: Wait) {}

#[test]
fn heavy_commands_are_known_wherever_they_stand_in_a_line() {
    let slots = slots(1, None);
    for line in [
        "cargo test",
        "cd a && cargo build --release",
        "RUSTFLAGS=x /usr/bin/cargo test | tail",
        "npm run build",
        "timeout 60 make -j4",
        "bash -c 'cd x; pytest -q'",
        "python3 -m pytest tests",
        "go test ./...",
    ] {
        assert!(slots.is_heavy(line), "{line}");
    }
    for line in ["ls", "git commit -m 'cargo test'", "npm view x", "go env", "echo make", "maker"] {
        assert!(!slots.is_heavy(line), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_of_heavy_commands_shares_its_slots_and_all_get_one() {
    let slots = slots(2, None);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let told: Arc<Mutex<Vec<Wait>>> = Arc::default();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (slots, now, most, told) = (slots.clone(), now.clone(), most.clone(), told.clone());
        tasks.spawn(async move {
            let slot = slots.enter("make all", &|wait| told.lock().unwrap().push(wait)).await;
            assert!(slot.is_some());
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(5)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        });
    }
    assert!(slots.enter("ls", &ignore).await.is_none(), "what is light waits for nobody");
    tasks.join_all().await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 8, "each that waits says so once");
    assert_eq!(told[0], Wait::Slot { command: "make all".to_owned() });
}

#[tokio::test(start_paused = true)]
async fn other_processes_share_the_slots_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    // Two processes: each with places of its own and the same locks.
    let (one, other) = (slots(1, Some(folder.path())), slots(1, Some(folder.path())));
    let held = one.enter("make", &ignore).await;
    let waits = AtomicUsize::new(0);
    let count = |_: Wait| {
        waits.fetch_add(1, Ordering::SeqCst);
    };
    let second = other.enter("cargo test", &count);
    tokio::pin!(second);
    assert!(tokio::time::timeout(Duration::from_secs(3), &mut second).await.is_err());
    drop(held);
    assert!(second.await.is_some());
    assert_eq!(waits.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_holds_nobody_up() {
    let slots = slots(1, Some(Path::new("/proc/nowhere/slots")));
    assert!(slots.enter("make", &ignore).await.is_some());
}

const MB: u64 = 1024 * 1024;

/// An admission into this much free memory.
fn room(free_mb: u64) -> (Arc<Admission>, Arc<AtomicU64>) {
    let free = Arc::new(AtomicU64::new(free_mb * MB));
    let measured = free.clone();
    let settings = MemorySettings { needed_bytes: 300 * MB, by_kind: [("small".to_owned(), 50 * MB)].into() };
    let measure = Box::new(move || Some(measured.load(Ordering::SeqCst)));
    (Admission::with_free(settings, measure), free)
}

async fn waits(admission: &Admission, kind: &str) -> bool {
    tokio::time::timeout(Duration::from_secs(2), admission.enter(kind, &ignore)).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_process_waits_until_it_fits_unless_it_would_be_alone() {
    let (admission, free) = room(100);
    let first = admission.enter("claude", &ignore).await;
    let told = Mutex::new(Vec::new());
    let tell = |wait| told.lock().unwrap().push(wait);
    let second = admission.enter("claude", &tell);
    tokio::pin!(second);
    assert!(tokio::time::timeout(Duration::from_secs(60), &mut second).await.is_err());
    assert!(matches!(told.lock().unwrap()[..], [Wait::Memory { .. }]), "told once");
    drop(first);
    // Alone it fits.
    drop(second.await);
    // More memory lets more in.
    let _alone = admission.enter("claude", &ignore).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(waits(&admission, "claude").await);
    assert!(!waits(&admission, "small").await, "what needs less fits");
    free.store(400 * MB, Ordering::SeqCst);
    assert!(!waits(&admission, "claude").await);
}

#[tokio::test(start_paused = true)]
async fn what_was_just_let_in_still_has_to_grow() {
    let (admission, _) = room(1_000);
    let held = [admission.enter("a", &ignore).await, admission.enter("a", &ignore).await];
    let third = admission.enter("a", &ignore).await;
    assert!(waits(&admission, "a").await, "900 of 1000 MB are spoken for");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(!waits(&admission, "a").await, "by now their need shows in what is free");
    drop((held, third));
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_holds_up_nobody() {
    let (admission, free) = room(100);
    let _first = admission.enter("a", &ignore).await;
    for _ in 0..3 {
        assert!(waits(&admission, "a").await);
    }
    tokio::time::sleep(Duration::from_secs(11)).await;
    free.store(500 * MB, Ordering::SeqCst);
    assert!(!waits(&admission, "a").await);
}

#[test]
fn the_free_memory_of_this_machine_is_known() {
    if cfg!(target_os = "linux") {
        let free = free_bytes().expect("a number");
        assert!(free > MB && free < 1 << 50, "{free}");
    }
}

#[test]
fn a_process_killed_for_memory_says_so() {
    let (killed, shell) = (ExitStatus::from_raw(9), ExitStatus::from_raw(137 << 8));
    let before = MemoryKills::of(4);
    for (status, after, says) in [
        (killed, Some(5), Some("which ran out of memory")),
        (shell, Some(5), Some("which ran out of memory")),
        (killed, Some(4), None),
        (killed, None, Some("most likely because memory ran out")),
        (ExitStatus::from_raw(15), Some(5), None),
        (ExitStatus::from_raw(1 << 8), Some(5), None),
    ] {
        let cause = before.told("claude", status, after);
        assert_eq!(cause.is_some(), says.is_some(), "{status:?}");
        let (Some(cause), Some(says)) = (cause, says) else { continue };
        assert_eq!(cause.kind, CauseKind::Program);
        assert!(
            cause.message.contains(says) && cause.message.starts_with("`claude` was killed"),
            "{cause:?}"
        );
    }
}

#[test]
fn a_failure_while_the_system_killed_for_memory_says_so() {
    for (kind, after, says) in [
        (CauseKind::Program, Some(5), true),
        (CauseKind::Program, Some(4), false),
        (CauseKind::Program, None, false),
        (CauseKind::Refused, Some(5), false),
    ] {
        let mut cause = Cause::new(kind, "it was ended by signal 9");
        MemoryKills::of(4).hinted(&mut cause, after);
        assert_eq!(
            (cause.message.contains("ran out of memory"), cause.hint.is_some()),
            (says, says),
            "{cause:?}"
        );
    }
}
