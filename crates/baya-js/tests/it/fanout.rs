//! parallel and pipeline.

use crate::fixture::{check, drive, run, start};
use baya_core::call::{Call, CallKind, Payload, ThrowKind, Thrown};
use serde_json::json;

#[test]
fn c40_parallel_starts_all_and_keeps_the_order() {
    let run = run("return parallel(['a', 'b', 'c'].map((p) => () => agent(p)))");
    assert_eq!(run.value(), json!(["done: a", "done: b", "done: c"]));
    assert_eq!(run.calls.len(), 3);
    check("return parallel([])", json!([]));
    check(
        "return parallel([() => undefined, async () => {}, () => null, () => 0, () => ''])",
        json!([null, null, null, 0, ""]),
    );
}

#[test]
fn c40_a_thunk_that_throws_gives_null_and_a_line() {
    let run = run(
        "return parallel([() => { throw new Error('sync') }, async () => { throw 'text' }, () => agent('c'), () \
            => Promise.reject({code: 7}), \
                   () => { throw null }])",
    );
    assert_eq!(run.value(), json!([null, null, "done: c", null, null]));
    assert_eq!(
        run.logs(),
        [
            "parallel[0] failed: sync",
            "parallel[4] failed: null",
            "parallel[1] failed: text",
            "parallel[3] failed: {\"code\":7}"
        ]
    );
}

#[test]
fn c40_wrong_arguments_are_type_errors_before_anything_starts() {
    for (list, part) in [
        ("agent", "must be an array of functions, not a function"),
        ("undefined", "not undefined"),
        ("{length: 1}", "not an object"),
        (
            "[() => agent('x'), agent('y')]",
            "element 1 is an object, not a function; wrap each call so that parallel starts it: `() => agent(…)`",
        ),
        ("['x']", "`() => agent(…)`"),
        ("[,() => 1]", "element 0 is undefined"),
    ] {
        let run =
            run(&format!("try {{ await parallel({list}) }} catch (e) {{ return [e.name, e.message] }}"));
        let value = run.value();
        assert_eq!(value[0], "TypeError", "{list}");
        assert!(value[1].as_str().is_some_and(|text| text.contains(part)), "{value}");
        assert!(!run.prompts().contains(&"x".to_owned()));
    }
}

#[test]
fn c17_a_list_that_is_too_long_is_an_error_and_nothing_runs() {
    for call in [
        "parallel(Array.from({length: 4097}, () => () => agent('x')))",
        "pipeline(Array(4097).fill(1), () => agent('x'))",
    ] {
        let run = run(&format!("try {{ await {call} }} catch (e) {{ return [e.name, e.message] }}"));
        assert_eq!(run.value()[0], "RangeError");
        assert!(run.value()[1].as_str().is_some_and(|text| text.contains("4096")), "{}", run.value());
        assert!(run.prompts().is_empty());
    }
    check("return (await parallel(Array(4096).fill(() => 1))).length", json!(4096));
}

#[test]
fn c41_pipeline_has_no_barrier_and_passes_previous_item_index() {
    check(
        "return pipeline(['a', 'b'], (previous, item, index) => [previous, item, index], (previous, item, index) \
            => [...previous, item, index])",
        json!([["a", "a", 0, "a", 0], ["b", "b", 1, "b", 1]]),
    );
    check(
        "return pipeline([Promise.resolve('p'), 'q'], (previous, item) => previous + item)",
        json!(["pp", "qq"]),
    );
    let (mut isolate, step) = baya_js::Isolate::start(start(
        "return pipeline(['a', 'b'], (x) => agent(`1${x}`), (x) => agent(`2${x}`))",
    ));
    let step = isolate.deliver(vec![crate::fixture::delivery(step.calls[1].id, Payload::Value(json!("b")))]);
    let CallKind::Agent { prompt, .. } = &step.calls[0].kind else { panic!() };
    assert_eq!(prompt, "2b", "the second stage of b starts while a is in its first");
}

#[test]
fn c42_a_stage_that_throws_drops_the_item() {
    let run = run(
        "return pipeline([1, 2, 3], (x) => { if (x === 2) throw new Error('two'); return x }, (x) => { log(`s2 \
            ${x}`); return x * 10 })",
    );
    assert_eq!(run.value(), json!([10, null, 30]));
    assert_eq!(run.logs(), ["pipeline[1] failed: two", "s2 1", "s2 3"]);
    let rejected = crate::fixture::run("return pipeline([Promise.reject(new Error('item')), 2], (x) => x)");
    assert_eq!(rejected.value(), json!([null, 2]));
    assert_eq!(rejected.logs(), ["pipeline[0] failed: item"]);
}

