//! Ollama: `POST /api/chat`, in lines of JSON. It streams unless told not to.

use super::anthropic::parsed;
use super::ask::{Ask, ToolChoice, delivery, last_user_text, structured, text_at};
use super::failure::Failure;
use super::openai_chat::tools;
use super::reply::{Content, Finish, Reply};
use serde_json::{Value, json};

/// What all answers say of the time.
pub(super) const CREATED: &str = "2025-06-15T15:06:40Z";

pub(super) fn read(body: &Value) -> Result<Ask, Failure> {
    let format = body.get("format").filter(|format| format.is_object()).cloned();
    Ok(Ask {
        model: text_at(body, "model")?,
        prompt: last_user_text(&body["messages"], "content")?,
        structured: structured(tools(&body["tools"]), ToolChoice::Free, format),
        delivery: delivery(body["stream"] != json!(false)),
        wants_usage: true,
    })
}

pub(super) fn whole(reply: &Reply) -> Value {
    let message = match &reply.content {
        Content::Text(text) | Content::Refusal(text) => json!({"role": "assistant", "content": text}),
        Content::Call { name, input } => call(name, input),
    };
    last(reply, message)
}

pub(super) fn frames(reply: &Reply) -> Vec<String> {
    let part = |message: Value| json!({"model": reply.model, "created_at": CREATED, "message": message, "done": false});
    let mut lines: Vec<Value> = match &reply.content {
        Content::Text(_) | Content::Refusal(_) => {
            let pieces = reply.pieces();
            pieces.iter().map(|piece| part(json!({"role": "assistant", "content": piece}))).collect()
        }
        Content::Call { name, input } => vec![part(call(name, input))],
    };
    lines.push(last(reply, json!({"role": "assistant", "content": ""})));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn call(name: &str, input: &str) -> Value {
    json!({"role": "assistant", "content": "",
        "tool_calls": [{"function": {"name": name, "arguments": parsed(input)}}]})
}

fn last(reply: &Reply, message: Value) -> Value {
    let reason = match reply.finish {
        Finish::Done => "stop",
        Finish::Length => "length",
    };
    let mut line = json!({"model": reply.model, "created_at": CREATED, "message": message,
        "done": true, "done_reason": reason, "total_duration": 1, "load_duration": 1});
    if reply.tells_tokens {
        line["prompt_eval_count"] = json!(reply.tokens.input_all());
        line["eval_count"] = json!(reply.tokens.output);
    }
    line
}
