//! What crosses the border: results as plain data, thrown values, the end of waiting.

use crate::fixture::{check, drive, echo, run, silent, start};
use baya_core::call::{Call, CallKind, Payload, ScriptErrorKind, StepState};
use baya_core::ids::CallId;
use serde_json::{Value, json};

#[test]
fn c16_waiting_for_nothing_is_stuck() {
    for body in [
        "await new Promise(() => {})",
        "await agent('a'); await new Promise(() => {})",
        "log('x'); phase('p'); await {then() {}}",
        "const t = setTimeout(() => {}, 5); clearTimeout(t); await new Promise(() => {})",
        "setTimeout(() => {}, 5); await new Promise(() => {})",
    ] {
        assert!(matches!(run(body).state, StepState::Stuck { .. }), "{body}");
    }
    assert_eq!(drive(start("await agent('a')"), &silent).state, StepState::Waiting);
    assert_eq!(drive(start("agent('a'); await new Promise(() => {})"), &silent).state, StepState::Waiting);
}

#[test]
fn c17_results_are_plain_data() {
    for (expression, expected) in [
        ("undefined", json!("undefined")),
        ("null", json!(null)),
        ("() => 1", json!("undefined")),
        ("{a: undefined, b: () => 1, c: Symbol('x'), d: [undefined, () => 1]}", json!({"d": [null, null]})),
        ("[NaN, Infinity, -Infinity, -0, 1e21, 0.1]", json!([null, null, null, 0, 1e21, 0.1])),
        (
            "{m: new Map([[1, 2]]), s: new Set([1]), e: new Error('x'), d: new Date(0), r: /x/}",
            json!({"m": {}, "s": {}, "e": {}, "d": "1970-01-01T00:00:00.000Z", "r": {}}),
        ),
        ("{toJSON() { return {x: [this.toJSON.name]} }}", json!({"x": ["toJSON"]})),
        ("[new String('s'), new Number(5), new Boolean(false), Object('t')]", json!(["s", 5, false, "t"])),
        (
            "['a\\ud800b', {'k\\udc00': 1}, '\\0', '\\u2028', '\"\\\\\\n']",
            json!(["a\u{fffd}b", {"k\u{fffd}": 1}, "\0", "\u{2028}", "\"\\\n"]),
        ),
        ("new Proxy([1, 2], {})", json!([1, 2])),
        ("Object.assign(Object.create({inherited: 1}), {own: 1})", json!({"own": 1})),
        ("JSON.parse('{\"__proto__\": 1}')", json!({"__proto__": 1})),
        ("[1.5, 9007199254740991, 'é😀']", json!([1.5, 9007199254740991i64, "é😀"])),
        ("new Uint8Array([1, 2])", json!({"0": 1, "1": 2})),
        ("Object.assign(Object.create(null), {z: 1, a: 2, 1: 3})", json!({"1": 3, "z": 1, "a": 2})),
    ] {
        check(&format!("return ({expression})"), expected);
    }
}

