//! Roads out of the sandbox, each of which must end in an error or in nothing.

use crate::fixture::{check, run};
use baya_core::call::StepState;
use serde_json::json;

/// Expressions that try to make code from text; each must throw an `EvalError`.
const COMPILERS: &[&str] = &[
    "eval('1')",
    "(0, eval)('1')",
    "globalThis.eval('1')",
    "Function('return 1')",
    "new Function('return 1')",
    "new globalThis['Func' + 'tion']('return this')",
    "(() => {}).constructor('return this')()",
    "(function () {}).constructor.constructor('return this')()",
    "[].map.constructor('return process')()",
    "agent.constructor('return 1')()",
    "console.log.constructor('return 1')()",
    "setTimeout.constructor('return 1')",
    "baya.exec.constructor('return 1')",
    "budget.spent.constructor('return 1')",
    "(function* () {}).constructor('yield 1')",
    "(async () => {}).constructor('return 1')",
    "(async function* () {}).constructor('yield 1')",
    "Object.getPrototypeOf(async () => {}).constructor('return 1')",
    "Object.getPrototypeOf((function* () {}).constructor)('return 1')",
    "Reflect.construct(Function, ['return 1'])",
    "Reflect.apply(Function, null, ['return 1'])",
    "Reflect.construct((async () => {}).constructor, ['return 1'], Object)",
    "Function.prototype.constructor.call(null, 'return 1')",
    "new (class extends Function {})('return 1')",
    "new (class extends (function* () {}).constructor {})('yield 1')",
    "Function.apply(null, ['return 1'])",
    "Function.bind(null)('return 1')",
    "new Proxy(Function, {})('return 1')",
    "Object.getOwnPropertyDescriptor(Function.prototype, 'constructor').value('return 1')",
    "structuredClone.constructor('return 1')",
    "URL.constructor('return 1')",
    "Date.constructor('return 1')",
    "(class { static #x() {} static y() { return this.constructor } }).y()('return 1')",
    "Promise.resolve().then.constructor('return 1')",
];

#[test]
fn c12_no_text_becomes_code() {
    for attempt in COMPILERS {
        check(
            &format!(
                "try {{ const x = {attempt}; return typeof x }} catch (e) {{ return [e.name, e instanceof \
                    EvalError] }}"
            ),
            json!(["EvalError", true]),
        );
    }
}

#[test]
fn c12_timers_take_no_text_and_imports_find_nothing() {
    check("try { setTimeout('log(1)') } catch (e) { return e.name }", json!("TypeError"));
    for module in
        ["'fs'", "'std'", "'qjs:os'", "'./x.js'", "'file:///etc/passwd'", "'data:text/javascript,1'"]
    {
        check(
            &format!(
                "try {{ await import({module}); return 'loaded' }} catch (e) {{ return e instanceof Error }}"
            ),
            json!(true),
        );
    }
}

/// Looks at everything a script can reach from the globals and from what the host hands out.
const WALK: &str = r#"
    const seen = new Set(), names = [];
    const queue = [globalThis, (function* () {}), (async () => {}), (async function* () {}),
        [][Symbol.iterator](), new Map().entries(),
        'x'[Symbol.iterator](), /x/g[Symbol.matchAll]('x'), agent('p'), new Error('x'), new URL('a:b'), new
            URLSearchParams('a=b'), meta, budget];
    for (const x of queue) {
        if ((typeof x !== 'object' && typeof x !== 'function') || x === null || seen.has(x)) continue;
        seen.add(x);
        queue.push(Object.getPrototypeOf(x));
        for (const key of Reflect.ownKeys(x)) {
            const d = Object.getOwnPropertyDescriptor(x, key);
            for (const y of [d.value, d.get, d.set]) queue.push(y);
            try { queue.push(x[key]) } catch {}
        }
    }
"#;

#[test]
fn c12_no_reachable_function_compiles_text_or_is_the_hosts() {
    let run = run(&format!(
        "{WALK}
        const compilers = [];
        for (const f of seen) {{
            if (typeof f !== 'function' || f === log || f === phase || f === agent || f === workflow) continue;
            let made;
            try {{ made = f('return 41 + 1') }} catch {{ continue }}
            if (typeof made === 'function') {{ let v; try {{ v = made() }} catch {{}} if (v === 42) \
                compilers.push(f.name) }}
        }}
        const host = ['frame', 'settle', 'urlParse', 'formParse', 'utf8Encode', 'spent0', 'nests'].filter((key) \
            => [...seen].some((o) => Object.hasOwn(o, key)));
        return [compilers, host, seen.size > 500]"
    ));
    match run.state {
        StepState::Done { value, .. } => assert_eq!(value, Some(json!([[], [], true]))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn c12_call_sites_do_not_give_functions_away() {
    check(
        "const kept = []; Error.prepareStackTrace = (e, sites) => { kept.push(...sites.map((s) => \
            s.getFunction?.())); return 'x' }; \
         const e = new Error('x'); e.stack; try { await agent('a', 5) } catch (e) { e.stack } \
         const o = {}; Error.captureStackTrace?.(o); o.stack; return kept",
        json!([]),
    );
    check(
        "function f() { return f.caller } try { return f() ?? 'nothing' } catch (e) { return e.name }",
        json!("TypeError"),
    );
    check(
        "const a = (function () { return arguments })(); try { return a.callee } catch (e) { return e.name }",
        json!("TypeError"),
    );
}

#[test]
fn c12_the_host_is_not_in_this_or_in_callbacks() {
    check(
        "const seen = []; const spy = function (...args) { seen.push(this === undefined, ...args.map((x) => \
            typeof x)); return 1 }; \
         await parallel([spy]); await pipeline([1], spy); setTimeout(spy, 1, 'x'); await agent('a'); return seen",
        json!([true, true, "number", "number", "number", true, "string"]),
    );
}

#[test]
fn c12_frames_of_children_share_nothing() {
    check(
        "return [typeof globalThis.parent, typeof globalThis.top, typeof globalThis.frames]",
        json!(["undefined", "undefined", "undefined"]),
    );
}
