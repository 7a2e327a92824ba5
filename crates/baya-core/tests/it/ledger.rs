//! What a run cost, and by what: nothing twice, nothing lost.

use baya_core::agent::{Usage, UsageSource};
use baya_core::event::Recorded;
use baya_core::money::NanoUsd;
use baya_core::view::{By, Ledger, Rollup, Sum};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

/// A journal out of the JSON form of its events, each with its time.
fn journal(events: &[(i64, Value)]) -> Vec<Recorded> {
    let read = |(index, (at_ms, event)): (usize, &(i64, Value))| Recorded {
        seq: index as u64 + 1,
        at_ms: *at_ms,
        event: serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event}")),
    };
    events.iter().enumerate().map(read).collect()
}

/// The same, all on the first day.
fn ledger(events: &[Value]) -> Ledger {
    Ledger::of(&journal(&events.iter().map(|event| (0, event.clone())).collect::<Vec<_>>()))
}

fn started() -> Value {
    json!({"event": "run_started", "run": "wf_00000000-001", "version": 1, "seed": 1, "now_ms": 0,
        "script": {"name": "demo", "path": "x.js", "hash": "h", "meta": {}, "program": {"units": []}, "sources": []},
        "limits": baya_core::limits::Limits::default(), "surroundings": {}})
}

fn driver() -> Value {
    json!({"event": "driver_started", "fence": 1, "pid": 1, "surroundings": {}})
}

fn resumed() -> Value {
    json!({"event": "run_resumed", "generation": 1})
}

fn queued(agent: u32, label: &str, phase: &str) -> Value {
    json!({"event": "agent_queued", "agent": agent, "call": agent, "frame": 0, "key": "k", "occurrence": 0,
        "label": label, "phase": phase, "prompt": "p", "options": {"model": "opus"}})
}

/// Charged at a nano-dollar a token; the output tells uses apart.
fn used(output: u64) -> Usage {
    Usage { output, source: UsageSource::Reported, priced: output, cost: NanoUsd(output), ..Usage::default() }
}

fn turn(agent: u32, attempt: u32, output: u64) -> Value {
    json!({"event": "agent_turn", "agent": agent, "attempt": attempt,
        "turn": {"step": "spent", "usage": used(output), "requests": 1, "model_served": "m"}})
}

fn attempt_ended(agent: u32, attempt: u32, kind: &str, output: u64) -> Value {
    json!({"event": "attempt_ended", "agent": agent, "attempt": attempt, "usage": used(output), "requests": 1,
        "model_asked": "m", "end": {"failed": {"kind": kind, "message": "it broke"}}})
}

fn answered(agent: u32, attempt: u32, output: u64) -> Value {
    json!({"event": "agent_finished", "agent": agent, "attempt": attempt, "outcome": {"answered": {"text": "x"}},
        "usage": used(output), "requests": 1, "model_asked": "m", "model_served": "m", "duration_ms": 1})
}

fn failed(agent: u32, attempt: u32, output: u64) -> Value {
    json!({"event": "agent_finished", "agent": agent, "attempt": attempt, "usage": used(output), "duration_ms": 1,
        "outcome": {"failed": {"kind": "refused", "message": "no"}}})
}

fn reused(agent: u32, phase: &str) -> Value {
    json!({"event": "agent_reused", "agent": agent, "call": agent, "frame": 0, "key": "k", "occurrence": 0,
        "phase": phase, "label": "l"})
}

/// Output, waste and saved in tokens, and how many results were taken over.
#[track_caller]
fn check(events: &[Value], expected: (u64, u64, u64, u32)) {
    let sum = Sum::of(&ledger(events));
    assert_eq!((sum.usage.output, sum.waste.tokens, sum.saved.output, sum.taken), expected);
    assert_eq!(sum.usage.cost, NanoUsd(sum.usage.output));
    assert_eq!(sum.waste.cost, NanoUsd(sum.waste.tokens));
}

#[test]
fn all_that_led_to_an_answer_is_no_waste() {
    check(&[started(), queued(1, "a", "P"), turn(1, 1, 5), answered(1, 1, 2)], (7, 0, 0, 0));
}

