//! How an event is stored: as JSON, its long strings apart and named by their hash.
//!
//! A string above [`INLINE_BYTES_MAX`] is replaced by `{"$blob": hash}`; a body that is still long is
//! one blob, `{"$json": hash}`. An object of the user that looks like one of these (one member, whose
//! name is a marker, perhaps with more `$` before it) gets one more `$`, which is taken off again.
//! So equal prompts and answers lie on the disk once, and what most events say fits in a line.

use baya_core::limits::INLINE_BYTES_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A body above this many bytes is a blob as a whole.
const BODY_BYTES_MAX: usize = 64 * 1024;

const STRING: &str = "$blob";
const JSON: &str = "$json";

/// Names a blob: the BLAKE3 hash of its bytes.
pub type BlobHash = blake3::Hash;

/// A body and what it refers to.
#[derive(Debug)]
pub struct StoredBody {
    pub text: String,
    pub blobs: Vec<(BlobHash, Vec<u8>)>,
}

/// Why a stored body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError<E> {
    #[error("it is not an event this version knows ({0})")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is not the name of a blob")]
    Name(String),
    #[error("a string that is stored apart is not UTF-8")]
    Utf8,
    #[error("{0}")]
    Blob(E),
}

pub fn encode<T: Serialize>(value: &T) -> Result<StoredBody, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    if text.len() <= INLINE_BYTES_MAX && !may_hold_markers(&text) {
        return Ok(StoredBody { text, blobs: Vec::new() });
    }
    let mut blobs = Vec::new();
    let mut tree = serde_json::to_value(value)?;
    spill(&mut tree, &mut blobs);
    let mut text = serde_json::to_string(&tree)?;
    if text.len() > BODY_BYTES_MAX {
        let whole = text.into_bytes();
        let hash = blake3::hash(&whole);
        text = marker(JSON, hash).to_string();
        blobs.push((hash, whole));
    }
    Ok(StoredBody { text, blobs })
}

/// `fetch` gives the bytes of a blob, already checked against their hash.
pub fn decode<T, E>(
    text: &str,
    fetch: &mut dyn FnMut(&BlobHash) -> Result<Vec<u8>, E>,
) -> Result<T, BodyError<E>>
where
    T: DeserializeOwned,
{
    if !may_hold_markers(text) {
        return Ok(parse(text.as_bytes())?);
    }
    let mut tree: Value = parse(text.as_bytes())?;
    restore(&mut tree, fetch)?;
    Ok(serde_json::from_value(tree)?)
}

/// Values are as deep as scripts and models make them, so nothing is refused for its depth here.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(json);
    parser.disable_recursion_limit();
    let value = T::deserialize(&mut parser)?;
    parser.end()?;
    Ok(value)
}

fn may_hold_markers(text: &str) -> bool {
    text.contains("$blob\"") || text.contains("$json\"")
}

fn marker(name: &str, hash: BlobHash) -> Value {
    let mut object = Map::new();
    object.insert(name.to_owned(), Value::String(hash.to_hex().to_string()));
    Value::Object(object)
}

fn looks_like_marker(object: &Map<String, Value>) -> bool {
    let only = if object.len() == 1 { object.keys().next() } else { None };
    only.is_some_and(|name| {
        let bare = name.trim_start_matches('$');
        bare.len() < name.len() && (bare == &STRING[1..] || bare == &JSON[1..])
    })
}

fn rename_only_member(object: &mut Map<String, Value>, rename: impl Fn(&str) -> String) {
    *object = std::mem::take(object).into_iter().map(|(name, value)| (rename(&name), value)).collect();
}

fn spill(value: &mut Value, blobs: &mut Vec<(BlobHash, Vec<u8>)>) {
    match value {
        Value::String(text) if text.len() > INLINE_BYTES_MAX => {
            let hash = blake3::hash(text.as_bytes());
            blobs.push((hash, std::mem::take(text).into_bytes()));
            *value = marker(STRING, hash);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| spill(item, blobs)),
        Value::Object(object) => {
            if looks_like_marker(object) {
                rename_only_member(object, |name| format!("${name}"));
            }
            object.values_mut().for_each(|member| spill(member, blobs));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn restore<E>(
    value: &mut Value,
    fetch: &mut dyn FnMut(&BlobHash) -> Result<Vec<u8>, E>,
) -> Result<(), BodyError<E>> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| restore(item, fetch)),
        Value::Object(object) if looks_like_marker(object) => {
            if let Some(name) = object.get(STRING) {
                let text = String::from_utf8(fetch_named(name, fetch)?).map_err(|_| BodyError::Utf8)?;
                *value = Value::String(text);
                return Ok(());
            }
            if let Some(name) = object.get(JSON) {
                *value = parse(&fetch_named(name, fetch)?)?;
                return restore(value, fetch);
            }
            rename_only_member(object, |name| name[1..].to_owned());
            object.values_mut().try_for_each(|member| restore(member, fetch))
        }
        Value::Object(object) => object.values_mut().try_for_each(|member| restore(member, fetch)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn fetch_named<E>(
    name: &Value,
    fetch: &mut dyn FnMut(&BlobHash) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, BodyError<E>> {
    let hash = name.as_str().and_then(|name| BlobHash::from_hex(name).ok());
    let hash = hash.ok_or_else(|| BodyError::Name(name.to_string()))?;
    fetch(&hash).map_err(BodyError::Blob)
}
