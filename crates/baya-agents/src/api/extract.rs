//! Finds JSON objects in prose, for agents that answer a schema with text.

use serde_json::{Map, Value};

/// Objects looked at in one text.
const CANDIDATES_MAX: usize = 16;

/// The objects in the text, best guess first: the whole text, fenced blocks, then anything in braces.
pub(crate) fn objects(text: &str) -> Vec<Map<String, Value>> {
    let whole = std::iter::once(text.trim());
    let found: Vec<_> = whole.chain(fenced(text)).filter_map(parse).collect();
    if found.is_empty() { in_braces(text) } else { found }
}

fn parse(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn fenced(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").skip(1).step_by(2).map(|block| match block.split_once('\n') {
        Some((tag, rest)) if !tag.contains('{') => rest,
        _ => block,
    })
}

fn in_braces(text: &str) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    let mut rest = text;
    for _ in 0..CANDIDATES_MAX {
        let Some(at) = rest.find('{') else { break };
        rest = &rest[at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let parsed = values.next();
        let read = values.byte_offset();
        match parsed {
            Some(Ok(Value::Object(object))) => {
                found.push(object);
                rest = &rest[read..];
            }
            _ => rest = &rest[1..],
        }
    }
    found
}
