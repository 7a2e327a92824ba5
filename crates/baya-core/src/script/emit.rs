//! A linked file as one JavaScript expression: the user's text in place, wrapped into a function whose
//! head stands where `meta`, imports and comments stood, and whose end follows the last line.

use super::edit::{self, Side};
use super::link::{Given, LinkedFile};
use super::module::{Binding, DEFAULT_NAME, Taken};
use super::parse::{Parsed, Role};

/// The text of a unit and where the user's own code is in it.
pub(super) struct Emitted {
    pub text: String,
    /// Bytes of `text` that come from the user's file.
    pub body: std::ops::Range<usize>,
    /// Characters that move the first line to the right.
    pub shift: usize,
}

pub(super) fn unit(file: &LinkedFile) -> Emitted {
    let parsed = &file.parsed;
    let head = edit::fill(&parsed.text[..parsed.lead], &head(parsed), Side::Start);
    let body = body(parsed);
    let mut text = head.text;
    let start = text.len();
    text.push_str(&body);
    let end = text.len();
    text.push('\n');
    text.push_str(&tail(file));
    Emitted { text, body: start..end, shift: head.overflow }
}

/// What stays of the user's text behind the lead.
pub(super) fn body(parsed: &Parsed) -> String {
    let mut edits = parsed.edits.clone();
    for edit in &mut edits {
        edit.put = edit.put.replace(DEFAULT_NAME, &default_name(parsed));
    }
    edit::apply(&parsed.text, parsed.lead, &edits)
}

/// `(async function(meta,$0){"use strict";const{a:b}=$0;`
fn head(parsed: &Parsed) -> String {
    let mut parameters: Vec<String> =
        (0..parsed.imports.len()).map(|import| parameter(parsed, import)).collect();
    let wait = match parsed.role {
        Role::Entry => {
            parameters.insert(0, "meta".to_owned());
            "async "
        }
        Role::Library => "",
    };
    format!("({wait}function({}){{\"use strict\";{}", parameters.join(","), declarations(parsed))
}

/// The names that imports bring, taken from the parameters.
pub(super) fn declarations(parsed: &Parsed) -> String {
    let imports = parsed.imports.iter().enumerate();
    let declarators: Vec<String> =
        imports.flat_map(|(import, it)| declarators(&parameter(parsed, import), &it.bindings)).collect();
    if declarators.is_empty() { String::new() } else { format!("const{};", spaced(&declarators.join(","))) }
}

/// `const{a}` needs no space, `const a` does.
fn spaced(declarators: &str) -> String {
    if declarators.starts_with('{') { declarators.to_owned() } else { format!(" {declarators}") }
}

fn declarators(parameter: &str, bindings: &[Binding]) -> Vec<String> {
    let mut all = Vec::new();
    let mut named = Vec::new();
    for binding in bindings {
        match &binding.taken {
            Taken::Namespace => all.push(format!("{}={parameter}", binding.local)),
            Taken::Name(name) if *name == binding.local => named.push(name.clone()),
            Taken::Name(name) => named.push(format!("{}:{}", key(name), binding.local)),
        }
    }
    if !named.is_empty() {
        all.push(format!("{{{}}}={parameter}", named.join(",")));
    }
    all
}

/// `return{…}})` for a library, `})` for the entry.
fn tail(file: &LinkedFile) -> String {
    match file.parsed.role {
        Role::Entry => "})".to_owned(),
        Role::Library => format!("return{{__proto__:null{}}}}})", given(file)),
    }
}

fn given(file: &LinkedFile) -> String {
    let parsed = &file.parsed;
    let mut members = String::new();
    for (name, given) in &file.names {
        let value = match given {
            Given::Local(local) => local.clone(),
            Given::Default => default_name(parsed),
            Given::Import(import, Taken::Namespace) => parameter(parsed, *import),
            Given::Import(import, Taken::Name(name)) => {
                format!("{}[{}]", parameter(parsed, *import), quoted(name))
            }
        };
        // `__proto__: x` would set the prototype; `['__proto__']: x` is a name like any other.
        let key = if name == "__proto__" { "[\"__proto__\"]".to_owned() } else { key(name) };
        members.push_str(&format!(",{key}:{value}"));
    }
    members
}

fn parameter(parsed: &Parsed, import: usize) -> String {
    format!("{}{import}", parsed.prefix)
}

fn default_name(parsed: &Parsed) -> String {
    format!("{}d", parsed.prefix)
}

fn key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if plain && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
