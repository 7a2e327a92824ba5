//! The values of expressions.

use super::reader::{Callable, Reader};
use super::value::{Range, Value};
use oxc_ast::ast::{
    Argument, ArrayExpression, ArrayExpressionElement, BinaryExpression, BinaryOperator, ChainElement,
    Expression, LogicalExpression, LogicalOperator, ObjectExpression, ObjectPropertyKind, PropertyKind,
    Statement, UnaryOperator,
};
use std::collections::BTreeMap;

impl<'a> Reader<'_, 'a> {
    pub(super) fn value(&self, expression: &'a Expression<'a>) -> Value {
        if !self.looks() {
            return Value::Any;
        }
        match expression.get_inner_expression() {
            Expression::NumericLiteral(it) => Value::Number(Range::new(it.value, it.value)),
            Expression::StringLiteral(_) | Expression::TemplateLiteral(_) => Value::Text,
            Expression::BooleanLiteral(_) => Value::Truth,
            Expression::NullLiteral(_) => Value::Null,
            Expression::Identifier(name) => match self.symbol(name) {
                Some(symbol) => self.name(symbol),
                None => match name.name.as_str() {
                    "undefined" => Value::Nothing,
                    "args" => self.args.clone(),
                    _ => Value::Any,
                },
            },
            Expression::ArrayExpression(it) => self.array(it),
            Expression::ObjectExpression(it) => self.object(it),
            Expression::AwaitExpression(it) => self.value(&it.argument),
            Expression::ConditionalExpression(it) => match self.truth(&it.test) {
                Some(true) => self.value(&it.consequent),
                Some(false) => self.value(&it.alternate),
                None => self.value(&it.consequent).or(self.value(&it.alternate)),
            },
            Expression::LogicalExpression(it) => self.either(it),
            Expression::UnaryExpression(it) => match it.operator {
                UnaryOperator::UnaryNegation => {
                    let Range { low, high } = self.value(&it.argument).number();
                    Value::Number(Range::new(-high, -low))
                }
                UnaryOperator::UnaryPlus => Value::Number(self.value(&it.argument).number()),
                UnaryOperator::LogicalNot | UnaryOperator::Delete => Value::Truth,
                UnaryOperator::Typeof => Value::Text,
                UnaryOperator::Void => Value::Nothing,
                UnaryOperator::BitwiseNot => Value::Any,
            },
            Expression::BinaryExpression(it) => self.binary(it),
            Expression::StaticMemberExpression(it) => self.value(&it.object).member(&it.property.name),
            Expression::ComputedMemberExpression(it) => match it.expression.get_inner_expression() {
                Expression::StringLiteral(name) => self.value(&it.object).member(&name.value),
                _ => Value::Any,
            },
            Expression::ChainExpression(it) => match &it.expression {
                ChainElement::StaticMemberExpression(it) => self.value(&it.object).member(&it.property.name),
                ChainElement::CallExpression(it) => self.call(it),
                _ => Value::Any,
            },
            Expression::CallExpression(it) => self.call(it),
            Expression::NewExpression(it) => self.made(it),
            _ => Value::Any,
        }
    }

    fn array(&self, it: &'a ArrayExpression<'a>) -> Value {
        let (mut most, mut element) = (0_u64, Value::Never);
        for part in &it.elements {
            let (more, value) = match part {
                ArrayExpressionElement::SpreadElement(spread) => {
                    let spread = self.value(&spread.argument);
                    let Some(more) = spread.most() else { return Value::Any };
                    (more, spread.element())
                }
                ArrayExpressionElement::Elision(_) => (1, Value::Nothing),
                other => (1, other.as_expression().map_or(Value::Any, |it| self.value(it))),
            };
            most = most.saturating_add(more);
            element = element.or(value);
        }
        self.parts(Value::list(most, element))
    }

    fn object(&self, it: &'a ObjectExpression<'a>) -> Value {
        let mut members: BTreeMap<String, Value> = BTreeMap::new();
        for property in &it.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(it) => {
                    let Some(key) = it.key.static_name().filter(|_| !it.computed) else { return Value::Any };
                    let is_plain = it.kind == PropertyKind::Init && !it.method;
                    let value = if is_plain { self.value(&it.value) } else { Value::Any };
                    members.insert(key.into_owned(), value);
                }
                ObjectPropertyKind::SpreadProperty(spread) => match self.value(&spread.argument) {
                    Value::Record(more) => members.extend(more),
                    Value::Nothing | Value::Null => {}
                    _ => return Value::Any,
                },
            }
        }
        self.parts(Value::Record(members))
    }

    /// What lies in a list or object without a name may have other names.
    pub(super) fn parts(&self, value: Value) -> Value {
        if self.growth.trusts_parts() { value } else { value.shallow() }
    }

    fn either(&self, it: &'a LogicalExpression<'a>) -> Value {
        let left = self.value(&it.left);
        let right = || self.value(&it.right);
        let is_left = match it.operator {
            LogicalOperator::Or => left.truth(),
            LogicalOperator::And => left.truth().map(|truth| !truth),
            LogicalOperator::Coalesce => match left {
                Value::Nothing | Value::Null => Some(false),
                Value::Any | Value::Never => None,
                _ => Some(true),
            },
        };
        match is_left {
            Some(true) => left,
            Some(false) => right(),
            None => left.or(right()),
        }
    }

    /// Whether a test comes out the same every time.
    fn truth(&self, test: &'a Expression<'a>) -> Option<bool> {
        match test.get_inner_expression() {
            Expression::UnaryExpression(it) if it.operator == UnaryOperator::LogicalNot => {
                self.truth(&it.argument).map(|truth| !truth)
            }
            Expression::BinaryExpression(it) => self.is_of_kind(it),
            Expression::CallExpression(call) if self.is_static_call(call, "Array", &["isArray"]) => {
                match self.value(call.arguments.first()?.as_expression()?) {
                    Value::List(_) => Some(true),
                    Value::Never | Value::Any => None,
                    _ => Some(false),
                }
            }
            inner => self.value(inner).truth(),
        }
    }

    /// `typeof x === 'string'`.
    fn is_of_kind(&self, it: &'a BinaryExpression<'a>) -> Option<bool> {
        let is_equal = match it.operator {
            BinaryOperator::StrictEquality | BinaryOperator::Equality => true,
            BinaryOperator::StrictInequality | BinaryOperator::Inequality => false,
            _ => return None,
        };
        let (Expression::UnaryExpression(asked), Expression::StringLiteral(kind)) =
            (it.left.get_inner_expression(), it.right.get_inner_expression())
        else {
            return None;
        };
        if asked.operator != UnaryOperator::Typeof {
            return None;
        }
        let own = self.value(&asked.argument).kind()?;
        Some((kind.value == own) == is_equal)
    }

    fn binary(&self, it: &'a BinaryExpression<'a>) -> Value {
        let of: fn(f64, f64) -> f64 = match it.operator {
            BinaryOperator::Addition => |a, b| a + b,
            BinaryOperator::Subtraction => |a, b| a - b,
            BinaryOperator::Multiplication => |a, b| a * b,
            BinaryOperator::Division => |a, b| a / b,
            _ => return Value::Any,
        };
        let (left, right) = (self.value(&it.left), self.value(&it.right));
        let (Value::Number(left), Value::Number(right)) = (left, right) else { return Value::Any };
        // What is divided by may be 0 on the way from below to above.
        if it.operator == BinaryOperator::Division && right.low <= 0.0 && right.high >= 0.0 {
            return Value::Number(Range::FULL);
        }
        Value::Number(left.corners(right, of))
    }

    /// What calls of a function give.
    pub(super) fn result(&self, callable: Callable<'a>) -> Value {
        if callable.is_generator() {
            return Value::Any;
        }
        let node = callable.node();
        if let Some(known) = self.results.borrow().get(&node) {
            return known.clone().unwrap_or(Value::Any);
        }
        self.results.borrow_mut().insert(node, None);
        let value = match callable.expression() {
            Some(expression) => self.value(expression),
            None => self.returned(callable),
        };
        self.results.borrow_mut().insert(node, Some(value.clone()));
        value
    }

    fn returned(&self, callable: Callable<'a>) -> Value {
        let last = callable.body().and_then(|body| body.statements.last());
        let falls_through =
            !matches!(last, Some(Statement::ReturnStatement(_) | Statement::ThrowStatement(_)));
        let end = if falls_through { Value::Nothing } else { Value::Never };
        let given = self.returns(callable.node()).iter();
        given
            .map(|it| it.argument.as_ref().map_or(Value::Nothing, |argument| self.value(argument)))
            .fold(end, Value::or)
    }

    pub(super) fn argument(&self, argument: Option<&'a Argument<'a>>) -> Value {
        match argument {
            Some(Argument::SpreadElement(_)) => Value::Any,
            Some(argument) => argument.as_expression().map_or(Value::Any, |it| self.value(it)),
            None => Value::Nothing,
        }
    }
}
