//! What a view shows after a list of events.

use baya_core::agent::{Answer, AttemptEnd, Cause, CauseKind, Progress, Usage, UsageSource};
use baya_core::event::{Event, Recorded};
use baya_core::ids::AgentNumber;
use baya_core::limits::LOG_LINES_IN_VIEW;
use baya_core::view::{AgentState, AgentStory, RunState, RunView};
use baya_core::work::Changes;
use serde_json::{Value, json};

/// A journal out of the JSON form of its events; one second between two of them.
fn journal(events: &[Value]) -> Vec<Recorded> {
    let read = |(index, event): (usize, &Value)| Recorded {
        seq: index as u64 + 1,
        at_ms: 1_000 * index as i64,
        event: serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event}")),
    };
    events.iter().enumerate().map(read).collect()
}

fn script(name: &str, phases: Value) -> Value {
    let meta = json!({"name": name, "description": "does it", "phases": phases});
    json!({"name": name, "path": "x.js", "hash": "h", "meta": meta, "program": {"units": []}, "sources": []})
}

fn started(phases: Value) -> Value {
    json!({"event": "run_started", "run": "wf_00000000-001", "version": 1, "script": script("demo", phases),
        "seed": 1, "now_ms": 0, "limits": limits(), "surroundings": {"backend": "simulated", "simulated": true}})
}

fn limits() -> Value {
    serde_json::to_value(baya_core::limits::Limits::default()).unwrap()
}

fn queued(agent: u32, label: &str, phase: Option<&str>) -> Value {
    let mut event = json!({"event": "agent_queued", "agent": agent, "call": agent, "frame": 0, "key": "k",
        "occurrence": 0, "label": label, "prompt": format!("do {label}"), "options": {}});
    if let Some(phase) = phase {
        event["phase"] = json!(phase);
    }
    event
}

fn began(agent: u32, attempt: u32) -> Value {
    json!({"event": "agent_started", "agent": agent, "attempt": attempt})
}

fn answered(agent: u32, text: &str, source: &str) -> Value {
    json!({"event": "agent_finished", "agent": agent, "attempt": 1, "outcome": {"answered": {"text": text}},
        "usage": {"input": 10, "output": 2, "source": source}, "model_asked": "big", "model_served": "small",
        "duration_ms": 70})
}

fn failed(agent: u32, kind: &str) -> Value {
    json!({"event": "agent_finished", "agent": agent, "attempt": 1, "duration_ms": 5,
        "outcome": {"failed": {"kind": kind, "message": "it broke"}}})
}

fn ended(status: &str) -> Value {
    json!({"event": "run_ended", "status": status, "result": {"ok": true}, "failures": {}})
}

/// One line per group, as `title queued/running/answered/failed(reused)`.
fn check(events: &[Value], expected: &[&str]) {
    let view = RunView::of(&journal(events));
    let line = |(group, counts): (&baya_core::view::GroupView, baya_core::view::AgentCounts)| {
        let title = group.title.as_deref().unwrap_or("-");
        let mark = if group.entered { "" } else { " (not entered)" };
        let (q, r, a, f, reused) =
            (counts.queued, counts.running, counts.answered, counts.failed, counts.reused);
        format!("{title} {q}/{r}/{a}/{f}({reused}){mark}")
    };
    let lines: Vec<String> = view.groups_with_counts().into_iter().map(line).collect();
    assert_eq!(lines, expected);
}

#[test]
fn c45_groups_of_meta_come_first_and_agents_are_counted_in_theirs() {
    let phase = |title: &str| json!({"event": "phase_entered", "call": 1, "frame": 0, "title": title});
    check(
        &[
            started(json!(["Plan", {"title": "Work", "detail": "hard"}, "Plan", 7])),
            queued(1, "loose", None),
            phase("Work"),
            queued(2, "a", Some("Work")),
            queued(3, "b", Some("Work")),
            queued(4, "c", Some("Late")),
            began(2, 1),
            answered(2, "yes", "simulated"),
            began(3, 1),
            failed(4, "refused"),
        ],
        &["Plan 0/0/0/0(0) (not entered)", "Work 0/1/1/0(0)", "- 1/0/0/0(0)", "Late 0/0/0/1(0)"],
    );
}

#[test]
fn c53_a_child_is_one_group_and_its_phases_are_none() {
    let child = json!({"event": "child_started", "call": 1, "frame": 1, "group": "▸ inner",
        "script": script("inner", json!([]))});
    let phase = json!({"event": "phase_entered", "call": 1, "frame": 1, "title": "hidden"});
    let over = json!({"event": "child_ended", "call": 2, "end_call": 3, "frame": 1, "error": "boom"});
    let events = [started(json!([])), child, phase, queued(1, "a", Some("▸ inner")), over];
    check(&events, &["▸ inner 1/0/0/0(0)"]);
    assert_eq!(RunView::of(&journal(&events)).groups[0].error.as_deref(), Some("boom"));
}

