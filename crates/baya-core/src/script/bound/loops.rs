//! How many rounds a loop has, at most, each time it begins.

use super::reader::Reader;
use super::value::{Range, Value, count};
use oxc_ast::AstKind;
use oxc_ast::ast::{
    AssignmentOperator, AssignmentTarget, BinaryExpression, BinaryOperator, Expression, ForStatement,
    ForStatementInit, LogicalOperator, SimpleAssignmentTarget, UpdateOperator, WhileStatement,
};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::{GetSpan, Span};

/// A variable, and by how much a step moves it.
struct Step {
    symbol: SymbolId,
    by: f64,
}

impl<'a> Reader<'_, 'a> {
    /// `for (let i = 0; i < 5; i++)`.
    pub(super) fn rounds_of_for(&self, it: &'a ForStatement<'a>, inner: Span) -> Option<u64> {
        let step = self.step(it.update.as_ref()?)?;
        let Some(ForStatementInit::VariableDeclaration(declared)) = &it.init else { return None };
        let declarator = declared.declarations.iter().find(|own| {
            own.id.get_binding_identifier().and_then(|name| name.symbol_id.get()) == Some(step.symbol)
        })?;
        let from = self.value(declarator.init.as_ref()?).number();
        let test = it.test.as_ref()?;
        let rounds = self.rounds_until(test, &step, from)?;
        // The test is looked at once more than the rest.
        Some(if test.span() == inner { rounds.saturating_add(1) } else { rounds })
    }

    /// `while (round < 5)`, where each round counts.
    pub(super) fn rounds_of_while(&self, it: &'a WhileStatement<'a>, inner: Span) -> Option<u64> {
        let body = self.body_without_continue(it)?;
        let rounds = body.iter().find_map(|statement| {
            let oxc_ast::ast::Statement::ExpressionStatement(statement) = statement else { return None };
            let step = self.step(&statement.expression)?;
            let declarator = match self.declaration(step.symbol)? {
                AstKind::VariableDeclarator(declarator) if declarator.id.is_binding_identifier() => {
                    declarator
                }
                _ => return None,
            };
            let from = self.value(declarator.init.as_ref()?).number();
            self.rounds_until(&it.test, &step, from)
        })?;
        Some(if it.test.span() == inner { rounds.saturating_add(1) } else { rounds })
    }

    /// The statements of a loop, all of which come in each of its rounds but the last.
    fn body_without_continue(
        &self,
        it: &'a WhileStatement<'a>,
    ) -> Option<&'a oxc_allocator::Vec<'a, oxc_ast::ast::Statement<'a>>> {
        let oxc_ast::ast::Statement::BlockStatement(block) = &it.body else { return None };
        let within = |span: Span| it.span.start <= span.start && span.end <= it.span.end;
        let skips =
            self.semantic.nodes().iter().any(|node| {
                matches!(node.kind(), AstKind::ContinueStatement(_)) && within(node.kind().span())
            });
        (!skips).then_some(&block.body)
    }

    /// The only place that writes a variable, and what it adds.
    fn step(&self, update: &'a Expression<'a>) -> Option<Step> {
        let (name, by) = match update.get_inner_expression() {
            Expression::UpdateExpression(it) => match (&it.argument, it.operator) {
                (SimpleAssignmentTarget::AssignmentTargetIdentifier(name), UpdateOperator::Increment) => {
                    (name, 1.0)
                }
                (SimpleAssignmentTarget::AssignmentTargetIdentifier(name), UpdateOperator::Decrement) => {
                    (name, -1.0)
                }
                _ => return None,
            },
            Expression::AssignmentExpression(it) => {
                let AssignmentTarget::AssignmentTargetIdentifier(name) = &it.left else { return None };
                let by = self.value(&it.right).number();
                match it.operator {
                    AssignmentOperator::Addition if by.low > 0.0 => (name, by.low),
                    AssignmentOperator::Subtraction if by.low > 0.0 => (name, -by.low),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let symbol = self.symbol(name)?;
        let writes = self.semantic.symbol_references(symbol).filter(|it| it.is_write());
        let writers: Vec<NodeId> = writers_of(writes);
        let own = update.span();
        let is_only = matches!(writers.as_slice(), [one] if {
            let at = self.semantic.nodes().kind(*one).span();
            own.start <= at.start && at.end <= own.end
        });
        is_only.then_some(Step { symbol, by })
    }

    /// Rounds before a test fails for a variable that begins there and steps on; of several tests that must
    /// all hold, one is enough.
    fn rounds_until(&self, test: &'a Expression<'a>, step: &Step, from: Range) -> Option<u64> {
        match test.get_inner_expression() {
            Expression::LogicalExpression(both) if both.operator == LogicalOperator::And => {
                let left = self.rounds_until(&both.left, step, from);
                let right = self.rounds_until(&both.right, step, from);
                match (left, right) {
                    (Some(left), Some(right)) => Some(left.min(right)),
                    (left, right) => left.or(right),
                }
            }
            Expression::BinaryExpression(it) => self.rounds_of_test(it, step, from),
            _ => None,
        }
    }

    fn rounds_of_test(&self, it: &'a BinaryExpression<'a>, step: &Step, from: Range) -> Option<u64> {
        let is_it = |side: &Expression<'a>| match side.get_inner_expression() {
            Expression::Identifier(name) => self.symbol(name) == Some(step.symbol),
            _ => false,
        };
        let (other, operator) = match (is_it(&it.left), is_it(&it.right)) {
            (true, false) => (&it.right, it.operator),
            (false, true) => (&it.left, turned(it.operator)),
            _ => return None,
        };
        let to = self.value(other).number();
        let (way, is_reached) = match operator {
            BinaryOperator::LessThan if step.by > 0.0 => (to.high - from.low, false),
            BinaryOperator::LessEqualThan if step.by > 0.0 => (to.high - from.low, true),
            BinaryOperator::GreaterThan if step.by < 0.0 => (from.high - to.low, false),
            BinaryOperator::GreaterEqualThan if step.by < 0.0 => (from.high - to.low, true),
            _ => return None,
        };
        let steps = way / step.by.abs();
        if steps.is_nan() {
            return None;
        }
        count(if is_reached { steps.floor() + 1.0 } else { steps.ceil() })
    }

    /// What a `for … in` goes through.
    pub(super) fn keys(&self, object: &'a Expression<'a>) -> Option<u64> {
        match self.value(object) {
            Value::Record(members) => Some(members.len() as u64),
            Value::List(list) => Some(list.most),
            _ => None,
        }
    }
}

fn writers_of<'r>(writes: impl Iterator<Item = &'r oxc_semantic::Reference>) -> Vec<NodeId> {
    writes.map(|reference| reference.node_id()).collect()
}

fn turned(operator: BinaryOperator) -> BinaryOperator {
    match operator {
        BinaryOperator::LessThan => BinaryOperator::GreaterThan,
        BinaryOperator::LessEqualThan => BinaryOperator::GreaterEqualThan,
        BinaryOperator::GreaterThan => BinaryOperator::LessThan,
        BinaryOperator::GreaterEqualThan => BinaryOperator::LessEqualThan,
        other => other,
    }
}
