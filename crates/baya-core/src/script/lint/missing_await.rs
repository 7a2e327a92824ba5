//! `missing-await`: a promise of the engine taken for its answer, or dropped.

use super::calls::View;
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, CallExpression, Expression, UnaryOperator};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

const CODE: &str = "missing-await";

pub(super) fn missing_await(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for call in view.calls() {
        if let Some(name) = view.starter(call) {
            direct(view, name, call, findings);
            through_constant(view, name, call, findings);
        } else if let Some(name) = own_starter(view, call) {
            through_constant(view, name, call, findings);
            taken_for_value(view, name, call, findings);
        } else {
            for_each(view, call, findings);
        }
    }
}

/// What is done with a promise as if it were a value.
enum Use<'a> {
    Dropped,
    Member(&'a str),
    Text,
    Condition,
    Spread,
    Operand,
    Taken,
    Iterated,
}

impl Use<'_> {
    fn words(&self) -> String {
        match self {
            Use::Dropped => "nothing waits for it, and its answer is lost".to_owned(),
            Use::Member(name) => format!("it has no `.{name}`"),
            Use::Text => "as text it is `[object Promise]`".to_owned(),
            Use::Condition => "a promise is always true".to_owned(),
            Use::Spread => "it cannot be spread".to_owned(),
            Use::Operand => "it is no value to compare or add".to_owned(),
            Use::Taken => "it has no members to take out".to_owned(),
            Use::Iterated => "it is no list".to_owned(),
        }
    }
}

/// A function of the script's own that is async and starts agents. Dropping what it gives may be meant.
fn own_starter<'a>(view: &View<'_, 'a>, call: &'a CallExpression<'a>) -> Option<&'a str> {
    let Expression::Identifier(name) = call.callee.get_inner_expression() else { return None };
    let symbol = view.symbol(name)?;
    let span = match view.semantic.nodes().kind(view.semantic.scoping().symbol_declaration(symbol)) {
        AstKind::Function(function) if function.r#async => function.span,
        _ => match view.declarator(symbol)?.init.as_ref()?.get_inner_expression() {
            Expression::ArrowFunctionExpression(arrow) if arrow.r#async => arrow.span,
            Expression::FunctionExpression(function) if function.r#async => function.span,
            _ => return None,
        },
    };
    view.starts_agents(span).then_some(name.name.as_str())
}

fn taken_for_value(view: &View<'_, '_>, name: &str, call: &CallExpression<'_>, findings: &mut Findings<'_>) {
    let wrong = wrong_use(view, call.node_id.get()).filter(|wrong| !matches!(wrong, Use::Dropped));
    if wrong.is_some() {
        direct(view, name, call, findings);
    }
}

fn direct(view: &View<'_, '_>, name: &str, call: &CallExpression<'_>, findings: &mut Findings<'_>) {
    let Some(wrong) = wrong_use(view, call.node_id.get()) else { return };
    let message = format!("`{name}()` gives a promise and is not awaited: {}", wrong.words());
    let hint = match wrong {
        Use::Member(member) => format!("write `(await {name}(…)).{member}`"),
        _ => format!("write `await {name}(…)`"),
    };
    findings.warn(CODE, range(call.callee.span()), message, Some(hint));
}

/// `const x = agent(…)` and later `x.verdict`.
fn through_constant<'a>(
    view: &View<'_, 'a>,
    name: &str,
    call: &'a CallExpression<'a>,
    findings: &mut Findings<'_>,
) {
    let (_, AstKind::VariableDeclarator(declarator), inner) = view.around(call.node_id.get()) else { return };
    let BindingPattern::BindingIdentifier(variable) = &declarator.id else { return };
    let is_init = declarator.init.as_ref().is_some_and(|init| init.span() == inner);
    let Some(symbol) = variable.symbol_id.get().filter(|_| is_init) else { return };
    if view.declarator(symbol).is_none() {
        return;
    }
    for reference in view.semantic.symbol_references(symbol) {
        let wrong = wrong_use(view, reference.node_id()).filter(|wrong| !matches!(wrong, Use::Dropped));
        let Some(wrong) = wrong else { continue };
        let message =
            format!("`{}` is the promise of `{name}()`, not its answer: {}", variable.name, wrong.words());
        let hint = format!("write `const {} = await {name}(…)`", variable.name);
        findings.warn(CODE, range(view.semantic.reference_span(reference)), message, Some(hint));
        return;
    }
}

