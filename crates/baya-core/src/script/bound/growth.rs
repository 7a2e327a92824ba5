//! Which lists and objects of a script change after they were made. A constant list has as many elements as
//! it was made with, unless something puts more into it: by its own name, which is seen, or by another name
//! for it, which is not. So if anything is changed by a name that may mean any list, only those are trusted
//! that nothing else has a name for.

use super::reader::{Callable, Reader, method_call};
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, CallExpression, Expression, SimpleAssignmentTarget};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::GetSpan;
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Growth {
    /// Constants that are changed by their own names.
    grown: BTreeSet<SymbolId>,
    /// Something is put into a list that may be any.
    some_list: bool,
    /// A member is written of an object that may be any.
    some_member: bool,
    args: bool,
}

const GROWING: [&str; 5] = ["push", "unshift", "splice", "add", "set"];
/// Methods whose callbacks get the list itself behind their other parameters.
const CALLING: [&str; 14] = [
    "map",
    "forEach",
    "filter",
    "flatMap",
    "some",
    "every",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "reduce",
    "reduceRight",
    "sort",
    "toSorted",
];
/// Methods that give the list itself.
const ITSELF: [&str; 6] = ["sort", "reverse", "fill", "copyWithin", "valueOf", "at"];
/// Methods that give a list of their own.
const FRESH: [&str; 11] = [
    "map",
    "filter",
    "flatMap",
    "flat",
    "slice",
    "concat",
    "toSorted",
    "toReversed",
    "toSpliced",
    "with",
    "split",
];
/// Functions that only look at what they are given, or copy it.
const HARMLESS: [&str; 10] = [
    "agent",
    "parallel",
    "pipeline",
    "workflow",
    "log",
    "phase",
    "String",
    "Number",
    "Boolean",
    "structuredClone",
];
const HARMLESS_OF: [(&str, &[&str]); 5] = [
    ("JSON", &["stringify"]),
    ("Math", &["max", "min"]),
    ("Array", &["from", "isArray"]),
    ("Object", &["keys", "values", "entries", "fromEntries"]),
    ("console", &["log", "info", "debug", "warn", "error"]),
];

impl Growth {
    /// Functions of libraries may do anything with what they are given.
    pub(super) fn of(reader: &Reader<'_, '_>, has_libraries: bool) -> Growth {
        let mut growth = Growth { some_list: has_libraries, some_member: has_libraries, ..Growth::default() };
        for node in reader.semantic.nodes().iter() {
            match node.kind() {
                AstKind::StaticMemberExpression(it) if GROWING.contains(&it.property.name.as_str()) => {
                    growth.receiver(reader, &it.object, true);
                }
                AstKind::ComputedMemberExpression(it) => growth.computed(reader, node.id(), it),
                AstKind::AssignmentExpression(it) => growth.target(reader, &it.left),
                AstKind::UpdateExpression(it) => growth.simple(reader, &it.argument),
                // A list taken apart into members, or a loop over them.
                AstKind::ArrayAssignmentTarget(_) | AstKind::ObjectAssignmentTarget(_) => {
                    (growth.some_list, growth.some_member) = (true, true);
                }
                AstKind::ForOfStatement(it) if it.left.as_assignment_target().is_some() => {
                    growth.some_list = true;
                }
                AstKind::ForInStatement(it) if it.left.as_assignment_target().is_some() => {
                    growth.some_list = true;
                }
                AstKind::CallExpression(it) if reader.is_static_call(it, "Object", &["assign"]) => {
                    match it.arguments.first().and_then(|it| it.as_expression()) {
                        Some(into) => growth.receiver(reader, into, false),
                        None => growth.some_member = true,
                    }
                }
                _ => {}
            }
        }
        growth
    }

    /// `list[name](…)` may be any method.
    fn computed(
        &mut self,
        reader: &Reader<'_, '_>,
        node: NodeId,
        it: &oxc_ast::ast::ComputedMemberExpression<'_>,
    ) {
        let is_called = match reader.around(node) {
            (_, AstKind::CallExpression(call), inner) => call.callee.span() == inner,
            _ => false,
        };
        let may_grow = match it.expression.get_inner_expression() {
            Expression::StringLiteral(name) => GROWING.contains(&name.value.as_str()),
            _ => is_called,
        };
        if may_grow {
            self.receiver(reader, &it.object, true);
        }
    }

    fn target(&mut self, reader: &Reader<'_, '_>, target: &AssignmentTarget<'_>) {
        if let Some(simple) = target.as_simple_assignment_target() {
            self.simple(reader, simple);
        }
    }

    fn simple(&mut self, reader: &Reader<'_, '_>, target: &SimpleAssignmentTarget<'_>) {
        match target {
            SimpleAssignmentTarget::StaticMemberExpression(it) => {
                self.receiver(reader, &it.object, it.property.name == "length");
            }
            SimpleAssignmentTarget::ComputedMemberExpression(it) => {
                let is_member = matches!(it.expression.get_inner_expression(), Expression::StringLiteral(_));
                self.receiver(reader, &it.object, !is_member);
            }
            _ => {}
        }
    }

    fn receiver(&mut self, reader: &Reader<'_, '_>, object: &Expression<'_>, is_list: bool) {
        if let Expression::Identifier(name) = object.get_inner_expression() {
            if let Some(symbol) = reader.symbol(name).filter(|symbol| is_own(reader, *symbol)) {
                self.grown.insert(symbol);
                return;
            }
            self.args |= name.name == "args";
        }
        self.some_member = true;
        self.some_list |= is_list;
    }

