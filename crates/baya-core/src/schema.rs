//! JSON Schema as Baya uses it: compiled once, checked by us whatever a backend claims (C30–C33).
//!
//! Nothing is fetched: a `$ref` outside the schema is an error. `format` and unknown keywords are
//! annotations: they never make a schema unusable and never refuse a value. Values are compared as
//! they are; nothing is coerced.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Errors of one value that are told at once.
const ERRORS_TOLD: usize = 3;
/// Characters of a value, or of a whole error, that a message shows.
const VALUE_CHARS: usize = 60;
const ERROR_CHARS: usize = 300;

/// A usable schema: its root is an object, it compiles, and nothing in it plainly contradicts itself.
#[derive(Debug, Clone)]
pub struct Schema {
    validator: Arc<jsonschema::Validator>,
}

/// Schemas that were compiled before: equal ones are compiled once, and read once if they come again soon.
#[derive(Debug, Default)]
pub struct Schemas {
    /// The newest first.
    recent: Vec<(Value, Compiled)>,
    by_text: BTreeMap<String, Compiled>,
}

/// What became of a schema.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub schema: Result<Schema, String>,
    /// Of its text.
    pub bytes: u64,
}

/// Schemas that are looked for by their value; scripts seldom have more.
const RECENT_MAX: usize = 8;

impl Schemas {
    pub fn of(&mut self, schema: &Value) -> &Compiled {
        match self.recent.iter().position(|(known, _)| known == schema) {
            Some(place) => self.recent[..=place].rotate_right(1),
            None => {
                let compiled = self.by_text(schema);
                self.recent.truncate(RECENT_MAX - 1);
                self.recent.insert(0, (schema.clone(), compiled));
            }
        }
        &self.recent[0].1
    }

    fn by_text(&mut self, schema: &Value) -> Compiled {
        let text = schema.to_string();
        let bytes = text.len() as u64;
        let compile = || Compiled { schema: Schema::compile(schema), bytes };
        self.by_text.entry(text).or_insert_with(compile).clone()
    }
}

impl Schema {
    /// The preflight of C31; the error says what is wrong with the schema, and where.
    pub fn compile(schema: &Value) -> Result<Schema, String> {
        let root = schema.as_object().ok_or_else(|| {
            format!("a schema is a JSON object, this is {}", shortened(&schema.to_string(), VALUE_CHARS))
        })?;
        if root.get("type").and_then(Value::as_str) != Some("object") {
            return Err(root_type_message(root.get("type")));
        }
        let validator = jsonschema::options()
            .should_validate_formats(false)
            .offline()
            .build(schema)
            .map_err(|error| compile_message(schema, &error))?;
        refuse_contradictions(schema, "")?;
        Ok(Schema { validator: Arc::new(validator) })
    }

    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// What is wrong with the value: up to three errors with their places, on one line.
    pub fn validate(&self, value: &Value) -> Result<(), String> {
        let mut errors = self.validator.iter_errors(value);
        let told: Vec<String> = errors.by_ref().take(ERRORS_TOLD).map(|error| one_error(&error)).collect();
        if told.is_empty() {
            return Ok(());
        }
        let more = errors.count();
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        Err(format!("{}{rest}", told.join("; ")))
    }
}

fn root_type_message(found: Option<&Value>) -> String {
    match found {
        Some(found) => {
            format!(
                "the root of a schema must say `type: 'object'`, this one says `{}`",
                shortened(&found.to_string(), VALUE_CHARS)
            )
        }
        None => "the root of a schema must say `type: 'object'`, this one says no type".to_owned(),
    }
}

fn compile_message(schema: &Value, error: &jsonschema::ValidationError<'_>) -> String {
    if let Some((place, target)) = remote_ref(schema, String::new()) {
        return format!("`$ref` at `{place}` points outside the schema, to `{target}`; nothing is fetched");
    }
    let place = error.instance_path().as_str();
    format!("{} at `{}`", short_message(error), if place.is_empty() { "/" } else { place })
}