#[test]
fn c17_the_order_of_members_is_kept() {
    let run = run("return {z: 1, a: 2, m: 3}");
    assert_eq!(run.value().to_string(), r#"{"z":1,"a":2,"m":3}"#);
}

#[test]
fn c17_a_big_int_or_a_cycle_does_not_lose_the_run() {
    let run = run("const a = {n: 12n, list: [1]}; a.list.push(a); a['odd key'] = {me: a.list}; return a");
    assert_eq!(run.value(), json!({"n": "12", "list": [1, "[cycle]"], "odd key": {"me": [1, "[cycle]"]}}));
    let notes = run.notes();
    assert_eq!(notes.len(), 3);
    assert!(notes[0].contains("`result.n` is a BigInt"), "{notes:?}");
    assert!(notes[1].contains("`result.list[1]` is a cycle"), "{notes:?}");
    check("const x = {a: 1}; return [x, x]", json!([{"a": 1}, {"a": 1}]));
    check("BigInt.prototype.toJSON = function () { return Number(this) }; return 5n", json!(5));
}

#[test]
fn c17_deep_and_large_results_survive() {
    let run = run("let a = 1; for (let i = 0; i < 100000; i++) a = [a]; return {a}");
    assert!(run.notes()[0].contains("nested"), "{:?}", run.notes());
    let value = crate::fixture::run("return 'x'.repeat(1 << 20)").value();
    assert_eq!(value.as_str().map(str::len), Some(1 << 20));
    check("return Array.from({length: 50000}, (_, i) => ({i})).length", json!(50000));
    let run = crate::fixture::run("return Array.from({length: 50000}, (_, i) => ({i}))");
    assert_eq!(run.value()[49999], json!({"i": 49999}));
}

#[test]
fn c17_a_result_that_throws_while_it_is_read_is_an_error() {
    let error = run("return {get x() { throw new RangeError('no') }}").error();
    assert_eq!(
        (error.kind, error.name.as_str(), error.message.as_str()),
        (ScriptErrorKind::Thrown, "RangeError", "no")
    );
}

#[test]
fn thrown_values_of_any_kind_are_told() {
    for (thrown, name, message) in [
        ("{code: 7}", "object", r#"{"code":7}"#),
        ("null", "null", "null"),
        ("undefined", "undefined", "undefined"),
        ("'words'", "string", "\"words\""),
        ("42", "number", "42"),
        ("new TypeError('t')", "TypeError", "t"),
        ("Object.assign(new Error('m'), {name: 'Mine'})", "Mine", "m"),
        ("new (class Custom extends Error { name = 'Custom' })('c')", "Custom", "c"),
        ("Object.defineProperty(new Error('x'), 'message', {get() { throw 1 }})", "Error", "[object]"),
        ("new Proxy({}, {ownKeys() { throw 1 }})", "object", "[object]"),
        ("Symbol('s')", "symbol", "Symbol(s)"),
        ("new Error('a\\0b\\ud800')", "Error", "a\0b\u{fffd}"),
    ] {
        for body in [
            format!("throw {thrown}"),
            format!("await agent('a'); throw {thrown}"),
            format!("await Promise.reject({thrown})"),
        ] {
            let error = run(&body).error();
            assert_eq!(
                (error.kind, error.name.as_str(), error.message.as_str()),
                (ScriptErrorKind::Thrown, name, message),
                "{body}"
            );
        }
    }
}

#[test]
fn a_rejection_nobody_handles_changes_nothing() {
    check(
        "Promise.reject(new Error('x')); const p = agent('a'); agent('b', 5); return await p",
        json!("done: a"),
    );
}

#[test]
fn values_of_any_shape_come_in_as_they_were_sent() {
    for value in [
        json!(null),
        json!(0),
        json!(""),
        json!([]),
        json!({"__proto__": {"x": 1}, "then": 1}),
        json!("a\0b"),
        json!({"k": [1, {"d": null}]}),
    ] {
        let sent = value.clone();
        let answer = move |call: &Call| {
            matches!(call.kind, CallKind::Agent { .. }).then(|| Payload::Value(sent.clone()))
        };
        assert_eq!(
            drive(start("const x = await agent('a'); return x === null ? null : x"), &answer).value(),
            value
        );
    }
    let text = "é".repeat(3 << 20);
    let sent = Value::String(text.clone());
    let answer =
        move |call: &Call| matches!(call.kind, CallKind::Agent { .. }).then(|| Payload::Value(sent.clone()));
    assert_eq!(drive(start("return (await agent('a')).length"), &answer).value(), json!(3 << 20));
}

#[test]
fn a_script_that_is_no_script_is_told() {
    let error = run("return ]").error();
    assert_eq!((error.kind, error.name.as_str()), (ScriptErrorKind::Thrown, "SyntaxError"));
    assert_eq!(error.site.map(|site| (site.line, site.file)), Some((2, "script.js".to_owned())));
    let error = run("return '\0'").error();
    assert!(error.message.contains("NUL"), "{}", error.message);
}

#[test]
fn after_the_end_nothing_runs() {
    let mut run = drive(start("agent('late').then(() => log('late')); return 1"), &silent);
    assert_eq!(run.value(), json!(1));
    run.deliver(CallId(1), Payload::Value(json!(1)), &echo);
    assert_eq!(run.value(), json!(1));
    assert!(run.logs().is_empty());
}
