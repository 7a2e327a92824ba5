//! The host steps that a script uses: no findings, but what a person wants to know before it runs.

use super::calls::{View, text_of};
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use crate::step::HostStep;
use oxc_ast::AstKind;
use oxc_ast::ast::CallExpression;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

/// One entry per use; its code is the step, its message the text it is given, if that stands there.
pub(super) fn host_steps(view: &View<'_, '_>, uses: &mut Findings<'_>) {
    for (node, kind) in view.kinds() {
        let AstKind::IdentifierReference(name) = kind else { continue };
        if name.name != "baya" || !view.is_global(name) {
            continue;
        }
        let (step, around) = named(view, node, name.span);
        match step {
            Some(step) => uses.warn(step, range(name.span), argument(view, around, step), None),
            None if around == node => uses.warn("baya", range(name.span), "", None),
            None => {}
        }
    }
}

/// The step that a chain of members names, and the last of its nodes; the node itself if there are none.
fn named(view: &View<'_, '_>, node: NodeId, name: Span) -> (Option<&'static str>, NodeId) {
    let nodes = view.semantic.nodes();
    let (mut last, mut path) = (node, view.text(name).to_owned());
    while let AstKind::StaticMemberExpression(member) = nodes.parent_kind(last) {
        if member.object.span() != nodes.kind(last).span() {
            break;
        }
        path = format!("{path}.{}", member.property.name);
        last = nodes.parent_id(last);
        if let Some(step) = HostStep::NAMES.into_iter().find(|step| *step == path) {
            return (Some(step), last);
        }
    }
    (None, last)
}

fn argument(view: &View<'_, '_>, callee: NodeId, step: &str) -> String {
    match view.semantic.nodes().parent_kind(callee) {
        AstKind::CallExpression(call) if step != "baya.land" => first_text(view, call),
        _ => String::new(),
    }
}

fn first_text<'a>(view: &View<'_, 'a>, call: &'a CallExpression<'a>) -> String {
    let first = call.arguments.first().and_then(|argument| argument.as_expression());
    let text = first.and_then(|first| text_of(view.resolved(first)));
    text.and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
}
