//! `unknown-option` and `quarantine-without-schema`: what `agent()` is told and does
//! not know, or will not take (C23, C24, C29).

use super::calls::{View, text_of};
use crate::script::diagnostic::Findings;
use crate::script::nearest::nearest;
use crate::script::parse::range;
use oxc_ast::ast::{Expression, ObjectExpression, ObjectProperty, ObjectPropertyKind};
use oxc_span::GetSpan;

/// Everybody's.
const SHARED: [&str; 10] = [
    "label",
    "phase",
    "schema",
    "model",
    "effort",
    "agentType",
    "isolation",
    "stallMs",
    "disallowedTools",
    "bashCommandClamp",
];
/// Ours.
pub(super) const OURS: [&str; 13] = [
    "backend",
    "tools",
    "timeoutMs",
    "idleMs",
    "retries",
    "maxTurns",
    "maxTokens",
    "cwd",
    "quarantine",
    "base",
    "work",
    "cache",
    "onFailure",
];
/// Options with a fixed set of values.
const VALUES: [(&str, &[&str]); 4] = [
    ("effort", &["low", "medium", "high", "xhigh", "max"]),
    ("isolation", &["worktree"]),
    ("onFailure", &["null", "throw"]),
    ("cache", &["run", "never", "shared"]),
];

pub(super) fn agent_options(view: &View<'_, '_>, findings: &mut Findings<'_>) {
    for call in view.calls().filter(|call| view.starter(call) == Some("agent")) {
        if let Some(options) = view.object(call.arguments.get(1)) {
            for (property, key) in keys(options) {
                option(property, &key, findings);
            }
            quarantine(options, findings);
        }
    }
}

/// An agent in quarantine whose answer has no form is refused at the call.
fn quarantine(options: &ObjectExpression<'_>, findings: &mut Findings<'_>) {
    let is_spread =
        |property: &ObjectPropertyKind<'_>| matches!(property, ObjectPropertyKind::SpreadProperty(_));
    if options.properties.iter().any(is_spread) || keys(options).any(|(_, key)| key == "schema") {
        return;
    }
    let wanted = keys(options).find(|(property, key)| {
        key == "quarantine" && matches!(&property.value, Expression::BooleanLiteral(it) if it.value)
    });
    if let Some((property, _)) = wanted {
        let message = "`quarantine: true` needs a `schema`: `agent()` will refuse the call";
        let hint = "give the form of what it returns, with enums and numbers where they will do";
        findings.warn(
            "quarantine-without-schema",
            range(property.key.span()),
            message,
            Some(hint.to_owned()),
        );
    }
}

/// The plain members of an object, by key.
pub(super) fn keys<'a>(
    object: &'a ObjectExpression<'a>,
) -> impl Iterator<Item = (&'a ObjectProperty<'a>, String)> {
    object.properties.iter().filter_map(|property| match property {
        ObjectPropertyKind::ObjectProperty(it) if !it.computed => {
            Some((&**it, it.key.static_name()?.into_owned()))
        }
        _ => None,
    })
}

fn option(property: &ObjectProperty<'_>, key: &str, findings: &mut Findings<'_>) {
    let place = range(property.key.span());
    let known = || SHARED.into_iter().chain(OURS);
    if !known().any(|name| name == key) {
        let hint = match nearest(key, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "it is ignored; take it out".to_owned(),
        };
        findings.warn("unknown-option", place, format!("`agent()` has no option `{key}`"), Some(hint));
    } else if let Some(value) = text_of(&property.value) {
        option_value(property, key, value, findings);
    }
}

fn option_value(property: &ObjectProperty<'_>, key: &str, value: &str, findings: &mut Findings<'_>) {
    let Some((_, allowed)) = VALUES.iter().find(|(name, _)| *name == key) else { return };
    let place = range(property.value.span());
    if !allowed.contains(&value) {
        let message = format!("`{key}` cannot be `{value}`");
        let hint = format!("write `{}`", allowed.join("`, `"));
        findings.warn("unknown-option", place, message, Some(hint));
    }
}
