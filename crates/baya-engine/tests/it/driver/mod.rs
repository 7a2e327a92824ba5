//! The driver with a real isolate in a thread, a memory journal, and agents that answer at once or never.

use crate::sim::record_of;
use baya_core::agent::{AgentProcess, AgentTask, Answer, AttemptEnd, AttemptReport};
use baya_core::budget::PurseState;
use baya_core::call::WorkflowTarget;
use baya_core::event::{Event, Recorded, RunStatus, ScriptRecord, Surroundings};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::limits::Limits;
use baya_core::op::Op;
use baya_engine::driver::{Begin, DriveEnd, DriveError, Setup, ViewUpdate, WorkflowSource, drive};
use baya_engine::isolate_host::IsolateKind;
use baya_engine::journal::{JournalError, MemoryRun};
use baya_engine::runner::{AgentRunner, Report, Reports};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Answers `echo …`; keeps an agent whose prompt says `hang` until it is cancelled.
#[derive(Default)]
struct Echo {
    asked: Mutex<Vec<String>>,
    hanging: Mutex<BTreeMap<AgentNumber, (u32, Reports)>>,
    survivors: Mutex<Vec<AgentProcess>>,
}

impl AgentRunner for Echo {
    fn start(&self, task: AgentTask, reports: Reports) {
        self.asked.lock().unwrap().push(task.prompt.clone());
        if task.prompt.contains("hang") {
            self.hanging.lock().unwrap().insert(task.agent, (task.attempt, reports));
            return;
        }
        let answer = Answer::Text(format!("echo {}", task.prompt));
        let report = Box::new(AttemptReport::new(AttemptEnd::Answered(answer)));
        reports(Report::Ended { agent: task.agent, attempt: task.attempt, report });
    }

    fn cancel(&self, agent: AgentNumber, _attempt: u32) {
        if let Some((attempt, reports)) = self.hanging.lock().unwrap().remove(&agent) {
            let report = Box::new(AttemptReport::new(AttemptEnd::Cancelled));
            reports(Report::Ended { agent, attempt, report });
        }
    }

    fn clear(&self, _agent: AgentNumber) {}

    fn open_purse(&self, _purse: PurseState) {}

    fn end_survivors(&self, processes: &[AgentProcess]) {
        self.survivors.lock().unwrap().extend(processes.iter().cloned());
    }
}

struct NoWorkflows;

impl WorkflowSource for NoWorkflows {
    fn load(&self, target: &WorkflowTarget, importer: &str) -> Result<ScriptRecord, String> {
        match target {
            WorkflowTarget::Name(name) if name == "kid" => Ok(record_of("kid", "return ['kid', args]")),
            other => Err(format!("{importer} asks for {other:?}")),
        }
    }
}

struct Stage {
    echo: Arc<Echo>,
    ops: mpsc::UnboundedSender<Op>,
    updates: mpsc::UnboundedReceiver<ViewUpdate>,
    setup: Option<Setup>,
}

fn stage(run: &MemoryRun) -> Stage {
    let (views, updates) = mpsc::unbounded_channel();
    let (ops, orders) = mpsc::unbounded_channel();
    let echo = Arc::new(Echo::default());
    let setup = Setup {
        journal: Box::new(run.drive()),
        runner: echo.clone(),
        workflows: Arc::new(NoWorkflows),
        steps: Arc::new(baya_engine::host_steps::NoHost),
        isolate: IsolateKind::InThread,
        surroundings: Surroundings { simulated: true, ..Surroundings::default() },
        offers: Default::default(),
        views,
        ops: orders,
    };
    Stage { echo, ops, updates, setup: Some(setup) }
}

fn fresh(body: &str) -> Begin {
    let run = RunId::from_random(5);
    let script = Box::new(record_of("main", body));
    Begin::Fresh { run, script, args: Some(json!({"a": 1})), seed: 3, limits: Limits::default() }
}

fn again() -> Begin {
    Begin::Resume { past: None, script: None, args: None, retry_failed: false, limits: None }
}

