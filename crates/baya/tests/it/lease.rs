//! One process drives a run: the second is refused, and one that slept through its lease writes nothing.

use crate::fake::FakeModel;
use crate::harness::{Baya, Output, runs, wait_for};
use crate::killed_process::{Driver, events};
use baya_core::event::Event;
use baya_core::ids::RunId;
use baya_engine::journal::{JournalError, LEASE_TTL_MS, Moment};
use baya_engine::runs::RunStore;
use rustix::process::Signal;
use serde_json::json;
use std::sync::Arc;

/// One quick agent, then one that is slow the first time it is asked.
const SCRIPT: &str = "export const meta = { name: 'x', description: 'd' }
return [await agent('quick'), await agent('slow')]
";

struct Site {
    baya: Baya,
    model: FakeModel,
}

impl Site {
    fn new(slow_times: u32) -> Site {
        let slow = json!({"when": {"prompt": "slow"}, "times": slow_times, "latency_ms": 600_000});
        let baya = Baya::new();
        baya.write("x.js", SCRIPT);
        Site { baya, model: FakeModel::start(&json!({"rules": [slow, {"echo": true}]})) }
    }

    fn start(&self, line: &str) -> Driver {
        Driver::start(&self.model.serves(self.baya.line(line)))
    }

    fn resume(&self) -> Output {
        self.model.serves(self.baya.line("resume last --json")).run()
    }

    /// Starts the run and waits until both agents were asked.
    fn start_run(&self) -> (Driver, String) {
        let driver = self.start("run x.js");
        wait_for("both requests", || self.model.prompts().len() == 2);
        (driver, runs(&self.baya.home()).pop().expect("a run"))
    }

    /// Resumes to the end; the slow agent is asked once more, the quick one is not.
    fn finish(&self) {
        let ended = self.resume().exits(0).run_ended();
        assert_eq!(ended["result"], json!(["quick", "slow"]), "{ended}");
        assert_eq!(self.model.asked()["quick"], 1);
    }
}

#[test]
fn c60_of_two_that_resume_at_once_one_drives() {
    let site = Site::new(2);
    let (driver, _) = site.start_run();
    driver.kill();
    let mut both = [site.start("resume last"), site.start("resume last")];
    let mut refused = None;
    wait_for("one of them to be refused", || {
        refused = both.iter_mut().position(Driver::has_ended);
        refused.is_some()
    });
    let [first, second] = both;
    let (refused, driving) = if refused == Some(0) { (first, second) } else { (second, first) };
    let (code, said) = refused.end();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("driven by process {}", driving.pid())), "{said}");
    wait_for("the slow request of the other", || site.model.asked()["slow"] == 2);
    driving.kill();
    site.finish();
}

#[test]
fn c60_a_driver_that_slept_through_its_lease_writes_nothing_more() {
    let site = Site::new(1);
    let (driver, run) = site.start_run();
    driver.send(Signal::STOP);
    let refused = site.resume().exits(2);
    assert!(refused.stderr.contains(&format!("driven by process {}", driver.pid())), "{}", refused.stderr);
    take_after_the_lease(&site.baya, &run);
    site.finish();
    let written = events(&site.baya, &run);
    driver.send(Signal::CONT);
    let (code, said) = driver.end();
    assert_eq!(code, Some(130), "{said}");
    for words in ["was taken over by process", &run, "the other process goes on with the run", "baya show"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(events(&site.baya, &run), written);
}

/// Takes the run as a process whose clock says that the lease is over, and lets it go: nobody has to
/// wait so long.
fn take_after_the_lease(baya: &Baya, run: &str) {
    let store = RunStore::new(&baya.home().join(".local/state/baya"));
    let run = RunId::parse(run).expect("an id");
    let ahead_by = |ms: i64| {
        let now = move || Moment { boot_ms: Moment::now().boot_ms + ms, ..Moment::now() };
        store.clone().with_clock(Arc::new(now))
    };
    let early = ahead_by(LEASE_TTL_MS - 5_000).drive(&run);
    assert!(matches!(early, Err(JournalError::Held { .. })), "the lease is not over yet");
    drop(ahead_by(LEASE_TTL_MS + 1).drive(&run).expect("the lease is over"));
}

#[test]
fn c60_each_driver_of_a_run_has_a_higher_fence() {
    let site = Site::new(2);
    let (driver, run) = site.start_run();
    driver.kill();
    let second = site.start("resume last");
    wait_for("the slow request", || site.model.asked()["slow"] == 2);
    second.kill();
    site.finish();
    let events = events(&site.baya, &run);
    let fences = events.iter().filter_map(|recorded| match recorded.event {
        Event::DriverStarted { fence, .. } => Some(fence),
        _ => None,
    });
    assert_eq!(fences.collect::<Vec<_>>(), [1, 2, 3]);
}
