//! An answer that a limit on its tokens cuts off, and the rest of it, when that is asked for.

use super::reply::Content;
use crate::api::GO_ON;
use serde_json::Value;

/// A conversation without the questions for the rest of an answer, and what was given of that answer.
pub(super) struct Resumed {
    pub said: Value,
    pub so_far: String,
}

/// Takes off what only asks for the rest; `parts` is where a message has its text.
pub(super) fn resumed(said: &Value, parts: &str) -> Resumed {
    let Some(list) = said.as_array() else { return Resumed { said: said.clone(), so_far: String::new() } };
    let (mut list, mut so_far) = (list.as_slice(), String::new());
    while let [before @ .., begun, question] = list {
        let is_model = begun["role"] == "assistant" || begun["role"] == "model";
        if !is_model || !text(&question[parts]).starts_with(GO_ON) {
            break;
        }
        so_far.insert_str(0, &text(&begun[parts]));
        list = before;
    }
    Resumed { said: Value::Array(list.to_vec()), so_far }
}

fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// As much of an answer as its limit allows.
pub(super) struct Part {
    pub content: Content,
    pub output: u64,
    pub is_cut: bool,
}

/// What comes after `so_far` of an answer that takes `output` tokens as a whole, up to the limit. Each
/// byte of it takes as much as any other.
pub(super) fn part(whole: Content, output: u64, so_far: &str, output_max: Option<u64>) -> Part {
    let bytes = whole.bytes() as u64;
    let whole = match whole {
        Content::Text(text) => Content::Text(text.strip_prefix(so_far).map_or(text.clone(), str::to_owned)),
        Content::Calls(_) | Content::Refusal(_) => whole,
    };
    let output = match bytes {
        0 => output,
        bytes => (output * whole.bytes() as u64).div_ceil(bytes),
    };
    let limit = output_max.unwrap_or(u64::MAX);
    if output <= limit {
        return Part { content: whole, output, is_cut: false };
    }
    let kept = usize::try_from(whole.bytes() as u64 * limit / output).unwrap_or(usize::MAX);
    Part { content: whole.cut(kept), output: limit, is_cut: true }
}