#[test]
fn a_new_generation_counts_only_what_it_asked_for() {
    // A run counts the second one as 1.
    for generation in [1, 2] {
        check_generation(json!({"event": "run_resumed", "generation": generation}));
    }
}

#[track_caller]
fn check_generation(resumed: Value) {
    let reused = json!({"event": "agent_reused", "agent": 1, "call": 9, "frame": 0, "key": "k", "occurrence": 0,
        "label": "a", "phase": "Plan"});
    let events = [
        started(json!(["Plan"])),
        queued(1, "a", Some("Plan")),
        began(1, 1),
        answered(1, "yes", "reported"),
        queued(2, "b", Some("Old")),
        failed(2, "api"),
        ended("completed"),
        resumed,
        reused,
        queued(3, "b", Some("Plan")),
    ];
    check(&events, &["Plan 1/0/1/0(1)", "Old 0/0/0/0(0) (not entered)"]);
    let view = RunView::of(&journal(&events));
    assert_eq!((view.state, view.ended_ms, view.result), (RunState::Running, None, None));
    assert_eq!((view.usage.output, view.agents.len()), (2, 3));
}

#[test]
fn a_new_driver_finds_nobody_at_work() {
    let driver = json!({"event": "driver_started", "fence": 2, "pid": 77, "surroundings": {}});
    let interrupted = json!({"event": "run_interrupted", "by": "SIGINT"});
    let events = [started(json!([])), queued(1, "a", None), began(1, 1)];
    check(&events, &["- 0/1/0/0(0)"]);
    check(&[&events[..], &[interrupted]].concat(), &["- 1/0/0/0(0)"]);
    check(&[&events[..], &[driver]].concat(), &["- 1/0/0/0(0)"]);
}

/// An event each second: two at work, three at rest, two at work.
#[test]
fn the_time_of_a_run_that_rested_is_the_time_it_was_at_work() {
    let driver = json!({"event": "driver_started", "fence": 2, "pid": 77, "surroundings": {}});
    let parked = json!({"event": "run_interrupted", "by": "SIGINT"});
    let note = json!({"event": "logged", "level": "info", "text": "x"});
    let events = [
        started(json!([])),
        note.clone(),
        parked.clone(),
        parked.clone(),
        parked,
        driver,
        note,
        ended("completed"),
    ];
    let view = RunView::of(&journal(&events));
    assert_eq!((view.at_work.told_ms(), view.at_work.ms(99_000)), (4_000, 4_000));
}

#[test]
fn failures_are_counted_by_cause_before_the_run_says_them() {
    let queued = |agent: u32| queued(agent, "x", None);
    let events = [
        started(json!([])),
        queued(1),
        failed(1, "api"),
        queued(2),
        failed(2, "refused"),
        queued(3),
        failed(3, "refused"),
        queued(4),
    ];
    let failures = RunView::of(&journal(&events)).failures();
    assert_eq!((failures.agents, failures.failed), (4, 3));
    assert_eq!(failures.causes, [("refused by the model".to_owned(), 2), ("provider error".to_owned(), 1)]);
}

#[test]
fn only_a_run_that_asked_no_model_says_so() {
    let with = |source: &str| {
        let events = [started(json!([])), queued(1, "a", None), answered(1, "x", source)];
        RunView::of(&journal(&events)).asked_no_model()
    };
    assert!(with("simulated"));
    assert!(!with("reported"));
}

#[test]
fn tokens_of_every_attempt_count_once() {
    let usage = Usage { input: 100, output: 7, source: UsageSource::Estimated, ..Usage::default() };
    let lost = json!({"event": "attempt_ended", "agent": 1, "attempt": 1, "usage": usage,
        "end": {"failed": {"kind": "stalled", "message": "silent"}}});
    let events = [
        started(json!([])),
        queued(1, "a", None),
        began(1, 1),
        lost,
        began(1, 2),
        answered(1, "x", "reported"),
    ];
    let view = RunView::of(&journal(&events));
    assert_eq!((view.usage.input, view.usage.output), (110, 9));
    assert_eq!(view.agents[&AgentNumber(1)].usage, view.usage);
    assert!(view.agents[&AgentNumber(1)].was_served_by_another());
}

#[test]
fn log_lines_are_capped_and_our_warnings_kept_apart() {
    let line = |text: String| json!({"event": "logged", "call": 1, "level": "info", "text": text});
    let mut events = vec![started(json!([]))];
    events.extend((0..LOG_LINES_IN_VIEW + 5).map(|n| line(format!("line {n}"))));
    events.push(json!({"event": "logged", "level": "warn", "text": "unknown option `retires`"}));
    let view = RunView::of(&journal(&events));
    assert_eq!((view.log.len(), view.log_lines), (LOG_LINES_IN_VIEW, LOG_LINES_IN_VIEW as u64 + 6));
    assert_eq!(view.log[0].text, "line 6");
    assert_eq!(view.warnings, ["unknown option `retires`"]);
}

