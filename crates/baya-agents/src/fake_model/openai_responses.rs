//! OpenAI Responses: `POST /v1/responses`.

use super::ask::{Ask, Tool, delivery, last_user_text, structured, text_at};
use super::failure::Failure;
use super::openai_chat::choice;
use super::reply::{CREATED_S, Content, Finish, Reply, event};
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Result<Ask, Failure> {
    let tools = body["tools"].as_array().into_iter().flatten().filter_map(|tool| {
        let name = tool["name"].as_str()?.to_owned();
        Some(Tool { name, schema: tool.get("parameters").cloned().unwrap_or(json!({"type": "object"})) })
    });
    let prompt = match &body["input"] {
        Value::String(text) => text.clone(),
        // Items that are no messages, as the outputs of calls, have no role.
        Value::Array(items) => {
            let messages = items.iter().filter(|item| item.get("role").is_some()).cloned().collect();
            last_user_text(&messages, "content")?
        }
        other => last_user_text(other, "content")?,
    };
    Ok(Ask {
        model: text_at(body, "model")?,
        prompt,
        structured: structured(
            tools.collect(),
            choice(&body["tool_choice"]),
            body.pointer("/text/format/schema").cloned(),
        ),
        delivery: delivery(body["stream"] == json!(true)),
        wants_usage: true,
    })
}

pub(super) fn whole(reply: &Reply) -> Value {
    let mut body = response(reply, status(reply), json!([item(reply, "completed", reply.content.text())]));
    if reply.tells_tokens {
        body["usage"] = usage(reply);
    }
    body
}

pub(super) fn frames(reply: &Reply) -> Vec<String> {
    let started = response(reply, "in_progress", json!([]));
    let mut stream = Stream { frames: Vec::new() };
    stream.push(json!({"type": "response.created", "response": started}));
    stream.push(json!({"type": "response.in_progress", "response": started}));
    let added = item(reply, "in_progress", "");
    stream.push(json!({"type": "response.output_item.added", "output_index": 0, "item": added}));
    match &reply.content {
        Content::Call { .. } => call_frames(reply, &mut stream),
        Content::Text(_) => part_frames(reply, &mut stream, "output_text", "text"),
        Content::Refusal(_) => part_frames(reply, &mut stream, "refusal", "refusal"),
    }
    let done = item(reply, "completed", reply.content.text());
    stream.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done}));
    stream.push(json!({"type": format!("response.{}", status(reply)), "response": whole(reply)}));
    stream.frames
}

struct Stream {
    frames: Vec<String>,
}

impl Stream {
    fn push(&mut self, mut data: Value) {
        data["sequence_number"] = json!(self.frames.len());
        let name = data["type"].as_str().unwrap_or_default().to_owned();
        self.frames.push(event(Some(&name), &data));
    }
}

fn call_frames(reply: &Reply, stream: &mut Stream) {
    let place = json!({"output_index": 0, "item_id": item_id(reply)});
    for piece in reply.pieces() {
        stream.push(with(&place, "response.function_call_arguments.delta", "delta", json!(piece)));
    }
    let input = json!(reply.content.text());
    stream.push(with(&place, "response.function_call_arguments.done", "arguments", input));
}

fn part_frames(reply: &Reply, stream: &mut Stream, kind: &str, member: &str) {
    let place = json!({"output_index": 0, "content_index": 0, "item_id": item_id(reply)});
    stream.push(with(&place, "response.content_part.added", "part", part(reply, "")));
    for piece in reply.pieces() {
        stream.push(with(&place, &format!("response.{kind}.delta"), "delta", json!(piece)));
    }
    let text = reply.content.text();
    stream.push(with(&place, &format!("response.{kind}.done"), member, json!(text)));
    stream.push(with(&place, "response.content_part.done", "part", part(reply, text)));
}

fn with(place: &Value, kind: &str, key: &str, value: Value) -> Value {
    let mut event = json!({"type": kind});
    if let (Some(event), Some(place)) = (event.as_object_mut(), place.as_object()) {
        event.extend(place.clone());
        event.insert(key.to_owned(), value);
    }
    event
}

fn item(reply: &Reply, status: &str, text: &str) -> Value {
    match &reply.content {
        Content::Call { name, .. } => json!({"type": "function_call", "id": item_id(reply), "status": status,
            "call_id": format!("call_fake_{}", reply.n), "name": name, "arguments": text}),
        Content::Text(_) | Content::Refusal(_) => {
            let content = if text.is_empty() { json!([]) } else { json!([part(reply, text)]) };
            json!({"type": "message", "id": item_id(reply), "status": status, "role": "assistant",
                "content": content})
        }
    }
}

fn part(reply: &Reply, text: &str) -> Value {
    match &reply.content {
        Content::Refusal(_) => json!({"type": "refusal", "refusal": text}),
        Content::Text(_) | Content::Call { .. } => {
            json!({"type": "output_text", "text": text, "annotations": []})
        }
    }
}

fn response(reply: &Reply, status: &str, output: Value) -> Value {
    let incomplete = match reply.finish {
        Finish::Length if status == "incomplete" => json!({"reason": "max_output_tokens"}),
        Finish::Length | Finish::Done => Value::Null,
    };
    json!({"id": format!("resp_fake_{}", reply.n), "object": "response", "created_at": CREATED_S,
        "status": status, "error": null, "incomplete_details": incomplete, "model": reply.model,
        "output": output, "usage": null})
}

fn usage(reply: &Reply) -> Value {
    let tokens = &reply.tokens;
    json!({
        "input_tokens": tokens.input_all(), "output_tokens": tokens.output,
        "total_tokens": tokens.input_all() + tokens.output,
        "input_tokens_details": {"cached_tokens": tokens.cache_read},
        "output_tokens_details": {"reasoning_tokens": 0},
    })
}

fn status(reply: &Reply) -> &'static str {
    match reply.finish {
        Finish::Done => "completed",
        Finish::Length => "incomplete",
    }
}

fn item_id(reply: &Reply) -> String {
    format!("item_fake_{}", reply.n)
}
