//! What the lints ask of a syntax tree: which calls reach the engine, where a constant's value comes
//! from, what stands around an expression.

use crate::script::diagnostic::Range;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, CallExpression, ChainElement, Expression, IdentifierReference, ObjectExpression,
    ObjectPropertyKind, PropertyKind, VariableDeclarator,
};
use oxc_semantic::{NodeId, Semantic, SymbolId};
use oxc_span::{GetSpan, Span};

/// A file under the lints.
pub(super) struct View<'s, 'a> {
    pub semantic: &'s Semantic<'a>,
    /// The user's own part of the text.
    pub body: Range,
    /// Where calls of the engine begin, in order.
    starts: Vec<u32>,
}

/// The functions that start agents or children.
pub(super) const STARTERS: [&str; 4] = ["agent", "parallel", "pipeline", "workflow"];

impl<'s, 'a> View<'s, 'a> {
    pub fn new(semantic: &'s Semantic<'a>, body: Range) -> View<'s, 'a> {
        let mut view = View { semantic, body, starts: Vec::new() };
        let starts = view.calls().filter(|call| view.starter(call).is_some()).map(|call| call.span.start);
        let mut starts: Vec<u32> = starts.collect();
        starts.sort_unstable();
        view.starts = starts;
        view
    }

    /// Something within the span calls the engine.
    pub fn starts_agents(&self, span: Span) -> bool {
        any_within(&self.starts, span)
    }

    /// The calls of the user's own text, in its order.
    pub fn calls(&self) -> impl Iterator<Item = &'a CallExpression<'a>> {
        self.kinds().filter_map(|(_, kind)| match kind {
            AstKind::CallExpression(call) => Some(call),
            _ => None,
        })
    }

    pub fn kinds(&self) -> impl Iterator<Item = (NodeId, AstKind<'a>)> {
        let own = |kind: &AstKind<'a>| self.body.contains(&(kind.span().start as usize));
        self.semantic.nodes().iter().map(|node| (node.id(), node.kind())).filter(move |(_, kind)| own(kind))
    }

    pub fn text(&self, span: Span) -> &'a str {
        &self.semantic.source_text()[span.start as usize..span.end as usize]
    }

    /// The name is the global of that name.
    pub fn is_global(&self, name: &IdentifierReference<'a>) -> bool {
        self.semantic.is_reference_to_global_variable(name)
    }

    /// `agent`, `parallel`, `pipeline` or `workflow`, if this calls the engine's.
    pub fn starter(&self, call: &CallExpression<'a>) -> Option<&'static str> {
        let Expression::Identifier(name) = call.callee.get_inner_expression() else { return None };
        let starter = STARTERS.into_iter().find(|starter| name.name == *starter)?;
        self.is_global(name).then_some(starter)
    }

    /// The expression calls one of them.
    pub fn started(&self, expression: &'a Expression<'a>) -> Option<(&'static str, &'a CallExpression<'a>)> {
        match expression.get_inner_expression() {
            Expression::CallExpression(call) => Some((self.starter(call)?, call)),
            _ => None,
        }
    }

    /// `await agent(…)`.
    pub fn awaited_agent(&self, expression: &'a Expression<'a>) -> Option<&'a CallExpression<'a>> {
        let Expression::AwaitExpression(awaited) = expression.get_inner_expression() else { return None };
        self.started(&awaited.argument).filter(|(name, _)| *name == "agent").map(|(_, call)| call)
    }

    /// `object.method(…)` with a global object, as `JSON.parse(…)`.
    pub fn is_static_call(&self, call: &CallExpression<'a>, object: &str, methods: &[&str]) -> bool {
        let Some((target, method)) = method_call(call) else { return false };
        let Expression::Identifier(name) = target.get_inner_expression() else { return false };
        name.name == object && methods.contains(&method) && self.is_global(name)
    }

    /// What surrounds a node, brackets aside; with the span of what stands directly in it.
    pub fn around(&self, node: NodeId) -> (NodeId, AstKind<'a>, Span) {
        crate::script::around::around(self.semantic, node)
    }

    pub fn symbol(&self, name: &IdentifierReference<'a>) -> Option<SymbolId> {
        self.semantic.scoping().get_reference(name.reference_id.get()?).symbol_id()
    }

    /// The declarator of a variable that is never written again.
    pub fn declarator(&self, symbol: SymbolId) -> Option<&'a VariableDeclarator<'a>> {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return None;
        }
        let node = self.semantic.scoping().symbol_declaration(symbol);
        let nodes = self.semantic.nodes();
        let around = std::iter::once(nodes.kind(node)).chain(nodes.ancestor_kinds(node));
        around.take_while(|kind| !is_other_binding(kind)).take(8).find_map(|kind| match kind {
            AstKind::VariableDeclarator(declarator) => Some(declarator),
            _ => None,
        })
    }

    /// The expression itself, or what the constant it names was set to.
    pub fn resolved(&self, expression: &'a Expression<'a>) -> &'a Expression<'a> {
        let inner = expression.get_inner_expression();
        let Expression::Identifier(name) = inner else { return inner };
        let declarator = self.symbol(name).and_then(|symbol| self.declarator(symbol));
        let plain = declarator.filter(|declarator| declarator.id.is_binding_identifier());
        plain.and_then(|declarator| declarator.init.as_ref()).map_or(inner, Expression::get_inner_expression)
    }

    /// The object that an argument is or names.
    pub fn object(&self, argument: Option<&'a Argument<'a>>) -> Option<&'a ObjectExpression<'a>> {
        match self.resolved(argument?.as_expression()?) {
            Expression::ObjectExpression(object) => Some(object),
            _ => None,
        }
    }
}

