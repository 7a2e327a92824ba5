//! One flat schema out of many: references followed, `allOf` merged, one branch of `anyOf`, `oneOf`
//! and `if` taken.

use super::noise::Noise;
use super::shape::NULL_EVERY;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// References and branches followed, one after another and in all, before a schema is taken as it stands.
const HOPS_MAX: u32 = 32;
const PARTS_MAX: u32 = 256;

/// Which branch is taken where a schema leaves the choice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Branch {
    /// Any, null less often.
    Any,
    /// The one that leads to the smallest value: recursion must end.
    Smallest,
}

/// The flat form of `schema`; `None` if nothing can meet it.
pub(super) fn flatten<'s>(
    root: &Value,
    schema: &'s Value,
    branch: Branch,
    noise: &mut Noise,
) -> Option<Cow<'s, Map<String, Value>>> {
    match schema.as_object() {
        Some(members) if !members.keys().any(|key| is_combining(key)) => Some(Cow::Borrowed(members)),
        Some(_) | None => {
            Flattening { root, branch, noise, parts_left: PARTS_MAX }.flat(schema, 0).map(Cow::Owned)
        }
    }
}

/// Its value says what is flattened, and is no part of the flat form.
fn is_combining(key: &str) -> bool {
    matches!(key, "$ref" | "$dynamicRef" | "allOf" | "anyOf" | "oneOf" | "if" | "then" | "else" | "$defs")
}

struct Flattening<'a> {
    root: &'a Value,
    branch: Branch,
    noise: &'a mut Noise,
    parts_left: u32,
}

impl Flattening<'_> {
    fn flat(&mut self, schema: &Value, hops: u32) -> Option<Map<String, Value>> {
        let Some(members) = schema.as_object() else {
            return if schema == &Value::Bool(false) { None } else { Some(Map::new()) };
        };
        let own = members.iter().filter(|(key, _)| !is_combining(key));
        let mut flat: Map<String, Value> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
        if hops < HOPS_MAX {
            for part in self.parts(members) {
                if self.parts_left == 0 {
                    break;
                }
                self.parts_left -= 1;
                flat = merged(flat, self.flat(&part, hops + 1)?);
            }
        }
        Some(flat)
    }

    /// The other schemas that a value of this one has to meet too.
    fn parts(&mut self, members: &Map<String, Value>) -> Vec<Value> {
        let mut parts = Vec::new();
        for key in ["$ref", "$dynamicRef"] {
            let target = members.get(key).and_then(Value::as_str);
            parts.extend(target.and_then(|target| resolve(self.root, target)).cloned());
        }
        parts.extend(members.get("allOf").and_then(Value::as_array).into_iter().flatten().cloned());
        for key in ["oneOf", "anyOf"] {
            if let Some(branches) = members.get(key).and_then(Value::as_array) {
                parts.extend(self.choose(branches).cloned());
            }
        }
        if let Some(condition) = members.get("if") {
            let (taken, other) = (members.get("then"), members.get("else"));
            if other.is_none() || self.noise.below(2) == 0 {
                parts.push(condition.clone());
                parts.extend(taken.cloned());
            } else {
                parts.extend(other.cloned());
            }
        }
        parts
    }

    fn choose<'b>(&mut self, branches: &'b [Value]) -> Option<&'b Value> {
        if self.branch == Branch::Smallest {
            return branches.iter().min_by_key(|branch| weight(branch));
        }
        let solid: Vec<&Value> = branches.iter().filter(|branch| !is_null(branch)).collect();
        if solid.len() < branches.len() && self.noise.below(NULL_EVERY) == 0 {
            return branches.iter().find(|branch| is_null(branch));
        }
        match solid.is_empty() {
            true => branches.first(),
            false => self.noise.pick(&solid).copied(),
        }
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null") || schema.get("const") == Some(&Value::Null)
}

