//! `meta`: a pure literal, read without running anything (C03, C04).

use super::diagnostic::{Findings, Range};
use super::parse::range;
use crate::budget::caps_of;
use crate::limits::META_DEPTH_MAX;
use crate::schema::Schema;
use oxc_ast::ast::{
    ArrayExpressionElement, Expression, ObjectExpression, ObjectProperty, ObjectPropertyKind, PropertyKey,
    PropertyKind, UnaryOperator,
};
use oxc_span::GetSpan;
use serde::Serialize;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// What a script says about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Meta {
    pub name: String,
    pub description: String,
    pub when_to_use: Option<String>,
    pub phases: Vec<PhaseMeta>,
    /// The JSON Schema for `args`.
    pub args: Option<Value>,
    /// All of it, as the script's own `meta` shows it.
    pub value: Value,
    /// Places of the parts, by path as `phases.0.title`.
    #[serde(skip)]
    pub(super) places: BTreeMap<String, Range>,
}

/// One planned phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhaseMeta {
    pub title: String,
    pub detail: Option<String>,
    pub model: Option<String>,
}

const FORBIDDEN_KEYS: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Reads the literal and checks it; nothing if anything is wrong, which is in the findings then.
pub(super) fn read(object: &ObjectExpression<'_>, findings: &mut Findings<'_>) -> Option<Meta> {
    let before = findings.found.len();
    let mut reader = Reader { findings, places: BTreeMap::new(), path: Vec::new() };
    let value = reader.object(object);
    let places = reader.places;
    if findings.found.len() > before {
        return None;
    }
    let meta = Checker { value: &value, places: &places, findings, at: range(object.span) }.check();
    (findings.found.len() == before).then(|| Meta { value, places, ..meta })
}

struct Reader<'f, 't> {
    findings: &'f mut Findings<'t>,
    places: BTreeMap<String, Range>,
    path: Vec<String>,
}

impl Reader<'_, '_> {
    fn refuse(&mut self, span: oxc_span::Span, what: &str) -> Value {
        let message = format!("`meta` is read without running the script: {what} cannot stand in it");
        let hint = "write the value itself: text, number, true, false, null, [ ] or { }";
        self.findings.error("meta-literal", range(span), message, Some(hint.to_owned()));
        Value::Null
    }

    fn value(&mut self, expression: &Expression<'_>) -> Value {
        self.places.insert(self.path.join("."), range(expression.span()));
        match expression {
            Expression::StringLiteral(text) if text.lone_surrogates => {
                self.refuse(text.span, "half a character")
            }
            Expression::StringLiteral(text) => Value::String(text.value.to_string()),
            Expression::NumericLiteral(number) => self.number(number.span, number.value),
            Expression::BooleanLiteral(truth) => Value::Bool(truth.value),
            Expression::NullLiteral(_) => Value::Null,
            Expression::TemplateLiteral(template) => match template.single_quasi() {
                Some(text) => Value::String(text.to_string()),
                None => self.refuse(template.span, "a template with `${}`"),
            },
            Expression::UnaryExpression(unary) => match (&unary.operator, &unary.argument) {
                (UnaryOperator::UnaryNegation, Expression::NumericLiteral(number)) => {
                    self.number(number.span, -number.value)
                }
                _ => self.refuse(unary.span, "an operator"),
            },
            Expression::ArrayExpression(array) => self.array(&array.elements),
            Expression::ObjectExpression(object) => self.object(object),
            Expression::ParenthesizedExpression(inner) => self.value(&inner.expression),
            Expression::TSAsExpression(typed) => self.value(&typed.expression),
            Expression::TSSatisfiesExpression(typed) => self.value(&typed.expression),
            other => self.refuse(other.span(), kind_of(other)),
        }
    }

    fn number(&mut self, span: oxc_span::Span, number: f64) -> Value {
        const SAFE: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() < SAFE {
            return Value::Number(Number::from(number as i64));
        }
        Number::from_f64(number).map_or_else(|| self.refuse(span, "an infinite number"), Value::Number)
    }

    fn array(&mut self, elements: &[ArrayExpressionElement<'_>]) -> Value {
        let mut values = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            let inside = match element {
                ArrayExpressionElement::SpreadElement(spread) => self.refuse(spread.span, "a spread"),
                ArrayExpressionElement::Elision(hole) => self.refuse(hole.span, "a list with a hole"),
                other => match other.as_expression() {
                    Some(expression) => self.inside(index.to_string(), expression),
                    None => Value::Null,
                },
            };
            values.push(inside);
        }
        Value::Array(values)
    }

    fn inside(&mut self, key: String, expression: &Expression<'_>) -> Value {
        if self.path.len() >= META_DEPTH_MAX {
            let what = format!("more than {META_DEPTH_MAX} levels of lists and objects");
            return self.refuse(expression.span(), &what);
        }
        self.path.push(key);
        let value = self.value(expression);
        self.path.pop();
        value
    }

    fn object(&mut self, object: &ObjectExpression<'_>) -> Value {
        let mut members = Map::new();
        for property in &object.properties {
            match property {
                ObjectPropertyKind::SpreadProperty(spread) => {
                    self.refuse(spread.span, "a spread");
                }
                ObjectPropertyKind::ObjectProperty(property) => {
                    if let Some((key, value)) = self.member(property) {
                        members.insert(key, value);
                    }
                }
            }
        }
        Value::Object(members)
    }