/// The first `$ref` that is not within the schema itself and not to a part with an `$id` of its own.
fn remote_ref(schema: &Value, place: String) -> Option<(String, String)> {
    match schema {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            if let Some(target) = target.filter(|target| target.contains("://")) {
                return Some((format!("{place}/$ref"), target.to_owned()));
            }
            members.iter().find_map(|(key, inner)| remote_ref(inner, step(&place, key)))
        }
        Value::Array(elements) => {
            elements.iter().enumerate().find_map(|(i, inner)| remote_ref(inner, format!("{place}/{i}")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn one_error(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().as_str();
    let text = short_message(error);
    if place.is_empty() { format!("{text} at the root") } else { format!("{text} at `{place}`") }
}

fn short_message(error: &jsonschema::ValidationError<'_>) -> String {
    let value = error.instance().to_string();
    let text = if value.chars().count() > VALUE_CHARS {
        error.masked_with(shortened(&value, VALUE_CHARS)).to_string()
    } else {
        error.to_string()
    };
    shortened(&text.replace(['\n', '\r'], " "), ERROR_CHARS)
}

fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Looks through what always applies: a contradiction inside `anyOf`, `not` and their like may be meant.
fn refuse_contradictions(schema: &Value, place: &str) -> Result<(), String> {
    let Some(members) = schema.as_object() else { return Ok(()) };
    refuse_forbidden_keys(members, place)?;
    refuse_empty_ranges(members, place)?;
    for key in ["properties", "patternProperties", "$defs", "definitions"] {
        for (name, inner) in members.get(key).and_then(Value::as_object).into_iter().flatten() {
            refuse_contradictions(inner, &step(&step(place, key), name))?;
        }
    }
    for key in ["items", "additionalProperties", "additionalItems"] {
        if let Some(inner) = members.get(key) {
            refuse_contradictions(inner, &step(place, key))?;
        }
    }
    for key in ["prefixItems", "allOf", "items"] {
        for (i, inner) in members.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            refuse_contradictions(inner, &format!("{}/{i}", step(place, key)))?;
        }
    }
    Ok(())
}

fn refuse_forbidden_keys(members: &Map<String, Value>, place: &str) -> Result<(), String> {
    let properties = members.get("properties").and_then(Value::as_object);
    let forbids_others = members.get("additionalProperties") == Some(&Value::Bool(false));
    let patterns = members.get("patternProperties").and_then(Value::as_object);
    for key in members.get("required").and_then(Value::as_array).into_iter().flatten() {
        let Some(key) = key.as_str() else { continue };
        let declared = properties.and_then(|properties| properties.get(key));
        if declared == Some(&Value::Bool(false)) {
            return Err(format!(
                "{} requires `{key}`, and `properties` forbids it with `false`",
                subject(place)
            ));
        }
        let matched = || patterns.is_some_and(|patterns| patterns.keys().any(|p| may_match(p, key)));
        if forbids_others && declared.is_none() && !matched() {
            return Err(format!(
                "{} requires `{key}`, and `additionalProperties: false` forbids it: it is not in `properties`",
                subject(place)
            ));
        }
    }
    Ok(())
}

/// A pattern in the dialect of JavaScript that this crate cannot read may match.
fn may_match(pattern: &str, key: &str) -> bool {
    regex::Regex::new(pattern).map_or(true, |regex| regex.is_match(key))
}

fn refuse_empty_ranges(members: &Map<String, Value>, place: &str) -> Result<(), String> {
    let kind = members.get("type").and_then(Value::as_str);
    let ranges: &[(&str, &str)] = match kind {
        Some("array") => &[("minItems", "maxItems")],
        Some("string") => &[("minLength", "maxLength")],
        Some("object") => &[("minProperties", "maxProperties")],
        Some("number" | "integer") => &[("minimum", "maximum")],
        Some(_) | None => &[],
    };
    let number = |key: &str| members.get(key).and_then(Value::as_f64);
    for (low, high) in ranges {
        if let (Some(least), Some(most)) = (number(low), number(high))
            && least > most
        {
            return Err(format!("{} has `{low}: {least}` above `{high}: {most}`", subject(place)));
        }
    }
    Ok(())
}

fn subject(place: &str) -> String {
    if place.is_empty() { "the schema".to_owned() } else { format!("the schema at `{place}`") }
}

fn step(place: &str, key: &str) -> String {
    format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}
