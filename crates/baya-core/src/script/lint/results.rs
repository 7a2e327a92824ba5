//! `parse-result` and `null-result`: what an agent gives back, misread.

use super::calls::{View, member, method_call, text_of};
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression};
use oxc_span::{GetSpan, Span};

/// Constants and methods between an answer and its use.
const STEPS_MAX: u32 = 16;

/// `JSON.parse(await agent(…))`.
pub(super) fn parsed_results(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for call in view.calls().filter(|call| view.is_static_call(call, "JSON", &["parse"])) {
        let Some(argument) = call.arguments.first().and_then(|it| it.as_expression()) else { continue };
        if comes_from_agent(view, argument, STEPS_MAX) {
            let message = "an agent's text is parsed as JSON: one word around it and the script fails";
            let hint = "give `agent()` a `schema`: its answer is then a checked object";
            findings.warn("parse-result", range(call.callee.span()), message, Some(hint.to_owned()));
        }
    }
}

/// The answer itself, or a text made of it.
fn comes_from_agent<'a>(view: &View<'_, 'a>, expression: &'a Expression<'a>, steps: u32) -> bool {
    if steps == 0 {
        return false;
    }
    let resolved = view.resolved(expression);
    if view.awaited_agent(resolved).is_some() {
        return true;
    }
    match resolved {
        Expression::LogicalExpression(either) => comes_from_agent(view, &either.left, steps - 1),
        Expression::CallExpression(call) => match method_call(call) {
            Some((target, "trim" | "replace" | "replaceAll" | "slice" | "substring")) => {
                comes_from_agent(view, target, steps - 1)
            }
            _ => false,
        },
        _ => false,
    }
}

/// `(await agent(…)).member`.
pub(super) fn null_results(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for (_, kind) in view.kinds() {
        let (object, place, optional, what) = match kind {
            AstKind::StaticMemberExpression(it) => {
                (&it.object, it.property.span, it.optional, format!(".{}", it.property.name))
            }
            AstKind::ComputedMemberExpression(it) => {
                let end = it.span.end;
                (&it.object, Span::new(it.object.span().end, end), it.optional, "[…]".to_owned())
            }
            _ => continue,
        };
        let Some(call) = view.awaited_agent(object).filter(|call| !optional && may_be_null(view, call))
        else {
            continue;
        };
        let message =
            format!("`agent()` gives null when its agent fails or is skipped, and null has no `{what}`");
        let hint = match call.arguments.get(1) {
            Some(_) => format!("write `(await agent(…))?{}{what}`, or look at the answer first", dot(&what)),
            None => "write `const answer = await agent(…)`, and look at it before you use it".to_owned(),
        };
        findings.warn("null-result", range(place), message, Some(hint));
    }
}

fn dot(what: &str) -> &'static str {
    if what.starts_with('.') { "" } else { "." }
}

/// Not with `onFailure: 'throw'`, nor with options that cannot be read here.
fn may_be_null<'a>(view: &View<'_, 'a>, call: &'a CallExpression<'a>) -> bool {
    if call.arguments.len() < 2 {
        return true;
    }
    let options = view.object(call.arguments.get(1));
    options.is_some_and(|options| match member(options, "onFailure") {
        Some(value) => text_of(value) == Some("null"),
        None => options.properties.iter().all(|property| !property.is_spread()),
    })
}
