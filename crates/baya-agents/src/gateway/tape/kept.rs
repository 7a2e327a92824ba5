//! What a file holds.

use crate::gateway::asked::Asked;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The only form so far.
pub(super) const FORM: u32 = 1;
/// Members of a request that name the asker and change no answer: they differ from run to run.
const UNTOLD: [&str; 6] =
    ["metadata", "user", "prompt_cache_key", "client_metadata", "safety_identifier", "stream_options"];

/// Bytes of a key that is worth hiding.
const SECRET_BYTES_MIN: usize = 8;

/// A request as it is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Question {
    pub method: String,
    pub path: String,
    /// Absent: there was none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub baya_gateway: u32,
    pub request: Question,
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub answer: Said,
    /// The provider broke off after this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// The bytes of an answer, in the most readable form that loses none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Json(Value),
    /// As they came, one by one.
    Pieces(Vec<String>),
    /// What is no text.
    Hex(String),
}

impl Question {
    pub fn of(asked: &Asked, secrets: &[String]) -> Question {
        let body = asked.parsed.clone().unwrap_or(Value::Null);
        Question {
            method: asked.method.to_string(),
            path: format!("/v1/{}", asked.route.path),
            body: without_secrets(body, secrets),
        }
    }

    /// The part that an answer depends on, its members in order.
    pub fn compared(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(members) = body.as_object_mut() {
            UNTOLD.iter().for_each(|name| drop(members.shift_remove(*name)));
        }
        // Codex makes up a new id for every item of the conversation; calls are joined by `call_id`.
        let items = body.get_mut("input").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
            item.shift_remove("id");
        }
        sorted(body)
    }

    pub fn key(&self) -> String {
        let text = format!("{}\n{}\n{}", self.method, self.path, self.compared());
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }
}

impl Said {
    pub fn of(pieces: &[Bytes], is_json: bool) -> Said {
        let whole = pieces.concat();
        if is_json
            && let Ok(value) = serde_json::from_slice::<Value>(&whole)
            && value.to_string().as_bytes() == whole
        {
            return Said::Json(value);
        }
        match std::str::from_utf8(&whole) {
            Ok(_) => Said::Pieces(texts(pieces)),
            Err(_) => Said::Hex(whole.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }

    /// The bytes again, or what is wrong with them.
    pub fn pieces(&self) -> Result<Vec<Bytes>, String> {
        match self {
            Said::Json(value) => Ok(vec![Bytes::from(value.to_string())]),
            Said::Pieces(texts) => Ok(texts.iter().map(|text| Bytes::from(text.clone())).collect()),
            Said::Hex(text) => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let byte = |pair: &[u8]| match pair {
                    [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
                    _ => None,
                };
                let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
                Ok(vec![Bytes::from(bytes.ok_or("`hex` is no hexadecimal text")?)])
            }
        }
    }
}

/// Each piece as text; a letter that was cut in two goes to the later piece.
fn texts(pieces: &[Bytes]) -> Vec<String> {
    let mut texts = Vec::with_capacity(pieces.len());
    let mut rest = Vec::new();
    for piece in pieces {
        rest.extend_from_slice(piece);
        let end = match std::str::from_utf8(&rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let tail = rest.split_off(end);
        let text = std::mem::replace(&mut rest, tail);
        texts.push(String::from_utf8_lossy(&text).into_owned());
    }
    texts.retain(|text| !text.is_empty());
    texts
}

/// With every secret replaced by `…`.
pub(super) fn without_secrets(value: Value, secrets: &[String]) -> Value {
    if !holds(&value.to_string(), secrets) {
        return value;
    }
    match value {
        Value::String(text) => Value::String(cleaned(text, secrets)),
        Value::Array(items) => items.into_iter().map(|item| without_secrets(item, secrets)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, member)| (cleaned(key, secrets), without_secrets(member, secrets)))
            .collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

/// The same for pieces; one that stands in two of them makes one piece of all.
pub(super) fn pieces_without_secrets(texts: Vec<String>, secrets: &[String]) -> Vec<String> {
    let whole = texts.concat();
    if holds(&whole, secrets) { vec![cleaned(whole, secrets)] } else { texts }
}

fn holds(text: &str, secrets: &[String]) -> bool {
    known(secrets).any(|secret| text.contains(secret))
}

fn cleaned(text: String, secrets: &[String]) -> String {
    known(secrets).fold(text, |text, secret| text.replace(secret, "…"))
}

/// What is shorter is a word that stands for a key where none is needed.
fn known(secrets: &[String]) -> impl Iterator<Item = &str> {
    secrets.iter().map(String::as_str).filter(|secret| secret.len() >= SECRET_BYTES_MIN)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(key, member)| (key, sorted(member))).collect();
            members.into_iter().collect()
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}
