//! What the body sees.

use crate::fixture::{check, drive, echo, run, start};
use baya_core::call::{CallKind, LogLevel, Start};
use serde_json::json;

#[test]
fn c05_await_and_return_work_at_the_top() {
    check("return await agent('a')", json!("done: a"));
    check("const x = [await agent('a'), await agent('b')]; return x.length", json!(2));
    check("", json!("undefined"));
    check("return (function () { return this === undefined })()", json!(true));
    check(
        "return [meta.name, Object.isFrozen(meta), Object.isFrozen(meta.phases[0])]",
        json!(["test", true, true]),
    );
}

#[test]
fn c10_the_globals_are_there() {
    check(
        "return [agent, parallel, pipeline, phase, log, workflow, setTimeout, clearTimeout].map((f) => typeof f \
            + f.name)",
        json!([
            "functionagent",
            "functionparallel",
            "functionpipeline",
            "functionphase",
            "functionlog",
            "functionworkflow",
            "functionsetTimeout",
            "functionclearTimeout"
        ]),
    );
    check(
        "return [typeof args, typeof budget, typeof baya, Object.isFrozen(baya)]",
        json!(["undefined", "object", "object", true]),
    );
    check(
        "return [[1, [2]].flat().length, [3, 1].toSorted()[0], Object.groupBy([1], () => 'a').a[0], 'a'.at(-1), \
            typeof structuredClone]",
        json!([2, 1, 1, "a", "function"]),
    );
}

#[test]
fn c10_what_later_versions_bring_is_refused_by_name() {
    for name in ["ask", "fetch", "sleep", "judge"] {
        check(
            &format!("try {{ baya.{name}('x') }} catch (e) {{ return e.message }}"),
            json!(format!("`baya.{name}` is not in this version")),
        );
    }
}

