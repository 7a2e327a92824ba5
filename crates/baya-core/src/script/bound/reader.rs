//! The text of a script under the bound: its tree, and what was found out about it so far.

use super::growth::Growth;
use super::places::Places;
use super::value::Value;
use oxc_ast::AstKind;
use oxc_ast::ast::ArrowFunctionExpression;
use oxc_ast::ast::{
    CallExpression, Expression, FormalParameters, Function, FunctionBody, IdentifierReference,
    ReturnStatement, VariableDeclarator,
};
use oxc_semantic::{NodeId, Semantic, SymbolId};
use oxc_span::Span;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Looks at places of the text, all together; a text that takes more has no bound.
const LOOKS_MAX: u32 = 200_000;

pub(super) struct Reader<'s, 'a> {
    pub semantic: &'s Semantic<'a>,
    pub args: Value,
    pub growth: Growth,
    /// What was found out of names and functions; `None`: it is being found out.
    pub names: RefCell<BTreeMap<SymbolId, Option<Value>>>,
    pub results: RefCell<BTreeMap<NodeId, Option<Value>>>,
    pub calls: RefCell<BTreeMap<NodeId, Option<Option<Places>>>>,
    returns: BTreeMap<NodeId, Vec<&'a ReturnStatement<'a>>>,
    looks: Cell<u32>,
}

/// A function of the script.
#[derive(Clone, Copy)]
pub(super) enum Callable<'a> {
    Function(&'a Function<'a>),
    Arrow(&'a ArrowFunctionExpression<'a>),
}

impl<'a> Callable<'a> {
    pub(super) fn of(expression: &'a Expression<'a>) -> Option<Callable<'a>> {
        match expression.get_inner_expression() {
            Expression::FunctionExpression(it) => Some(Callable::Function(it)),
            Expression::ArrowFunctionExpression(it) => Some(Callable::Arrow(it)),
            _ => None,
        }
    }

    pub(super) fn of_kind(kind: AstKind<'a>) -> Option<Callable<'a>> {
        match kind {
            AstKind::Function(it) => Some(Callable::Function(it)),
            AstKind::ArrowFunctionExpression(it) => Some(Callable::Arrow(it)),
            _ => None,
        }
    }

    pub(super) fn node(self) -> NodeId {
        match self {
            Callable::Function(it) => it.node_id.get(),
            Callable::Arrow(it) => it.node_id.get(),
        }
    }

    pub(super) fn parameters(self) -> &'a FormalParameters<'a> {
        match self {
            Callable::Function(it) => &it.params,
            Callable::Arrow(it) => &it.params,
        }
    }

    pub(super) fn is_async(self) -> bool {
        match self {
            Callable::Function(it) => it.r#async,
            Callable::Arrow(it) => it.r#async,
        }
    }

    pub(super) fn is_generator(self) -> bool {
        match self {
            Callable::Function(it) => it.generator,
            Callable::Arrow(_) => false,
        }
    }

    /// What an arrow function gives without a `return`.
    pub(super) fn expression(self) -> Option<&'a Expression<'a>> {
        match self {
            Callable::Function(_) => None,
            Callable::Arrow(it) => it.body.as_expression(),
        }
    }

    pub(super) fn body(self) -> Option<&'a FunctionBody<'a>> {
        match self {
            Callable::Function(it) => it.body.as_deref(),
            Callable::Arrow(it) => match &it.body {
                oxc_ast::ast::ArrowFunctionBody::FunctionBody(body) => Some(body),
                _ => None,
            },
        }
    }
}

impl<'s, 'a> Reader<'s, 'a> {
    pub(super) fn new(semantic: &'s Semantic<'a>, args: Value, has_libraries: bool) -> Reader<'s, 'a> {
        let mut reader = Reader {
            semantic,
            args,
            growth: Growth::default(),
            names: RefCell::default(),
            results: RefCell::default(),
            calls: RefCell::default(),
            returns: BTreeMap::new(),
            looks: Cell::new(LOOKS_MAX),
        };
        let nodes = semantic.nodes();
        for node in nodes.iter() {
            if let AstKind::ReturnStatement(it) = node.kind()
                && let Some(function) = reader.function_around(node.id())
            {
                reader.returns.entry(function).or_default().push(it);
            }
        }
        reader.growth = Growth::of(&reader, has_libraries);
        if !reader.growth.trusts_args() && reader.args != Value::Nothing {
            reader.args = Value::Any;
        }
        reader
    }

    /// Whether there is patience for one more look.
    pub(super) fn looks(&self) -> bool {
        let left = self.looks.get();
        self.looks.set(left.saturating_sub(1));
        left > 0
    }