fn wrong_use<'a>(view: &View<'_, 'a>, node: NodeId) -> Option<Use<'a>> {
    let (_, around, inner) = view.around(node);
    let is = |expression: &Expression<'a>| expression.span() == inner;
    let is_some = |expression: &Option<Expression<'a>>| expression.as_ref().is_some_and(is);
    match around {
        AstKind::ExpressionStatement(_) => Some(Use::Dropped),
        AstKind::StaticMemberExpression(member) if is(&member.object) => {
            let property = member.property.name.as_str();
            (!matches!(property, "then" | "catch" | "finally")).then_some(Use::Member(property))
        }
        AstKind::ComputedMemberExpression(member) if is(&member.object) => Some(Use::Taken),
        AstKind::TemplateLiteral(_) => Some(Use::Text),
        AstKind::IfStatement(it) if is(&it.test) => Some(Use::Condition),
        AstKind::ConditionalExpression(it) if is(&it.test) => Some(Use::Condition),
        AstKind::WhileStatement(it) if is(&it.test) => Some(Use::Condition),
        AstKind::DoWhileStatement(it) if is(&it.test) => Some(Use::Condition),
        AstKind::ForStatement(it) if is_some(&it.test) => Some(Use::Condition),
        AstKind::LogicalExpression(it) if is(&it.left) => Some(Use::Condition),
        // `a && x` is asked for what `x` is.
        AstKind::LogicalExpression(it) => {
            wrong_use(view, it.node_id.get()).filter(|wrong| matches!(wrong, Use::Condition))
        }
        AstKind::UnaryExpression(it) => match it.operator {
            UnaryOperator::LogicalNot => Some(Use::Condition),
            UnaryOperator::UnaryNegation | UnaryOperator::UnaryPlus | UnaryOperator::BitwiseNot => {
                Some(Use::Operand)
            }
            UnaryOperator::Void | UnaryOperator::Typeof | UnaryOperator::Delete => None,
        },
        AstKind::BinaryExpression(it) if !it.operator.is_instance_of() && !it.operator.is_equality() => {
            Some(Use::Operand)
        }
        AstKind::SpreadElement(_) => Some(Use::Spread),
        AstKind::ForOfStatement(it) if is(&it.right) && !it.r#await => Some(Use::Iterated),
        AstKind::ForInStatement(it) if is(&it.right) => Some(Use::Iterated),
        AstKind::VariableDeclarator(it) if is_some(&it.init) && it.id.is_destructuring_pattern() => {
            Some(Use::Taken)
        }
        AstKind::CallExpression(call) => argument_use(view, call, inner),
        _ => None,
    }
}

fn argument_use<'a>(view: &View<'_, 'a>, call: &CallExpression<'a>, inner: Span) -> Option<Use<'a>> {
    if call.arguments.first().map(GetSpan::span) != Some(inner) {
        return None;
    }
    if view.is_static_call(call, "JSON", &["parse", "stringify"]) {
        return Some(Use::Text);
    }
    view.is_static_call(call, "Object", &["keys", "values", "entries"]).then_some(Use::Taken)
}

/// `items.forEach(async item => { await agent(…) })`.
fn for_each<'a>(view: &View<'_, 'a>, call: &'a CallExpression<'a>, findings: &mut Findings<'_>) {
    let Some((_, "forEach")) = super::calls::method_call(call) else { return };
    let Some(Expression::ArrowFunctionExpression(arrow)) =
        call.arguments.first().and_then(|it| it.as_expression())
    else {
        return;
    };
    if arrow.r#async && view.starts_agents(arrow.span) {
        let message =
            "`forEach` does not wait for an async function: the script goes on before its agents are done";
        let hint = "write `await parallel(items.map(item => () => agent(…)))`, or a `for … of` loop";
        findings.warn(
            CODE,
            range(Span::new(arrow.span.start, arrow.params.span.end)),
            message,
            Some(hint.to_owned()),
        );
    }
}
