//! C10–C13: which names are there.

use super::*;

fn portable(text: &str) -> Vec<String> {
    let options = Options { portable: true, typescript: false };
    let checked = check_files(&[("flow.js", text)], options).expect("portability only warns");
    checked.warnings.iter().map(|it| format!("{}:{} {}", it.line, it.column, it.message)).collect()
}

#[test]
fn c10_what_is_there_is_known() {
    healthy(&format!(
        "{META}const all = [agent, parallel, pipeline, phase, log, args, budget, workflow, baya, console, setTimeout,
        clearTimeout, meta, globalThis, undefined, NaN, Infinity, Array, Map, Promise, JSON, Math, Date, RegExp, Proxy,
        Reflect, Symbol, BigInt, WeakMap, WeakSet, parseInt, isNaN, encodeURIComponent, Iterator, Uint8Array]
        function f() {{ return arguments.length }}
        return all.length + f()"
    ));
}

#[test]
fn c10_intl_and_temporal_are_errors_with_a_hint() {
    shows(
        &format!("{META}return new Intl.NumberFormat('de').format(1)"),
        "error[absent-global]: `Intl` is not there: its answers differ from machine to machine
 --> flow.js:2:12
  |
2 | return new Intl.NumberFormat('de').format(1)
  |            ^^^^
  |
  = hint: use `toLocaleString()` or `localeCompare()`: always en-US and the root order",
    );
    refused(&format!("{META}return Temporal.Now.instant()"), &["2:8+8 absent-global"]);
}

#[test]
fn c11_pure_functions_are_there_and_not_portable() {
    let text =
        format!("{META}queueMicrotask(() => {{}})\nreturn structuredClone([new URL('a:b'), btoa('x')])");
    healthy(&text);
    assert_eq!(
        portable(&text),
        [
            "2:1 `queueMicrotask` works here and not in the original",
            "3:8 `structuredClone` works here and not in the original",
            "3:29 `URL` works here and not in the original",
            "3:41 `btoa` works here and not in the original",
        ]
    );
}

#[test]
fn c12_what_is_absent_is_an_error_that_says_what_to_do() {
    for name in [
        "require",
        "process",
        "module",
        "Buffer",
        "fetch",
        "WebAssembly",
        "SharedArrayBuffer",
        "Atomics",
        "WeakRef",
        "FinalizationRegistry",
        "XMLHttpRequest",
        "setInterval",
        "setImmediate",
        "WebSocket",
        "crypto",
        "performance",
        "__dirname",
        "global",
        "window",
        "document",
        "localStorage",
        "Deno",
        "Worker",
        "self",
        "AbortController",
    ] {
        let found = check_text(&format!("{META}const x = {name}\nreturn {name}.y({name})")).expect_err(name);
        assert_eq!(places(&found), [format!("2:11+{} absent-global", name.len())]);
        assert!(found[0].hint.is_some(), "{name}");
    }
}

#[test]
fn c12_a_script_may_ask_whether_a_name_is_there() {
    healthy(&format!("{META}const f = typeof fetch === 'function' ? fetch : null\nreturn f"));
    healthy(&format!("{META}if (typeof process !== 'undefined') log(process.version)"));
    // Own names are own names.
    healthy(&format!(
        "{META}const process = (x) => x\nconst fetch = 1, module = 2\nreturn process(fetch + module)"
    ));
    healthy(&format!("{META}return [1].map(require => require + 1)"));
    healthy(&format!("{META}return {{ process: 1, fetch: 2 }}.process"));
}

#[test]
fn c11_who_asks_typeof_first_is_portable() {
    let text =
        format!("{}const copy = typeof structuredClone === 'function' ? structuredClone([1]) : [1];", META);
    assert_eq!(portable(&text), Vec::<String>::new());
}

#[test]
fn c13_time_and_chance_are_fine_and_not_portable() {
    let text = format!(
        "{META}const a = Date.now()\nconst b = new Date()\nconst c = Date()\nconst d = Math.random()
return [a, b, c, d, new Date(0), Date.parse('2020'), Math.max(1, 2)]"
    );
    healthy(&text);
    assert_eq!(
        portable(&text),
        [
            "2:11 `Date.now()` works here and not in the original",
            "3:11 `new Date()` works here and not in the original",
            "4:11 `Date()` works here and not in the original",
            "5:11 `Math.random()` works here and not in the original",
        ]
    );
}

#[test]
fn c13_portable_warns_about_every_extension() {
    let text = "```js
export const meta = { name: 'n', description: 'd', phases: ['A'], args: { type: 'object' } }
const x = await agent('x', { maxTurns: 3, backend: 'api', label: 'l' })
const y = await parallel([() => agent('y')], { failFast: true })
return [x, y, baya]
```";
    assert_eq!(
        portable(text),
        [
            "1:1 a script inside a Markdown fence runs here and not in the original",
            "2:61 a phase that is only its title runs here and not in the original",
            "2:73 a check of `args` by `meta.args` runs here and not in the original",
            "3:30 the option `maxTurns` works here and not in the original",
            "3:43 the option `backend` works here and not in the original",
            "4:48 the option `failFast` works here and not in the original",
            "5:15 `baya` works here and not in the original",
        ]
    );
    let options = Options { portable: true, typescript: false };
    let files = [
        (
            "flow.ts",
            "import { a } from './a.js'\nexport const meta = { name: 'n', description: 'd' }\nreturn a as number",
        ),
        ("a.js", "export const a = 1"),
    ];
    let checked = check_files(&files, options).expect("portability only warns");
    assert_eq!(places(&checked.warnings), ["1:1+0 portable", "1:19+8 portable"]);
}

#[test]
fn c13_nothing_is_said_of_a_portable_script() {
    let text = format!(
        "{META}const a = await agent('x', {{ label: 'l', model: 'opus' }})\nphase('B')\nreturn a?.trim()"
    );
    assert_eq!(portable(&text), [""; 0]);
}
