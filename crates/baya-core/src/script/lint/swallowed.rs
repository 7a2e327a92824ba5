//! `swallowed-error`: a `catch` around agents that lets nobody know.

use super::calls::View;
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, CatchClause};
use oxc_span::{GetSpan, Span};

pub(super) fn swallowed_errors(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    let words = words(view);
    for (_, kind) in view.kinds() {
        let AstKind::TryStatement(attempt) = kind else { continue };
        let Some(handler) = attempt.handler.as_ref().filter(|_| view.starts_agents(attempt.block.span))
        else {
            continue;
        };
        let says = super::calls::any_within(&words, handler.body.span);
        if says || uses_error(view, handler) {
            continue;
        }
        let head = Span::new(handler.span.start, handler.body.span.start);
        let message =
            "this `catch` hides every error of the agents in it: what failed looks like what found nothing";
        let hint = "write `catch (error) { log(error.message) }`, or count what failed and return it";
        findings.warn("swallowed-error", range(head), message, Some(hint.to_owned()));
    }
}

/// Where something is said, thrown, kept or counted.
fn words(view: &View<'_, '_>) -> Vec<u32> {
    let places = view.kinds().filter_map(|(_, kind)| match kind {
        AstKind::CallExpression(_)
        | AstKind::ThrowStatement(_)
        | AstKind::AssignmentExpression(_)
        | AstKind::UpdateExpression(_) => Some(kind.span().start),
        // `return { failed: true }` says so; `return null` and `return []` do not.
        AstKind::ObjectProperty(_) | AstKind::StringLiteral(_) => Some(kind.span().start),
        _ => None,
    });
    let mut places: Vec<u32> = places.collect();
    places.sort_unstable();
    places
}

fn uses_error(view: &View<'_, '_>, handler: &CatchClause<'_>) -> bool {
    let Some(parameter) = &handler.param else { return false };
    match &parameter.pattern {
        BindingPattern::BindingIdentifier(name) => {
            let symbol = name.symbol_id.get();
            symbol.is_some_and(|symbol| view.semantic.symbol_references(symbol).next().is_some())
        }
        _ => true,
    }
}
