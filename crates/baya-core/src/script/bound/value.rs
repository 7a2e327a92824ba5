//! What is known of a value before a script runs: of numbers the least and the most, of lists how many
//! elements there can be. Always an over-estimate: what is not sure is [`Value::Any`].

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// All that a place of the text may hold, at any time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing gets there.
    Never,
    Any,
    /// `undefined`.
    Nothing,
    Null,
    /// Or no number at all, as NaN.
    Number(Range),
    Text,
    Truth,
    List(Box<List>),
    /// A set, a map, an iterator: at most so many elements.
    Bag(u64),
    /// All its members.
    Record(BTreeMap<String, Value>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    /// Elements, at most.
    pub most: u64,
    pub element: Value,
}

/// Members that every object has.
const EVERYBODYS: [&str; 8] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__proto__",
];

impl Range {
    pub(super) const FULL: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };

    pub(super) fn new(low: f64, high: f64) -> Range {
        // Infinity minus itself, and the like.
        if low.is_nan() || high.is_nan() { Range::FULL } else { Range { low, high } }
    }

    /// From the results at the corners.
    pub(super) fn corners(self, other: Range, of: impl Fn(f64, f64) -> f64) -> Range {
        let all = [
            of(self.low, other.low),
            of(self.low, other.high),
            of(self.high, other.low),
            of(self.high, other.high),
        ];
        if all.iter().any(|number| number.is_nan()) {
            return Range::FULL;
        }
        let low = all.iter().copied().fold(f64::INFINITY, f64::min);
        Range::new(low, all.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    pub(super) fn each(self, of: impl Fn(f64) -> f64) -> Range {
        Range::new(of(self.low), of(self.high))
    }
}

/// A count that is at most this number; none: without end.
pub(super) fn count(high: f64) -> Option<u64> {
    const COUNT_MAX: f64 = 1e12;
    (high <= COUNT_MAX).then(|| high.max(0.0).floor() as u64)
}

impl Value {
    pub(super) fn list(most: u64, element: Value) -> Value {
        Value::List(Box::new(List { most, element }))
    }

    /// A list of so many elements that nothing is known of.
    pub(super) fn list_of(most: Option<u64>) -> Value {
        most.map_or(Value::Any, |most| Value::list(most, Value::Any))
    }

    pub(super) fn of_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(_) => Value::Truth,
            Json::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                Value::Number(Range::new(number, number))
            }
            Json::String(_) => Value::Text,
            Json::Array(list) => {
                let element = list.iter().map(Value::of_json).fold(Value::Never, Value::or);
                Value::list(list.len() as u64, element)
            }
            Json::Object(members) => {
                Value::Record(members.iter().map(|(key, it)| (key.clone(), Value::of_json(it))).collect())
            }
        }
    }

    /// One or the other.
    pub(super) fn or(self, other: Value) -> Value {
        match (self, other) {
            (Value::Never, it) | (it, Value::Never) => it,
            (Value::Number(a), Value::Number(b)) => {
                Value::Number(Range::new(a.low.min(b.low), a.high.max(b.high)))
            }
            (Value::List(a), Value::List(b)) => Value::list(a.most.max(b.most), a.element.or(b.element)),
            (Value::Bag(a), Value::Bag(b)) => Value::Bag(a.max(b)),
            (Value::Record(a), Value::Record(mut b)) => {
                let mut all: BTreeMap<String, Value> = BTreeMap::new();
                for (key, value) in a {
                    let other = b.remove(&key).unwrap_or(Value::Nothing);
                    all.insert(key, value.or(other));
                }
                all.extend(b.into_iter().map(|(key, value)| (key, value.or(Value::Nothing))));
                Value::Record(all)
            }
            (a, b) if a == b => a,
            _ => Value::Any,
        }
    }

    pub(super) fn member(&self, name: &str) -> Value {
        match self {
            Value::Record(members) => match members.get(name) {
                Some(value) => value.clone(),
                None if EVERYBODYS.contains(&name) => Value::Any,
                None => Value::Nothing,
            },
            Value::Nothing | Value::Null => Value::Nothing,
            Value::List(list) if name == "length" => Value::Number(Range::new(0.0, list.most as f64)),
            Value::Bag(most) if name == "size" => Value::Number(Range::new(0.0, *most as f64)),
            Value::Text if name == "length" => Value::Number(Range::new(0.0, f64::INFINITY)),
            Value::Never
            | Value::Any
            | Value::Number(_)
            | Value::Text
            | Value::Truth
            | Value::List(_)
            | Value::Bag(_) => Value::Any,
        }
    }

    /// What a loop over it, or a callback of its methods, gets.
    pub(super) fn element(&self) -> Value {
        match self {
            Value::List(list) => list.element.clone(),
            Value::Never
            | Value::Any
            | Value::Nothing
            | Value::Null
            | Value::Number(_)
            | Value::Text
            | Value::Truth
            | Value::Bag(_)
            | Value::Record(_) => Value::Any,
        }
    }

    /// How many elements it has at most, if it can be gone through.
    pub(super) fn most(&self) -> Option<u64> {
        match self {
            Value::List(list) => Some(list.most),
            Value::Bag(most) => Some(*most),
            Value::Never
            | Value::Any
            | Value::Nothing
            | Value::Null
            | Value::Number(_)
            | Value::Text
            | Value::Truth
            | Value::Record(_) => None,
        }
    }

    pub(super) fn number(&self) -> Range {
        match self {
            Value::Number(range) => *range,
            Value::Never
            | Value::Any
            | Value::Nothing
            | Value::Null
            | Value::Text
            | Value::Truth
            | Value::List(_)
            | Value::Bag(_)
            | Value::Record(_) => Range::FULL,
        }
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Value::Nothing | Value::Null => Some(false),
            Value::List(_) | Value::Bag(_) | Value::Record(_) => Some(true),
            Value::Never | Value::Any | Value::Number(_) | Value::Text | Value::Truth => None,
        }
    }

    /// What `typeof` gives; none: one of several.
    pub(super) fn kind(&self) -> Option<&'static str> {
        match self {
            Value::Number(_) => Some("number"),
            Value::Text => Some("string"),
            Value::Truth => Some("boolean"),
            Value::Null | Value::List(_) | Value::Bag(_) | Value::Record(_) => Some("object"),
            Value::Nothing => Some("undefined"),
            Value::Never | Value::Any => None,
        }
    }

    /// Something that others may hold, too, and change.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Value::List(_) | Value::Bag(_) | Value::Record(_))
    }

    /// Without what is known of the lists and objects in it.
    pub(super) fn shallow(self) -> Value {
        let leaf = |value: Value| if value.is_shared() { Value::Any } else { value };
        match self {
            Value::List(list) => Value::list(list.most, leaf(list.element)),
            Value::Record(members) => {
                Value::Record(members.into_iter().map(|(key, value)| (key, leaf(value))).collect())
            }
            it @ (Value::Never
            | Value::Any
            | Value::Nothing
            | Value::Null
            | Value::Number(_)
            | Value::Text
            | Value::Truth
            | Value::Bag(_)) => it,
        }
    }
}
