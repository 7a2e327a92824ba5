//! The preflight of schemas and the check of answers (C30, C31, C33).

use baya_core::schema::Schema;
use serde_json::{Value, json};

fn refusal(schema: Value) -> String {
    Schema::compile(&schema).expect_err(&format!("usable: {schema}"))
}

/// Each schema is refused with a message that holds all the words.
fn check_refused(schema: Value, words: &[&str]) {
    let message = refusal(schema);
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    assert!(!message.contains('\n'), "one line: {message}");
}

fn check_value(schema: Value, value: Value, expected: Result<(), &[&str]>) {
    let schema = Schema::compile(&schema).expect("usable");
    match (schema.validate(&value), expected) {
        (Ok(()), Ok(())) => assert!(schema.is_valid(&value)),
        (Err(message), Err(words)) => {
            assert!(!schema.is_valid(&value));
            for word in words {
                assert!(message.contains(word), "`{word}` is not in: {message}");
            }
            assert!(!message.contains('\n'), "one line: {message}");
        }
        (found, expected) => panic!("{value}: found {found:?}, expected {expected:?}"),
    }
}

#[test]
fn c31_a_schema_is_an_object_whose_root_is_an_object() {
    check_refused(json!(true), &["a schema is a JSON object", "true"]);
    check_refused(json!("string"), &["a schema is a JSON object"]);
    check_refused(json!([1, 2]), &["a schema is a JSON object", "[1,2]"]);
    check_refused(json!(null), &["null"]);
    check_refused(json!({}), &["type: 'object'", "says no type"]);
    check_refused(json!({"type": "array"}), &["type: 'object'", "\"array\""]);
    check_refused(json!({"type": ["object", "null"]}), &["type: 'object'"]);
    check_refused(json!({"anyOf": [{"type": "object"}]}), &["says no type"]);
}

#[test]
fn c31_a_schema_that_does_not_compile_is_refused_with_its_place() {
    check_refused(
        json!({"type": "object", "properties": {"n": {"type": "integr"}}}),
        &["integr", "/properties/n/type"],
    );
    check_refused(json!({"type": "object", "required": "name"}), &["name", "/required"]);
    check_refused(
        json!({"type": "object", "properties": {"p": {"type": "string", "pattern": "(["}}}),
        &["/properties/p/pattern"],
    );
    check_refused(
        json!({"type": "object", "properties": {"p": {"$ref": "#/$defs/missing"}}}),
        &["/$defs/missing"],
    );
    check_refused(json!({"type": "object", "minProperties": -1}), &["-1"]);
}

#[test]
fn c31_a_remote_ref_is_refused_and_never_fetched() {
    for target in ["http://127.0.0.1:9/schema.json", "https://example.com/s#/$defs/x", "file:///etc/passwd"] {
        check_refused(
            json!({"type": "object", "properties": {"a/b": {"$ref": target}}}),
            &[target, "/properties/a~1b/$ref", "nothing is fetched"],
        );
    }
    check_refused(json!({"type": "object", "properties": {"a": {"$ref": "other.json"}}}), &["other.json"]);
}

#[test]
fn c31_a_plain_contradiction_is_named_with_its_place() {
    let bad = json!({"type": "object", "properties": {"a": {}}, "required": ["a", "b"], "additionalProperties": false});
    check_refused(bad.clone(), &["the schema requires `b`", "additionalProperties: false"]);
    check_refused(
        json!({"type": "object", "properties": {"list": {"type": "array", "items": bad}}}),
        &["`/properties/list/items`", "requires `b`"],
    );
    let bad = json!({"required": ["b"], "additionalProperties": false});
    check_refused(json!({"type": "object", "$defs": {"x": bad}}), &["`/$defs/x`", "`b`"]);
    check_refused(json!({"type": "object", "definitions": {"x": bad}}), &["`/definitions/x`"]);
    check_refused(json!({"type": "object", "allOf": [{}, bad]}), &["`/allOf/1`"]);
    check_refused(
        json!({"type": "object", "required": ["a"], "properties": {"a": false}}),
        &["requires `a`", "false"],
    );
    check_refused(
        json!({"type": "object", "properties": {"l": {"type": "array", "minItems": 3, "maxItems": 2}}}),
        &["`/properties/l`", "minItems: 3", "maxItems: 2"],
    );
    check_refused(
        json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1.5, "maximum": 1}}}),
        &["minimum: 1.5"],
    );
}

#[test]
fn c31_what_is_no_contradiction_passes() {
    for schema in [
        json!({"type": "object", "required": ["x"]}),
        json!({"type": "object", "required": ["x_1"], "patternProperties": {"^x_": {}}, "additionalProperties": false}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {}}, "additionalProperties": false}),
        json!({"type": "object", "anyOf": [{"required": ["q"], "additionalProperties": false}, {}]}),
        json!({"type": "object", "properties": {"x": {"not": {"required": ["q"], "additionalProperties": false}}}}),
        json!({"type": "object", "properties": {"required": {"type": "array"}, "type": {"type": "string"}}}),
        json!({"type": "object", "properties": {"n": {"type": ["array", "null"], "minItems": 2, "maxItems": 1}}}),
    ] {
        Schema::compile(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    }
}

#[test]
fn c31_format_and_unknown_annotations_never_make_a_schema_invalid() {
    let schema = json!({
        "type": "object", "x-order": [1], "markdown": true, "title": "T",
        "properties": {"when": {"type": "string", "format": "date-time"}, "odd": {"type": "string",
            "format": "no-such"}}
    });
    check_value(schema, json!({"when": "soon", "odd": "x"}), Ok(()));
}

#[test]
fn c30_refs_work_and_recursion_ends() {
    let tree = json!({
        "type": "object", "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}
    });
    check_value(tree.clone(), json!({"name": "a", "children": [{"name": "b"}]}), Ok(()));
    check_value(tree, json!({"name": "a", "children": [{"nam": "b"}]}), Err(&["name", "`/children/0`"]));
    let self_reference = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["v"]});
    check_value(self_reference, json!({"v": 1, "next": {"v": 2, "next": {}}}), Err(&["`/next/next`"]));
}

#[test]
fn c30_nothing_is_coerced() {
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}});
    check_value(schema.clone(), json!({"n": "1"}), Err(&["integer", "`/n`"]));
    check_value(schema.clone(), json!({"b": "true"}), Err(&["boolean", "`/b`"]));
    check_value(schema.clone(), json!({"n": null}), Err(&["null", "`/n`"]));
    check_value(schema.clone(), json!([{"n": 1}]), Err(&["object", "at the root"]));
    check_value(schema, json!("{\"n\": 1}"), Err(&["at the root"]));
}

#[test]
fn c33_a_wrong_value_is_told_in_one_short_line() {
    let schema = json!({
        "type": "object", "required": ["a", "b"],
        "properties": {"c": {"type": "string"}, "d": {"type": "integer"}, "e": {"type": "null"}}
    });
    let wrong = json!({"c": 1, "d": "x".repeat(9_000), "e": "line\nbreak"});
    let message = Schema::compile(&schema).expect("usable").validate(&wrong).expect_err("wrong");
    assert!(message.len() < 1_000, "{} bytes: {message}", message.len());
    assert!(message.ends_with("and 2 more"), "{message}");
    check_value(
        json!({"type": "object", "properties": {"d": {"maxLength": 3}}}),
        json!({"d": "x".repeat(5_000)}),
        Err(&["…", "`/d`"]),
    );
}
