//! What comes back is what was appended: long values, deep ones, and those that look like our marks.

use super::{Place, place, wait};
use baya_core::agent::Answer;
use baya_core::event::{Event, Outcome, Recorded};
use baya_core::ids::AgentNumber;
use baya_core::limits::{BLOB_ROW_BYTES_MAX, INLINE_BYTES_MAX};
use baya_engine::journal::{Durability, Journal};
use proptest::prelude::*;
use serde_json::{Value, json};

fn answer(seq: u64, value: Value) -> Recorded {
    let event = Event::AgentFinished {
        agent: AgentNumber(seq as u32),
        attempt: 1,
        outcome: Outcome::Answered(Answer::Json(value)),
        usage: Default::default(),
        model_asked: None,
        model_served: None,
        requests: 0,
        rung: None,
        drafts: Vec::new(),
        notes: Vec::new(),
        duration_ms: 1,
        borrowed: None,
        work: None,
    };
    Recorded { seq, at_ms: 7, event }
}

/// Appends the values, opens the journal anew, and compares.
fn check(values: Vec<Value>) -> Place {
    let place = place();
    let events: Vec<Recorded> = (1..).zip(values).map(|(seq, value)| answer(seq, value)).collect();
    let journal = place.create();
    wait(journal.append(events.clone(), Durability::Now)).unwrap();
    drop(journal);
    assert_eq!(place.load().unwrap(), events);
    place
}

fn long(bytes: usize) -> String {
    "0123456789abcdef".chars().cycle().take(bytes).collect()
}

#[test]
fn values_that_look_like_marks_come_back() {
    let hash = blake3::hash(b"x").to_hex().to_string();
    check(vec![
        json!({"$blob": hash}),
        json!({"$json": hash}),
        json!({"$$blob": {"$blob": "short"}}),
        json!({"$$$json": long(3000)}),
        json!({"$blob": long(3000)}),
        json!({"$blob": {"$json": long(3000)}, "other": 1}),
        json!([{"$blob": null}, {"$blob": {"$$blob": [long(2000)]}}]),
        json!({"blob": 1, "json": 2, "$": 3}),
        json!({"$": {"$blob": 1}}),
    ]);
}

#[test]
fn values_of_every_size_come_back() {
    let sizes =
        [0, 1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, BLOB_ROW_BYTES_MAX, BLOB_ROW_BYTES_MAX + 1, 5_000_000];
    let place = check(sizes.iter().map(|size| json!(long(*size))).collect());
    let files: Vec<_> =
        std::fs::read_dir(place.store.run_folder(&place.run).join("blobs")).unwrap().collect();
    assert_eq!(files.len(), 2, "only what is above {BLOB_ROW_BYTES_MAX} bytes is a file");
}

#[test]
fn a_long_value_without_long_strings_comes_back() {
    check(vec![
        json!((0..200_000).map(|n| f64::from(n) / 7.0).collect::<Vec<_>>()),
        json!(vec!["$blob"; 30_000]),
    ]);
}

#[test]
fn a_deep_value_comes_back() {
    let deep =
        (0..127).fold(
            json!(long(2000)),
            |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) },
        );
    check(vec![deep]);
}

#[test]
fn odd_strings_and_numbers_come_back() {
    check(vec![
        json!("nul \u{0} and \u{2028} and \u{feff} and 🪺"),
        json!({"": "", "a\u{0}b": "\\\"", "__proto__": 1}),
        json!([0.1 + 0.2, -0.0, 1e308, 5e-324, 9007199254740993u64, u64::MAX, i64::MIN, 1.0]),
    ]);
}

#[test]
fn equal_long_values_lie_on_the_disk_once() {
    let prompt = long(200_000);
    let place = check((0..50).map(|_| json!(prompt)).collect());
    let size = std::fs::metadata(place.store.run_folder(&place.run).join("journal.db")).unwrap().len();
    assert!(size < 400_000, "{size} bytes");
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        4 => ".{0,12}",
        1 => Just("$blob".to_owned()),
        1 => (1000usize..1100).prop_map(long),
        1 => "\\PC{400,500}",
    ];
    let marks = prop::sample::select(vec!["$blob", "$json", "$$blob", "$$$json"]);
    let name = prop_oneof!["[a-z$]{0,6}", marks.prop_map(str::to_owned)];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no such number", |n| n.is_finite()).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let members = prop::collection::vec((name.clone(), inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_comes_back(values in prop::collection::vec(any_json(), 30..60)) {
        check(values);
    }
}
