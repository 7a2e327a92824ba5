//! What a program wrote, read as an answer.

use super::OutputForm;
use crate::api::extract;
use baya_core::agent::{Answer, Usage, UsageSource};
use baya_core::schema::Schema;
use serde_json::{Map, Value};

/// Members of the object in which a program may wrap its answer.
const MEMBERS: [&str; 4] = ["result", "usage", "model", "error"];

/// One output of a program.
#[derive(Debug)]
pub(super) struct Read {
    pub answer: Result<Answer, Unmet>,
    pub model: Option<String>,
    text: String,
    reported: Option<Usage>,
}

/// An answer that does not meet the schema.
#[derive(Debug)]
pub(super) struct Unmet {
    pub why: String,
    pub draft: String,
}

impl Read {
    /// As the program reported it, else estimated.
    pub fn usage(&self, input: &str) -> Usage {
        self.reported.unwrap_or_else(|| Usage::estimate(input, &self.text))
    }
}

/// An error is a sentence without its subject.
pub(super) fn read(bytes: Vec<u8>, form: OutputForm, schema: Option<&Schema>) -> Result<Read, String> {
    let text = String::from_utf8(bytes).map_err(|_| "wrote something that is not UTF-8".to_owned())?;
    let Some(mut wrapped) = wrapped(&text, form)? else {
        let answer = match schema {
            Some(schema) => object_in(&text, schema),
            None => Ok(Answer::Text(without_last_line_break(&text).to_owned())),
        };
        return Ok(Read { answer, model: None, text, reported: None });
    };
    if let Some(error) = wrapped.get("error").filter(|error| !error.is_null()) {
        let said = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        return Err(format!("reports an error: {}", crate::program::tail(said.as_bytes())));
    }
    let result = wrapped.shift_remove("result").unwrap_or_default();
    let text = result.as_str().map_or_else(|| result.to_string(), str::to_owned);
    let answer = match (schema, &result) {
        (None, _) => Ok(Answer::Text(text.clone())),
        (Some(schema), Value::String(text)) => object_in(text, schema),
        (Some(schema), _) => checked(result, schema),
    };
    let model = wrapped.get("model").and_then(Value::as_str).map(str::to_owned);
    Ok(Read { answer, model, text, reported: wrapped.get("usage").and_then(usage) })
}

/// The object that holds the answer, if the output is one.
fn wrapped(text: &str, form: OutputForm) -> Result<Option<Map<String, Value>>, String> {
    let parsed = match form {
        OutputForm::Text => return Ok(None),
        OutputForm::Json | OutputForm::Auto => serde_json::from_str::<Map<String, Value>>(text.trim()),
    };
    let has = |object: &Map<String, Value>, key: &str| object.contains_key(key);
    let is_wrapped = |object: &Map<String, Value>| {
        (has(object, "result") || has(object, "error"))
            && object.keys().all(|key| MEMBERS.contains(&key.as_str()))
    };
    match (form, parsed) {
        (OutputForm::Json, Err(error)) => Err(format!("wrote something that is no JSON object: {error}")),
        (OutputForm::Json, Ok(object)) if !has(&object, "result") && !has(&object, "error") => {
            Err("wrote an object without `result`".to_owned())
        }
        (OutputForm::Json, Ok(object)) => Ok(Some(object)),
        (OutputForm::Auto, Ok(object)) if is_wrapped(&object) => Ok(Some(object)),
        (OutputForm::Auto | OutputForm::Text, _) => Ok(None),
    }
}

fn object_in(text: &str, schema: &Schema) -> Result<Answer, Unmet> {
    let unmet = |why: String| Unmet { why, draft: text.to_owned() };
    let mut first: Option<String> = None;
    for object in extract::objects(text) {
        let value = Value::Object(object);
        match schema.validate(&value) {
            Ok(()) => return Ok(Answer::Json(value)),
            Err(why) => first.get_or_insert(why),
        };
    }
    Err(unmet(first.unwrap_or_else(|| "there is no JSON object in it".to_owned())))
}

fn checked(value: Value, schema: &Schema) -> Result<Answer, Unmet> {
    match schema.validate(&value) {
        Ok(()) => Ok(Answer::Json(value)),
        Err(why) => Err(Unmet { why, draft: value.to_string() }),
    }
}

fn usage(told: &Value) -> Option<Usage> {
    let count = |key: &str| told.get(key).and_then(Value::as_u64);
    let (input, output) = (count("input"), count("output"));
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Usage {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cache_read: count("cache_read").unwrap_or(0),
        cache_write: count("cache_write").unwrap_or(0),
        reasoning: count("reasoning").unwrap_or(0),
        source: UsageSource::Reported,
        ..Usage::default()
    })
}

fn without_last_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
