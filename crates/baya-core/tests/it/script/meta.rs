//! C02–C04: `meta`.

use super::*;
use baya_core::script::PhaseMeta;
use serde_json::json;

#[test]
fn c02_meta_is_the_first_statement() {
    healthy("// a comment\n/* another */\n\nexport const meta = { name: 'n', description: 'd' };\nreturn 1");
    healthy("#!/usr/bin/env -S baya run\nexport const meta = { name: 'n', description: 'd' }");
    for (text, place) in [
        ("const x = 1\nexport const meta = { name: 'n', description: 'd' }", "1:1+11 meta-first"),
        ("'use strict'\nexport const meta = { name: 'n', description: 'd' }", "1:1+12 meta-first"),
        ("const meta = { name: 'n', description: 'd' }", "1:1+5 meta-first"),
        ("let meta = { name: 'n', description: 'd' }", "1:1+5 meta-first"),
        ("export let meta = { name: 'n', description: 'd' }", "1:8+3 meta-first"),
        ("export const meta = { name: 'n', description: 'd' }, x = 1", "1:54+5 meta-first"),
        ("export const met = { name: 'n', description: 'd' }", "1:1+50 meta-first"),
        ("export default { name: 'n', description: 'd' }", "1:1+46 meta-first"),
        ("return 1", "1:1+8 meta-first"),
        ("", "1:1+0 meta-first"),
        ("// only a comment\n", "1:1+0 meta-first"),
        ("export const meta = make()", "1:21+6 meta-literal"),
        ("export const meta = 'x'", "1:21+3 meta-literal"),
        ("export const meta = [1]", "1:21+3 meta-literal"),
    ] {
        refused(text, &[place]);
    }
}

#[test]
fn c02_imports_may_stand_before_meta() {
    let files = [
        (
            "flow.js",
            "import { a } from './lib.js'\nexport const meta = { name: 'n', description: 'd' }\nreturn a",
        ),
        ("lib.js", "export const a = 1"),
    ];
    let checked = check_files(&files, Options::default()).expect("imports may stand there");
    assert!(checked.warnings.is_empty());
}

#[test]
fn c02_the_refusal_shows_what_to_write() {
    shows(
        "const topic = 'x'\nexport const meta = { name: 'n', description: 'd' }",
        "error[meta-first]: the first statement of a script is `export const meta = {…}`
 --> flow.js:1:1
  |
1 | const topic = 'x'
  | ^^^^^^^^^^^^^^^^^
  |
  = hint: begin the script with `export const meta = { name: '…', description: '…' }`",
    );
}