/// How large the smallest value of a schema may be, roughly.
fn weight(schema: &Value) -> u32 {
    let has = |key: &str| schema.get(key).is_some();
    if is_null(schema) {
        0
    } else if has("const") || has("enum") {
        1
    } else if has("$ref") || has("properties") || has("allOf") || has("anyOf") || has("oneOf") {
        4
    } else if has("items") {
        3
    } else {
        2
    }
}

/// The target of a reference within the schema: a JSON pointer, an anchor, or the root.
fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    let fragment = match target.split_once('#') {
        Some((_, fragment)) => fragment,
        None => return by_key(root, "$id", target),
    };
    if fragment.is_empty() || fragment.starts_with('/') {
        return root.pointer(&decoded(fragment));
    }
    by_key(root, "$anchor", fragment).or_else(|| by_key(root, "$dynamicAnchor", fragment))
}

fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn by_key<'a>(schema: &'a Value, key: &str, name: &str) -> Option<&'a Value> {
    match schema {
        Value::Object(members) if members.get(key).and_then(Value::as_str) == Some(name) => Some(schema),
        Value::Object(members) => members.values().find_map(|inner| by_key(inner, key, name)),
        Value::Array(elements) => elements.iter().find_map(|inner| by_key(inner, key, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// What meets both.
fn merged(mut one: Map<String, Value>, mut other: Map<String, Value>) -> Map<String, Value> {
    drop_forbidden(&one, &mut other);
    drop_forbidden(&other, &mut one);
    for (key, value) in other {
        let value = match one.get(&key) {
            Some(present) => both(&key, present, value),
            None => value,
        };
        one.insert(key, value);
    }
    one
}

/// Properties that `additionalProperties: false` of the other side forbids are not written.
fn drop_forbidden(closed: &Map<String, Value>, open: &mut Map<String, Value>) {
    if closed.get("additionalProperties") != Some(&Value::Bool(false))
        || closed.contains_key("patternProperties")
    {
        return;
    }
    let declared = closed.get("properties").and_then(Value::as_object);
    if let Some(properties) = open.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| declared.is_some_and(|declared| declared.contains_key(name)));
    }
}

fn both(key: &str, one: &Value, other: Value) -> Value {
    match key {
        "type" => common_types(one, &other),
        "enum" => common_elements(one, &other),
        "required" => all_elements(one, other),
        "properties" | "patternProperties" | "dependentRequired" => all_members(one, other),
        "items" | "additionalProperties" | "contains" | "propertyNames" => json!({"allOf": [one, other]}),
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" | "minContains" => {
            if one.as_f64() >= other.as_f64() { one.clone() } else { other }
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            if one.as_f64() <= other.as_f64() { one.clone() } else { other }
        }
        "uniqueItems" => json!(one == &Value::Bool(true) || other == Value::Bool(true)),
        "const" => one.clone(),
        _ => other,
    }
}

fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn common_types(one: &Value, other: &Value) -> Value {
    let (one, other) = (names(one), names(other));
    let mut common: BTreeSet<&str> = one.iter().copied().filter(|name| other.contains(name)).collect();
    if (one.contains(&"integer") && other.contains(&"number"))
        || (one.contains(&"number") && other.contains(&"integer"))
    {
        common.insert("integer");
    }
    json!(common)
}

fn common_elements(one: &Value, other: &Value) -> Value {
    let others = other.as_array().cloned().unwrap_or_default();
    one.as_array().into_iter().flatten().filter(|value| others.contains(value)).cloned().collect()
}

fn all_elements(one: &Value, other: Value) -> Value {
    let mut all = one.as_array().cloned().unwrap_or_default();
    for value in other.as_array().into_iter().flatten() {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    Value::Array(all)
}

fn all_members(one: &Value, other: Value) -> Value {
    let mut all = one.as_object().cloned().unwrap_or_default();
    let Value::Object(other) = other else { return Value::Object(all) };
    for (name, schema) in other {
        let schema = match all.get(&name) {
            Some(present) if present != &schema => json!({"allOf": [present, schema]}),
            Some(_) | None => schema,
        };
        all.insert(name, schema);
    }
    Value::Object(all)
}
