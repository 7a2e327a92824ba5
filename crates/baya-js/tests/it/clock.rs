//! Time and randomness come from deliveries and the seed.

use crate::fixture::{NOW_MS, check, delivery, drive, echo, start};
use baya_core::call::{Payload, Start, StepState};
use baya_js::Isolate;
use serde_json::json;

#[test]
fn c13_the_clock_is_the_last_delivery() {
    check(
        "return [Date.now(), +new Date(), new Date().toISOString(), Date(), new Date().getTimezoneOffset()]",
        json!([
            NOW_MS,
            NOW_MS,
            "2026-01-02T03:04:05.678Z",
            "Fri Jan 02 2026 03:04:05 GMT+0000 (Coordinated Universal Time)",
            0
        ]),
    );
    let (mut isolate, step) = Isolate::start(start(
        "const a = Date.now(); await agent('x'); const b = Date.now(); await agent('y'); return [a, b, Date.now()]",
    ));
    let mut first = delivery(step.calls[0].id, Payload::Value(json!(1)));
    first.now_ms = NOW_MS + 5;
    let step = isolate.deliver(vec![first]);
    let mut second = delivery(step.calls[0].id, Payload::Value(json!(1)));
    second.now_ms = NOW_MS; // A clock that went back.
    let StepState::Done { value: Some(value), .. } = isolate.deliver(vec![second]).state else { panic!() };
    assert_eq!(value, json!([NOW_MS, NOW_MS + 5, NOW_MS + 5]));
}

#[test]
fn c13_a_busy_loop_sees_no_time_pass() {
    check("const a = Date.now(); for (let i = 0; i < 1e5; i++); return Date.now() - a", json!(0));
}

#[test]
fn c13_randomness_is_seeded() {
    let draw = |seed: u64| {
        drive(Start { seed, ..start("return [Math.random(), Math.random(), Math.random()]") }, &echo).value()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_ne!(draw(1), draw(1 << 40));
    check(
        "let sum = 0, ok = true, set = new Set(); for (let i = 0; i < 10000; i++) { const r = Math.random(); ok \
            &&= r >= 0 && r < 1; sum += r; set.add(r) } \
         return [ok, Math.abs(sum / 10000 - 0.5) < 0.02, set.size > 9990, Math.random.name]",
        json!([true, true, true, "random"]),
    );
}

#[test]
fn c13_dates_are_utc_wherever_the_machine_is() {
    for (expression, expected) in [
        ("new Date(2026, 0, 2, 3, 4, 5, 6).toISOString()", json!("2026-01-02T03:04:05.006Z")),
        ("new Date('2026-07-02T03:04:05').toISOString()", json!("2026-07-02T03:04:05.000Z")),
        ("new Date('2026-07-02').toISOString()", json!("2026-07-02T00:00:00.000Z")),
        ("new Date('2026-07-02T03:04:05+02:00').toISOString()", json!("2026-07-02T01:04:05.000Z")),
        ("new Date('Jul 2, 2026 10:00').toISOString()", json!("2026-07-02T10:00:00.000Z")),
        ("new Date(99, 0).getFullYear()", json!(1999)),
        ("new Date(NaN).getTimezoneOffset()", json!(null)),
        ("String(new Date(NaN))", json!("Invalid Date")),
        ("new Date(new Date(5)).getTime()", json!(5)),
        ("new Date({valueOf: () => 7}).getTime()", json!(7)),
        ("new Date('2026-01-02T23:30:00Z').getHours()", json!(23)),
        (
            "(() => { const d = new Date(0); d.setHours(5, 6); return d.toISOString() })()",
            json!("1970-01-01T05:06:00.000Z"),
        ),
        (
            "new Date(0).toDateString() + '|' + new Date(0).toTimeString()",
            json!("Thu Jan 01 1970|00:00:00 GMT+0000 (Coordinated Universal Time)"),
        ),
        ("JSON.stringify(new Date(0))", json!("\"1970-01-01T00:00:00.000Z\"")),
        (
            "[new Date() instanceof Date, Date.length, Date.name, Date.prototype.constructor === Date, typeof \
                Date.UTC(2020, 1)]",
            json!([true, 7, "Date", true, "number"]),
        ),
        (
            "(() => { class D extends Date { x() { return this.getTime() } } return new D(9).x() })()",
            json!(9),
        ),
        ("Object.prototype.toString.call(new Date())", json!("[object Date]")),
        ("`${new Date(0)}`.slice(0, 10) + (new Date(5) - new Date(2))", json!("Thu Jan 013")),
    ] {
        check(&format!("return {expression}"), expected);
    }
}