#[test]
fn c42_null_from_a_stage_drops_the_item() {
    let run =
        run("return pipeline([1, 2, 3], (x) => x === 2 ? null : x, (x) => { log(`s2 ${x}`); return x })");
    assert_eq!(run.value(), json!([1, null, 3]));
    assert_eq!(run.logs(), ["s2 1", "s2 3"]);
}

#[test]
fn c42_undefined_from_a_stage_goes_on() {
    check("return pipeline([1], () => undefined, (x, item) => [typeof x, item])", json!([["undefined", 1]]));
    check("return pipeline([null], (x) => typeof x)", json!(["object"]));
}

#[test]
fn c42_no_stages_give_the_items_and_wrong_types_are_type_errors() {
    check("return pipeline([1, Promise.resolve(2), null])", json!([1, 2, null]));
    check("return pipeline([])", json!([]));
    for call in
        ["pipeline('abc', (x) => x)", "pipeline([1], agent('x'))", "pipeline([1], null)", "pipeline()"]
    {
        check(&format!("try {{ await {call} }} catch (e) {{ return e.name }}"), json!("TypeError"));
    }
}

/// The first agents answer, the rest are refused.
fn refuse(after: u64, kind: ThrowKind) -> impl Fn(&Call) -> Option<Payload> {
    move |call: &Call| match &call.kind {
        CallKind::Agent { .. } if call.id.0 <= after => Some(Payload::Value(json!("ok"))),
        CallKind::Agent { .. } => Some(Payload::Throw(Thrown { kind, message: "no more agents".to_owned() })),
        CallKind::Workflow { .. }
        | CallKind::FrameEnded { .. }
        | CallKind::Phase { .. }
        | CallKind::Log { .. }
        | CallKind::Step { .. }
        | CallKind::SetTimer { .. }
        | CallKind::ClearTimer { .. } => None,
    }
}

#[test]
fn c43_our_own_limits_are_counted_in_one_line() {
    for kind in [ThrowKind::AgentLimit, ThrowKind::Budget] {
        let run =
            drive(start("return parallel([1, 2, 3, 4].map((n) => () => agent(`a${n}`)))"), &refuse(1, kind));
        assert_eq!(run.value(), json!(["ok", null, null, null]));
        assert_eq!(run.logs(), ["parallel: 3 of 4 did not run: no more agents"]);
        let run = drive(start("return pipeline([1, 2], (n) => agent(`a${n}`))"), &refuse(0, kind));
        assert_eq!(run.logs(), ["pipeline: 2 of 2 did not run: no more agents"]);
    }
    let run = drive(start("return parallel([() => agent('a')])"), &refuse(0, ThrowKind::Stalled));
    assert_eq!(run.logs(), ["parallel[0] failed: no more agents"]);
}

#[test]
fn c44_errors_are_told_apart_from_the_values() {
    let body = "const r = await parallel([() => 1, () => agent('x', {label: 'L'}), () => { throw new \
        Error('own') }]); \
                return {r, keys: Object.keys(r), errors: r.errors, json: JSON.stringify(r)}";
    let run = drive(start(body), &refuse(0, ThrowKind::Stalled));
    assert_eq!(
        run.value(),
        json!({
            "r": [1, null, null], "keys": ["0", "1", "2"], "json": "[1,null,null]",
            "errors": [
                {"index": 2, "kind": "thrown", "message": "own"},
                {"index": 1, "label": "L", "kind": "stalled", "message": "no more agents"},
            ],
        })
    );
    check("return (await pipeline([1], () => { throw 1 })).errors[0].message", json!("1"));
    check("return (await parallel([])).errors", json!([]));
}

#[test]
fn c44_fail_fast_rejects_at_the_first_failure() {
    let run = run(
        "try { await parallel([() => new Promise(() => {}), () => { throw new Error('first') }], {failFast: \
            true}) } catch (e) { return e.message }",
    );
    assert_eq!(run.value(), json!("first"));
    check("return parallel([() => 1, () => agent('a')], {failFast: true})", json!([1, "done: a"]));
}
