//! The places that start agents, and all of them together.

use super::phases::{Named, Phases, named, text};
use super::places::Places;
use super::reader::Reader;
use super::times::Wait;
use super::value::Value;
use super::{Bounds, Child};
use crate::call::WorkflowTarget;
use crate::run::ERRANDS_PHASE;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression, ObjectPropertyKind};
use oxc_semantic::{NodeId, Semantic};
use oxc_span::GetSpan;

/// Options of `baya.land` with which it starts no agent.
const QUIET_LANDING: [&str; 6] = ["check", "checkTimeoutMs", "batch", "style", "model", "agentTimeoutMs"];

pub(super) fn bounds(semantic: &Semantic<'_>, args: Value, has_libraries: bool) -> Bounds {
    let reader = Reader::new(semantic, args, has_libraries);
    let phases = Phases::of(&reader);
    let mut bounds = Bounds { children: Some(Vec::new()), ..Bounds::default() };
    for node in mentions(&reader, "agent") {
        agents(&reader, &phases, node, &mut bounds);
    }
    for node in mentions(&reader, "workflow") {
        let child = child(&reader, node);
        bounds.children = bounds.children.take().zip(child).map(|(mut all, child)| {
            all.push(child);
            all
        });
    }
    for node in mentions(&reader, "baya") {
        if lands_with_agents(&reader, node) {
            bounds.own.add(None);
            bounds.by_phase.entry(ERRANDS_PHASE.to_owned()).or_default().add(None);
        }
    }
    bounds
}

fn mentions(reader: &Reader<'_, '_>, global: &str) -> Vec<NodeId> {
    let scoping = reader.semantic.scoping();
    let references = scoping.root_unresolved_references().get(global).into_iter().flatten();
    references.map(|reference| scoping.get_reference(*reference).node_id()).collect()
}

/// The agents of one mention of `agent`.
fn agents(reader: &Reader<'_, '_>, phases: &Phases, node: NodeId, bounds: &mut Bounds) {
    let call = called(reader, node);
    let places = match call {
        Some((call, _)) => reader.times(call, Wait::Open),
        None => reader.calls_of_mention(node),
    };
    let named = call.map_or(Named::Unknown, |(_, call)| named(reader, call));
    bounds.own.add(places.as_ref().map(Places::total));
    let mut note = |title: Option<&str>, count: Option<u64>| match title {
        Some(title) => bounds.by_phase.entry(title.to_owned()).or_default().add(count),
        None => bounds.anywhere.add(count),
    };
    match (named, places) {
        (Named::Title(title), places) => note(Some(&title), places.map(|it| it.total())),
        (Named::Unknown, places) => note(None, places.map(|it| it.total())),
        (Named::Entered, None) => note(None, None),
        (Named::Entered, Some(places)) => {
            for (place, count) in places.iter() {
                match phases.at(place) {
                    Some(titles) => titles.into_iter().for_each(|title| note(Some(title), Some(count))),
                    None => note(None, Some(count)),
                }
            }
        }
    }
}

/// The call whose callee a mention is.
fn called<'a>(reader: &Reader<'_, 'a>, node: NodeId) -> Option<(NodeId, &'a CallExpression<'a>)> {
    match reader.around(node) {
        (parent, AstKind::CallExpression(call), inner) if call.callee.span() == inner => Some((parent, call)),
        _ => None,
    }
}

fn child(reader: &Reader<'_, '_>, node: NodeId) -> Option<Child> {
    let (parent, call) = called(reader, node)?;
    let target = target(reader, call)?;
    Some(Child { target, times: reader.times(parent, Wait::Open)?.total() })
}

fn target(reader: &Reader<'_, '_>, call: &CallExpression<'_>) -> Option<WorkflowTarget> {
    match call.arguments.first().and_then(Argument::as_expression)?.get_inner_expression() {
        Expression::ObjectExpression(reference) => {
            let [ObjectPropertyKind::ObjectProperty(only)] = reference.properties.as_slice() else {
                return None;
            };
            let is_path = only.key.is_specific_static_name("scriptPath") && !only.computed;
            Some(WorkflowTarget::Path(text(reader, &only.value).filter(|_| is_path)?))
        }
        name => Some(WorkflowTarget::Name(text(reader, name)?)),
    }
}

/// The scripts that are called by names in the text.
pub(super) fn targets(semantic: &Semantic<'_>) -> Vec<WorkflowTarget> {
    let reader = Reader::new(semantic, Value::Any, false);
    let calls = mentions(&reader, "workflow").into_iter().filter_map(|node| called(&reader, node));
    calls.filter_map(|(_, call)| target(&reader, call)).collect()
}

/// `baya.land` with reviews, or with agents that settle conflicts; or `baya` goes where it cannot be followed.
fn lands_with_agents(reader: &Reader<'_, '_>, node: NodeId) -> bool {
    let (parent, AstKind::StaticMemberExpression(member), _) = reader.around(node) else { return true };
    if member.property.name != "land" {
        return false;
    }
    let Some((_, call)) = called(reader, parent) else { return true };
    match call.arguments.get(1) {
        None => call.arguments.first().is_some_and(|first| first.as_expression().is_none()),
        Some(options) => !options.as_expression().is_some_and(is_quiet),
    }
}

fn is_quiet(options: &Expression<'_>) -> bool {
    let Expression::ObjectExpression(options) = options.get_inner_expression() else { return false };
    options.properties.iter().all(|property| match property {
        ObjectPropertyKind::ObjectProperty(it) => {
            !it.computed && it.key.static_name().is_some_and(|name| QUIET_LANDING.contains(&&*name))
        }
        ObjectPropertyKind::SpreadProperty(_) => false,
    })
}
