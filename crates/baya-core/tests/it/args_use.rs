//! What a script's text says of its `args`.

use baya_core::call::Unit;
use baya_core::script::args_schema;
use serde_json::{Value, json};

#[track_caller]
fn check(body: &str, expected: Option<Value>) {
    let text = format!("(async(meta)=>{{\"use strict\";\n{body}\n}})");
    let unit = Unit { file: "a.js".to_owned(), text, shift: 0, imports: Vec::new() };
    assert_eq!(args_schema(&unit), expected, "{body}");
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 5})
}

fn list(items: Value) -> Option<Value> {
    Some(json!({"type": "array", "items": items, "minItems": 1}))
}

fn object(properties: Value, required: &[&str]) -> Option<Value> {
    Some(json!({"type": "object", "properties": properties, "required": required}))
}

#[test]
fn the_use_of_args_says_what_they_look_like() {
    check("return 1", None);
    check("return typeof args", None);
    check("await agent(`look at ${args}`)", Some(text()));
    check("return args.trim()", Some(text()));
    check("return args.map((file) => file.trim())", list(text()));
    check("for (const one of args) log(one.name)", list(object(json!({"name": text()}), &["name"]).unwrap()));
    check(
        "return await parallel(args.files.map((f) => () => agent(f)))",
        object(json!({"files": list(text())}), &["files"]),
    );
    check(
        "const {topic, depth = 2, fast = false} = args; return `${topic}`",
        object(json!({"depth": count(), "fast": {"type": "boolean"}, "topic": text()}), &["topic"]),
    );
    check(
        "const given = args ?? {}; const n = given.count || 3; return n",
        object(json!({"count": {"type": "integer", "minimum": 1, "maximum": 5}}), &[]),
    );
    check(
        "const data = JSON.parse(args); return data.issue.title.toLowerCase()",
        object(json!({"issue": object(json!({"title": text()}), &["title"])}), &["issue"]),
    );
    check(
        "run(args.items); function run(items) { for (const it of items) log(it.id) }",
        object(json!({"items": list(object(json!({"id": text()}), &["id"]).unwrap())}), &["items"]),
    );
    check("return args.mode === 'fast' ? 1 : 2", object(json!({"mode": {"enum": ["fast"]}}), &["mode"]));
    check(
        "return (args?.files ?? []).length",
        object(json!({"files": list(json!({"type": "string"}))}), &["files"]),
    );
}
