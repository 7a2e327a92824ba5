//! `args` as the command line gives them: words, `--arg k=v`, or `--args JSON`.

use crate::failure::{Failure, in_words};
use baya_core::schema::Schema;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// The three ways; at most one may be used.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    pub words: &'a [String],
    pub pairs: &'a [String],
    pub value: Option<&'a str>,
}

impl Given<'_> {
    /// The value of `args`; `None` is `undefined` (C50). `schema` is `meta.args`.
    pub fn read(&self, schema: Option<&Value>) -> Result<Option<Value>, Failure> {
        self.refuse_two_ways()?;
        if let Some(text) = self.value {
            return read_value(text).map(|value| Some(opened(value)));
        }
        if !self.pairs.is_empty() {
            return read_pairs(self.pairs, schema).map(Some);
        }
        Ok((!self.words.is_empty()).then(|| opened(Value::String(self.words.join(" ")))))
    }

    fn refuse_two_ways(&self) -> Result<(), Failure> {
        let ways = [
            ("words after the workflow", !self.words.is_empty()),
            ("`--arg`", !self.pairs.is_empty()),
            ("`--args`", self.value.is_some()),
        ];
        let used: Vec<_> = ways.iter().filter(|(_, used)| *used).map(|(name, _)| *name).collect();
        match used[..] {
            [one, other, ..] => Err(Failure::usage(format!("args are given twice: by {one} and by {other}"))
                .hint("give words, or `--arg KEY=VALUE`, or `--args JSON`")),
            _ => Ok(()),
        }
    }
}

/// A string that is the JSON of an object or a list arrives parsed (C50).
fn opened(value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    if !text.trim_start().starts_with(['{', '[']) {
        return value;
    }
    serde_json::from_str(text).unwrap_or(value)
}

fn read_value(text: &str) -> Result<Value, Failure> {
    let (origin, json) = match text.strip_prefix('@') {
        Some(path) => (format!("the file `{path}`"), read_file(path)?),
        None if text == "-" => ("stdin".to_owned(), read_stdin()?),
        None => ("`--args`".to_owned(), text.to_owned()),
    };
    serde_json::from_str(json.trim_start_matches('\u{feff}')).map_err(|error| {
        Failure::usage(format!("{origin} is not JSON: {error}"))
            .hint("a text is given as words after the workflow, or as `--arg KEY=@FILE`")
    })
}

fn read_pairs(pairs: &[String], schema: Option<&Value>) -> Result<Value, Failure> {
    let mut object = Map::new();
    for pair in pairs {
        let (key, text) = pair.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
            Failure::usage(format!("`--arg {pair}` has no key and value")).hint("write `--arg KEY=VALUE`")
        })?;
        let text = match text.strip_prefix('@') {
            Some(path) => read_file(path)?,
            None => text.to_owned(),
        };
        if object.insert(key.to_owned(), typed(text, key, schema)).is_some() {
            return Err(Failure::usage(format!("`--arg {key}` is given twice")));
        }
    }
    Ok(Value::Object(object))
}

/// A text, unless the schema wants something else there and the text can be read as that.
fn typed(text: String, key: &str, schema: Option<&Value>) -> Value {
    let wanted = schema.and_then(|schema| schema.get("properties")?.get(key)?.get("type"));
    let wants_text = match wanted {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|one| one == "string"),
        Some(one) => one == "string",
    };
    match wants_text {
        true => Value::String(text),
        false => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

fn read_file(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::unreadable(Path::new(path), &error))
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("cannot read stdin: {}", in_words(&error))))?;
    Ok(text)
}

/// Checks the value against `meta.args` (C04). Nothing given counts as no members.
pub fn check(args: Option<&Value>, schema: Option<&Value>, target: &str) -> Result<(), Failure> {
    let Some(schema) = schema else { return Ok(()) };
    let refused = |why: String| {
        let what =
            if args.is_none() { "the workflow needs args" } else { "the args do not fit the workflow" };
        Failure::usage(format!("{what}: {why}")).hint(format!("baya run {target} --help says what it takes"))
    };
    let compiled = Schema::compile(schema)
        .map_err(|why| Failure::usage(format!("`meta.args` of the workflow is not usable: {why}")))?;
    let none = Value::Object(Map::new());
    compiled.validate(args.unwrap_or(&none)).map_err(refused)
}
