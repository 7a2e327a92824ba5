//! `index-after-filter` and `shared-index`: places in a list that are no longer the ones that are meant.

use super::calls::{View, chained, method_call};
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, ArrowFunctionExpression, AssignmentTarget, CallExpression, ComputedMemberExpression,
    Expression, SimpleAssignmentTarget,
};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::{GetSpan, Span};
use std::collections::BTreeMap;

/// Constants and methods between a list and its filter.
const STEPS_MAX: u32 = 16;

/// `answers.filter(Boolean).map((answer, at) => files[at])`.
pub(super) fn index_after_filter(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for call in view.calls() {
        let Some((list, "map" | "flatMap" | "forEach")) = method_call(call) else { continue };
        let Some(Expression::ArrowFunctionExpression(arrow)) =
            call.arguments.first().and_then(Argument::as_expression)
        else {
            continue;
        };
        let index = arrow.params.items.get(1).and_then(|item| item.pattern.get_binding_identifier());
        let Some(index) = index.and_then(|name| name.symbol_id.get()) else { continue };
        if let Some(filtered) = filtered(view, list, STEPS_MAX) {
            other_list(view, arrow, index, &filtered, findings);
        }
    }
}

/// The list that was filtered, and what that made of it, as texts; none if nothing was.
struct Filtered<'a> {
    /// What the places still fit.
    fits: Vec<&'a str>,
}

fn filtered<'a>(view: &View<'_, 'a>, list: &'a Expression<'a>, steps: u32) -> Option<Filtered<'a>> {
    if steps == 0 {
        return None;
    }
    let here = view.text(list.span());
    let resolved = view.resolved(list);
    let call = chained(resolved)?;
    match method_call(call)? {
        (from, "filter") if comes_from_agents(view, from, STEPS_MAX) => Some(Filtered { fits: vec![here] }),
        (from, "map") => {
            let mut found = filtered(view, from, steps - 1)?;
            found.fits.push(here);
            found.fits.push(view.text(from.span()));
            Some(found)
        }
        _ => None,
    }
}

/// What `parallel` or `pipeline` gave, which has a place for each of what went in.
fn comes_from_agents<'a>(view: &View<'_, 'a>, expression: &'a Expression<'a>, steps: u32) -> bool {
    if steps == 0 {
        return false;
    }
    match view.resolved(expression) {
        Expression::AwaitExpression(awaited) => {
            view.started(&awaited.argument).is_some_and(|(name, _)| matches!(name, "parallel" | "pipeline"))
        }
        Expression::CallExpression(call) => match method_call(call) {
            Some((from, "map")) => comes_from_agents(view, from, steps - 1),
            _ => false,
        },
        _ => false,
    }
}

fn other_list<'a>(
    view: &View<'_, 'a>,
    arrow: &'a ArrowFunctionExpression<'a>,
    index: SymbolId,
    filtered: &Filtered<'a>,
    findings: &mut Findings<'_>,
) {
    for (_, kind) in view.kinds() {
        let AstKind::ComputedMemberExpression(it) = kind else { continue };
        let Expression::Identifier(name) = it.expression.get_inner_expression() else { continue };
        let Expression::Identifier(list) = it.object.get_inner_expression() else { continue };
        let within = arrow.span.start <= it.span.start && it.span.end <= arrow.span.end;
        let fits = filtered.fits.contains(&list.name.as_str());
        if !within || fits || view.symbol(name) != Some(index) {
            continue;
        }
        let message = format!(
            "after a `filter`, place `{}` of what is left is another one in `{}`: answers go to the wrong element",
            name.name, list.name
        );
        let hint = format!(
            "join them first, and filter then: `.map((answer, at) => ({{ answer, of: {}[at] }})).filter(…)`",
            list.name
        );
        findings.warn("index-after-filter", range(it.span), message, Some(hint));
        return;
    }
}

