//! The values of calls that every script makes: lists from lists, numbers from numbers.

use super::reader::{Reader, method_call};
use super::value::{List, Range, Value, count};
use oxc_ast::ast::{Argument, CallExpression, Expression, NewExpression};

impl<'a> Reader<'_, 'a> {
    pub(super) fn call(&self, call: &'a CallExpression<'a>) -> Value {
        if let Some(name) = self.global_callee(call) {
            return match name {
                "parallel" | "pipeline" => Value::list_of(self.argument(call.arguments.first()).most()),
                "structuredClone" => self.argument(call.arguments.first()),
                "String" => Value::Text,
                "Array" => self.places(&call.arguments),
                _ => Value::Any,
            };
        }
        if let Some((target, method)) = method_call(call) {
            if let Expression::Identifier(name) = target.get_inner_expression()
                && self.is_global(name)
                && name.name != "args"
            {
                return self.of_global(&name.name, method, call);
            }
            return self.method(self.value(target), method, call);
        }
        self.callable(&call.callee).map_or(Value::Any, |callable| self.result(callable))
    }

    pub(super) fn made(&self, it: &'a NewExpression<'a>) -> Value {
        let Expression::Identifier(name) = it.callee.get_inner_expression() else { return Value::Any };
        if !self.is_global(name) {
            return Value::Any;
        }
        match name.name.as_str() {
            "Array" => self.places(&it.arguments),
            "Set" | "Map" => match it.arguments.first() {
                None => Value::Bag(0),
                Some(_) => self.argument(it.arguments.first()).most().map_or(Value::Any, Value::Bag),
            },
            _ => Value::Any,
        }
    }

    /// `Array(5)`.
    fn places(&self, arguments: &'a [Argument<'a>]) -> Value {
        match (arguments.len(), self.argument(arguments.first())) {
            (1, Value::Number(range)) => Value::list_of(count(range.high)),
            _ => Value::Any,
        }
    }

    fn of_global(&self, object: &str, method: &str, call: &'a CallExpression<'a>) -> Value {
        let first = || self.argument(call.arguments.first());
        match (object, method) {
            ("Array", "from") => self.listed(call),
            ("Array", "of") => {
                let is_plain = call.arguments.iter().all(|it| it.as_expression().is_some());
                if is_plain { Value::list(call.arguments.len() as u64, Value::Any) } else { Value::Any }
            }
            ("Object", "freeze") => first(),
            ("Object", "keys" | "values" | "entries") => match first() {
                Value::Record(members) => Value::list(members.len() as u64, Value::Any),
                Value::List(list) => Value::list(list.most, Value::Any),
                _ => Value::Any,
            },
            ("Promise", "all" | "allSettled") => Value::list_of(first().most()),
            ("Math", _) => self.of_math(method, call),
            _ => Value::Any,
        }
    }

    /// `Array.from(x, f)`; an object with a length is like a list.
    fn listed(&self, call: &'a CallExpression<'a>) -> Value {
        let from = self.argument(call.arguments.first());
        let (most, element) = match &from {
            Value::Record(members) => match members.get("length") {
                Some(Value::Number(range)) => (count(range.high), Value::Nothing),
                _ => (None, Value::Any),
            },
            from => (from.most(), from.element()),
        };
        let Some(most) = most else { return Value::Any };
        match call.arguments.get(1) {
            None => self.parts(Value::list(most, element)),
            made => self.parts(Value::list(most, self.given_back(made))),
        }
    }

    fn of_math(&self, method: &str, call: &'a CallExpression<'a>) -> Value {
        let numbers: Vec<Range> = call
            .arguments
            .iter()
            .map(|it| it.as_expression().map_or(Range::FULL, |it| self.value(it).number()))
            .collect();
        let Some((first, rest)) = numbers.split_first() else { return Value::Any };
        let folded = |of: fn(f64, f64) -> f64| {
            let fold = |a: Range, b: &Range| Range::new(of(a.low, b.low), of(a.high, b.high));
            Value::Number(rest.iter().fold(*first, fold))
        };
        match method {
            "min" => folded(f64::min),
            "max" => folded(f64::max),
            "ceil" => Value::Number(first.each(f64::ceil)),
            "floor" => Value::Number(first.each(f64::floor)),
            "trunc" => Value::Number(first.each(f64::trunc)),
            // JavaScript rounds halves up.
            "round" => Value::Number(first.each(|it| (it + 0.5).floor())),
            "sqrt" => Value::Number(Range::new(0.0, first.high.max(0.0).sqrt())),
            _ => Value::Any,
        }
    }

    fn method(&self, target: Value, method: &str, call: &'a CallExpression<'a>) -> Value {
        let list = match target {
            Value::List(list) => *list,
            Value::Bag(most) => {
                let keeps = matches!(method, "keys" | "values" | "entries");
                return if keeps { Value::Bag(most) } else { Value::Any };
            }
            // Whatever it is, no more of it.
            Value::Any | Value::Text | Value::Never if method == "slice" => return self.cut(None, call),
            _ => return Value::Any,
        };
        match method {
            "filter" | "sort" | "toSorted" | "reverse" | "toReversed" => Value::List(Box::new(list)),
            "fill" | "with" => Value::list(list.most, Value::Any),
            "keys" | "values" | "entries" => Value::Bag(list.most),
            "map" => self.parts(Value::list(list.most, self.given_back(call.arguments.first()))),
            "flatMap" => flat(list.most, self.given_back(call.arguments.first())),
            "flat" if call.arguments.is_empty() => flat(list.most, list.element),
            "slice" => self.cut(Some(list), call),
            "concat" => self.joined(list, call),
            "join" => Value::Text,
            _ => Value::Any,
        }
    }

    /// What the function that is an argument gives back.
    fn given_back(&self, argument: Option<&'a Argument<'a>>) -> Value {
        let callable = argument.and_then(Argument::as_expression).and_then(|it| self.callable(it));
        match callable {
            // A promise is no list.
            Some(callable) if !callable.is_async() => self.result(callable),
            Some(_) | None => Value::Any,
        }
    }

    /// `slice(from, to)`, of a list of unknown length, too.
    fn cut(&self, list: Option<List>, call: &'a CallExpression<'a>) -> Value {
        let from = match call.arguments.first() {
            None => Range::new(0.0, 0.0),
            first => self.argument(first).number(),
        };
        let to = call.arguments.get(1).map(|_| self.argument(call.arguments.get(1)).number());
        let room = match to {
            Some(to) if from.low >= 0.0 && to.low >= 0.0 => count(to.high - from.low.floor()),
            // `slice(-3)`: the last ones.
            None if from.high < 0.0 => count(-from.low),
            Some(_) | None => None,
        };
        let (known, element) = list.map_or((None, Value::Any), |list| (Some(list.most), list.element));
        match (known, room) {
            (Some(known), room) => Value::list(room.unwrap_or(known).min(known), element),
            (None, Some(room)) => Value::list(room, element),
            (None, None) => Value::Any,
        }
    }

    fn joined(&self, list: List, call: &'a CallExpression<'a>) -> Value {
        let mut all = list;
        for argument in &call.arguments {
            let Value::List(more) = self.argument(Some(argument)) else { return Value::Any };
            all.most = all.most.saturating_add(more.most);
            all.element = all.element.or(more.element);
        }
        self.parts(Value::List(Box::new(all)))
    }
}

/// A list of lists as one list.
fn flat(most: u64, element: Value) -> Value {
    match element {
        Value::List(inner) => Value::list(most.saturating_mul(inner.most), inner.element),
        Value::Never => Value::list(0, Value::Never),
        it @ (Value::Nothing
        | Value::Null
        | Value::Number(_)
        | Value::Text
        | Value::Truth
        | Value::Bag(_)
        | Value::Record(_)) => Value::list(most, it),
        Value::Any => Value::Any,
    }
}
