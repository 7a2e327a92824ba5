//! The text of an agent type's file: YAML between two lines of `---`, then the system text.
//!
//! Tolerant where people differ (lists as comma strings, unknown keys, numbers as text) and strict
//! where a guess could widen what an agent may do.

use super::AgentType;
use baya_core::agent::Effort;
use serde_json::{Map, Value};

/// The type that the text describes; the error says why there is none.
pub(super) fn parse(text: &str) -> Result<AgentType, String> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let (head, body) =
        split(&text).ok_or("has no front matter: the first line is not `---`, or it is never closed")?;
    let fields = fields_of(head)?;
    Ok(AgentType {
        name: required(&fields, "name")?,
        description: required(&fields, "description")?,
        tools: list(&fields, "tools")?,
        disallowed_tools: list(&fields, "disallowedTools")?.unwrap_or_default(),
        model: word(&fields, "model")?,
        effort: effort(&fields)?,
        permission_mode: word(&fields, "permissionMode")?,
        max_turns: number(&fields, "maxTurns")?,
        mcp_servers: fields.get("mcpServers").filter(|value| !value.is_null()).cloned(),
        isolation: word(&fields, "isolation")?,
        body: body.trim().to_owned(),
        ..AgentType::default()
    })
}

fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_start().strip_prefix("---")?;
    let rest = rest.trim_start_matches([' ', '\t']).strip_prefix('\n')?;
    if let Some(body) = rest.strip_prefix("---\n") {
        return Some(("", body));
    }
    let end = rest.match_indices("\n---").find(|(at, _)| {
        let after = &rest[at + 4..];
        after.is_empty() || after.trim_start_matches([' ', '\t']).starts_with('\n')
    })?;
    let body = rest[end.0 + 4..].split_once('\n').map_or("", |(_, body)| body);
    Some((&rest[..end.0], body))
}

fn fields_of(head: &str) -> Result<Map<String, Value>, String> {
    match serde_yaml_ng::from_str::<Value>(head) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("has a front matter that is no list of `key: value`".to_owned()),
        Err(error) => {
            simple_fields(head).ok_or_else(|| format!("has a front matter that is no YAML: {error}"))
        }
    }
}

/// What people write that YAML refuses: one `key: value` a line, where the value holds `: ` itself.
fn simple_fields(head: &str) -> Option<Map<String, Value>> {
    let lines = head.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (key, value) = line.split_once(':')?;
            let plain =
                !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            let value = value.trim();
            (plain && !value.starts_with(['[', '{', '"', '\'', '|', '>', '&', '*', '!']))
                .then(|| (key.to_owned(), Value::String(value.to_owned())))
        })
        .collect()
}

fn required(fields: &Map<String, Value>, key: &str) -> Result<String, String> {
    word(fields, key)?.ok_or_else(|| format!("has no `{key}`"))
}

/// A scalar as text; absent, null and empty are the same.
fn word(fields: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    let text = match fields.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(_) | Value::Object(_)) => return Err(format!("has a `{key}` that is no text")),
    };
    Ok((!text.is_empty()).then_some(text))
}

/// A list, or the same as one string with commas; commas inside parentheses belong to the item.
fn list(fields: &Map<String, Value>, key: &str) -> Result<Option<Vec<String>>, String> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(comma_separated(text))),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(|text| text.trim().to_owned()))
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| format!("has a `{key}` with something that is no text")),
        Some(_) => Err(format!("has a `{key}` that is neither a list nor text")),
    }
}

fn comma_separated(text: &str) -> Vec<String> {
    let mut depth = 0i32;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn number(fields: &Map<String, Value>, key: &str) -> Result<Option<u32>, String> {
    let Some(text) = word(fields, key)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("has a `{key}` that is no whole number: `{text}`"))
}

fn effort(fields: &Map<String, Value>) -> Result<Option<Effort>, String> {
    let Some(text) = word(fields, "effort")? else { return Ok(None) };
    serde_json::from_value(Value::String(text.to_lowercase()))
        .map(Some)
        .map_err(|_| format!("has an `effort` that is none of low, medium, high, xhigh, max: `{text}`"))
}
