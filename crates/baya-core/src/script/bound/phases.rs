//! In which phase an agent is asked for, as far as the text says.

use super::reader::Reader;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression, ObjectPropertyKind};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use std::collections::BTreeSet;

/// Where `phase()` is called in the script's own text.
#[derive(Default)]
pub(super) struct Phases {
    /// In the order of the text.
    calls: Vec<Entered>,
    /// It is called elsewhere, too, or with what is not known.
    is_open: bool,
}

struct Entered {
    at: u32,
    title: String,
    /// Behind the call and within this, the phase was entered.
    holds: Span,
}

/// What an agent's options say of its phase.
pub(super) enum Named {
    Title(String),
    /// Nothing: it is the phase that was entered.
    Entered,
    Unknown,
}

impl Phases {
    pub(super) fn of(reader: &Reader<'_, '_>) -> Phases {
        let mut phases = Phases::default();
        let scoping = reader.semantic.scoping();
        for reference in scoping.root_unresolved_references().get("phase").into_iter().flatten() {
            let node = scoping.get_reference(*reference).node_id();
            match entered(reader, node) {
                Some(entered) => phases.calls.push(entered),
                None => phases.is_open = true,
            }
        }
        phases.calls.sort_by_key(|it| it.at);
        phases
    }

    /// The titles that may be the entered one at a place; none: any may be. `""` is none at all.
    pub(super) fn at(&self, (offset, floats): (u32, bool)) -> Option<BTreeSet<&str>> {
        if self.is_open {
            return None;
        }
        let mut titles = BTreeSet::new();
        let mut is_sure = false;
        for entered in self.calls.iter().rev() {
            let is_behind = entered.at < offset;
            if is_behind && is_sure {
                break;
            }
            if is_behind || floats {
                titles.insert(entered.title.as_str());
            }
            is_sure |= is_behind && entered.holds.start <= offset && offset < entered.holds.end;
        }
        if !is_sure {
            titles.insert("");
        }
        Some(titles)
    }
}

/// `phase('Title')` as a statement of the script's own, in no loop.
fn entered(reader: &Reader<'_, '_>, node: NodeId) -> Option<Entered> {
    let (parent, kind, inner) = reader.around(node);
    let AstKind::CallExpression(call) = kind else { return None };
    let title = text(reader, call.arguments.first()?.as_expression()?)?;
    let (statement, AstKind::ExpressionStatement(_), _) = reader.around(parent) else { return None };
    let nodes = reader.semantic.nodes();
    let is_own = call.callee.span() == inner
        && reader.function_around(parent).is_some_and(|function| reader.is_root(function));
    let is_in_loop = nodes.ancestor_kinds(parent).any(|around| {
        matches!(
            around,
            AstKind::ForStatement(_)
                | AstKind::ForOfStatement(_)
                | AstKind::ForInStatement(_)
                | AstKind::WhileStatement(_)
                | AstKind::DoWhileStatement(_)
        )
    });
    let block = nodes.parent_kind(statement);
    let holds = match block {
        AstKind::FunctionBody(_) | AstKind::BlockStatement(_) => block.span(),
        // The one statement of an `if`, or one of a `switch`.
        _ => Span::new(call.span.start, call.span.start),
    };
    (is_own && !is_in_loop && !title.is_empty()).then_some(Entered { at: call.span.start, title, holds })
}

/// The phase in the options of a call of `agent`.
pub(super) fn named(reader: &Reader<'_, '_>, call: &CallExpression<'_>) -> Named {
    if call.arguments.iter().take(2).any(|it| it.as_expression().is_none()) {
        return Named::Unknown;
    }
    let options = match call.arguments.get(1).and_then(Argument::as_expression) {
        None => return Named::Entered,
        Some(options) => options.get_inner_expression(),
    };
    let Expression::ObjectExpression(options) = options else { return Named::Unknown };
    let mut named = Named::Entered;
    for property in &options.properties {
        named = match property {
            ObjectPropertyKind::SpreadProperty(_) => Named::Unknown,
            ObjectPropertyKind::ObjectProperty(it) if it.computed => Named::Unknown,
            ObjectPropertyKind::ObjectProperty(it) if it.key.is_specific_static_name("phase") => {
                text(reader, &it.value).filter(|it| !it.is_empty()).map_or(Named::Unknown, Named::Title)
            }
            ObjectPropertyKind::ObjectProperty(_) => named,
        };
    }
    named
}

/// A text that is written out, here or where the constant is made.
pub(super) fn text(reader: &Reader<'_, '_>, expression: &Expression<'_>) -> Option<String> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(it) => Some(it.value.to_string()),
        Expression::TemplateLiteral(it) => it.single_quasi().map(|text| text.to_string()),
        Expression::Identifier(name) => {
            let declarator = reader.declarator(reader.symbol(name)?)?;
            match declarator.init.as_ref().filter(|_| declarator.id.is_binding_identifier())? {
                Expression::StringLiteral(it) => Some(it.value.to_string()),
                _ => None,
            }
        }
        _ => None,
    }
}