/// An index that several branches count up, and that is used on one side of an `await` and counted on
/// the other.
pub(super) fn shared_index(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    let waits: Vec<(NodeId, Span)> = view
        .kinds()
        .filter(|(_, kind)| matches!(kind, AstKind::AwaitExpression(_)))
        .filter_map(|(id, kind)| Some((function_around(view, id)?, kind.span())))
        .collect();
    let mut counted: BTreeMap<(u32, u32), SymbolId> = BTreeMap::new();
    for (id, kind) in view.kinds() {
        let Some(symbol) = counted_symbol(view, kind) else { continue };
        let Some(function) = function_around(view, id) else { continue };
        let own = function_around(view, view.semantic.scoping().symbol_declaration(symbol));
        if own == Some(function) || !runs_in_branches(view, function) {
            continue;
        }
        let span = kind.span();
        let used = view.semantic.symbol_references(symbol).filter_map(|it| {
            let member = indexed(view, it.node_id())?;
            let holds = |one: Span, other: Span| one.start <= other.start && other.end <= one.end;
            let apart = !holds(span, member) && !holds(member, span);
            (apart && function_around(view, it.node_id()) == Some(function)).then_some(member)
        });
        for member in used {
            let (from, to) = (member.start.min(span.start), member.end.max(span.end));
            let is_between = |wait: &Span| from < wait.end && wait.end <= to;
            if waits.iter().any(|(around, wait)| *around == function && is_between(wait)) {
                counted.insert((member.start, member.end), symbol);
            }
        }
    }
    let mut told = Vec::new();
    for ((start, end), symbol) in counted {
        if told.contains(&symbol) {
            continue;
        }
        told.push(symbol);
        let name = view.semantic.scoping().symbol_name(symbol);
        let message =
            format!("`{name}` is shared by branches, and others count it between here and its next use");
        let hint = format!("take it and count it in one step, before any `await`: `const at = {name}++`");
        findings.warn("shared-index", range(Span::new(start, end)), message, Some(hint));
    }
}

/// `n++`, `n += 1`: what is counted.
fn counted_symbol<'a>(view: &View<'_, 'a>, kind: AstKind<'a>) -> Option<SymbolId> {
    match kind {
        AstKind::UpdateExpression(it) => match &it.argument {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(name) => view.symbol(name),
            _ => None,
        },
        AstKind::AssignmentExpression(it) if it.operator.is_arithmetic() => match &it.left {
            AssignmentTarget::AssignmentTargetIdentifier(name) => view.symbol(name),
            _ => None,
        },
        _ => None,
    }
}

/// The member expression that this name is the index of.
fn indexed(view: &View<'_, '_>, node: NodeId) -> Option<Span> {
    let (_, around, inner) = view.around(node);
    let is_index = |it: &ComputedMemberExpression<'_>| it.expression.span() == inner;
    match around {
        AstKind::ComputedMemberExpression(it) if is_index(it) => Some(it.span),
        _ => None,
    }
}

fn function_around(view: &View<'_, '_>, node: NodeId) -> Option<NodeId> {
    let nodes = view.semantic.nodes();
    let is_function =
        |kind: &AstKind<'_>| matches!(kind, AstKind::Function(_) | AstKind::ArrowFunctionExpression(_));
    nodes.ancestors(node).find(|it| is_function(&it.kind())).map(|it| it.id())
}

/// An async function that `parallel` or `pipeline` is given, or that has a name.
fn runs_in_branches(view: &View<'_, '_>, function: NodeId) -> bool {
    let nodes = view.semantic.nodes();
    let is_async = match nodes.kind(function) {
        AstKind::Function(it) => it.r#async,
        AstKind::ArrowFunctionExpression(it) => it.r#async,
        _ => false,
    };
    // The text of a unit is itself a function.
    let is_entry = nodes.ancestors(function).all(|it| {
        !matches!(it.kind(), AstKind::Function(_) | AstKind::ArrowFunctionExpression(_))
            || it.id() == function
    });
    is_async && !is_entry && is_called_by_branches(view, function)
}

/// Within the brackets of a `parallel` or `pipeline`, or by a name that stands there.
fn is_called_by_branches(view: &View<'_, '_>, function: NodeId) -> bool {
    let fans: Vec<&CallExpression<'_>> = view
        .calls()
        .filter(|call| view.starter(call).is_some_and(|name| matches!(name, "parallel" | "pipeline")))
        .collect();
    let within = |span: Span| fans.iter().any(|fan| fan.span.start <= span.start && span.end <= fan.span.end);
    let nodes = view.semantic.nodes();
    if within(nodes.kind(function).span()) {
        return true;
    }
    let name = match nodes.kind(function) {
        AstKind::Function(it) => it.id.as_ref().and_then(|name| name.symbol_id.get()),
        AstKind::ArrowFunctionExpression(_) => match nodes.parent_kind(function) {
            AstKind::VariableDeclarator(it) => {
                it.id.get_binding_identifier().and_then(|it| it.symbol_id.get())
            }
            _ => None,
        },
        _ => None,
    };
    name.is_some_and(|name| {
        view.semantic.symbol_references(name).any(|it| within(nodes.kind(it.node_id()).span()))
    })
}