    /// `args` and what is in it stay as they were given.
    pub(super) fn trusts_args(&self) -> bool {
        !self.args && !self.some_list && !self.some_member
    }

    /// What a constant was made as is what it stays.
    pub(super) fn trusts(&self, reader: &Reader<'_, '_>, symbol: SymbolId, is_record: bool) -> Trust {
        if self.grown.contains(&symbol) {
            return Trust::None;
        }
        let may_differ = self.some_list || (is_record && self.some_member);
        if !may_differ {
            // What lies in it may have a member written that is a list itself.
            return if self.some_member { Trust::Itself } else { Trust::All };
        }
        match is_own(reader, symbol) && is_private(reader, symbol) {
            true => Trust::Itself,
            false => Trust::None,
        }
    }

    /// What is known of a list that has no name.
    pub(super) fn trusts_parts(&self) -> bool {
        !self.some_list && !self.some_member
    }
}

/// How far what is known of a constant holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    All,
    /// Not of the lists and objects in it.
    Itself,
    None,
}

/// A constant that holds a list or object made for it.
fn is_own(reader: &Reader<'_, '_>, symbol: SymbolId) -> bool {
    let declarator = reader.declarator(symbol).filter(|it| it.id.is_binding_identifier());
    declarator.and_then(|it| it.init.as_ref()).is_some_and(|init| is_fresh(reader, init))
}

fn is_fresh(reader: &Reader<'_, '_>, made: &Expression<'_>) -> bool {
    match made.get_inner_expression() {
        Expression::ArrayExpression(_) | Expression::ObjectExpression(_) => true,
        Expression::NewExpression(it) => match it.callee.get_inner_expression() {
            Expression::Identifier(name) => {
                matches!(name.name.as_str(), "Array" | "Set" | "Map") && reader.is_global(name)
            }
            _ => false,
        },
        Expression::AwaitExpression(it) => is_fresh(reader, &it.argument),
        Expression::CallExpression(call) => is_fresh_call(reader, call),
        _ => false,
    }
}

fn is_fresh_call(reader: &Reader<'_, '_>, call: &CallExpression<'_>) -> bool {
    reader.starter(call).is_some_and(|name| matches!(name, "parallel" | "pipeline"))
        || reader.is_static_call(call, "Array", &["from", "of"])
        || reader.is_static_call(call, "Object", &["keys", "values", "entries", "fromEntries"])
        || method_call(call).is_some_and(|(_, method)| FRESH.contains(&method))
}

/// Nothing else in the text has a name for what this one holds.
fn is_private(reader: &Reader<'_, '_>, symbol: SymbolId) -> bool {
    reader.semantic.symbol_references(symbol).all(|reference| keeps(reader, reference.node_id()))
}

/// What stands around a mention does not hand the list on.
fn keeps(reader: &Reader<'_, '_>, node: NodeId) -> bool {
    let (parent, kind, inner) = reader.around(node);
    match kind {
        AstKind::StaticMemberExpression(it) => match reader.around(parent) {
            (call, AstKind::CallExpression(around), callee) if around.callee.span() == callee => {
                method_keeps(reader, call, around, it.property.name.as_str())
            }
            _ => true,
        },
        AstKind::ComputedMemberExpression(_)
        | AstKind::SpreadElement(_)
        | AstKind::TemplateLiteral(_)
        | AstKind::UnaryExpression(_)
        | AstKind::BinaryExpression(_)
        | AstKind::IfStatement(_) => true,
        AstKind::ForOfStatement(it) => it.right.span() == inner,
        AstKind::ConditionalExpression(it) => it.test.span() == inner,
        AstKind::CallExpression(call) => {
            call.callee.span() != inner
                && (reader.global_callee(call).is_some_and(|name| HARMLESS.contains(&name))
                    || HARMLESS_OF
                        .iter()
                        .any(|(object, methods)| reader.is_static_call(call, object, methods)))
        }
        AstKind::VariableDeclarator(it) => !it.id.is_binding_identifier(),
        AstKind::ObjectProperty(_) | AstKind::ObjectExpression(_) | AstKind::ArrayExpression(_) => {
            is_of_result(reader, parent)
        }
        AstKind::ReturnStatement(_) => is_of_result(reader, node),
        _ => false,
    }
}

fn method_keeps(reader: &Reader<'_, '_>, node: NodeId, call: &CallExpression<'_>, method: &str) -> bool {
    if ITSELF.contains(&method) && !matches!(reader.around(node).1, AstKind::ExpressionStatement(_)) {
        return false;
    }
    if !CALLING.contains(&method) {
        return true;
    }
    let room = if method.starts_with("reduce") { 3 } else { 2 };
    let callback = call.arguments.first().and_then(|it| it.as_expression());
    match callback.and_then(Callable::of) {
        Some(callable) => {
            let parameters = callable.parameters();
            parameters.items.len() <= room && parameters.rest.is_none()
        }
        None => callback.is_none(),
    }
}

/// Within what the whole script returns: nobody of the script sees it again.
fn is_of_result(reader: &Reader<'_, '_>, node: NodeId) -> bool {
    let mut at = node;
    loop {
        let (parent, kind, _) = reader.around(at);
        match kind {
            AstKind::ObjectProperty(_) | AstKind::ObjectExpression(_) | AstKind::ArrayExpression(_) => {
                at = parent;
            }
            AstKind::ReturnStatement(_) => {
                return reader.function_around(parent).is_some_and(|function| reader.is_root(function));
            }
            _ => return false,
        }
    }
}
