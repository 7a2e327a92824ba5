//! agent() as the isolate sends it: prompt, options, position, order.

use crate::fixture::{check, delivery, drive, run, silent, start};
use baya_core::call::{
    Call, CallKind, LogLevel, Payload, Program, ScriptErrorKind, Site, Start, StepState, ThrowKind, Thrown,
    Unit,
};
use baya_core::ids::CallId;
use baya_js::Isolate;
use serde_json::{Value, json};

fn site(line: u32, column: u32) -> Option<Site> {
    Some(Site { file: "script.js".to_owned(), line, column })
}

fn options(call: &Call) -> Value {
    match &call.kind {
        CallKind::Agent { options, .. } => json!(options),
        other => panic!("{other:?}"),
    }
}

#[test]
fn c08_a_call_knows_its_place_in_the_users_file() {
    let run = run(
        "await agent('a')\n  const f = () => agent('b')\n\n await f(); /* é😀 */ await agent('c')\nsetTimeout(() \
            => {}, 1)",
    );
    let sites: Vec<_> = run.calls.iter().map(|call| call.site.clone()).collect();
    assert_eq!(sites[..3], [site(2, 7), site(3, 19), site(5, 28)]);
    assert_eq!(sites[3].as_ref().map(|site| site.line), Some(6));
}

#[test]
fn c08_the_first_line_counts_like_any_other() {
    let unit = Unit {
        shift: 0,
        file: "a (1).js".to_owned(),
        text: "(async(meta)=>{ await agent('x') })".to_owned(),
        imports: Vec::new(),
    };
    let run = drive(Start { program: Program { units: vec![unit] }, ..start("") }, &silent);
    assert_eq!(run.calls[0].site, Some(Site { file: "a (1).js".to_owned(), line: 1, column: 23 }));
}

#[test]
fn c08_an_error_knows_its_place_in_the_users_file() {
    let error = run("await agent('a')\nfunction deep() {\n  null.x\n}\ndeep()").error();
    assert_eq!((error.kind, error.name.as_str()), (ScriptErrorKind::Thrown, "TypeError"));
    assert_eq!(error.site.as_ref().map(|site| site.line), Some(4));
    assert_eq!(error.stack.iter().map(|site| site.line).collect::<Vec<_>>(), [4, 6]);
}

#[test]
fn c14_same_deliveries_give_the_same_steps() {
    let body = "const found = await parallel([1, 2, 3].map((n) => async () => {
            const a = await agent(`a${n} ${Math.random()}`); await new Promise((r) => setTimeout(r, 5)); log(a, \
                Date.now());
            if (n === 2) throw new Error(a); return agent(`b${n}`) }));
        const fast = await Promise.race([agent('x'), agent('y')]);
        return {found, fast, now: new Date(), r: Math.random()}";
    let trace = |batch: usize| {
        let (mut isolate, step) = Isolate::start(start(body));
        let (mut calls, mut last) = (step.calls.clone(), step);
        let mut next = 0;
        while let StepState::Waiting = last.state {
            let due: Vec<_> = calls[next..]
                .iter()
                .filter_map(|call| Some(delivery(call.id, crate::fixture::echo(call)?)))
                .take(batch)
                .collect();
            let reached = due.last().and_then(|last| calls.iter().position(|call| call.id == last.to));
            next = reached.map_or(calls.len(), |at| at + 1);
            last = isolate.deliver(due);
            calls.extend(last.calls.clone());
        }
        (serde_json::to_string(&calls).unwrap(), serde_json::to_string(&last.state).unwrap())
    };
    let one_by_one = trace(1);
    assert_eq!(one_by_one, trace(1));
    assert!(one_by_one.1.contains("\"done: x\""), "{}", one_by_one.1);
    assert_eq!(one_by_one, trace(1_000), "batches do not show");
}

#[test]
fn c14_one_delivery_is_drained_before_the_next() {
    let body = "const seen = []; const all = ['a', 'b'].map(async (p) => { await agent(p); seen.push(p + 1); \
        await null; seen.push(p + 2) }); \
                await Promise.all(all); return seen";
    let (mut isolate, step) = Isolate::start(start(body));
    let both = |order: [u64; 2]| order.map(|id| delivery(CallId(id), Payload::Value(json!(1)))).to_vec();
    assert_eq!(step.calls.len(), 2);
    let step = isolate.deliver(both([2, 1]));
    assert_eq!(step.settled, 2);
    let StepState::Done { value: Some(value), .. } = step.state else { panic!() };
    assert_eq!(value, json!(["b1", "b2", "a1", "a2"]));
}

#[test]
fn c21_the_prompt_becomes_a_string() {
    let prompts =
        run("for (const x of ['s', 5, null, undefined, true, {a: 1}, [1], {toString() { throw 1 }}, \
        7n, Symbol('y')]) await agent(x)")
        .prompts();
    assert_eq!(
        prompts,
        ["s", "5", "null", "undefined", "true", "[object]", "[object]", "[object]", "7", "Symbol(y)"]
    );
    assert_eq!(run("await agent('a\\0b\\ud800c')").prompts(), ["a\0b\u{fffd}c"]);
    assert_eq!(run("await agent('  kept \\n')").prompts(), ["  kept \n"]);
}

#[test]
fn c21_a_prompt_with_a_hole_gets_a_warning() {
    let warned = |body: &str| {
        let run = run(body);
        run.calls.iter().any(|call| {
            matches!(&call.kind, CallKind::Log { level: LogLevel::Warn, text }
                if text.contains("script.js:2:"))
        })
    };
    for prompt in ["`look at ${undefined}`", "`look at ${({})}`", "`look at ${NaN}.`", "undefined", "{a: 1}"]
    {
        assert!(warned(&format!("await agent({prompt})")), "{prompt}");
    }
    for prompt in ["'undefinedness'", "'BaNaNa'", "'is_undefined'", "'all good'", "''"] {
        assert!(!warned(&format!("await agent({prompt})")), "{prompt}");
    }
}

