//! `uncapped-fan-out`: as many agents as a model's answer has elements, however many that are.

use super::calls::{View, chained, member, method_call};
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, BinaryExpression, CallExpression, ChainElement, Expression,
};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::GetSpan;

pub(super) fn uncapped_fan_out(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for call in view.calls() {
        if findings.is_full() {
            return;
        }
        let Some(name) = view.starter(call).filter(|name| matches!(*name, "parallel" | "pipeline")) else {
            continue;
        };
        let Some(list) = call.arguments.first().and_then(Argument::as_expression) else { continue };
        let mut trail = Trail { view, symbols: Vec::new() };
        let Some(source) = trail.source(list) else { continue };
        if schema_is_open(view, source) && !trail.symbols.iter().any(|symbol| is_measured(view, *symbol)) {
            let message = format!(
                "`{name}` starts one agent for each element of a model's answer, however many there are"
            );
            let hint =
                "cut the list: `.slice(0, 20)`, or say `maxItems` in the schema; log what was left out";
            findings.warn("uncapped-fan-out", range(list.span()), message, Some(hint.to_owned()));
        }
    }
}

/// Follows a list back to the agent it came from.
struct Trail<'v, 's, 'a> {
    view: &'v View<'s, 'a>,
    /// The constants on the way.
    symbols: Vec<SymbolId>,
}

impl<'a> Trail<'_, '_, 'a> {
    fn source(&mut self, expression: &'a Expression<'a>) -> Option<&'a CallExpression<'a>> {
        if let Some(call) = self.view.awaited_agent(expression) {
            return Some(call);
        }
        if let Some(call) = chained(expression) {
            return self.through_call(call);
        }
        match expression.get_inner_expression() {
            Expression::Identifier(name) => {
                let symbol = self.view.symbol(name)?;
                if self.symbols.len() >= 32 || self.symbols.contains(&symbol) {
                    return None;
                }
                self.symbols.push(symbol);
                self.source(self.view.declarator(symbol)?.init.as_ref()?)
            }
            Expression::StaticMemberExpression(it) if it.property.name != "length" => self.source(&it.object),
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::StaticMemberExpression(it) => self.source(&it.object),
                _ => None,
            },
            Expression::LogicalExpression(either) => self.source(&either.left),
            Expression::ArrayExpression(array) => array.elements.iter().find_map(|element| match element {
                ArrayExpressionElement::SpreadElement(spread) => self.source(&spread.argument),
                _ => None,
            }),
            _ => None,
        }
    }

    /// Methods that leave a list as long as the answer made it.
    fn through_call(&mut self, call: &'a CallExpression<'a>) -> Option<&'a CallExpression<'a>> {
        if self.view.is_static_call(call, "Object", &["keys", "values", "entries"]) {
            return self.source(call.arguments.first()?.as_expression()?);
        }
        match method_call(call)? {
            (
                target,
                "map" | "flatMap" | "filter" | "flat" | "sort" | "toSorted" | "reverse" | "toReversed"
                | "concat",
            ) => self.source(target),
            _ => None,
        }
    }
}

/// The agent's schema can be read, and says nothing of `maxItems`.
fn schema_is_open<'a>(view: &View<'_, 'a>, agent: &'a CallExpression<'a>) -> bool {
    let Some(options) = view.object(agent.arguments.get(1)) else { return false };
    let Some(schema) = member(options, "schema") else { return false };
    match view.resolved(schema) {
        Expression::ObjectExpression(object) => !view.text(object.span).contains("maxItems"),
        _ => false,
    }
}

/// Somewhere the length of what this holds is compared with a number, or cut.
fn is_measured(view: &View<'_, '_>, symbol: SymbolId) -> bool {
    view.semantic.symbol_references(symbol).any(|reference| measures(view, reference.node_id()))
}

/// Goes up from `answer` over `answer.items.length` to what is done with it.
fn measures(view: &View<'_, '_>, mut node: NodeId) -> bool {
    let mut is_length = false;
    loop {
        let (parent, kind, inner) = view.around(node);
        match kind {
            AstKind::StaticMemberExpression(it) if it.object.span() == inner => {
                is_length = it.property.name == "length";
                if matches!(it.property.name.as_str(), "splice") {
                    return true;
                }
            }
            AstKind::ChainExpression(_) => {}
            AstKind::LogicalExpression(_) => {}
            AstKind::BinaryExpression(it) => return is_length && is_cap(it),
            AstKind::CallExpression(call) => return is_length && view.is_static_call(call, "Math", &["min"]),
            AstKind::AssignmentExpression(_) => return is_length,
            _ => return false,
        }
        node = parent;
    }
}

/// An order comparison with something other than 0 or 1, which only ask whether there is anything.
fn is_cap(comparison: &BinaryExpression<'_>) -> bool {
    let small = |side: &Expression<'_>| side.is_number_value(0.0) || side.is_number_value(1.0);
    comparison.operator.is_compare() && !small(&comparison.left) && !small(&comparison.right)
}