    fn member(&mut self, property: &ObjectProperty<'_>) -> Option<(String, Value)> {
        let refused = match property {
            _ if property.computed => Some("a computed key"),
            _ if property.kind != PropertyKind::Init => Some("a getter or setter"),
            _ if property.method => Some("a method"),
            _ if property.shorthand => Some("a name"),
            _ => None,
        };
        if let Some(what) = refused {
            self.refuse(property.span, what);
            return None;
        }
        let key = match &property.key {
            PropertyKey::StaticIdentifier(name) => name.name.to_string(),
            PropertyKey::StringLiteral(text) => text.value.to_string(),
            PropertyKey::NumericLiteral(number) => match self.number(number.span, number.value) {
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
            other => {
                self.refuse(other.span(), "a key that is no plain name");
                return None;
            }
        };
        if FORBIDDEN_KEYS.contains(&key.as_str()) {
            let message = format!("`{key}` cannot be a key in `meta`: it would change what the object is");
            let hint = Some("choose another name for the key".to_owned());
            self.findings.error("meta-key", range(property.key.span()), message, hint);
            return None;
        }
        let value = self.inside(key.clone(), &property.value);
        Some((key, value))
    }
}

fn kind_of(expression: &Expression<'_>) -> &'static str {
    match expression {
        Expression::Identifier(name) if name.name == "undefined" => "`undefined`",
        Expression::Identifier(_) => "a name",
        Expression::CallExpression(_) | Expression::NewExpression(_) | Expression::ImportExpression(_) => {
            "a call"
        }
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => "a function",
        Expression::ClassExpression(_) => "a class",
        Expression::BinaryExpression(_) | Expression::LogicalExpression(_) => "an operator",
        Expression::ConditionalExpression(_) => "a condition",
        Expression::TaggedTemplateExpression(_) => "a tagged template",
        Expression::AwaitExpression(_) => "`await`",
        Expression::BigIntLiteral(_) => "a BigInt",
        Expression::RegExpLiteral(_) => "a regular expression",
        Expression::ThisExpression(_) => "`this`",
        _ => "an expression",
    }
}

struct Checker<'c, 'f, 't> {
    value: &'c Value,
    places: &'c BTreeMap<String, Range>,
    findings: &'f mut Findings<'t>,
    at: Range,
}

impl Checker<'_, '_, '_> {
    fn check(mut self) -> Meta {
        Meta {
            name: self.required("name", "the name it is saved and found by"),
            description: self.required("description", "one sentence for whoever chooses it"),
            when_to_use: self.text(&["whenToUse"]),
            phases: self.phases(),
            args: self.args(),
            value: Value::Null,
            places: BTreeMap::new(),
        }
    }

    fn error(&mut self, path: &str, message: String, hint: Option<&str>) {
        let span = self.places.get(path).cloned().unwrap_or_else(|| self.at.start..self.at.start + 1);
        self.findings.error("meta-shape", span, message, hint.map(str::to_owned));
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self.value, |value, key| match value {
            Value::Array(list) => list.get(key.parse::<usize>().ok()?),
            Value::Object(members) => members.get(*key),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    fn required(&mut self, key: &str, what: &str) -> String {
        match self.at(&[key]) {
            Some(Value::String(text)) if !text.trim().is_empty() => return text.clone(),
            Some(Value::String(_)) => {
                self.error(key, format!("`meta.{key}` is empty"), Some(&format!("write {what}")))
            }
            Some(_) => self.error(key, format!("`meta.{key}` is not text"), Some("write it between quotes")),
            None => {
                self.error(key, format!("`meta` has no `{key}`"), Some(&format!("add `{key}: '…'`, {what}")))
            }
        }
        String::new()
    }

    fn text(&mut self, path: &[&str]) -> Option<String> {
        match self.at(path)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                let path = path.join(".");
                self.error(&path, format!("`meta.{path}` is not text"), Some("write it between quotes"));
                None
            }
        }
    }

    fn phases(&mut self) -> Vec<PhaseMeta> {
        let count = match self.at(&["phases"]) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list.len(),
            Some(_) => {
                let hint = "write `phases: [{ title: 'Find' }, { title: 'Check' }]`";
                self.error("phases", "`meta.phases` is not a list".to_owned(), Some(hint));
                return Vec::new();
            }
        };
        (0..count).filter_map(|index| self.phase(index)).collect()
    }

    fn phase(&mut self, index: usize) -> Option<PhaseMeta> {
        let index = index.to_string();
        let path = format!("phases.{index}");
        match self.at(&["phases", &index])? {
            Value::String(title) if !title.trim().is_empty() => {
                return Some(PhaseMeta { title: title.clone(), detail: None, model: None });
            }
            Value::Object(_) => {}
            _ => {
                self.error(&path, format!("`meta.{path}` is neither a title nor `{{ title: '…' }}`"), None);
                return None;
            }
        }
        let title = self.text(&["phases", &index, "title"]).filter(|title| !title.trim().is_empty());
        if title.is_none() && !matches!(self.at(&["phases", &index, "title"]), Some(v) if !v.is_string()) {
            self.error(&path, format!("`meta.{path}` has no title"), Some("add `title: '…'`"));
        }
        let detail = self.text(&["phases", &index, "detail"]);
        let model = self.text(&["phases", &index, "model"]);
        let budget = self.at(&["phases", &index, "budget"]).map(caps_of);
        if let Some(Err(why)) = budget {
            let path = format!("{path}.budget");
            let hint = "write `budget: 50000` for output tokens, or `budget: { usd: 2 }`";
            self.error(&path, format!("`meta.{path}`{why}"), Some(hint));
        }
        Some(PhaseMeta { title: title?, detail, model })
    }

    fn args(&mut self) -> Option<Value> {
        let schema = self.at(&["args"])?.clone();
        if let Err(why) = Schema::compile(&schema) {
            let hint =
                "write a JSON Schema: `args: { type: 'object', properties: { topic: { type: 'string' } } }`";
            self.error("args", format!("`meta.args` is not a usable JSON Schema: {why}"), Some(hint));
        }
        Some(schema)
    }
}
