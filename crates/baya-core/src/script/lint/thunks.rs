//! `called-thunk`: `parallel` and `pipeline` take functions, and were given what the functions return.

use super::calls::{View, method_call};
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, ArrowFunctionBody, ArrowFunctionExpression, CallExpression, Expression,
    Statement,
};
use oxc_span::{GetSpan, Span};

const CODE: &str = "called-thunk";

pub(super) fn called_thunks(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for call in view.calls() {
        match view.starter(call) {
            Some("parallel") => parallel(view, call, findings),
            Some("pipeline") => {
                for stage in call.arguments.iter().skip(1).filter_map(Argument::as_expression) {
                    if let Some((name, span)) = answer(view, stage) {
                        stage_called(name, span, findings);
                    }
                }
            }
            _ => {}
        }
    }
}

fn stage_called(name: &str, span: Span, findings: &mut Findings<'_>) {
    let message = format!("a stage of `pipeline` is a function, and `{name}()` is called here already");
    let hint = format!("write `(previous, item, index) => {name}(…)`");
    findings.warn(CODE, range(span), message, Some(hint));
}

fn parallel<'a>(view: &View<'_, 'a>, call: &'a CallExpression<'a>, findings: &mut Findings<'_>) {
    let Some(list) = call.arguments.first().and_then(Argument::as_expression) else { return };
    if let Some((name, call)) = view.started(list).filter(|(name, _)| matches!(*name, "agent" | "workflow")) {
        let message = format!("`parallel` takes a list of functions, and `{name}()` is called here already");
        let hint = format!("write `parallel([() => {name}(…)])`");
        findings.warn(CODE, range(call.callee.span()), message, Some(hint));
        return;
    }
    elements(view, list, &mut 200, findings);
}

/// Looks at the elements a list will have.
fn elements<'a>(view: &View<'_, 'a>, list: &'a Expression<'a>, steps: &mut u32, findings: &mut Findings<'_>) {
    // Constants may name each other in circles.
    *steps = steps.saturating_sub(1);
    if *steps == 0 {
        return;
    }
    match view.resolved(list) {
        Expression::ArrayExpression(array) => {
            for element in &array.elements {
                match element {
                    ArrayExpressionElement::SpreadElement(spread) => {
                        elements(view, &spread.argument, steps, findings)
                    }
                    other => {
                        if let Some((name, span)) = other.as_expression().and_then(|it| answer(view, it)) {
                            element_called(name, span, findings);
                        }
                    }
                }
            }
        }
        Expression::CallExpression(call) => match method_call(call) {
            Some((_, "map" | "flatMap")) => mapped(view, call, findings),
            Some((target, "filter" | "slice" | "reverse" | "toReversed")) => {
                elements(view, target, steps, findings)
            }
            _ => {}
        },
        _ => {}
    }
}

fn element_called(name: &str, span: Span, findings: &mut Findings<'_>) {
    let message = format!("`parallel` takes functions, and `{name}()` is called here already");
    let hint = format!("write `() => {name}(…)`, so that `parallel` calls it");
    findings.warn(CODE, range(span), message, Some(hint));
}

/// `items.map(item => agent(…))`.
fn mapped<'a>(view: &View<'_, 'a>, call: &'a CallExpression<'a>, findings: &mut Findings<'_>) {
    let Some(Expression::ArrowFunctionExpression(arrow)) =
        call.arguments.first().and_then(Argument::as_expression)
    else {
        return;
    };
    if let Some((name, span)) = result(arrow).and_then(|result| answer(view, result)) {
        let message = format!("`parallel` takes functions, and `{name}()` is called here already");
        let hint = format!("write `item => () => {name}(…)`: a function that makes a function");
        findings.warn(CODE, range(span), message, Some(hint));
    } else if arrow.r#async {
        let message = "`parallel` takes functions, and an async function gives promises";
        let hint = "write `item => async () => { … }`: a function that makes an async function";
        let head = Span::new(arrow.span.start, arrow.params.span.end);
        findings.warn(CODE, range(head), message, Some(hint.to_owned()));
    }
}

/// What an arrow function returns, if that is plain to see.
fn result<'a>(arrow: &'a ArrowFunctionExpression<'a>) -> Option<&'a Expression<'a>> {
    match &arrow.body {
        ArrowFunctionBody::FunctionBody(body) => match body.statements.last()? {
            Statement::ReturnStatement(last) => last.argument.as_ref(),
            _ => None,
        },
        expression => expression.as_expression(),
    }
}

/// A call of the engine, awaited or not, where a function belongs.
fn answer<'a>(view: &View<'_, 'a>, expression: &'a Expression<'a>) -> Option<(&'static str, Span)> {
    let resolved = view.resolved(expression);
    let (name, call) = match resolved {
        Expression::AwaitExpression(awaited) => view.started(&awaited.argument)?,
        other => view.started(other)?,
    };
    let here = expression.get_inner_expression();
    let named = matches!(here, Expression::Identifier(_));
    Some((name, if named { here.span() } else { call.callee.span() }))
}