#[test]
fn progress_belongs_to_the_attempt_that_is_at_work() {
    let mut view = RunView::of(&journal(&[started(json!([])), queued(1, "a", None), began(1, 2)]));
    view.note_progress(AgentNumber(1), 1, Progress::Asked);
    view.note_progress(AgentNumber(9), 1, Progress::Asked);
    assert_eq!(view.agents[&AgentNumber(1)].progress, None);
    view.note_progress(AgentNumber(1), 2, Progress::Asked);
    assert_eq!(view.agents[&AgentNumber(1)].progress, Some(Progress::Asked));
    let changes = Changes { files_changed: 2, lines_added: 5, lines_removed: 1 };
    view.note_progress(AgentNumber(1), 2, Progress::Changed { changes });
    let agent = &view.agents[&AgentNumber(1)];
    assert_eq!((agent.changes, &agent.progress), (Some(changes), &Some(Progress::Asked)), "both at once");
}

#[test]
fn c28_a_model_with_a_date_is_the_same_and_any_other_is_another() {
    for (served, is_other) in [
        ("big", false),
        ("big-20260101", false),
        ("big@20260101", false),
        ("big-2026-01-01", false),
        ("big-mini", true),
        ("bigger", true),
        ("small", true),
    ] {
        let mut answer = answered(1, "x", "reported");
        answer["model_served"] = json!(served);
        let events = [started(json!([])), queued(1, "a", None), began(1, 1), answer];
        let view = RunView::of(&journal(&events));
        assert_eq!(view.agents[&AgentNumber(1)].was_served_by_another(), is_other, "{served}");
    }
}

#[test]
fn a_parked_run_keeps_its_cause() {
    let parked =
        json!({"event": "run_parked", "cause": {"kind": "key", "message": "refused", "hint": "set it"}});
    let view = RunView::of(&journal(&[started(json!([])), parked]));
    let cause = Cause::new(CauseKind::Key, "refused").hint("set it");
    assert_eq!(view.state, RunState::Parked { cause, wakes_at_ms: None });
}

#[test]
fn a_story_has_every_attempt_and_why_there_is_no_answer() {
    let first = json!({"event": "attempt_ended", "agent": 2, "attempt": 1, "drafts": ["half"],
        "end": {"failed": {"kind": "stalled", "message": "silent"}}});
    let mut last = failed(2, "schema_unmet");
    last["attempt"] = json!(2);
    last["drafts"] = json!(["{}"]);
    let events = journal(&[
        started(json!([])),
        queued(1, "a", None),
        queued(2, "b", None),
        began(2, 1),
        first,
        began(2, 2),
        last,
    ]);
    let story = AgentStory::collect(&events, AgentNumber(2)).unwrap();
    assert_eq!(story.prompt, "do b");
    let ends: Vec<_> = story.attempts.iter().map(|told| (told.attempt, told.drafts.concat())).collect();
    assert_eq!(ends, [(1, "half".to_owned()), (2, "{}".to_owned())]);
    assert!(matches!(story.attempts[0].end, Some(AttemptEnd::Failed(_))));
    assert_eq!(story.cause.unwrap().kind, CauseKind::SchemaUnmet);
    assert_eq!(AgentStory::collect(&events, AgentNumber(3)), None);
}

#[test]
fn a_story_keeps_the_answer_and_who_took_it_over() {
    let resumed = json!({"event": "run_resumed", "generation": 2});
    let reused = json!({"event": "agent_reused", "agent": 1, "call": 9, "frame": 0, "key": "k", "occurrence": 0,
        "label": "a", "phase": "Plan"});
    let events = journal(&[
        started(json!([])),
        queued(1, "a", None),
        began(1, 1),
        answered(1, "yes", "reported"),
        resumed,
        reused,
    ]);
    let story = AgentStory::collect(&events, AgentNumber(1)).unwrap();
    assert_eq!((story.answer, story.reused_by), (Some(Answer::Text("yes".to_owned())), vec![2]));
}

/// Every order of these events folds, whatever it means.
#[test]
fn no_order_of_events_is_a_panic() {
    let pool = journal(&[
        started(json!(["Plan"])),
        queued(1, "a", Some("Plan")),
        began(1, 1),
        answered(1, "yes", "reported"),
        json!({"event": "agent_reused", "agent": 4, "call": 9, "frame": 3, "key": "k", "occurrence": 0,
        "label": "a", "phase": "Plan"}),
        json!({"event": "child_ended", "call": 2, "end_call": 3, "frame": 8}),
        json!({"event": "run_resumed", "generation": 2}),
        json!({"event": "driver_started", "fence": 2, "pid": 77, "surroundings": {}}),
        ended("failed"),
        json!({"event": "run_paused", "by": "a person"}),
    ]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2_000 {
        let mut view = RunView::default();
        for _ in 0..30 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let recorded = &pool[(state >> 33) as usize % pool.len()];
            view.apply(recorded);
            if let Event::AgentFinished { agent, .. } = recorded.event {
                assert_eq!(view.agents[&agent].state, AgentState::Answered);
            }
            assert!(view.counts().total() as usize <= view.agents.len());
        }
    }
}