    pub(super) fn returns(&self, function: NodeId) -> &[&'a ReturnStatement<'a>] {
        self.returns.get(&function).map(Vec::as_slice).unwrap_or_default()
    }

    /// What surrounds a node, brackets aside; with the span of what stands directly in it.
    pub(super) fn around(&self, node: NodeId) -> (NodeId, AstKind<'a>, Span) {
        crate::script::around::around(self.semantic, node)
    }

    pub(super) fn function_around(&self, node: NodeId) -> Option<NodeId> {
        let around = self.semantic.nodes().ancestors(node);
        around
            .map(|it| (it.id(), it.kind()))
            .find(|(_, kind)| Callable::of_kind(*kind).is_some())
            .map(|it| it.0)
    }

    /// The function that is the text of the unit.
    pub(super) fn is_root(&self, function: NodeId) -> bool {
        self.function_around(function).is_none()
    }

    pub(super) fn is_global(&self, name: &IdentifierReference<'a>) -> bool {
        self.semantic.is_reference_to_global_variable(name)
    }

    pub(super) fn symbol(&self, name: &IdentifierReference<'a>) -> Option<SymbolId> {
        self.semantic.scoping().get_reference(name.reference_id.get()?).symbol_id()
    }

    /// The name of the global that is called.
    pub(super) fn global_callee<'c>(&self, call: &'c CallExpression<'a>) -> Option<&'c str> {
        match call.callee.get_inner_expression() {
            Expression::Identifier(name) if self.is_global(name) => Some(name.name.as_str()),
            _ => None,
        }
    }

    /// `agent`, `parallel`, `pipeline` or `workflow`, if this calls the engine's.
    pub(super) fn starter<'c>(&self, call: &'c CallExpression<'a>) -> Option<&'c str> {
        self.global_callee(call)
            .filter(|name| matches!(*name, "agent" | "parallel" | "pipeline" | "workflow"))
    }

    /// `object.method(…)` with a global object.
    pub(super) fn is_static_call(&self, call: &CallExpression<'a>, object: &str, methods: &[&str]) -> bool {
        let Some((target, method)) = method_call(call) else { return false };
        let Expression::Identifier(name) = target.get_inner_expression() else { return false };
        name.name == object && methods.contains(&method) && self.is_global(name)
    }

    /// The declarator of a variable that is never written again.
    pub(super) fn declarator(&self, symbol: SymbolId) -> Option<&'a VariableDeclarator<'a>> {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return None;
        }
        match self.declaration(symbol)? {
            AstKind::VariableDeclarator(declarator) => Some(declarator),
            _ => None,
        }
    }

    /// What declares a name: a declarator, a parameter, a function.
    pub(super) fn declaration(&self, symbol: SymbolId) -> Option<AstKind<'a>> {
        let node = self.semantic.scoping().symbol_declaration(symbol);
        let nodes = self.semantic.nodes();
        let around = std::iter::once(nodes.kind(node)).chain(nodes.ancestor_kinds(node));
        around.take(12).find(|kind| {
            matches!(
                kind,
                AstKind::VariableDeclarator(_)
                    | AstKind::FormalParameter(_)
                    | AstKind::FormalParameterRest(_)
                    | AstKind::CatchParameter(_)
                    | AstKind::Function(_)
                    | AstKind::ArrowFunctionExpression(_)
                    | AstKind::Class(_)
            )
        })
    }

    /// The function that a name stands for, always.
    pub(super) fn function_of(&self, symbol: SymbolId) -> Option<Callable<'a>> {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return None;
        }
        match self.declaration(symbol)? {
            AstKind::Function(it) if it.id.as_ref()?.symbol_id.get() == Some(symbol) => {
                Some(Callable::Function(it))
            }
            AstKind::VariableDeclarator(it) if it.id.is_binding_identifier() => {
                Callable::of(it.init.as_ref()?)
            }
            _ => None,
        }
    }

    /// The function that an expression is or names.
    pub(super) fn callable(&self, expression: &'a Expression<'a>) -> Option<Callable<'a>> {
        match expression.get_inner_expression() {
            Expression::Identifier(name) => self.function_of(self.symbol(name)?),
            inner => Callable::of(inner),
        }
    }
}

/// `target.method(…)`.
pub(super) fn method_call<'c, 'a>(call: &'c CallExpression<'a>) -> Option<(&'c Expression<'a>, &'c str)> {
    match call.callee.get_inner_expression() {
        Expression::StaticMemberExpression(member) => Some((&member.object, member.property.name.as_str())),
        _ => None,
    }
}