#[test]
fn c03_a_literal_is_read_as_it_stands() {
    let text = "export const meta = {
        name: 'n', \"description\": `two
lines`, n: -1.5, big: 1e21, i: 3, neg: -7, yes: true, no: false, nil: null, 7: 'seven', 'a-b': [[], {}], (
    }"
    .replace(", (\n", ",\n");
    let meta = healthy(&text).meta;
    let expected = json!({ "name": "n", "description": "two\nlines", "n": -1.5, "big": 1e21, "i": 3, "neg": -7,
        "yes": true, "no": false, "nil": null, "7": "seven", "a-b": [[], {}] });
    assert_eq!(meta.value, expected);
    let keys: Vec<&String> = meta.value.as_object().expect("an object").keys().collect();
    assert_eq!(keys[..2], ["name", "description"]);
}

#[test]
fn c03_anything_else_is_refused_at_its_place() {
    for (part, place, what) in [
        ("...x", "1:53+4 meta-literal", "a spread cannot"),
        ("a: [...x]", "1:57+4 meta-literal", "a spread cannot"),
        ("['a']: 1", "1:53+8 meta-literal", "a computed key"),
        ("a() {}", "1:53+6 meta-literal", "a method"),
        ("get a() { return 1 }", "1:53+20 meta-literal", "a getter"),
        ("set a(x) { }", "1:53+12 meta-literal", "a getter or setter"),
        ("a: f(1)", "1:56+4 meta-literal", "a call"),
        ("a: new F()", "1:56+7 meta-literal", "a call"),
        ("a: b", "1:56+1 meta-literal", "a name"),
        ("a", "1:53+1 meta-literal", "a name"),
        ("a: undefined", "1:56+9 meta-literal", "`undefined`"),
        ("a: 1 + 1", "1:56+5 meta-literal", "an operator"),
        ("a: 'a' + 'b'", "1:56+9 meta-literal", "an operator"),
        ("a: +1", "1:56+2 meta-literal", "an operator"),
        ("a: !1", "1:56+2 meta-literal", "an operator"),
        ("a: -x", "1:56+2 meta-literal", "an operator"),
        ("a: a ? 1 : 2", "1:56+9 meta-literal", "a condition"),
        ("a: a || 2", "1:56+6 meta-literal", "an operator"),
        ("a: `${1}`", "1:56+6 meta-literal", "a template with `${}`"),
        ("a: f`x`", "1:56+4 meta-literal", "a tagged template"),
        ("a: [1, , 2]", "1:60+1 meta-literal", "a list with a hole"),
        ("a: () => 1", "1:56+7 meta-literal", "a function"),
        ("a: class {}", "1:56+8 meta-literal", "a class"),
        ("a: /x/", "1:56+3 meta-literal", "a regular expression"),
        ("a: 1n", "1:56+2 meta-literal", "a BigInt"),
        ("a: 1e999", "1:56+5 meta-literal", "an infinite number"),
        ("a: '\\ud800'", "1:56+8 meta-literal", "half a character"),
        ("a: this", "1:56+4 meta-literal", "`this`"),
        ("a: await 1", "1:56+7 meta-literal", "`await`"),
        ("a: x.y", "1:56+3 meta-literal", "an expression"),
        ("__proto__: 1", "1:53+9 meta-key", "`__proto__`"),
        ("'constructor': 1", "1:53+13 meta-key", "`constructor`"),
        ("a: { prototype: 1 }", "1:58+9 meta-key", "`prototype`"),
    ] {
        let text =
            format!("export const meta = {{ name: 'n', description: 'd', /**/ {part} }}").replace("/**/", "");
        let place = place.to_owned();
        let found = check_text(&text).expect_err(part);
        assert_eq!(places(&found), [place], "{part}");
        assert!(found[0].message.contains(what), "{part}: {}", found[0].message);
    }
}

#[test]
fn c03_depth_has_a_limit() {
    let nested = |depth: usize| {
        format!(
            "export const meta = {{ name: 'n', description: 'd', a: {}{} }}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    healthy(&nested(60));
    assert_eq!(check_text(&nested(70)).expect_err("too deep")[0].code, "meta-literal");
}

#[test]
fn c04_what_meta_says() {
    let meta = healthy(
        "export const meta = { name: 'n', description: 'd', whenToUse: 'w', other: { kept: [1] },
           phases: [{ title: 'A', detail: 'x', model: 'opus', more: 1 }, 'B'],
           args: { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'] } }",
    )
    .meta;
    let phase = |title: &str, detail: Option<&str>, model: Option<&str>| PhaseMeta {
        title: title.to_owned(),
        detail: detail.map(str::to_owned),
        model: model.map(str::to_owned),
    };
    assert_eq!((meta.name.as_str(), meta.description.as_str()), ("n", "d"));
    assert_eq!(meta.when_to_use.as_deref(), Some("w"));
    assert_eq!(meta.phases, [phase("A", Some("x"), Some("opus")), phase("B", None, None)]);
    assert_eq!(meta.args.expect("args were given")["required"], json!(["topic"]));
    assert_eq!(meta.value["other"], json!({ "kept": [1] }));
    assert_eq!(meta.value["phases"][1], json!("B"));
}

#[test]
fn c04_wrong_parts_are_named() {
    for (meta, places, message) in [
        ("{ description: 'd' }", "1:21+1", "`meta` has no `name`"),
        ("{ name: 'n' }", "1:21+1", "`meta` has no `description`"),
        ("{ name: ' ', description: 'd' }", "1:29+3", "`meta.name` is empty"),
        ("{ name: 7, description: 'd' }", "1:29+1", "`meta.name` is not text"),
        ("{ name: 'n', description: 'd', whenToUse: 1 }", "1:63+1", "`meta.whenToUse` is not text"),
        ("{ name: 'n', description: 'd', phases: 'A' }", "1:60+3", "`meta.phases` is not a list"),
        ("{ name: 'n', description: 'd', phases: [1] }", "1:61+1", "`meta.phases.0` is neither"),
        ("{ name: 'n', description: 'd', phases: [''] }", "1:61+2", "`meta.phases.0` is neither"),
        (
            "{ name: 'n', description: 'd', phases: [{ title: 'A', budget: '9' }] }",
            "1:83+3",
            "`meta.phases.0.budget`: a number of output tokens, or an object of caps",
        ),
        ("{ name: 'n', description: 'd', phases: ['A', {}] }", "1:66+2", "`meta.phases.1` has no title"),
        (
            "{ name: 'n', description: 'd', phases: [{ title: 1 }] }",
            "1:70+1",
            "`meta.phases.0.title` is not text",
        ),
        (
            "{ name: 'n', description: 'd', phases: [{ title: 'A', model: 1 }] }",
            "1:82+1",
            "`meta.phases.0.model`",
        ),
        ("{ name: 'n', description: 'd', args: 1 }", "1:58+1", "`meta.args` is not a usable JSON Schema"),
        (
            "{ name: 'n', description: 'd', args: { type: 'array' } }",
            "1:58+17",
            "`meta.args` is not a usable",
        ),
        (
            "{ name: 'n', description: 'd', args: { type: 'object', properties: { a: { type: 'strin' } } } }",
            "1:58+56",
            "`meta.args` is not a usable",
        ),
    ] {
        let found = check_text(&format!("export const meta = {meta}")).expect_err(meta);
        assert_eq!(super::places(&found), [format!("{places} meta-shape")], "{meta}");
        assert!(found[0].message.starts_with(message), "{meta}: {}", found[0].message);
    }
}
