//! `endless-loop`: agents in a loop that only a model's answer ends.

use super::calls::{View, any_within};
use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_span::{GetSpan, Span};

pub(super) fn endless_loops(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    let bounds = bounds(view);
    for (_, kind) in view.kinds() {
        let (span, head, words) = match kind {
            AstKind::WhileStatement(it) if is_true(&it.test) => (it.span, it.test.span(), "while (true)"),
            AstKind::DoWhileStatement(it) if is_true(&it.test) => {
                (it.span, it.test.span(), "do … while (true)")
            }
            AstKind::ForStatement(it) if it.test.as_ref().is_none_or(is_true) => {
                (it.span, Span::new(it.span.start, it.span.start + 3), "for (;;)")
            }
            _ => continue,
        };
        if view.starts_agents(span) && !any_within(&bounds, span) {
            let message = format!("`{words}` starts agents, and only their answers can end it");
            let hint = "give it a limit: `for (let round = 0; round < 5; round++)`, or stop when \
                        `budget.remaining()` is low";
            findings.warn("endless-loop", range(head), message, Some(hint.to_owned()));
        }
    }
}

fn is_true(test: &Expression<'_>) -> bool {
    match test.get_inner_expression() {
        Expression::BooleanLiteral(truth) => truth.value,
        Expression::NumericLiteral(number) => number.value != 0.0,
        _ => false,
    }
}

/// Looks at the budget, and comparisons that can count rounds.
fn bounds(view: &View<'_, '_>) -> Vec<u32> {
    let bounds = view.kinds().filter_map(|(_, kind)| match kind {
        AstKind::IdentifierReference(name) if name.name == "budget" => Some(name.span.start),
        AstKind::BinaryExpression(it) => {
            let counts = it.operator.is_compare() || (it.operator.is_equality() && is_number(&it.right));
            counts.then_some(it.span.start)
        }
        _ => None,
    });
    let mut bounds: Vec<u32> = bounds.collect();
    bounds.sort_unstable();
    bounds
}

fn is_number(expression: &Expression<'_>) -> bool {
    matches!(expression.get_inner_expression(), Expression::NumericLiteral(number) if number.value != 0.0)
}
