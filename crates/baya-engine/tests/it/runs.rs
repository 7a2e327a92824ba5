//! The folder of runs: made whole, found by what people type, never made up (C60, C64).

use crate::journal::{agent_events, log_events, place, run_id, wait};
use baya_core::call::{Program, ScriptLimits};
use baya_core::event::{Event, Failures, Recorded, RunStatus, ScriptRecord, Surroundings};
use baya_core::ids::RunId;
use baya_core::limits::Limits;
use baya_core::op::Op;
use baya_engine::journal::{Durability, Journal, JournalError, RunState};
use baya_engine::runs::{OpLeft, RunStore};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn started(run: &RunId, name: &str, at_ms: i64) -> Recorded {
    let script = ScriptRecord {
        name: name.to_owned(),
        path: format!("/project/{name}.js"),
        hash: "h".to_owned(),
        meta: json!({"name": name}),
        program: Program { units: Vec::new() },
        sources: Vec::new(),
    };
    let event = Event::RunStarted {
        run: run.clone(),
        version: 1,
        script,
        args: Some(serde_json::Value::Null),
        seed: u64::MAX,
        now_ms: at_ms,
        limits: Limits { script: ScriptLimits::default(), ..Limits::default() },
        surroundings: Surroundings { folder: "/project".to_owned(), ..Surroundings::default() },
    };
    Recorded { seq: 1, at_ms, event }
}

fn store_with(names: &[(&str, &str, i64)]) -> (TempDir, RunStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = RunStore::new(folder.path());
    for (id, name, at_ms) in names {
        let run = RunId::parse(id).unwrap();
        let journal = store.create(&run).unwrap();
        wait(journal.append(vec![started(&run, name, *at_ms)], Durability::Now)).unwrap();
    }
    (folder, store)
}

fn three() -> (TempDir, RunStore) {
    store_with(&[
        ("wf_11112222-333", "first", 10),
        ("wf_1111aaaa-333", "newest", 30),
        ("wf_99998888-777", "middle", 20),
    ])
}

#[test]
fn c60_a_run_is_on_the_disk_before_its_first_event() {
    let place = place();
    assert!(place.store.list().unwrap().runs.is_empty());
    assert!(!place.folder.path().join("runs").exists(), "a list makes nothing");
    let journal = place.create();
    let list = place.store.list().unwrap();
    assert_eq!((list.runs.len(), list.unreadable.len()), (1, 0));
    assert_eq!(list.runs[0].id, place.run);
    assert_eq!(list.runs[0].summary.state, RunState::New);
    assert_eq!(list.runs[0].driver.as_ref().map(|driver| driver.owner.pid), Some(std::process::id()));
    drop(journal);
    assert_eq!(place.store.list().unwrap().runs[0].driver, None);
}

