//! Ollama: `POST /api/chat`, in lines of JSON. It streams unless told not to.

use super::anthropic::parsed;
use super::ask::{
    Ask, ToolChoice, callable, delivery, is_assistant, last_user_text, structured, text_at, turn,
};
use super::failure::Failure;
use super::going_on::{Resumed, resumed};
use super::openai_chat::tools;
use super::reply::{Call, Content, Finish, Reply};
use serde_json::{Value, json};

/// What all answers say of the time.
pub(super) const CREATED: &str = "2025-06-15T15:06:40Z";

pub(super) fn read(body: &Value) -> Result<Ask, Failure> {
    let format = body.get("format").filter(|format| format.is_object()).cloned();
    let tools = tools(&body["tools"]);
    let Resumed { said, so_far } = resumed(&body["messages"], "content");
    Ok(Ask {
        model: text_at(body, "model")?,
        prompt: last_user_text(&said, "content")?,
        tools: callable(&tools, &ToolChoice::Free),
        turn: turn(&said, is_assistant),
        structured: structured(tools, ToolChoice::Free, format),
        delivery: delivery(body["stream"] != json!(false)),
        wants_usage: true,
        output_max: body["options"]["num_predict"].as_u64(),
        so_far,
    })
}

pub(super) fn whole(reply: &Reply) -> Value {
    let message = match &reply.content {
        Content::Text(text) | Content::Refusal(text) => json!({"role": "assistant", "content": text}),
        Content::Calls(calls) => called(calls),
    };
    last(reply, message)
}

pub(super) fn frames(reply: &Reply) -> Vec<String> {
    let part = |message: Value| json!({"model": reply.model, "created_at": CREATED, "message": message, "done": false});
    let mut lines: Vec<Value> = match &reply.content {
        Content::Text(text) | Content::Refusal(text) => {
            let pieces = reply.pieces(text);
            pieces.iter().map(|piece| part(json!({"role": "assistant", "content": piece}))).collect()
        }
        Content::Calls(calls) => vec![part(called(calls))],
    };
    lines.push(last(reply, json!({"role": "assistant", "content": ""})));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn called(calls: &[Call]) -> Value {
    let call = |call: &Call| json!({"function": {"name": call.name, "arguments": parsed(&call.input)}});
    json!({"role": "assistant", "content": "", "tool_calls": calls.iter().map(call).collect::<Vec<_>>()})
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