impl Stage {
    async fn play(&mut self, begin: Begin) -> Result<DriveEnd, DriveError> {
        let setup = self.setup.take().expect("a stage plays once");
        let played = drive(setup, begin);
        tokio::time::timeout(std::time::Duration::from_secs(60), played).await.expect("the drive hangs")
    }

    fn asked(&self) -> Vec<String> {
        self.echo.asked.lock().unwrap().clone()
    }

    fn updates(&mut self) -> Vec<Arc<Recorded>> {
        let mut events = Vec::new();
        while let Ok(update) = self.updates.try_recv() {
            match update {
                ViewUpdate::Event(event) => events.push(event),
                ViewUpdate::Progress { .. } => {}
            }
        }
        events
    }
}

#[tokio::test]
async fn c05_a_run_ends_with_what_the_script_returns_and_views_see_every_event() {
    let run = MemoryRun::new();
    let mut stage = stage(&run);
    let end = stage.play(fresh("return [await agent('x'), args, await workflow('kid', 7)]")).await.unwrap();
    assert_eq!(end.status, RunStatus::Completed);
    assert_eq!(end.result, Some(json!(["echo x", {"a": 1}, ["kid", 7]])));
    let seen: Vec<u64> = stage.updates().iter().map(|event| event.seq).collect();
    let written: Vec<u64> = run.events().iter().map(|event| event.seq).collect();
    assert_eq!(seen, written);
}

#[tokio::test]
async fn c53_an_unknown_workflow_throws_with_what_the_source_says() {
    let mut stage = stage(&MemoryRun::new());
    let body = "try { await workflow('nope') } catch (e) { return e.message }";
    let end = stage.play(fresh(body)).await.unwrap();
    assert_eq!(end.result, Some(json!("main.js asks for Name(\"nope\")")));
}

#[tokio::test]
async fn c61_a_journal_cut_anywhere_goes_on_without_buying_twice() {
    let run = MemoryRun::new();
    let body = "return await parallel([1, 2, 3].map(n => () => agent('p' + n)))";
    let mut whole = stage(&run);
    let expected = whole.play(fresh(body)).await.unwrap().result;
    let events = run.events();
    for cut in 1..events.len() {
        let rest = MemoryRun::with_events(events[..cut].to_vec());
        let finished =
            events[..cut].iter().filter(|event| matches!(event.event, Event::AgentFinished { .. })).count();
        let mut stage = stage(&rest);
        let end = stage.play(again()).await.unwrap();
        assert_eq!(end.result, expected, "cut after {cut}");
        assert_eq!(stage.asked().len(), 3 - finished, "cut after {cut}");
    }
}

#[tokio::test]
async fn c63_an_interrupt_ends_agents_keeps_the_run_open_and_a_resume_finishes_it() {
    let run = MemoryRun::new();
    let mut first = stage(&run);
    let ops = first.ops.clone();
    let body = "const a = await agent('quick'); return [a, await agent('hang')]";
    let (end, ()) = tokio::join!(first.play(fresh(body)), async {
        wait_for(&run, |event| matches!(event, Event::AgentStarted { agent: AgentNumber(2), .. })).await;
        ops.send(Op::Interrupt { by: "ctrl-c".to_owned() }).unwrap();
    });
    assert_eq!(end.unwrap().status, RunStatus::Interrupted);

    let mut second = stage(&run);
    let ops = second.ops.clone();
    let starts = |events: &[Recorded]| {
        events.iter().filter(|r| matches!(r.event, Event::AgentStarted { agent: AgentNumber(2), .. })).count()
    };
    let (end, ()) = tokio::join!(second.play(again()), async {
        until(|| starts(&run.events()) == 2).await;
        ops.send(Op::Skip { agent: AgentNumber(2), by: "ann".to_owned() }).unwrap();
    });
    assert_eq!(end.unwrap().result, Some(json!(["echo quick", null])));
    assert_eq!(second.asked(), ["hang"]);
}

#[tokio::test]
async fn c60_an_order_left_by_another_process_stops_the_run() {
    let run = MemoryRun::new();
    let mut stage = stage(&run);
    let (end, ()) = tokio::join!(stage.play(fresh("return await agent('hang')")), async {
        wait_for(&run, |event| matches!(event, Event::AgentStarted { .. })).await;
        run.leave_op(Op::Stop { by: "baya stop".to_owned() });
    });
    assert_eq!(end.unwrap().status, RunStatus::Stopped);
}