#[test]
fn an_id_that_exists_is_not_used_again() {
    let place = place();
    let journal = place.create();
    wait(journal.append(log_events(1..=2), Durability::Now)).unwrap();
    drop(journal);
    let error = place.store.create(&place.run).err().unwrap();
    assert_eq!(error, JournalError::RunExists { run: place.run.to_string() });
    assert_eq!(place.load().unwrap(), log_events(1..=2));
    let left: Vec<_> = std::fs::read_dir(place.folder.path().join("runs")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing unfinished stays");
}

#[test]
fn the_list_shows_the_newest_first_with_what_happened() {
    let (_folder, store) = three();
    let run = RunId::parse("wf_99998888-777").unwrap();
    let journal = store.drive(&run).unwrap();
    let mut events = agent_events(2, 1);
    events.extend(agent_events(6, 2).into_iter().take(2));
    wait(journal.append(events, Durability::Now)).unwrap();
    let shown = store.summary(&run).unwrap().summary;
    assert_eq!((shown.agents, shown.running, shown.answered, shown.failed), (2, 1, 1, 0));
    assert_eq!(shown.state, RunState::Open);
    let failures = Failures { agents: 2, failed: 0, causes: Vec::new(), phases_lost: Vec::new() };
    let event = Event::RunEnded { status: RunStatus::Completed, result: None, error: None, failures };
    wait(journal.append(vec![Recorded { seq: 8, at_ms: 99, event }], Durability::Now)).unwrap();
    drop(journal);
    let list = store.list().unwrap().runs;
    let names: Vec<_> = list.iter().map(|run| run.summary.name.as_str()).collect();
    assert_eq!(names, ["newest", "middle", "first"]);
    let shown = &list[1].summary;
    assert_eq!(
        (shown.state.clone(), shown.ended_ms, shown.running),
        (RunState::Ended(RunStatus::Completed), Some(99), 0)
    );
    assert_eq!((shown.script.as_str(), shown.folder.as_str()), ("/project/middle.js", "/project"));
    assert!(shown.usage.output > 0);
}

#[test]
fn a_run_is_found_by_what_people_type() {
    let (_folder, store) = three();
    let find = |wanted: &str| store.find(wanted).map(|id| id.to_string());
    assert_eq!(find("wf_11112222-333").unwrap(), "wf_11112222-333");
    assert_eq!(find("11112222-333").unwrap(), "wf_11112222-333");
    assert_eq!(find("wf_9").unwrap(), "wf_99998888-777");
    assert_eq!(find("1111a").unwrap(), "wf_1111aaaa-333");
    assert_eq!(find("last").unwrap(), "wf_1111aaaa-333");
    let error = find("1111").unwrap_err();
    assert_eq!(error.to_string(), "`1111` may be any of `wf_11112222-333`, `wf_1111aaaa-333`");
}

#[test]
fn c64_an_unknown_run_is_an_error_that_names_near_ones_and_makes_nothing() {
    let (folder, store) = three();
    for wanted in ["wf_99998888-778", "nonsense", "wf_", "", "../x", "wf_ffffffff-fff"] {
        let error = store.find(wanted).unwrap_err();
        assert!(matches!(error, JournalError::UnknownRun { .. }), "{wanted}: {error}");
        assert!(error.hint().unwrap().contains("baya runs"));
    }
    let message = store.find("wf_99998888-778").unwrap_err().to_string();
    let runs = folder.path().join("runs");
    assert_eq!(
        message,
        format!(
            "there is no run `wf_99998888-778` in `{}`; near it: `wf_99998888-777`, `wf_11112222-333`, \
             `wf_1111aaaa-333`",
            runs.display()
        )
    );
    let unknown = run_id(5);
    assert!(matches!(store.drive(&unknown).err().unwrap(), JournalError::UnknownRun { .. }));
    assert!(matches!(store.read(&unknown).err().unwrap(), JournalError::UnknownRun { .. }));
    assert!(matches!(store.delete(&unknown), Err(JournalError::UnknownRun { .. })));
    assert!(matches!(
        store.leave_op(&unknown, &Op::Stop { by: String::new() }),
        Err(JournalError::UnknownRun { .. })
    ));
    assert_eq!(std::fs::read_dir(runs).unwrap().count(), 3);
    let empty = tempfile::tempdir().unwrap();
    let message = RunStore::new(empty.path()).find("last").unwrap_err().to_string();
    assert_eq!(message, format!("there is no run `last` in `{}`", empty.path().join("runs").display()));
}

#[test]
fn c64_a_run_killed_before_its_first_event_is_there_and_goes_on() {
    let place = place();
    drop(place.create());
    let journal = place.store.drive(&place.run).unwrap();
    assert_eq!(journal.load().unwrap(), []);
    wait(journal.append(log_events(1..=1), Durability::Now)).unwrap();
}

#[test]
fn a_damaged_run_is_listed_as_unreadable_and_harms_no_other() {
    let (_folder, store) = three();
    let run = RunId::parse("wf_99998888-777").unwrap();
    std::fs::write(store.run_folder(&run).join("journal.db"), "no journal").unwrap();
    let list = store.list().unwrap();
    assert_eq!(list.runs.len(), 2);
    assert!(matches!(&list.unreadable[..], [(id, JournalError::Damaged { .. })] if *id == run));
    store.delete(&run).unwrap();
    assert!(store.list().unwrap().unreadable.is_empty());
}

#[test]
fn an_order_reaches_a_driver_or_nobody() {
    let place = place();
    let journal = place.create();
    let stop = Op::Stop { by: "test".to_owned() };
    assert_eq!(place.store.leave_op(&place.run, &stop).unwrap(), OpLeft::ToDriver);
    assert_eq!(journal.take_ops().unwrap(), std::slice::from_ref(&stop));
    drop(journal);
    assert_eq!(place.store.leave_op(&place.run, &stop).unwrap(), OpLeft::NobodyDrives);
    assert_eq!(place.store.drive(&place.run).unwrap().take_ops().unwrap(), []);
}

#[test]
fn a_run_is_deleted_whole_but_not_while_it_is_driven() {
    let place = place();
    let journal = place.create();
    assert!(matches!(place.store.delete(&place.run), Err(JournalError::Held { .. })));
    drop(journal);
    place.store.delete(&place.run).unwrap();
    assert_eq!(std::fs::read_dir(place.folder.path().join("runs")).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = RunStore::new(&blocked).create(&run_id(1)).err().unwrap();
    assert!(
        matches!(&error, JournalError::NotWritable { path, .. } if *path == blocked.join("runs")),
        "{error}"
    );
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    // The rights of a folder do not bind root.
    if std::fs::write(closed.join("probe"), "").is_err() {
        let error = RunStore::new(&closed).create(&run_id(1)).err().unwrap();
        assert!(
            matches!(&error, JournalError::NotWritable { path, .. } if *path == closed.join("runs")),
            "{error}"
        );
    }
}