#[test]
fn an_attempt_that_failed_is_waste_with_its_turns_and_one_that_stalled_without() {
    let head = [started(), queued(1, "a", "P"), turn(1, 1, 5)];
    let with = |kind: &str| [&head[..], &[attempt_ended(1, 1, kind, 3), answered(1, 2, 2)]].concat();
    check(&with("program"), (10, 8, 0, 0));
    check(&with("stalled"), (10, 3, 0, 0));
}

#[test]
fn all_of_an_agent_that_failed_is_waste() {
    check(&[started(), queued(1, "a", "P"), turn(1, 1, 5), failed(1, 1, 2)], (7, 7, 0, 0));
}

#[test]
fn an_answer_that_was_not_taken_is_waste_once() {
    let mut usage = used(9);
    (usage.rejected, usage.rejected_cost) = (4, NanoUsd(4));
    let with = |mut end: Value| {
        end["usage"] = json!(usage);
        vec![started(), queued(1, "a", "P"), end]
    };
    check(&with(answered(1, 1, 0)), (9, 4, 0, 0));
    check(&with(failed(1, 1, 0)), (9, 9, 0, 0));
}

#[test]
fn a_result_that_a_later_generation_takes_over_is_saved_and_costs_nothing() {
    let before = [started(), driver(), queued(1, "a", "P"), turn(1, 1, 5), answered(1, 1, 2)];
    let after = [driver(), resumed(), reused(1, "Q")];
    check(&[&before[..], &after[..]].concat(), (7, 0, 7, 1));
}

#[test]
fn a_run_that_goes_on_saves_what_it_had_and_one_that_begins_anew_gives_up_what_was_open() {
    let head =
        [started(), driver(), queued(1, "a", "P"), answered(1, 1, 2), queued(2, "b", "P"), turn(2, 1, 5)];
    check(&[&head[..], &[driver(), answered(2, 2, 1)]].concat(), (8, 0, 7, 2));
    check(&[&head[..], &[driver(), resumed()]].concat(), (7, 5, 0, 0));
}

#[test]
fn what_was_out_when_the_driver_died_counts_as_used_for_nothing() {
    let holding = json!({"event": "agent_turn", "agent": 1, "attempt": 1,
        "turn": {"step": "holding", "most": used(30)}});
    let head = [started(), driver(), queued(1, "a", "P"), holding];
    check(&[&head[..], &[turn(1, 1, 4), driver(), answered(1, 2, 1)]].concat(), (5, 0, 4, 1));
    check(&[&head[..], &[driver(), answered(1, 2, 1)]].concat(), (31, 30, 0, 0));
}

#[test]
fn an_answer_of_an_earlier_run_is_saved() {
    let mut end = answered(1, 1, 0);
    end["borrowed"] = json!({"run": "wf_00000000-002", "agent": 1, "saved": used(40)});
    end["usage"] = json!({});
    check(&[started(), queued(1, "a", "P"), end], (0, 0, 40, 1));
}

#[test]
fn only_what_happened_since_is_written_down() {
    let events = journal(&[
        (0, started()),
        (0, queued(1, "a", "P")),
        (10, turn(1, 1, 5)),
        (20, turn(1, 1, 3)),
        (30, failed(1, 1, 1)),
    ]);
    let mut ledger = Ledger::since(20);
    events.iter().for_each(|recorded| ledger.apply(recorded));
    let sum = Sum::of(&ledger);
    assert_eq!((sum.usage.output, sum.waste.tokens), (4, 4));
}

/// Names and outputs of the groups.
fn groups(by: By, events: &[(i64, Value)]) -> Vec<(String, u64)> {
    let mut rollup = Rollup::new(by);
    rollup.add(&Ledger::of(&journal(events)));
    rollup.groups().map(|group| (group.name.clone(), group.sum.usage.output)).collect()
}

