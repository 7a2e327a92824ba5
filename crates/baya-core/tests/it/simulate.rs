//! Answers made up from a schema, a prompt and a seed.

use baya_core::agent::Answer;
use baya_core::schema::Schema;
use baya_core::simulate::{Counters, Request, Rules, answer};
use proptest::prelude::*;
use serde_json::{Value, json};

fn made_up(schema: &Value, seed: u64) -> Value {
    match answer(Some(schema), "Review the parser for mistakes", seed) {
        Answer::Json(value) => value,
        Answer::Text(text) => panic!("text for a schema: {text}"),
    }
}

/// The answers for many seeds meet the schema, repeat, and are not large.
fn check(schema: Value) {
    let compiled = Schema::compile(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    for seed in 0..40 {
        let value = made_up(&schema, seed);
        compiled.validate(&value).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{schema}\n{value}"));
        assert_eq!(value, made_up(&schema, seed), "seed {seed} does not repeat");
        assert!(value.to_string().len() < 60_000, "seed {seed}: {} bytes", value.to_string().len());
    }
}

fn property(schema: Value) -> Value {
    json!({"type": "object", "required": ["p"], "properties": {"p": schema}, "additionalProperties": false})
}

#[test]
fn c30_simulated_answers_meet_every_single_keyword() {
    for schema in [
        json!({}),
        json!(true),
        json!({"type": "string", "minLength": 200}),
        json!({"type": "string", "maxLength": 3}),
        json!({"type": "string", "minLength": 4, "maxLength": 4}),
        json!({"type": "string", "pattern": "^[A-Z]{2}-\\d{3,5}$"}),
        json!({"type": "string", "pattern": "^(high|medium|low)$"}),
        json!({"type": "string", "pattern": "^\\w+$", "minLength": 12}),
        json!({"type": "string", "format": "date-time"}),
        json!({"enum": ["a", 2, null, {"x": []}]}),
        json!({"type": "integer", "enum": ["a", 2]}),
        json!({"const": {"deep": [1, {"x": null}]}}),
        json!({"const": null}),
        json!({"type": "integer", "minimum": 7, "maximum": 7}),
        json!({"type": "integer", "exclusiveMinimum": 7, "exclusiveMaximum": 9}),
        json!({"type": "integer", "minimum": -5.5, "maximum": -4.5}),
        json!({"type": "integer", "multipleOf": 7, "minimum": 100}),
        json!({"type": "integer", "multipleOf": 1.5}),
        json!({"type": "number", "minimum": 0, "maximum": 1}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001}),
        json!({"type": "number", "multipleOf": 0.1}),
        json!({"type": "number", "maximum": -3}),
        json!({"type": ["string", "null"]}),
        json!({"type": ["null", "integer"]}),
        json!({"type": "null"}),
        json!({"type": "boolean"}),
        json!({"type": "array", "minItems": 9, "items": {"type": "integer"}}),
        json!({"type": "array", "maxItems": 0}),
        json!({"type": "array", "uniqueItems": true, "minItems": 3, "items": {"enum": [1, 2, 3]}}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": false, "minItems": 2}),
        json!({"type": "array", "contains": {"const": "x"}, "minContains": 2, "items": {"type": "string"}}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 5}),
        json!({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"], "maxProperties": 2}),
        json!({"type": "object", "required": ["free"], "additionalProperties": {"type": "boolean"}}),
        json!({"type": "object", "patternProperties": {"^x_[0-9]$": {"type": "integer"}},
            "additionalProperties": false}),
        json!({"type": "object", "propertyNames": {"enum": ["k1", "k2"]}, "minProperties": 2}),
        json!({"properties": {"a": {"type": "integer"}}, "dependentRequired": {"a": ["b"]}}),
        json!({"type": "object", "properties": {"gone": false, "kept": {"type": "string"}}}),
    ] {
        check(property(schema));
    }
}

#[test]
fn c30_simulated_answers_meet_combined_schemas() {
    for schema in [
        json!({"oneOf": [{"type": "string"}, {"type": "integer", "minimum": 3}]}),
        json!({"anyOf": [{"type": "null"}, {"type": "object", "required": ["x"]}]}),
        json!({"oneOf": [
            {"properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
            {"properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind", "y"]}]}),
        json!({"allOf": [
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5}}, "required": ["a"]},
            {"properties": {"a": {"maximum": 6}, "b": {"type": "boolean"}}, "required": ["b"]}]}),
        json!({"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}]}),
        json!({"allOf": [{"type": ["integer", "string"]}, {"type": "number", "minimum": 1}]}),
        json!({"type": "integer", "not": {"multipleOf": 2}}),
        json!({"type": "object", "properties": {"k": {"enum": ["x", "y"]}}, "required": ["k"],
            "if": {"properties": {"k": {"const": "x"}}},
            "then": {"required": ["for_x"]}, "else": {"properties": {"for_y": {"type": "null"}},
                "required": ["for_y"]}}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false,
            "allOf": [{"properties": {"b": {"type": "integer"}}}]}),
        json!({"type": "object", "properties": {"a": {}, "b": {}}, "not": {"required": ["a", "b"]}}),
    ] {
        check(property(schema));
    }
}