#[test]
fn c22_an_empty_text_is_an_empty_string() {
    let answer = |text: &'static str| {
        move |call: &Call| matches!(call.kind, CallKind::Agent { .. }).then(|| Payload::Value(json!(text)))
    };
    let run = drive(start("return [await agent('a')]"), &answer(""));
    assert_eq!(run.value(), json!([""]));
    let run = drive(start("return [await agent('a')]"), &answer(" x\n"));
    assert_eq!(run.value(), json!([" x\n"]));
}

#[test]
fn c23_options_are_plain_data_without_undefined() {
    let run = run(
        "await agent('a', {label: 'L', model: undefined, schema: {type: 'object', x: undefined, d: new Date(0)}, \
            n: NaN}); \
                   await agent('b', {}); await agent('c', null); await agent('d', undefined)",
    );
    let all: Vec<_> = run.calls.iter().map(options).collect();
    let schema = json!({"type": "object", "d": "1970-01-01T00:00:00.000Z"});
    assert_eq!(all, [json!({"label": "L", "schema": schema, "n": null}), json!({}), json!({}), json!({})]);
}

#[test]
fn c23_options_that_are_no_plain_data_are_a_type_error_at_the_call() {
    for (options, part) in [
        ("5", "must be an object, not a number"),
        ("'x'", "not a string"),
        ("[]", "not an array"),
        ("{n: 1n}", "`options.n` is a BigInt"),
        ("{schema: {a: [() => 1]}}", "`options.schema.a[0]` is a function"),
        ("(() => { const o = {}; o.o = o; return o })()", "`options.o` is a cycle"),
    ] {
        let run =
            run(&format!("try {{ await agent('a', {options}) }} catch (e) {{ return [e.name, e.message] }}"));
        let value = run.value();
        assert_eq!(value[0], "TypeError");
        assert!(value[1].as_str().is_some_and(|text| text.contains(part)), "{options}: {value}");
        assert!(run.prompts().is_empty());
    }
}

#[test]
fn c26_what_the_engine_throws_is_an_error_with_a_kind() {
    let throws = |kind: ThrowKind| {
        move |call: &Call| {
            let thrown = Thrown { kind, message: "no more".to_owned() };
            matches!(call.kind, CallKind::Agent { .. }).then_some(Payload::Throw(thrown))
        }
    };
    let body = "try {\n  await agent('a') } catch (e) { return [e instanceof Error, e.name, e.kind, e.message, \
        /script.js:3:9/.test(e.stack)] }";
    let run = drive(start(body), &throws(ThrowKind::SchemaUnmet));
    assert_eq!(run.value(), json!([true, "Error", "schema_unmet", "no more", true]));
    let error = drive(start("const x = 1;\nawait agent('a', {x})"), &throws(ThrowKind::AgentLimit)).error();
    assert_eq!((error.kind, error.message.as_str()), (ScriptErrorKind::Limit, "no more"));
    assert_eq!(error.site, site(3, 7));
    let error = drive(start("await agent('a')"), &throws(ThrowKind::AgentType)).error();
    assert_eq!(error.kind, ScriptErrorKind::Thrown);
}

#[test]
fn timers_fire_in_the_order_of_their_deliveries() {
    check(
        "const seen = []; setTimeout((x) => seen.push(x), 20, 'a'); await new Promise((r) => setTimeout(r, 10)); \
            return seen",
        json!(["a"]),
    );
    let run = run(
        "const t = setTimeout(() => log('never'), 5); clearTimeout(t); clearTimeout(t); clearTimeout(99); \
            clearTimeout(); await agent('a')",
    );
    let kinds: Vec<_> = run.calls.iter().map(|call| call.kind.clone()).collect();
    assert_eq!(kinds[..2], [CallKind::SetTimer { delay_ms: 5 }, CallKind::ClearTimer { timer: CallId(1) }]);
    assert_eq!(kinds.len(), 3);
    let delays =
        crate::fixture::run("for (const ms of [-1, NaN, undefined, 1.9, 1e12]) setTimeout(() => {}, ms)")
            .calls;
    let delays: Vec<_> = delays.iter().map(|call| call.kind.clone()).collect();
    assert_eq!(delays, [0, 0, 0, 1, 0x7fff_ffff].map(|delay_ms| CallKind::SetTimer { delay_ms }));
    check("try { setTimeout('code', 1) } catch (e) { return e.name }", json!("TypeError"));
}

#[test]
fn a_timer_that_throws_is_a_line_of_the_log() {
    let run = run(
        "setTimeout(() => { throw new Error('late') }, 1); queueMicrotask(() => { throw new Error('soon') }); \
            await agent('a'); return 1",
    );
    assert_eq!(run.value(), json!(1));
    assert_eq!(run.logs(), ["a callback failed: Error: soon", "a setTimeout callback failed: late"]);
}

#[test]
fn deliveries_nobody_waits_for_change_nothing() {
    let mut run = drive(
        start("const t = setTimeout(() => log('no'), 1); clearTimeout(t); return await agent('a')"),
        &silent,
    );
    run.deliver(CallId(1), Payload::Fired, &silent);
    run.deliver(CallId(77), Payload::Value(json!(1)), &silent);
    assert_eq!(run.state, StepState::Waiting);
    run.deliver(CallId(3), Payload::Value(json!("x")), &silent);
    assert_eq!(run.value(), json!("x"));
    run.deliver(CallId(3), Payload::Value(json!("y")), &silent);
    assert_eq!(run.value(), json!("x"));
    assert!(run.logs().is_empty());
}
