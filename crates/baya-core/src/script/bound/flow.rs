//! Where functions go, and how often they are called there: by name, as callbacks, as the functions of
//! `parallel` and the stages of `pipeline`.

use super::places::{Places, sum};
use super::reader::{Callable, Reader, method_call};
use super::times::Wait;
use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::{GetSpan, Span};

/// What becomes of a function at one place.
pub(super) enum Use<'a> {
    Called(&'a CallExpression<'a>),
    /// It is this argument of a call that calls it.
    Callback(&'a CallExpression<'a>, usize),
    /// Nobody calls it.
    Nowhere,
    Elsewhere,
}

impl<'a> Reader<'_, 'a> {
    /// How often a function is called; none: nobody knows, or by itself.
    pub(super) fn calls_of(&self, callable: Callable<'a>) -> Option<Places> {
        let node = callable.node();
        if let Some(known) = self.calls.borrow().get(&node) {
            return known.clone().flatten();
        }
        self.calls.borrow_mut().insert(node, None);
        let places = match self.own_name(callable) {
            Some(symbol) => self.calls_of_name(symbol),
            None => self.calls_of_value(node),
        };
        self.calls.borrow_mut().insert(node, Some(places.clone()));
        places
    }

    /// A function that is declared has its name alone; one that is an expression has it for itself, and
    /// does not use it.
    fn own_name(&self, callable: Callable<'a>) -> Option<SymbolId> {
        match callable {
            Callable::Function(it) if it.is_declaration() => it.id.as_ref()?.symbol_id.get(),
            Callable::Function(_) | Callable::Arrow(_) => None,
        }
    }

    /// How often a function of the engine's is called that is not called right here.
    pub(super) fn calls_of_mention(&self, node: NodeId) -> Option<Places> {
        self.calls_of_value(node)
    }

    fn calls_of_name(&self, symbol: SymbolId) -> Option<Places> {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return None;
        }
        sum(self.semantic.symbol_references(symbol).map(|it| self.calls_of_value(it.node_id())))
    }

    /// How often the function is called that is the value of this node.
    fn calls_of_value(&self, node: NodeId) -> Option<Places> {
        if !self.looks() {
            return None;
        }
        let (parent, kind, inner) = self.around(node);
        match kind {
            AstKind::CallExpression(call) if call.callee.span() == inner => self.times(parent, Wait::Open),
            AstKind::CallExpression(call) => self.calls_by(call, argument_place(call, inner)?),
            AstKind::NewExpression(it) => match it.callee.get_inner_expression() {
                Expression::Identifier(name) if name.name == "Promise" && self.is_global(name) => {
                    self.times(parent, Wait::Floats)
                }
                _ => None,
            },
            AstKind::VariableDeclarator(it) => {
                self.calls_of_name(it.id.get_binding_identifier()?.symbol_id.get()?)
            }
            AstKind::ArrayExpression(_) => self.calls_of_listed(parent, 1),
            AstKind::ConditionalExpression(it) if it.test.span() == inner => Some(Places::default()),
            AstKind::ConditionalExpression(_) | AstKind::LogicalExpression(_) => self.calls_of_value(parent),
            AstKind::IfStatement(_)
            | AstKind::UnaryExpression(_)
            | AstKind::BinaryExpression(_)
            | AstKind::ExpressionStatement(_) => Some(Places::default()),
            AstKind::ArrowFunctionExpression(it) if it.body.as_expression().is_some() => {
                self.calls_of_result(Callable::Arrow(it))
            }
            AstKind::ReturnStatement(_) => {
                let function = self.function_around(parent)?;
                self.calls_of_result(Callable::of_kind(self.semantic.nodes().kind(function))?)
            }
            _ => None,
        }
    }

    /// How often a call calls the function that is one of its arguments.
    fn calls_by(&self, call: &'a CallExpression<'a>, at: usize) -> Option<Places> {
        let node = call.node_id.get();
        if let Some(name) = self.global_callee(call) {
            return match (name, at) {
                ("pipeline", 1..) => {
                    let items = self.argument(call.arguments.first()).most()?;
                    Some(self.times(node, Wait::Open)?.times(items))
                }
                ("setTimeout" | "queueMicrotask", 0) => self.times(node, Wait::Floats),
                // Not a list of functions: it throws.
                ("parallel" | "log", _) => Some(Places::default()),
                _ => None,
            };
        }
        if self.is_static_call(call, "Array", &["from"]) && at == 1 {
            let elements = self.array_from(call)?;
            return Some(self.times(node, Wait::Listed)?.times(elements));
        }
        match method_call(call) {
            Some((target, method)) if !self.is_of_global(target) => {
                let (rounds, wait) = match (method, at) {
                    ("map" | "flatMap", 0) => (self.value(target).most()?, Wait::Listed),
                    (
                        "forEach" | "filter" | "some" | "every" | "find" | "findIndex" | "findLast"
                        | "findLastIndex" | "reduce" | "reduceRight",
                        0,
                    ) => (self.value(target).most()?, Wait::Floats),
                    ("then", 0 | 1) | ("catch" | "finally", 0) => (1, Wait::Open),
                    ("push" | "unshift", _) => return self.calls_of_pushed(node, target),
                    _ => return None,
                };
                Some(self.times(node, wait)?.times(rounds))
            }
            Some(_) => None,
            None => self.calls_of_name(self.parameter_of(call, at)?),
        }
    }

    /// `all.push(() => …)`: in the list as often as the script comes there.
    fn calls_of_pushed(&self, push: NodeId, list: &Expression<'a>) -> Option<Places> {
        let Expression::Identifier(name) = list.get_inner_expression() else { return None };
        let each = self.times(push, Wait::Over)?.total();
        self.calls_of_list_name(self.symbol(name)?, each)
    }

    /// Elements of what `Array.from` makes.
    fn array_from(&self, call: &'a CallExpression<'a>) -> Option<u64> {
        self.call(call).most()
    }

    /// The name that a function of the script has for an argument.
    fn parameter_of(&self, call: &'a CallExpression<'a>, at: usize) -> Option<SymbolId> {
        let is_plain = call.arguments.iter().take(at + 1).all(|it| it.as_expression().is_some());
        let parameter = self.callable(&call.callee)?.parameters().items.get(at).filter(|_| is_plain)?;
        parameter.pattern.get_binding_identifier()?.symbol_id.get()
    }

    /// The function is what calls of another one give back.
    fn calls_of_result(&self, maker: Callable<'a>) -> Option<Places> {
        if maker.is_async() || maker.is_generator() || self.is_root(maker.node()) {
            return None;
        }
        sum(self.uses(maker)?.into_iter().map(|used| match used {
            Use::Called(call) => self.calls_of_value(call.node_id.get()),
            Use::Callback(call, at) => {
                let makes_list = match method_call(call) {
                    Some(_) if self.is_static_call(call, "Array", &["from"]) => at == 1,
                    Some((_, method)) => at == 0 && matches!(method, "map" | "flatMap"),
                    None => false,
                };
                let most = makes_list.then(|| self.elements_before(call)).flatten()?;
                self.calls_of_listed(call.node_id.get(), most)
            }
            Use::Nowhere => Some(Places::default()),
            Use::Elsewhere => None,
        }))
    }

    /// How often the callback of `map`, `flatMap` or `Array.from` is called each time.
    fn elements_before(&self, call: &'a CallExpression<'a>) -> Option<u64> {
        if self.is_static_call(call, "Array", &["from"]) {
            return self.array_from(call);
        }
        self.value(method_call(call)?.0).most()
    }

    /// How often the function is called that is in the list that is the value of this node, `each` times
    /// at most.
    fn calls_of_listed(&self, node: NodeId, each: u64) -> Option<Places> {
        if !self.looks() {
            return None;
        }
        let (parent, kind, inner) = self.around(node);
        match kind {
            AstKind::CallExpression(call) if self.global_callee(call) == Some("parallel") => {
                let wait = if call.arguments.len() == 1 { Wait::Open } else { Wait::Floats };
                Some(self.times(parent, wait)?.times(each))
            }
            AstKind::CallExpression(call) => {
                self.calls_of_list_name(self.parameter_of(call, argument_place(call, inner)?)?, each)
            }
            AstKind::SpreadElement(_) => self.calls_of_spread(parent, each),
            AstKind::StaticMemberExpression(it) => {
                let method = it.property.name.as_str();
                let (call, around, callee) = self.around(parent);
                let is_called =
                    matches!(around, AstKind::CallExpression(call) if call.callee.span() == callee);
                match method {
                    "length" if !is_called => Some(Places::default()),
                    "push" | "unshift" if is_called => Some(Places::default()),
                    "slice" | "concat" | "reverse" | "toReversed" | "flat" if is_called => {
                        self.calls_of_listed(call, each)
                    }
                    _ => None,
                }
            }
            AstKind::VariableDeclarator(it) => {
                let symbol = it.id.get_binding_identifier()?.symbol_id.get()?;
                self.calls_of_list_name(symbol, each)
            }
            AstKind::ForOfStatement(it) if it.right.span() == inner => {
                let oxc_ast::ast::ForStatementLeft::VariableDeclaration(left) = &it.left else { return None };
                let declared = left.declarations.first()?.id.get_binding_identifier()?;
                self.calls_of_name(declared.symbol_id.get()?)
            }
            _ => None,
        }
    }

    fn calls_of_list_name(&self, symbol: SymbolId, each: u64) -> Option<Places> {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return None;
        }
        sum(self.semantic.symbol_references(symbol).map(|it| self.calls_of_listed(it.node_id(), each)))
    }

    /// `[...thunks]`, `all.push(...thunks)`.
    fn calls_of_spread(&self, spread: NodeId, each: u64) -> Option<Places> {
        match self.around(spread) {
            (array, AstKind::ArrayExpression(_), _) => self.calls_of_listed(array, each),
            _ => None,
        }
    }

    /// All that becomes of a function; none: it has too many ways.
    pub(super) fn uses(&self, callable: Callable<'a>) -> Option<Vec<Use<'a>>> {
        let mut uses = Vec::new();
        match self.own_name(callable) {
            Some(symbol) => self.uses_of_name(symbol, &mut uses)?,
            None => self.uses_of_value(callable.node(), &mut uses)?,
        }
        Some(uses)
    }

    fn uses_of_name(&self, symbol: SymbolId, uses: &mut Vec<Use<'a>>) -> Option<()> {
        if self.semantic.scoping().symbol_is_mutated(symbol) {
            return None;
        }
        self.semantic.symbol_references(symbol).try_for_each(|it| self.uses_of_value(it.node_id(), uses))
    }

    fn uses_of_value(&self, node: NodeId, uses: &mut Vec<Use<'a>>) -> Option<()> {
        if !self.looks() || uses.len() > 1_000 {
            return None;
        }
        let (_, kind, inner) = self.around(node);
        uses.push(match kind {
            AstKind::CallExpression(call) if call.callee.span() == inner => Use::Called(call),
            AstKind::CallExpression(call) => {
                let at = argument_place(call, inner)?;
                if self.global_callee(call).is_some() || method_call(call).is_some() {
                    Use::Callback(call, at)
                } else {
                    return self.uses_of_name(self.parameter_of(call, at)?, uses);
                }
            }
            AstKind::VariableDeclarator(it) => {
                return self.uses_of_name(it.id.get_binding_identifier()?.symbol_id.get()?, uses);
            }
            AstKind::UnaryExpression(_) | AstKind::IfStatement(_) | AstKind::ExpressionStatement(_) => {
                Use::Nowhere
            }
            _ => Use::Elsewhere,
        });
        Some(())
    }
}

fn argument_place(call: &CallExpression<'_>, inner: Span) -> Option<usize> {
    call.arguments.iter().position(|argument| argument.span() == inner)
}