#[test]
fn c30_simulated_answers_follow_refs_and_end_recursion() {
    check(json!({
        "type": "object", "properties": {"tree": {"$ref": "#/$defs/node"}}, "required": ["tree"],
        "$defs": {"node": {"type": "object", "required": ["name", "children"], "properties": {
            "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}
    }));
    check(json!({"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
            "required": ["next"]}));
    check(
        json!({"type": "object", "properties": {"l": {"$ref": "#/$defs/l"}, "r": {"$ref": "#/$defs/a%20b"}},
            "required": ["l", "r"],
        "$defs": {"l": {"$anchor": "here", "type": "integer"}, "a b": {"$ref": "#here"}}}),
    );
}

#[test]
fn a_schema_nothing_can_meet_still_ends() {
    let endless = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
    assert!(made_up(&endless, 1).is_object());
    let circle = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}},
        "$defs": {"x": {"$ref": "#/$defs/x"}}});
    assert!(made_up(&circle, 1).is_object());
    let doubling = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}},
        "$defs": {"x": {"allOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}]}}});
    assert!(baya_core::simulate::answer_shaped(&doubling, None, "p", 1).is_object());
    let huge = json!({"type": "object", "properties": {"x": {"type": "array", "minItems": 1e12,
        "items": {"type": "null"}}}});
    assert!(made_up(&huge, 1).is_object());
}

#[test]
fn a_text_says_it_is_simulated_and_what_it_answers() {
    let text = |prompt: &str, seed| match answer(None, prompt, seed) {
        Answer::Text(text) => text,
        Answer::Json(value) => panic!("JSON without a schema: {value}"),
    };
    for seed in 0..20 {
        let said = text("Find the three worst names in src and say why they are bad", seed);
        assert!(said.starts_with("Simulated") && said.contains("Find the three worst names"), "{said}");
        assert_eq!(said, text("Find the three worst names in src and say why they are bad", seed));
        assert!(said.len() < 250, "{said}");
    }
    assert!(text("", 1).contains("an empty prompt"));
    assert!(text(&"ü".repeat(9_000), 1).len() < 400);
    let seeds: std::collections::BTreeSet<String> = (0..50).map(|seed| text("one", seed)).collect();
    assert!(seeds.len() > 1, "the seed matters");
}

#[test]
fn answers_of_different_seeds_and_prompts_differ() {
    let schema =
        json!({"type": "object", "properties": {"why": {"type": "string"}, "score": {"type": "integer"}}});
    let all: std::collections::BTreeSet<String> =
        (0..50).map(|seed| made_up(&schema, seed).to_string()).collect();
    assert!(all.len() > 40, "{}", all.len());
    assert_ne!(answer(Some(&schema), "one", 1), answer(Some(&schema), "two", 1));
}

/// How many of 200 answers, for as many prompts, fulfil a condition.
fn how_often(schema: &Value, prompt: &str, condition: impl Fn(&Value) -> bool) -> usize {
    let said = |seed| match answer(Some(schema), prompt, seed) {
        Answer::Json(value) => value,
        Answer::Text(text) => panic!("text for a schema: {text}"),
    };
    (0..200).filter(|seed| condition(&said(*seed))).count()
}

#[test]
fn a_queue_that_may_be_empty_is_empty_now_and_then() {
    for next in [
        json!({"type": ["string", "null"]}),
        json!({"anyOf": [{"type": "object", "required": ["task"]}, {"type": "null"}]}),
    ] {
        let empty = how_often(&property(next), "Take the next task", |value| value["p"].is_null());
        assert!((20..100).contains(&empty), "{empty}");
    }
}

#[test]
fn who_is_asked_for_a_third_round_finds_nothing_more() {
    let bugs = property(json!({"type": "array", "items": {"type": "string"}}));
    let empty = |prompt: &str| how_often(&bugs, prompt, |value| value["p"] == json!([]));
    assert_eq!(empty("Find bugs"), 0);
    assert_eq!(empty("Round 2: find bugs around 3 places"), 0);
    assert_eq!(empty("Find bugs (round #3)"), 200);
    assert_eq!(empty("ITERATION 12. Find bugs"), 200);
    let three = property(json!({"type": "array", "items": {"type": "string"}, "minItems": 3}));
    assert_eq!(how_often(&three, "round 9", |value| value["p"].as_array().map(Vec::len) == Some(3)), 200);
}

#[test]
fn a_question_asked_for_the_sixth_time_finds_nothing_more() {
    let bugs = property(json!({"type": "array", "items": {"type": "string"}}));
    let found = |asked_before| {
        let request =
            Request { prompt: "Find bugs", schema: Some(&bugs), asked_before, ..Request::default() };
        match Rules::default().decide(&mut Counters::default(), &request).answer {
            Answer::Json(value) => value["p"].as_array().map(Vec::len).unwrap_or_default(),
            Answer::Text(text) => panic!("text for a schema: {text}"),
        }
    };
    assert!((0..5).all(|asked_before| found(asked_before) > 0));
    assert!((5..9).all(|asked_before| found(asked_before) == 0));
}

#[test]
fn an_index_in_a_list_says_which_element_it_stands_in() {
    let verdicts = property(json!({"type": "array", "minItems": 3, "maxItems": 3, "items": {
        "type": "object", "required": ["index"], "properties": {"index": {"type": "integer"}}}}));
    let counted = json!([{"index": 1}, {"index": 2}, {"index": 3}]);
    assert_eq!(how_often(&verdicts, "Judge each", |value| value["p"] == counted), 200);
    check(property(json!({"type": "array", "items": {"type": "object", "required": ["index"],
        "properties": {"index": {"type": "integer", "minimum": 40}}}})));
}

#[test]
fn numbers_that_count_are_whole_and_terms_are_short() {
    let whole = property(json!({"type": "object", "required": ["prNumber"],
        "properties": {"prNumber": {"type": "number"}}}));
    assert_eq!(how_often(&whole, "Open it", |value| value["p"]["prNumber"].is_i64()), 200);
    let named = |name: &str| {
        let schema = json!({"type": "object", "required": [name], "properties": {name: {"type": "string"}}});
        let Value::String(text) = made_up(&schema, 7)[name].clone() else { panic!("no text") };
        text
    };
    assert!(named("head_sha").chars().all(|letter| letter.is_ascii_hexdigit()), "{}", named("head_sha"));
    assert!(named("baseBranch").starts_with("fix/"), "{}", named("baseBranch"));
    assert!(named("line").parse::<u32>().is_ok(), "{}", named("line"));
    assert!(named("kind").len() < 20, "{}", named("kind"));
    assert!(named("outline").starts_with("Simulated outline"), "{}", named("outline"));
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": ["integer", "null"]})),
        (0u32..20, 0u32..20)
            .prop_map(|(low, more)| json!({"type": "string", "minLength": low, "maxLength": low + more})),
        (-50i64..50, 0i64..30)
            .prop_map(|(low, more)| json!({"type": "integer", "minimum": low, "maximum": low + more})),
        (-50i64..50, 1i64..30).prop_map(
            |(low, more)| json!({"type": "number", "exclusiveMinimum": low, "maximum": low + more})
        ),
        (1u32..12).prop_map(|step| json!({"type": "integer", "multipleOf": step, "minimum": 1})),
        prop::collection::vec("[a-z]{1,6}", 1..5).prop_map(|words| json!({"enum": words})),
        "[a-z]{1,3}[0-9]{1,2}"
            .prop_map(|text| json!({"pattern": format!("^{text}[a-f0-9]+$"), "type": "string"})),
    ]
}