/// What declares names that are no variables of a declarator.
fn is_other_binding(kind: &AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::FormalParameter(_)
            | AstKind::FormalParameters(_)
            | AstKind::FormalParameterRest(_)
            | AstKind::CatchParameter(_)
            | AstKind::Function(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::Class(_)
    )
}

/// One of the sorted offsets lies in the span.
pub(super) fn any_within(sorted: &[u32], span: Span) -> bool {
    let first = sorted.partition_point(|at| *at < span.start);
    sorted.get(first).is_some_and(|at| *at < span.end)
}

/// The value of a plain member of an object literal.
pub(super) fn member<'a>(object: &'a ObjectExpression<'a>, key: &str) -> Option<&'a Expression<'a>> {
    object.properties.iter().find_map(|property| match property {
        ObjectPropertyKind::ObjectProperty(it)
            if it.kind == PropertyKind::Init && it.key.is_specific_static_name(key) && !it.computed =>
        {
            Some(&it.value)
        }
        _ => None,
    })
}

/// The text of a string literal or a template without `${}`.
pub(super) fn text_of<'a>(expression: &'a Expression<'a>) -> Option<&'a str> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(text) => Some(text.value.as_str()),
        Expression::TemplateLiteral(text) => text.single_quasi().map(|text| text.as_str()),
        _ => None,
    }
}

/// `target.method(…)`, optional chaining included.
pub(super) fn method_call<'a>(call: &'a CallExpression<'a>) -> Option<(&'a Expression<'a>, &'a str)> {
    match call.callee.get_inner_expression() {
        Expression::StaticMemberExpression(member) => Some((&member.object, member.property.name.as_str())),
        _ => None,
    }
}

/// The call inside `a?.b()`.
pub(super) fn chained<'a>(expression: &'a Expression<'a>) -> Option<&'a CallExpression<'a>> {
    match expression.get_inner_expression() {
        Expression::CallExpression(call) => Some(call),
        Expression::ChainExpression(chain) => match &chain.expression {
            ChainElement::CallExpression(call) => Some(call),
            _ => None,
        },
        _ => None,
    }
}