#[test]
fn c10_console_writes_to_the_log_with_its_level() {
    let run = run(
        "console.log('a', 1); console.info('b'); console.debug('c'); console.warn({d: 1}); console.error(new \
            Error('e').message)",
    );
    let lines: Vec<_> = run
        .calls
        .iter()
        .filter_map(|call| match &call.kind {
            CallKind::Log { level, text } => Some((*level, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines,
        [
            (LogLevel::Info, "a 1"),
            (LogLevel::Info, "b"),
            (LogLevel::Debug, "c"),
            (LogLevel::Warn, r#"{"d":1}"#),
            (LogLevel::Error, "e")
        ]
    );
}

#[test]
fn c11_urls_are_parsed() {
    check(
        "const u = new URL('../c?x=1&y=a%20b#h', 'https://me:pw@Example.com:8080/a/b'); \
         return [u.href, u.origin, u.host, u.port, u.pathname, u.hash, u.searchParams.get('y'), `${u}`, \
             JSON.stringify({u})]",
        json!([
            "https://me:pw@example.com:8080/c?x=1&y=a%20b#h",
            "https://example.com:8080",
            "example.com:8080",
            "8080",
            "/c",
            "#h",
            "a b",
            "https://me:pw@example.com:8080/c?x=1&y=a%20b#h",
            "{\"u\":\"https://me:pw@example.com:8080/c?x=1&y=a%20b#h\"}"
        ]),
    );
    check(
        "const u = new URL('http://a.b/'); u.searchParams.append('q', 'é &'); u.pathname = '/x y'; u.hash = 'z'; \
            u.port = 'no'; return u.href",
        json!("http://a.b/x%20y?q=%C3%A9+%26#z"),
    );
    check(
        "const u = new URL('http://a.b/?x=1'); const q = u.searchParams; u.search = '?x=2'; return q.get('x')",
        json!("2"),
    );
    check(
        "try { new URL('nope') } catch (e) { return [e.name, URL.canParse('a:b'), URL.canParse('/a')] }",
        json!(["TypeError", true, false]),
    );
    check(
        "const q = new URLSearchParams([['b', '2'], ['a', '1'], ['b', '3']]); q.sort(); q.set('c', 'x y'); \
            q.delete('b', '2'); \
         return [`${q}`, [...q], q.size, q.has('b', '3'), q.getAll('b'), `${new URLSearchParams({k: 'v'})}`, \
             `${new URLSearchParams('?m=n')}`]",
        json!(["a=1&b=3&c=x+y", [["a", "1"], ["b", "3"], ["c", "x y"]], 3, true, ["3"], "k=v", "m=n"]),
    );
}

#[test]
fn c11_text_bytes_and_clones() {
    check(
        "return [...new TextEncoder().encode('é€😀')]",
        json!([195, 169, 226, 130, 172, 240, 159, 152, 128]),
    );
    check(
        "return new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 195, 169, 255]))",
        json!("é\u{fffd}"),
    );
    check(
        "try { new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255])) } catch (e) { return e.name }",
        json!("TypeError"),
    );
    check(
        "return [btoa('hello'), btoa('a'), btoa(''), atob('aGVsbG8='), atob(' YQ '), atob(btoa('\\u00ff'))]",
        json!(["aGVsbG8=", "YQ==", "", "hello", "a", "ÿ"]),
    );
    check(
        "return ['€', 'a?b'].map((x, i) => { try { return [btoa, atob][i](x) } catch (e) { return e.name } })",
        json!(["InvalidCharacterError", "InvalidCharacterError"]),
    );
    check(
        "const a = {d: new Date(5), m: new Map([[1, {x: 1}]]), s: new Set([2]), r: /a/gi, e: new \
            RangeError('no'), b: new Uint8Array([7, 8]), n: undefined, big: 3n}; \
         a.self = a; const c = structuredClone(a); \
         return [c !== a, c.self === c, c.d.getTime(), c.m.get(1).x, c.s.has(2), `${c.r}`, c.e.name, \
             c.e.message, c.e instanceof RangeError, [...c.b], 'n' in c, `${c.big}`]",
        json!([true, true, 5, 1, true, "/a/gi", "RangeError", "no", true, [7, 8], true, "3"]),
    );
    check("try { structuredClone({f() {}}) } catch (e) { return e.name }", json!("DataCloneError"));
    check("const seen = []; queueMicrotask(() => seen.push(1)); await null; return seen", json!([1]));
}

#[test]
fn c12_the_outside_is_absent() {
    let names = "require process module exports Buffer fetch WebAssembly SharedArrayBuffer Atomics WeakRef \
                 FinalizationRegistry performance Intl Temporal std os bjson navigator XMLHttpRequest Deno Bun \
                     global \
                 DisposableStack AsyncDisposableStack gc print scriptArgs setInterval setImmediate import_meta";
    check(
        &format!(
            "return '{names}'.split(/ +/).filter((name) => name in globalThis || typeof globalThis[name] !== \
                'undefined')"
        ),
        json!([]),
    );
    check(
        "return Object.getOwnPropertyNames(globalThis).filter((name) => \
            /host|prelude|baya.|settle|primordial/i.test(name))",
        json!([]),
    );
}

#[test]
fn c45_phase_and_log_never_throw() {
    let run = run("const bad = {get x() { throw 1 }, toString() { throw 2 }, toJSON() { throw 3 }};
        const odd = [bad, Symbol('s'), null, undefined, 5n];
        for (const x of [...odd, new Proxy({}, {get() { throw 4 }}), () => 1, Object.create(null)]) {
            log(x); phase(x)
        }
        const cycle = {a: 1}; cycle.me = cycle; log(cycle); log('a\\ud800b', '\\0'); log(); log([undefined, () \
            => 1], new Map());
        return 'ok'");
    assert_eq!(run.value(), json!("ok"));
    let logs = run.logs();
    assert_eq!(logs[0], "[object]");
    assert_eq!(&logs[1..5], ["Symbol(s)", "null", "undefined", "5n"]);
    assert_eq!(&logs[8..], [r#"{"a":1,"me":"[cycle]"}"#, "a\u{fffd}b \0", "", "[null,null] {}"]);
    let phases = run.calls.iter().filter(|call| matches!(call.kind, CallKind::Phase { .. })).count();
    assert_eq!(phases, 8);
}

#[test]
fn c45_a_logged_error_shows_its_message_and_where() {
    let logs = run("log(new TypeError('broken'))").logs();
    assert!(logs[0].starts_with("TypeError: broken\n"), "{}", logs[0]);
    assert!(logs[0].contains("script.js:2:"), "{}", logs[0]);
}

#[test]
fn c45_phase_groups_the_agents_after_it() {
    let run = run(
        "await agent('a'); phase('One'); await agent('b'); phase('Two'); await agent('c', {phase: 'Own'})",
    );
    let phases: Vec<_> = run
        .calls
        .iter()
        .filter_map(|call| match &call.kind {
            CallKind::Agent { phase, .. } => Some(phase.as_deref()),
            _ => None,
        })
        .collect();
    assert_eq!(phases, [None, Some("One"), Some("Two")]);
}

#[test]
fn c50_args_are_what_was_given() {
    let given = |args: Option<serde_json::Value>| {
        let start = Start { args, ..start("return [typeof args, args]") };
        drive(start, &echo).value()
    };
    assert_eq!(given(None), json!(["undefined", null]));
    assert_eq!(given(Some(json!(null))), json!(["object", null]));
    assert_eq!(
        given(Some(json!({"a": [1, {"__proto__": 2}]}))),
        json!(["object", {"a": [1, {"__proto__": 2}]}])
    );
    assert_eq!(given(Some(json!("{\"a\": 1}"))), json!(["object", {"a": 1}]));
    assert_eq!(given(Some(json!(" [1, 2] "))), json!(["object", [1, 2]]));
    for text in ["plain words", "5", "true", "\"x\"", "{broken", ""] {
        assert_eq!(given(Some(json!(text))), json!(["string", text]));
    }
}

#[test]
fn c51_budget_is_read_from_the_deliveries() {
    let body = "const before = [budget.total, budget.spent(), budget.remaining()]; await agent('a'); \
                return [...before, budget.spent(), budget.remaining(), Object.isFrozen(budget)]";
    let capped = Start { budget_total: Some(1000), tokens_spent: 100, ..start(body) };
    let (mut isolate, step) = baya_js::Isolate::start(capped);
    let mut delivery =
        crate::fixture::delivery(step.calls[0].id, baya_core::call::Payload::Value(json!("x")));
    delivery.tokens_spent = 1200;
    let step = isolate.deliver(vec![delivery]);
    let baya_core::call::StepState::Done { value: Some(value), .. } = step.state else { panic!("{step:?}") };
    assert_eq!(value, json!([1000, 100, 900, 1200, 0, true]));
    check("return [budget.total, budget.spent(), budget.remaining() === Infinity]", json!([null, 0, true]));
}
