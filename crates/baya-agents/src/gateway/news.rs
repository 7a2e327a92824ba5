//! What of a request is not in the one before it: the most tokens that it can be beside those.
//!
//! Two agents of one program send nearly the same, with names of their own in several places: so pieces are
//! compared where they stand, and not the whole from both ends.

use serde_json::{Map, Value};

/// Tokens that a place can have more where old text ends and new text begins.
const SEAM: u64 = 8;
/// The most that one picture counts, whose bytes may lie elsewhere.
const PICTURE: u64 = 5_000;

/// A byte is the least that a token stands for.
pub(super) fn tokens_most(old: &Value, new: &Value) -> u64 {
    news(Some(old), new)
}

/// The pictures in it, as tokens.
pub(super) fn pictures(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(pictures).sum(),
        Value::Object(members) => {
            let own = if is_picture(members) { PICTURE } else { 0 };
            own + members.values().map(pictures).sum::<u64>()
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn news(old: Option<&Value>, new: &Value) -> u64 {
    match (old, new) {
        (Some(old), new) if old == new => 0,
        (Some(Value::Object(old)), Value::Object(new)) if !is_picture(new) => new
            .iter()
            .map(|(key, value)| match old.get(key) {
                Some(old) => news(Some(old), value),
                None => key.len() as u64 + all(value),
            })
            .sum(),
        (Some(Value::Array(old)), Value::Array(new)) => of_lists(old, new),
        (Some(Value::String(old)), Value::String(new)) => of_texts(old, new),
        (_, new) => all(new),
    }
}

fn all(new: &Value) -> u64 {
    SEAM + new.to_string().len() as u64 + pictures(new)
}

fn of_lists(old: &[Value], new: &[Value]) -> u64 {
    let begin = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[begin..], &new[begin..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let old = old.iter().map(Some).chain(std::iter::repeat(None));
    new.iter().zip(old).map(|(new, old)| news(old, new)).sum()
}

fn of_texts(old: &str, new: &str) -> u64 {
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let begin = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[begin..], &new[begin..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    SEAM + new[..new.len() - end].iter().map(|byte| written(*byte)).sum::<u64>()
}

/// Bytes of it in JSON, as models may see it.
fn written(byte: u8) -> u64 {
    match byte {
        b'"' | b'\\' => 2,
        ..0x20 => 6,
        _ => 1,
    }
}

fn is_picture(members: &Map<String, Value>) -> bool {
    let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
    matches!(kind, "image" | "image_url" | "input_image")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(old: Value, new: Value, most: u64) {
        assert_eq!(tokens_most(&old, &new), most, "{old} -> {new}");
    }

    #[test]
    fn only_what_is_new_counts_wherever_it_stands() {
        let request = |prompt: &str, id: &str| {
            let input = [json!({"text": "a long text"}), json!({"text": prompt})];
            json!({"input": input, "tools": ["x"], "key": id})
        };
        check(request("item 1", "k-1"), request("item 1", "k-1"), 0);
        check(request("item 1", "k-1"), request("item 2", "k-222"), (SEAM + 1) + (SEAM + 3));
        // A conversation that goes on, and one that was cut short.
        check(json!({"m": [1, 2]}), json!({"m": [1, 2, "new"]}), SEAM + 5);
        check(json!({"m": [1, 2, 3, 4]}), json!({"m": [1, 4]}), 0);
        check(json!({"m": [1]}), json!({"m": [1], "n": "new"}), 1 + SEAM + 5);
        check(json!("as it was"), json!(["as it was"]), SEAM + 13);
    }

    #[test]
    fn another_picture_counts_as_one() {
        let picture = |url: &str| json!([{"type": "input_image", "image_url": url}]);
        assert!(tokens_most(&picture("http://x/1"), &picture("http://x/2")) > PICTURE);
        assert!(tokens_most(&json!([]), &picture("http://x/1")) > PICTURE);
        check(picture("http://x/1"), picture("http://x/1"), 0);
    }
}
