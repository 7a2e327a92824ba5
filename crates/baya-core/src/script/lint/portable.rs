//! `portable`: what only Baya runs, for scripts that are to run in the original too (C13, `--portable`).

use super::calls::View;
use super::globals;
use super::options::{self, keys};
use crate::script::diagnostic::{Findings, Range};
use crate::script::parse::{Parsed, range};
use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_span::{GetSpan, Span};
use serde_json::Value;
use std::collections::BTreeSet;

const CODE: &str = "portable";

/// What the file says outside its body; places are those of the parsed text.
pub(super) fn file(parsed: &Parsed, findings: &mut Findings<'_>) {
    let mut at_user = parsed.findings();
    let mut warn = |span: Range, what: &str, hint: &str| {
        let message = format!("{what} runs here and not in the original");
        at_user.warn(CODE, span, message, Some(hint.to_owned()));
    };
    if parsed.fenced {
        warn(0..0, "a script inside a Markdown fence", "take the fence away");
    }
    if parsed.typescript {
        warn(0..0, "TypeScript", "`baya bundle` writes plain JavaScript");
    }
    for import in &parsed.imports {
        warn(import.span.clone(), "a script with imports", "`baya bundle` writes one script without imports");
    }
    if let Some(meta) = &parsed.meta {
        let place = |path: &str| meta.places.get(path).cloned().unwrap_or(0..0);
        if meta.args.is_some() {
            warn(
                place("args"),
                "a check of `args` by `meta.args`",
                "the original ignores it: check `args` in the script too",
            );
        }
        for (index, phase) in meta.value["phases"].as_array().into_iter().flatten().enumerate() {
            if let Value::String(title) = phase {
                let hint = format!("write `{{ title: '{title}' }}`");
                warn(place(&format!("phases.{index}")), "a phase that is only its title", &hint);
            }
        }
    }
    findings.found.append(&mut at_user.found);
}

pub(super) fn body(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    let mut warn = |span: Span, what: &str, hint: &str| {
        let message = format!("{what} works here and not in the original");
        findings.warn(CODE, range(span), message, Some(hint.to_owned()));
    };
    let unresolved = globals::unresolved(view.semantic, &view.body);
    // A script that asks `typeof` first runs there too.
    let probed: BTreeSet<&str> = unresolved.iter().filter(|name| name.probe).map(|name| name.name).collect();
    for name in unresolved.iter().filter(|name| !probed.contains(name.name)) {
        if name.name == "baya" {
            warn(name.span, "`baya`", "ask an agent for it instead");
        } else if globals::OURS.contains(&name.name) {
            warn(name.span, &format!("`{}`", name.name), "write the function yourself");
        }
    }
    for (_, kind) in view.kinds() {
        if let Some((span, what)) = clock_or_chance(view, kind) {
            warn(span, what, "give the time or the seed as `args`, or tell things apart by their index");
        }
    }
    for call in view.calls() {
        let ours: &[&str] = match view.starter(call) {
            Some("agent") => &options::OURS,
            Some("parallel") => &["failFast"],
            _ => continue,
        };
        for (property, key) in view.object(call.arguments.get(1)).into_iter().flat_map(keys) {
            if ours.contains(&key.as_str()) {
                warn(
                    property.key.span(),
                    &format!("the option `{key}`"),
                    "take it out, or accept that it is ignored there",
                );
            }
        }
    }
}

/// `Date.now()`, `new Date()`, `Date()`, `Math.random()`.
fn clock_or_chance<'a>(view: &View<'_, 'a>, kind: AstKind<'a>) -> Option<(Span, &'static str)> {
    let is_date = |callee: &Expression<'a>| match callee {
        Expression::Identifier(name) => name.name == "Date" && view.is_global(name),
        _ => false,
    };
    match kind {
        AstKind::CallExpression(call) if view.is_static_call(call, "Date", &["now"]) => {
            Some((call.span, "`Date.now()`"))
        }
        AstKind::CallExpression(call) if view.is_static_call(call, "Math", &["random"]) => {
            Some((call.span, "`Math.random()`"))
        }
        AstKind::CallExpression(call) if is_date(&call.callee) => Some((call.span, "`Date()`")),
        AstKind::NewExpression(new) if is_date(&new.callee) && new.arguments.is_empty() => {
            Some((new.span, "`new Date()`"))
        }
        _ => None,
    }
}
