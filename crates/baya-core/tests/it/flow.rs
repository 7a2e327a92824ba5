//! Who used whose words, out of a journal.

use baya_core::event::Recorded;
use baya_core::ids::AgentNumber;
use baya_core::view::Flow;
use serde_json::{Value, json};

fn flow(events: &[Value]) -> Flow {
    let read = |(index, event): (usize, &Value)| Recorded {
        seq: index as u64 + 1,
        at_ms: 0,
        event: serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event}")),
    };
    let journal: Vec<Recorded> = events.iter().enumerate().map(read).collect();
    Flow::of(&journal)
}

fn asked(agent: u32, prompt: &str, quarantine: bool) -> Value {
    json!({"event": "agent_queued", "agent": agent, "call": agent, "frame": 0, "key": "k", "occurrence": 0,
        "label": format!("agent {agent}"), "prompt": prompt, "options": {"quarantine": quarantine}})
}

fn finished(agent: u32, outcome: Value) -> Value {
    json!({"event": "agent_finished", "agent": agent, "attempt": 1, "duration_ms": 5, "outcome": outcome})
}

fn gave(agent: u32, text: &str) -> Value {
    finished(agent, json!({"answered": {"json": {"text": text}}}))
}

fn ended(result: &str) -> Value {
    json!({"event": "run_ended", "status": "completed", "result": result, "failures": {}})
}

/// `2←1:30*`: agent 2 was given 30 characters of agent 1, marked; `!` is behind who was reached.
fn check(events: &[Value], expected: &[&str]) {
    let flow = flow(events);
    let roads = |to: String, uses: &[baya_core::view::Use]| -> Vec<String> {
        let road = |it: &baya_core::view::Use| {
            format!("{to}←{}:{}{}", it.from.0, it.characters, if it.marked { "*" } else { "" })
        };
        uses.iter().map(road).collect()
    };
    let mut shown: Vec<String> = Vec::new();
    for agent in &flow.agents {
        let reached = if agent.reached { "!" } else { "" };
        shown.extend(roads(format!("{}{reached}", agent.agent.0), &agent.uses));
    }
    shown.extend(roads("result".to_owned(), &flow.result));
    assert_eq!(shown, expected);
}

const A: &str = "the heron stands in the shallow water";
const B: &str = "a second bird sits in the old willow";
const C: &str = "nobody has seen the third of them yet";

#[test]
fn words_go_from_who_wrote_them_to_who_was_given_them() {
    let events = [
        asked(1, "look", false),
        gave(1, A),
        asked(2, &format!("and? {A}"), false),
        gave(2, B),
        asked(3, &json!([A, B]).to_string(), false),
        gave(3, "too short to count"),
        ended(&format!("{B}; too short to count")),
    ];
    check(&events, &["2←1:37", "3←1:37", "3←2:36", "result←2:36"]);
}

#[test]
fn what_an_agent_repeats_of_its_prompt_is_not_its_own() {
    let template = "Say in one sentence what the picture shows";
    let events = [
        asked(1, template, false),
        gave(1, &format!("{template}: {A}")),
        asked(2, &format!("{template}, again"), false),
        gave(2, B),
        asked(3, A, false),
    ];
    check(&events, &["3←1:37"]);
}

#[test]
fn marked_words_reach_who_is_given_words_of_who_was_given_them() {
    let events = [
        asked(1, A, true),
        gave(1, &format!("it says: {A}")),
        asked(2, A, false),
        gave(2, B),
        asked(3, B, false),
        gave(3, C),
        asked(4, "something else", false),
        ended(C),
    ];
    check(&events, &["2!←1:37*", "3!←2:36", "result←3:37"]);
    let flow = flow(&events);
    assert!(flow.is_used(AgentNumber(1)) && !flow.is_used(AgentNumber(4)));
}

#[test]
fn what_a_reader_failed_with_counts_and_only_a_reader_s() {
    let failed = |agent| finished(agent, json!({"failed": {"kind": "schema_unmet", "message": A}}));
    check(&[asked(1, "x", true), failed(1), asked(2, A, false)], &["2!←1:37*"]);
    check(&[asked(1, "x", false), failed(1), asked(2, A, false)], &[]);
}

#[test]
fn more_words_than_are_compared_are_left_out_and_that_is_said() {
    let long: String = (0..300_000).map(|number| format!("{number:08}")).collect();
    let events = [asked(1, "x", false), gave(1, &long), asked(2, &long[..40], false)];
    check(&events, &[]);
    assert!(flow(&events).is_cut);
}
