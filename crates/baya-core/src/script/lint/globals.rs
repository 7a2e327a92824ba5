//! Names that no scope declares (C10–C12): what is there, what is not and why, and what was meant.

use crate::script::diagnostic::{Findings, Range};
use crate::script::nearest::nearest;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::UnaryOperator;
use oxc_semantic::Semantic;
use oxc_span::Span;
use std::collections::BTreeSet;

/// What the engine puts into a script's scope.
const HOST: [&str; 18] = [
    "agent",
    "parallel",
    "pipeline",
    "phase",
    "log",
    "args",
    "budget",
    "workflow",
    "baya",
    "console",
    "setTimeout",
    "clearTimeout",
    "meta",
    "globalThis",
    "undefined",
    "NaN",
    "Infinity",
    "arguments",
];

/// ECMAScript.
const LANGUAGE: [&str; 54] = [
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Boolean",
    "DataView",
    "Date",
    "Error",
    "EvalError",
    "Float16Array",
    "Float32Array",
    "Float64Array",
    "Function",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "Number",
    "Object",
    "Promise",
    "Proxy",
    "RangeError",
    "ReferenceError",
    "Reflect",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TypeError",
    "URIError",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakSet",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "escape",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
    "unescape",
    "eval",
    "AsyncIterator",
];

/// Pure functions that only Baya has (C11).
pub(super) const OURS: [&str; 8] = [
    "URL",
    "URLSearchParams",
    "structuredClone",
    "TextEncoder",
    "TextDecoder",
    "queueMicrotask",
    "atob",
    "btoa",
];

/// Asks for every unresolved name of the file.
pub(super) fn globals(semantic: &Semantic<'_>, body: &Range, findings: &mut Findings<'_>) {
    let unresolved = unresolved(semantic, body);
    let probed: BTreeSet<&str> =
        unresolved.iter().filter(|found| found.probe).map(|found| found.name).collect();
    // The first place of each name says it all.
    let mut said = probed;
    for found in &unresolved {
        let is_code = found.name == "eval" || (found.name == "Function" && found.called);
        if is_known(found.name) && !is_code || findings.is_full() || !said.insert(found.name) {
            continue;
        }
        if found.name == "eval" {
            from_text(found.span, "eval", findings);
        } else if found.name == "Function" {
            from_text(found.span, "Function", findings);
        } else if let Some((_, why, hint)) = ABSENT.iter().find(|(names, _, _)| names.contains(&found.name)) {
            let message = format!("`{}` is not there: {why}", found.name);
            findings.error("absent-global", range(found.span), message, Some((*hint).to_owned()));
        } else {
            unknown(found, semantic, findings);
        }
    }
}

pub(super) fn is_known(name: &str) -> bool {
    HOST.contains(&name) || LANGUAGE.contains(&name) || OURS.contains(&name)
}

/// One use of a name that no scope declares.
pub(super) struct Unresolved<'s> {
    pub name: &'s str,
    pub span: Span,
    /// `typeof name`: the script asks whether it is there.
    pub probe: bool,
    /// `name(…)` or `new name(…)`.
    pub called: bool,
}

/// All of them, in the order of the text.
pub(super) fn unresolved<'s>(semantic: &'s Semantic<'_>, body: &Range) -> Vec<Unresolved<'s>> {
    let scoping = semantic.scoping();
    let mut all = Vec::new();
    for (name, ids) in scoping.root_unresolved_references() {
        for id in ids {
            let reference = scoping.get_reference(*id);
            let span = semantic.reference_span(reference);
            if !body.contains(&(span.start as usize)) {
                continue;
            }
            let parent = semantic.nodes().parent_kind(reference.node_id());
            let probe =
                matches!(parent, AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Typeof);
            let called = match parent {
                AstKind::CallExpression(call) => {
                    call.callee.is_specific_id(name) && call.callee_span() == span
                }
                AstKind::NewExpression(new) => new.callee.is_specific_id(name),
                _ => false,
            };
            all.push(Unresolved { name: name.as_str(), span, probe, called });
        }
    }
    all.sort_by_key(|found| found.span.start);
    all
}

