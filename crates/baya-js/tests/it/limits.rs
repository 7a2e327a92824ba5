//! Hostile and broken scripts: each ends, and says by which limit.

use crate::fixture::{delivery, drive, echo, silent, start};
use baya_core::call::{Payload, ScriptErrorKind, ScriptLimits, Start, StepState};
use baya_core::ids::CallId;
use serde_json::json;

fn limited(body: &str) -> Start {
    let limits = ScriptLimits { cpu_ms: 200, ..ScriptLimits::default() };
    Start { limits, ..start(body) }
}

fn tight(body: &str) -> Start {
    let limits = ScriptLimits { memory_bytes: 24 << 20, ..ScriptLimits::default() };
    Start { limits, ..start(body) }
}

fn ends_by(start: Start, kind: ScriptErrorKind, setting: &str) {
    let body = start.program.units[0].text.clone();
    let mut run = drive(start, &echo);
    let error = run.error();
    assert_eq!(error.kind, kind, "{body}: {error:?}");
    assert!(error.message.contains(setting), "{}", error.message);
    // The isolate is over: whatever comes, the answer stays.
    run.deliver(CallId(1), Payload::Value(json!(1)), &silent);
    assert_eq!(run.error(), error);
}

#[test]
fn c15_cpu_is_limited_in_every_stretch() {
    for body in [
        "for (;;) {}",
        "await agent('a'); for (;;) {}",
        "await agent('a'); try { for (;;) {} } catch { return 'caught' } finally { for (;;) {} }",
        "for (;;) await null",
        "await agent('a'); const f = () => queueMicrotask(f); f(); await agent('b')",
        "(function f() { queueMicrotask(f) })(); await agent('b')",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "setTimeout(() => { for (;;) {} }, 1); await agent('a'); await new Promise(() => {})",
        "return {toJSON() { for (;;) {} }}",
        "return {get x() { for (;;) {} }}",
        "throw {get message() { for (;;) {} }, toJSON() { for (;;) {} }}",
        "await parallel([() => { for (;;) {} }])",
        "[3, 1, 2].sort(() => { for (;;) {} })",
        "log({toString() { for (;;) {} }, toJSON() { for (;;) {} }}); return 1",
    ] {
        ends_by(limited(body), ScriptErrorKind::CpuLimit, "--script-cpu");
    }
}

#[test]
fn c15_a_stretch_is_measured_on_its_own() {
    let body =
        "for (let i = 0; i < 6; i++) { await agent(`a${i}`); for (let k = 0; k < 3e5; k++); } return 'done'";
    let (mut isolate, mut step) = baya_js::Isolate::start(limited(body));
    while step.state == StepState::Waiting {
        step = isolate.deliver(vec![delivery(step.calls[0].id, Payload::Value(json!(1)))]);
    }
    assert!(matches!(step.state, StepState::Done { .. }), "{:?}", step.state);
}

#[test]
fn c15_memory_is_limited() {
    for body in [
        "const a = []; for (;;) a.push(new Array(1000).fill(1))",
        "return 'x'.repeat(1e8).length",
        "await agent('a'); const a = []; try { for (;;) a.push({}) } catch { return 'caught' }",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, [i])",
        "new ArrayBuffer(1e9); return 1",
        "const grow = async (a) => { a.push(new Uint8Array(1e6)); await null; return grow(a) }; await grow([])",
        "return parallel([() => { const a = []; for (;;) a.push([]) }])",
    ] {
        ends_by(tight(body), ScriptErrorKind::MemoryLimit, "--script-memory");
    }
}

#[test]
fn c15_stack_is_limited() {
    for body in ["const f = (n) => f(n + 1) + 1; f(0)", "await agent('a'); const f = () => [1].map(f); f()"] {
        ends_by(tight(body), ScriptErrorKind::StackLimit, "stack");
    }
    // A script may catch it, as in any engine.
    let run = drive(tight("const f = () => f() + 1; try { f() } catch (e) { return e.name }"), &echo);
    assert_eq!(run.value(), json!("RangeError"));
    let run = drive(
        tight(
            "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; try { JSON.stringify(a) } catch (e) { return \
                e.name }",
        ),
        &echo,
    );
    assert_eq!(run.value(), json!("RangeError"));
}

#[test]
fn c15_many_calls_pending_need_little_memory() {
    let body = "const all = []; for (let i = 0; i < 10000; i++) all.push(agent(`number ${i}`, {label: \
        `l${i}`})); return (await Promise.all(all)).length";
    let limits = ScriptLimits { memory_bytes: 60 << 20, ..ScriptLimits::default() };
    let run = drive(Start { limits, ..start(body) }, &echo);
    assert_eq!(run.value(), json!(10000));
}