fn schemas() -> impl Strategy<Value = Value> {
    let list = |inner: BoxedStrategy<Value>| {
        (inner, 0u32..4, 0u32..4).prop_map(|(items, low, more)| {
            json!({"type": "array", "items": items, "minItems": low, "maxItems": low + more})
        })
    };
    let object = |inner: BoxedStrategy<Value>| {
        let members = prop::collection::btree_map("[a-e]{1,2}", inner, 0..5);
        (members, any::<u8>(), any::<bool>()).prop_map(|(all, mask, open)| {
            let chosen = all.keys().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
            let required: Vec<&String> = chosen.map(|(_, key)| key).collect();
            json!({"type": "object", "properties": all, "required": required, "additionalProperties": open})
        })
    };
    leaf().prop_recursive(4, 40, 5, move |inner| {
        let inner = inner.boxed();
        prop_oneof![
            list(inner.clone()),
            object(inner.clone()),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|branches| json!({"anyOf": branches})),
            inner.prop_map(|inner| json!({"allOf": [inner, {}]})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c30_simulated_answers_meet_random_schemas(inner in schemas(), seed: u64, prompt in ".{0,40}") {
        let schema = property(inner);
        let compiled = Schema::compile(&schema).expect("usable");
        let Answer::Json(value) = answer(Some(&schema), &prompt, seed) else { panic!("text for a schema") };
        prop_assert_eq!(compiled.validate(&value), Ok(()), "{}\n{}", schema, value);
    }
}
