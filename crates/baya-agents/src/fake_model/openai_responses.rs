//! OpenAI Responses: `POST /v1/responses`.

use super::ask::{
    Ask, GROUP_MARK, Tool, callable, delivery, last_user_text, since_user_spoke, still_offered, structured,
    text_at, turn,
};
use super::failure::Failure;
use super::going_on::{Resumed, resumed};
use super::openai_chat::choice;
use super::reply::{CREATED_S, Call, Content, Finish, Reply, event};
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Result<Ask, Failure> {
    let tools = body["tools"].as_array().into_iter().flatten().flat_map(tools).collect();
    let Resumed { said, so_far } = resumed(&body["input"], "content");
    let prompt = match &said {
        Value::String(text) => text.clone(),
        // Items that are no messages, as the outputs of calls, have no role.
        Value::Array(items) => {
            let messages = items.iter().filter(|item| item.get("role").is_some()).cloned().collect();
            last_user_text(&messages, "content")?
        }
        other => last_user_text(other, "content")?,
    };
    let (tools, choice) = (still_offered(tools, &called(&body["input"])), choice(&body["tool_choice"]));
    let is_model = |item: &Value| item["type"] == "function_call" || item["role"] == "assistant";
    Ok(Ask {
        model: text_at(body, "model")?,
        prompt,
        tools: callable(&tools, &choice),
        turn: turn(&said, is_model),
        structured: structured(tools, choice, body.pointer("/text/format/schema").cloned()),
        delivery: delivery(body["stream"] == json!(true)),
        wants_usage: true,
        output_max: body["max_output_tokens"].as_u64(),
        so_far,
    })
}

/// One tool, or those of a group: the tools of an MCP server come so.
fn tools(tool: &Value) -> Vec<Tool> {
    let Some(name) = tool["name"].as_str() else { return Vec::new() };
    if tool["type"] == "namespace" {
        let inner = tool["tools"].as_array().into_iter().flatten().flat_map(tools);
        return inner.map(|tool| Tool { name: grouped(name, &tool.name), ..tool }).collect();
    }
    let schema = tool.get("parameters").cloned().unwrap_or(json!({"type": "object"}));
    vec![Tool { name: name.to_owned(), schema }]
}

fn grouped(group: &str, name: &str) -> String {
    format!("{group}{GROUP_MARK}{name}")
}

fn called(input: &Value) -> Vec<String> {
    let calls = since_user_spoke(input, "content").iter().filter(|item| item["type"] == "function_call");
    let name = |item: &Value| {
        let name = item["name"].as_str()?;
        Some(item["namespace"].as_str().map_or_else(|| name.to_owned(), |group| grouped(group, name)))
    };
    calls.filter_map(name).collect()
}

pub(super) fn whole(reply: &Reply) -> Value {
    let mut body = response(reply, status(reply), json!(items(reply, "completed")));
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
    match &reply.content {
        Content::Calls(calls) => {
            for (at, call) in calls.iter().enumerate() {
                call_frames(reply, at, call, &mut stream);
            }
        }
        Content::Text(text) => part_frames(reply, &mut stream, ["output_text", "text"], text),
        Content::Refusal(text) => part_frames(reply, &mut stream, ["refusal", "refusal"], text),
    }
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

fn call_frames(reply: &Reply, at: usize, call: &Call, stream: &mut Stream) {
    let place = json!({"output_index": at, "item_id": item_id(reply, at)});
    let added = call_item(reply, at, call, "in_progress", "");
    stream.push(with(&place, "response.output_item.added", "item", added));
    for piece in reply.pieces(&call.input) {
        stream.push(with(&place, "response.function_call_arguments.delta", "delta", json!(piece)));
    }
    stream.push(with(&place, "response.function_call_arguments.done", "arguments", json!(call.input)));
    let done = call_item(reply, at, call, "completed", &call.input);
    stream.push(with(&place, "response.output_item.done", "item", done));
}

fn part_frames(reply: &Reply, stream: &mut Stream, [kind, member]: [&str; 2], text: &str) {
    let place = json!({"output_index": 0, "content_index": 0, "item_id": item_id(reply, 0)});
    stream.push(with(&place, "response.output_item.added", "item", message(reply, "in_progress", "")));
    stream.push(with(&place, "response.content_part.added", "part", part(reply, "")));
    for piece in reply.pieces(text) {
        stream.push(with(&place, &format!("response.{kind}.delta"), "delta", json!(piece)));
    }
    stream.push(with(&place, &format!("response.{kind}.done"), member, json!(text)));
    stream.push(with(&place, "response.content_part.done", "part", part(reply, text)));
    stream.push(with(&place, "response.output_item.done", "item", message(reply, "completed", text)));
}

fn with(place: &Value, kind: &str, key: &str, value: Value) -> Value {
    let mut event = json!({"type": kind});
    if let (Some(event), Some(place)) = (event.as_object_mut(), place.as_object()) {
        event.extend(place.clone());
        event.insert(key.to_owned(), value);
    }
    event
}

fn items(reply: &Reply, status: &str) -> Vec<Value> {
    match &reply.content {
        Content::Text(text) | Content::Refusal(text) => vec![message(reply, status, text)],
        Content::Calls(calls) => {
            let item = |(at, call): (usize, &Call)| call_item(reply, at, call, status, &call.input);
            calls.iter().enumerate().map(item).collect()
        }
    }
}

fn call_item(reply: &Reply, at: usize, call: &Call, status: &str, input: &str) -> Value {
    let (group, name) = match call.name.split_once(GROUP_MARK) {
        Some((group, name)) => (Some(group), name),
        None => (None, call.name.as_str()),
    };
    let mut item = json!({"type": "function_call", "id": item_id(reply, at), "status": status,
        "call_id": format!("call_fake_{}_{at}", reply.n), "name": name, "arguments": input});
    if let Some(group) = group {
        item["namespace"] = json!(group);
    }
    item
}

fn message(reply: &Reply, status: &str, text: &str) -> Value {
    let content = if text.is_empty() { json!([]) } else { json!([part(reply, text)]) };
    json!({"type": "message", "id": item_id(reply, 0), "status": status, "role": "assistant", "content": content})
}

fn part(reply: &Reply, text: &str) -> Value {
    match &reply.content {
        Content::Refusal(_) => json!({"type": "refusal", "refusal": text}),
        Content::Text(_) | Content::Calls(_) => {
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

fn item_id(reply: &Reply, at: usize) -> String {
    format!("item_fake_{}_{at}", reply.n)
}