#[test]
fn lines_are_put_together_by_what_one_wants_to_know() {
    let child = json!({"event": "child_started", "call": 9, "frame": 1, "group": "▸ inner",
        "script": {"name": "inner", "path": "i.js", "hash": "h", "meta": {}, "program": {"units": []},
            "sources": []}});
    let mut inner = queued(3, "inner", "▸ inner");
    inner["frame"] = json!(1);
    let mut small = answered(3, 1, 40);
    small["model_served"] = json!("small");
    let events = [
        (0, started()),
        (0, queued(1, "look a.rs", "Look")),
        (0, turn(1, 1, 1)),
        (0, attempt_ended(1, 1, "program", 2)),
        (DAY_MS, answered(1, 2, 4)),
        (DAY_MS, queued(2, "look b.rs", "Judge")),
        (DAY_MS, answered(2, 1, 8)),
        (DAY_MS, child),
        (DAY_MS, inner),
        (DAY_MS, small),
    ];
    let check = |by, expected: &[(&str, u64)]| {
        let expected: Vec<_> = expected.iter().map(|(name, output)| ((*name).to_owned(), *output)).collect();
        assert_eq!(groups(by, &events), expected, "{by:?}");
    };
    let run = "wf_00000000-001";
    check(By::Phase, &[("Judge", 8), ("Look", 7), ("▸ inner", 40)]);
    check(By::Label, &[("inner", 40), ("look *", 15)]);
    check(By::Model, &[("m", 15), ("small", 40)]);
    check(By::Day, &[("1970-01-01", 3), ("1970-01-02", 52)]);
    check(By::Child, &[("", 15), ("▸ inner", 40)]);
    check(By::Run, &[(&format!("{run} demo"), 55)]);
    let names = [format!("{run} #1 look a.rs"), format!("{run} #2 look b.rs"), format!("{run} #3 inner")];
    check(By::Agent, &[(&names[0], 7), (&names[1], 8), (&names[2], 40)]);
    check(
        By::Attempt,
        &[
            (&format!("{}, attempt 1", names[0]), 3),
            (&format!("{}, attempt 2", names[0]), 4),
            (&format!("{}, attempt 1", names[1]), 8),
            (&format!("{}, attempt 1", names[2]), 40),
        ],
    );
}

/// A journal that nobody planned: attempts fail, agents are taken over, generations begin.
fn drawn(seed: u64) -> Vec<(i64, Value)> {
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut events = vec![(0, started()), (0, driver())];
    let mut agents = 0;
    for step in 0..200 {
        let at_ms = step * DAY_MS / 20;
        let agent = 1 + draw(agents.max(1)) as u32;
        let (attempt, output) = (1 + draw(3) as u32, draw(1_000));
        events.push((
            at_ms,
            match draw(9) {
                0 | 1 => {
                    agents += 1;
                    queued(agents as u32, &format!("look {}", draw(5)), ["P", "Q", "R"][draw(3) as usize])
                }
                2 | 3 => turn(agent, attempt, output),
                4 => attempt_ended(agent, attempt, ["program", "stalled"][draw(2) as usize], output),
                5 => answered(agent, attempt, output),
                6 => failed(agent, attempt, output),
                7 => reused(agent, "Q"),
                _ => [driver(), resumed()][draw(2) as usize].clone(),
            },
        ));
    }
    events
}

#[test]
fn every_rollup_adds_up_to_all_that_the_events_say() {
    for seed in 0..50 {
        let events = drawn(seed);
        let told = events.iter().filter_map(|(_, event)| {
            let usage = event.get("usage").or_else(|| event.pointer("/turn/usage"))?;
            serde_json::from_value::<Usage>(usage.clone()).ok()
        });
        let mut all = Usage::default();
        told.for_each(|usage| all.add(&usage));
        for by in By::ALL {
            let mut rollup = Rollup::new(by);
            rollup.add(&Ledger::of(&journal(&events)));
            let (mut usage, mut saved) = (Usage::default(), Usage::default());
            let (mut waste, mut requests) = (0, 0);
            for group in rollup.groups() {
                usage.add(&group.sum.usage);
                saved.add(&group.sum.saved);
                waste += group.sum.waste.tokens;
                requests += group.sum.requests;
                assert!(group.sum.waste.tokens <= group.sum.usage.total(), "seed {seed}, {by:?}");
            }
            let total = rollup.total();
            assert_eq!(usage, all, "seed {seed}, {by:?}");
            assert_eq!(
                (usage, saved, waste, requests),
                (total.usage, total.saved, total.waste.tokens, total.requests),
                "seed {seed}, {by:?}"
            );
        }
    }
}
