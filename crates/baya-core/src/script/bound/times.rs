//! How often a place of the text is come to in a run: the loops and functions around it, outwards.

use super::places::Places;
use super::reader::{Callable, Reader, method_call};
use oxc_ast::AstKind;
use oxc_ast::ast::CallExpression;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

/// Whether somebody waits for what begins at a place, before the script goes on behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// It is waited for.
    Over,
    /// It is a promise that may still be waited for.
    Open,
    /// It is one of a list of those.
    Listed,
    /// It is what the function gives back.
    Returned,
    /// It goes on, and nobody waits.
    Floats,
}

impl<'a> Reader<'_, 'a> {
    /// Who comes to this node, and how often at most; none: nobody knows.
    pub(super) fn times(&self, node: NodeId, wait: Wait) -> Option<Places> {
        let nodes = self.semantic.nodes();
        let start = nodes.kind(node).span().start;
        let (mut at, mut wait, mut factor) = (node, wait, 1_u64);
        loop {
            if !self.looks() {
                return None;
            }
            let span = nodes.kind(at).span();
            let parent = nodes.parent_node(at);
            if let Some(callable) = Callable::of_kind(parent.kind()) {
                if self.is_root(parent.id()) {
                    return Some(Places::at(start, wait == Wait::Floats).times(factor));
                }
                let places = self.calls_of(callable)?.times(factor);
                let is_kept = wait.is_kept_by(callable);
                return Some(if is_kept { places } else { places.floating() });
            }
            factor = factor.saturating_mul(self.rounds(parent.kind(), span)?);
            wait = self.past(wait, parent.kind(), span);
            at = parent.id();
        }
    }

    /// How often what surrounds a node comes to it, each time it begins.
    fn rounds(&self, around: AstKind<'a>, inner: Span) -> Option<u64> {
        match around {
            AstKind::ForStatement(it) => {
                let is_init = it.init.as_ref().is_some_and(|init| init.span() == inner);
                if is_init { Some(1) } else { self.rounds_of_for(it, inner) }
            }
            AstKind::ForOfStatement(it) if it.right.span() == inner => Some(1),
            AstKind::ForOfStatement(it) => self.value(&it.right).most(),
            AstKind::ForInStatement(it) if it.right.span() == inner => Some(1),
            AstKind::ForInStatement(it) => self.keys(&it.right),
            AstKind::WhileStatement(it) => self.rounds_of_while(it, inner),
            AstKind::DoWhileStatement(_) | AstKind::Class(_) | AstKind::Program(_) => None,
            _ => Some(1),
        }
    }

    /// Whether it is waited for, seen from what surrounds it.
    fn past(&self, wait: Wait, around: AstKind<'a>, inner: Span) -> Wait {
        match wait {
            Wait::Over | Wait::Returned | Wait::Floats => return wait,
            Wait::Open | Wait::Listed => {}
        }
        match around {
            AstKind::ParenthesizedExpression(_)
            | AstKind::ChainExpression(_)
            | AstKind::LogicalExpression(_)
            | AstKind::SpreadElement(_) => wait,
            AstKind::ConditionalExpression(it) if it.test.span() != inner => wait,
            AstKind::ArrayExpression(_) => Wait::Listed,
            AstKind::AwaitExpression(_) if wait == Wait::Open => Wait::Over,
            AstKind::ReturnStatement(_) if wait == Wait::Open => Wait::Returned,
            AstKind::StaticMemberExpression(it) if wait == Wait::Open && is_chain(&it.property.name) => wait,
            AstKind::CallExpression(call) => self.past_call(wait, call, inner),
            _ => Wait::Floats,
        }
    }

    fn past_call(&self, wait: Wait, call: &CallExpression<'a>, inner: Span) -> Wait {
        if call.callee.span() == inner {
            let goes_on = method_call(call).is_some_and(|(_, method)| is_chain(method));
            return if goes_on { wait } else { Wait::Floats };
        }
        let gathers = self.is_static_call(call, "Promise", &["allSettled"])
            || (self.global_callee(call) == Some("pipeline")
                && call.arguments.first().is_some_and(|first| first.span() == inner));
        if gathers && wait == Wait::Listed { Wait::Open } else { Wait::Floats }
    }
}

impl Wait {
    /// Whoever waits for a call of the function waits for it, too.
    fn is_kept_by(self, callable: Callable<'_>) -> bool {
        match self {
            Wait::Over => callable.is_async() && !callable.is_generator(),
            Wait::Open | Wait::Returned => !callable.is_generator(),
            Wait::Listed | Wait::Floats => false,
        }
    }
}

/// What gives a promise that comes later.
fn is_chain(method: &str) -> bool {
    matches!(method, "then" | "catch" | "finally")
}