trait CalleeSpan {
    fn callee_span(&self) -> Span;
}

impl CalleeSpan for oxc_ast::ast::CallExpression<'_> {
    fn callee_span(&self) -> Span {
        oxc_span::GetSpan::span(&self.callee)
    }
}

fn from_text(span: Span, name: &str, findings: &mut Findings<'_>) {
    let message =
        format!("`{name}` makes code from text, which nobody could check: it throws `EvalError` here");
    let hint = "write the function out; for data use `JSON.parse`";
    findings.error("code-from-text", range(span), message, Some(hint.to_owned()));
}

fn unknown(found: &Unresolved<'_>, semantic: &Semantic<'_>, findings: &mut Findings<'_>) {
    let scoping = semantic.scoping();
    let known =
        HOST.into_iter().chain(LANGUAGE).chain(OURS).filter(|name| *name != "eval" && *name != "arguments");
    let near = nearest(found.name, known).or_else(|| nearest(found.name, scoping.symbol_names()));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "declare it, or take it out".to_owned(),
    };
    let message = format!("`{}` is declared nowhere", found.name);
    findings.warn("unknown-name", range(found.span), message, Some(hint));
}

/// Names other programs have, why they are not here, and what to do.
const ABSENT: [(&[&str], &str, &str); 13] = [
    (
        &["require", "module", "exports", "importScripts"],
        "scripts load no modules while they run",
        "write `import { name } from './file.js'`, or copy the code into the script",
    ),
    (
        &["process", "Deno", "Bun", "__dirname", "__filename", "global"],
        "a script sees no machine: no environment, no folder, no arguments of a process",
        "give what the script needs as `args`",
    ),
    (
        &["fetch", "XMLHttpRequest", "WebSocket", "EventSource", "Request", "Response", "Headers"],
        "a script reaches no network",
        "ask an agent for it: `await agent('Read https://… and …')`, or give the data as `args`",
    ),
    (
        &["Buffer", "Blob", "File", "FileReader"],
        "a script handles text and plain data",
        "use strings, `Uint8Array`, `TextEncoder`, `atob` and `btoa`",
    ),
    (
        &["setInterval", "clearInterval"],
        "nothing repeats by the clock in a script",
        "write a loop with a limit: `for (let round = 0; round < 5; round++) { … }`",
    ),
    (
        &["setImmediate", "clearImmediate", "requestAnimationFrame", "requestIdleCallback"],
        "scripts have one queue",
        "use `setTimeout(f, 0)` or `await`",
    ),
    (
        &["WebAssembly", "Worker", "SharedWorker", "SharedArrayBuffer", "Atomics", "MessageChannel"],
        "a script is one thread of plain JavaScript",
        "leave heavy work to agents",
    ),
    (
        &["AbortController", "AbortSignal", "EventTarget", "CustomEvent"],
        "nothing in a script is aborted by a signal",
        "race it with a timer: `await Promise.race([agent(…), new Promise(done => setTimeout(done, 60000, null))])`",
    ),
    (
        &["WeakRef", "FinalizationRegistry"],
        "when memory is freed differs from run to run",
        "use `Map` or `WeakMap`",
    ),
    (
        &["Intl"],
        "its answers differ from machine to machine",
        "use `toLocaleString()` or `localeCompare()`: always en-US and the root order",
    ),
    (&["Temporal"], "this version does not have it", "use `Date`: always UTC, the time of the last delivery"),
    (
        &["crypto", "performance"],
        "real time and real randomness would differ when a run is repeated",
        "use `Math.random()` and `Date.now()`: recorded with the run",
    ),
    (
        &["window", "self", "document", "navigator", "localStorage", "sessionStorage", "alert"],
        "a script is no web page",
        "use `log(…)` to say something, `args` to be told something",
    ),
];