#[tokio::test]
async fn c60_a_driver_that_lost_its_lease_writes_nothing_more() {
    let run = MemoryRun::new();
    let mut old = stage(&run);
    let ops = old.ops.clone();
    let (end, ()) = tokio::join!(old.play(fresh("return await agent('hang')")), async {
        wait_for(&run, |event| matches!(event, Event::AgentStarted { .. })).await;
        drop(run.drive());
        ops.send(Op::Stop { by: "late".to_owned() }).unwrap();
    });
    assert!(matches!(end, Err(DriveError::Journal(JournalError::LeaseLost { .. }))), "{end:?}");
    assert!(!run.events().iter().any(|event| matches!(event.event, Event::StopRequested { .. })));
}

#[tokio::test]
async fn an_append_that_fails_starts_no_agent() {
    let run = MemoryRun::new();
    let full = JournalError::DiskFull { path: "/somewhere/journal.db".into() };
    run.fail_at(3, full);
    let mut stage = stage(&run);
    let end = stage.play(fresh("return await agent('x')")).await;
    assert!(end.unwrap_err().to_string().contains("/somewhere/journal.db"));
    assert!(stage.asked().is_empty());
    assert_eq!(run.events().len(), 2);
}

#[tokio::test]
async fn c61_survivors_are_ended_before_a_new_driver_writes_anything() {
    let run = MemoryRun::new();
    let mut first = stage(&run);
    let ops = first.ops.clone();
    let (end, ()) = tokio::join!(first.play(fresh("return await agent('hang')")), async {
        wait_for(&run, |event| matches!(event, Event::AgentStarted { .. })).await;
        ops.send(Op::Interrupt { by: "ctrl-c".to_owned() }).unwrap();
    });
    end.unwrap();
    let mut events = run.events();
    let started = events.iter().position(|r| matches!(r.event, Event::AgentStarted { .. })).unwrap();
    events.truncate(started + 1);
    let process = AgentProcess { pid: 77, started: 5, boot: "b".to_owned(), mark: None, kept: false };
    let event = Event::AgentProcessStarted { agent: AgentNumber(1), attempt: 1, process: process.clone() };
    let (seq, at_ms) = (events.len() as u64 + 1, events[started].at_ms);
    events.push(Recorded { seq, at_ms, event });
    // The driver that comes next dies at its first event; the one after it knows of no process.
    let rest = MemoryRun::with_events(events);
    rest.fail_at(seq + 1, JournalError::DiskFull { path: "/somewhere/journal.db".into() });
    let mut stage = stage(&rest);
    stage.play(again()).await.unwrap_err();
    assert_eq!(*stage.echo.survivors.lock().unwrap(), [process]);
}

#[tokio::test]
async fn a_script_that_throws_fails_the_run_with_its_error() {
    let mut stage = stage(&MemoryRun::new());
    let end = stage.play(fresh("await agent('x');\nthrow new TypeError('no')")).await.unwrap();
    assert_eq!(end.status, RunStatus::Failed);
    let error = end.error.unwrap();
    assert_eq!((error.name.as_str(), error.message.as_str()), ("TypeError", "no"));
}

#[tokio::test]
async fn an_isolate_that_cannot_start_fails_the_run_and_says_so() {
    let mut stage = stage(&MemoryRun::new());
    if let Some(setup) = &mut stage.setup {
        setup.isolate = IsolateKind::Child { program: "/nowhere/baya".into(), args: Vec::new() };
    }
    let end = stage.play(fresh("return 1")).await.unwrap();
    assert_eq!(end.status, RunStatus::Failed);
    assert!(end.error.unwrap().message.contains("`/nowhere/baya` could not be started"));
}

async fn wait_for(run: &MemoryRun, wanted: fn(&Event) -> bool) {
    until(|| run.events().iter().any(|recorded| wanted(&recorded.event))).await;
}

/// Waits for a condition under the deadline of [`Stage::play`].
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
