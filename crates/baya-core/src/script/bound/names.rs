//! The values of names: constants, parameters, what a pattern takes out of something.

use super::flow::Use;
use super::growth::Trust;
use super::reader::{Callable, Reader, method_call};
use super::value::{Range, Value};
use oxc_ast::AstKind;
use oxc_ast::ast::{
    BindingPattern, CallExpression, Expression, ForStatementLeft, FormalParameter, VariableDeclarationKind,
    VariableDeclarator,
};
use oxc_semantic::SymbolId;

impl<'a> Reader<'_, 'a> {
    pub(super) fn name(&self, symbol: SymbolId) -> Value {
        if let Some(known) = self.names.borrow().get(&symbol) {
            // What follows from itself is not known.
            return known.clone().unwrap_or(Value::Any);
        }
        self.names.borrow_mut().insert(symbol, None);
        let value = self.trusted(symbol, self.bound_to(symbol));
        self.names.borrow_mut().insert(symbol, Some(value.clone()));
        value
    }

    fn trusted(&self, symbol: SymbolId, value: Value) -> Value {
        if !value.is_shared() {
            return value;
        }
        match self.growth.trusts(self, symbol, matches!(value, Value::Record(_))) {
            Trust::All => value,
            Trust::Itself => value.shallow(),
            Trust::None => Value::Any,
        }
    }

    fn bound_to(&self, symbol: SymbolId) -> Value {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return Value::Any;
        }
        match self.declaration(symbol) {
            Some(AstKind::VariableDeclarator(it)) => self.declared(symbol, it),
            Some(AstKind::FormalParameter(it)) => self.parameter(symbol, it),
            _ => Value::Any,
        }
    }

    fn declared(&self, symbol: SymbolId, it: &'a VariableDeclarator<'a>) -> Value {
        let nodes = self.semantic.nodes();
        let declaration = nodes.parent_node(it.node_id.get());
        let AstKind::VariableDeclaration(list) = declaration.kind() else { return Value::Any };
        if list.kind == VariableDeclarationKind::Var {
            return Value::Any;
        }
        let around = nodes.parent_kind(declaration.id());
        let value = match around {
            AstKind::ForOfStatement(each) if is_left(&each.left, list.span) => {
                self.value(&each.right).element()
            }
            AstKind::ForInStatement(each) if is_left(&each.left, list.span) => Value::Text,
            _ => it.init.as_ref().map_or(Value::Nothing, |init| self.value(init)),
        };
        self.taken(&it.id, symbol, value).unwrap_or(Value::Any)
    }

    /// What a pattern takes for a name; none: the name is not in it.
    fn taken(&self, pattern: &'a BindingPattern<'a>, symbol: SymbolId, value: Value) -> Option<Value> {
        match pattern {
            BindingPattern::BindingIdentifier(it) => (it.symbol_id.get() == Some(symbol)).then_some(value),
            BindingPattern::AssignmentPattern(it) => {
                let value = self.or_default(value, &it.right);
                self.taken(&it.left, symbol, value)
            }
            BindingPattern::ObjectPattern(it) => {
                let found = it.properties.iter().find_map(|property| {
                    let key = property.key.static_name().filter(|_| !property.computed);
                    let member = key.map_or(Value::Any, |key| value.member(&key));
                    self.taken(&property.value, symbol, member)
                });
                let rest = it.rest.as_ref().and_then(|it| self.taken(&it.argument, symbol, Value::Any));
                found.or(rest)
            }
            BindingPattern::ArrayPattern(it) => {
                let elements = it.elements.iter().flatten();
                let mut found = elements.filter_map(|it| self.taken(it, symbol, Value::Any));
                let rest = it.rest.as_ref().and_then(|it| {
                    let rest = Value::list_of(value.most());
                    self.taken(&it.argument, symbol, rest)
                });
                found.next().or(rest)
            }
        }
    }

    /// A default stands in for `undefined`; for `null` it does not.
    fn or_default(&self, value: Value, default: &'a Expression<'a>) -> Value {
        match value {
            Value::Any => Value::Any,
            Value::Nothing | Value::Never => self.value(default).or(Value::Never),
            value => value,
        }
    }

    fn parameter(&self, symbol: SymbolId, it: &'a FormalParameter<'a>) -> Value {
        let nodes = self.semantic.nodes();
        let function = nodes.ancestors(it.node_id.get()).find_map(|node| Callable::of_kind(node.kind()));
        let Some(function) = function else { return Value::Any };
        let place = function.parameters().items.iter().position(|own| own.span == it.span);
        let Some(place) = place else { return Value::Any };
        let Some(uses) = self.uses(function) else { return Value::Any };
        let given = uses.into_iter().map(|used| self.given(used, place));
        let given = given.map(|value| match &it.initializer {
            Some(default) => self.or_default(value, default),
            None => value,
        });
        let value = given.fold(Value::Never, Value::or);
        self.taken(&it.pattern, symbol, value).unwrap_or(Value::Any)
    }

    /// What a use of a function gives for a parameter.
    fn given(&self, used: Use<'a>, place: usize) -> Value {
        match used {
            Use::Called(call) => {
                let is_plain = call.arguments.iter().take(place + 1).all(|it| it.as_expression().is_some());
                if is_plain { self.argument(call.arguments.get(place)) } else { Value::Any }
            }
            Use::Callback(call, at) => self.given_to_callback(call, at, place),
            Use::Nowhere => Value::Never,
            Use::Elsewhere => Value::Any,
        }
    }

    fn given_to_callback(&self, call: &'a CallExpression<'a>, at: usize, place: usize) -> Value {
        if self.global_callee(call) == Some("pipeline") {
            let items = self.argument(call.arguments.first());
            return match (at, place) {
                (1, 0) | (_, 1) => items.element(),
                (_, 2) => index(&items),
                _ => Value::Any,
            };
        }
        let from = match method_call(call) {
            Some(_) if self.is_static_call(call, "Array", &["from"]) => self.argument(call.arguments.first()),
            Some((
                target,
                "map" | "forEach" | "filter" | "flatMap" | "some" | "every" | "find" | "findIndex",
            )) if !self.is_of_global(target) => self.value(target),
            _ => return Value::Any,
        };
        match place {
            0 => from.element(),
            1 => index(&from),
            _ => Value::Any,
        }
    }

    /// A global object, as `Math`; `args` is a value.
    pub(super) fn is_of_global(&self, target: &Expression<'a>) -> bool {
        match target.get_inner_expression() {
            Expression::Identifier(name) => self.is_global(name) && name.name != "args",
            _ => false,
        }
    }
}

fn index(list: &Value) -> Value {
    match list.most() {
        Some(most) => Value::Number(Range::new(0.0, most.saturating_sub(1) as f64)),
        None => Value::Number(Range::new(0.0, f64::INFINITY)),
    }
}

fn is_left(left: &ForStatementLeft<'_>, declaration: oxc_span::Span) -> bool {
    matches!(left, ForStatementLeft::VariableDeclaration(it) if it.span == declaration)
}
