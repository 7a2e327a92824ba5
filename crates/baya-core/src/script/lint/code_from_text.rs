//! Roads to `eval` that do not go through its name (C06); the rest throws when it runs.

use crate::script::diagnostic::Findings;
use crate::script::parse::range;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, Expression};
use oxc_semantic::Semantic;

pub(super) fn code_from_text(semantic: &Semantic<'_>, findings: &mut Findings<'_>) {
    for node in semantic.nodes().iter() {
        let found = match node.kind() {
            AstKind::CallExpression(call) => timer_text(semantic, &call.callee, &call.arguments)
                .or_else(|| maker(semantic, &call.callee).map(|name| (call.span, name))),
            AstKind::NewExpression(new) => maker(semantic, &new.callee).map(|name| (new.span, name)),
            _ => None,
        };
        if let Some((span, name)) = found {
            let message =
                format!("{name} makes code from text, which nobody could check: it throws `EvalError` here");
            let hint = "write the function out; for data use `JSON.parse`";
            findings.error("code-from-text", range(span), message, Some(hint.to_owned()));
        }
    }
}

/// `globalThis.eval`, `globalThis.Function`, `(() => {}).constructor`.
fn maker(semantic: &Semantic<'_>, callee: &Expression<'_>) -> Option<&'static str> {
    let Expression::StaticMemberExpression(member) = callee.get_inner_expression() else { return None };
    match (member.object.get_inner_expression(), member.property.name.as_str()) {
        (Expression::Identifier(object), "eval" | "Function")
            if object.name == "globalThis" && semantic.is_reference_to_global_variable(object) =>
        {
            Some(if member.property.name == "eval" { "`eval`" } else { "`Function`" })
        }
        (object, "constructor") if object.is_function() => Some("a function's `constructor`"),
        _ => None,
    }
}

/// `setTimeout('code', …)`.
fn timer_text(
    semantic: &Semantic<'_>,
    callee: &Expression<'_>,
    arguments: &[Argument<'_>],
) -> Option<(oxc_span::Span, &'static str)> {
    let Expression::Identifier(name) = callee else { return None };
    if name.name != "setTimeout" || !semantic.is_reference_to_global_variable(name) {
        return None;
    }
    match arguments.first()? {
        Argument::StringLiteral(text) => Some((text.span, "`setTimeout` with text")),
        Argument::TemplateLiteral(text) => Some((text.span, "`setTimeout` with text")),
        _ => None,
    }
}
