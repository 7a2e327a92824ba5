//! Anthropic Messages: `POST /v1/messages`.

use super::ask::{
    Ask, Tool, ToolChoice, callable, delivery, is_assistant, last_user_text, since_user_spoke, still_offered,
    structured, text_at, turn,
};
use super::failure::Failure;
use super::going_on::{Resumed, resumed};
use super::reply::{Call, Content, Finish, Reply, event};
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Result<Ask, Failure> {
    let tools = body["tools"].as_array().into_iter().flatten().filter_map(|tool| {
        let name = tool["name"].as_str()?.to_owned();
        Some(Tool { name, schema: tool.get("input_schema")?.clone() })
    });
    let choice = match (body["tool_choice"]["type"].as_str(), body["tool_choice"]["name"].as_str()) {
        (Some("tool"), Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("any"), _) => ToolChoice::Any,
        (Some("none"), _) => ToolChoice::Never,
        (_, _) => ToolChoice::Free,
    };
    let tools = still_offered(tools.collect(), &called(&body["messages"]));
    let format = ["/output_config/format/schema", "/output_format/schema"];
    let format = format.iter().find_map(|place| body.pointer(place)).cloned();
    let Resumed { said, so_far } = resumed(&body["messages"], "content");
    Ok(Ask {
        model: text_at(body, "model")?,
        prompt: last_user_text(&said, "content")?,
        tools: callable(&tools, &choice),
        turn: turn(&said, is_assistant),
        structured: structured(tools, choice, format),
        delivery: delivery(body["stream"] == json!(true)),
        wants_usage: true,
        output_max: body["max_tokens"].as_u64(),
        so_far,
    })
}

fn called(messages: &Value) -> Vec<String> {
    let since = since_user_spoke(messages, "content").iter();
    let blocks = since.flat_map(|message| message["content"].as_array().into_iter().flatten());
    let calls = blocks.filter(|block| block["type"] == "tool_use");
    calls.filter_map(|call| call["name"].as_str().map(str::to_owned)).collect()
}

pub(super) fn whole(reply: &Reply) -> Value {
    let content = match &reply.content {
        Content::Text(text) => json!([{"type": "text", "text": text}]),
        Content::Refusal(_) => json!([]),
        Content::Calls(calls) => {
            let block = |(at, call): (usize, &Call)| {
                let (id, input) = (call_id(reply, at), parsed(&call.input));
                json!({"type": "tool_use", "id": id, "name": call.name, "input": input})
            };
            calls.iter().enumerate().map(block).collect()
        }
    };
    message(reply, content, json!(stop_reason(reply)), reply.tokens.output)
}

pub(super) fn frames(reply: &Reply) -> Vec<String> {
    let start = message(reply, json!([]), Value::Null, 1);
    let mut frames = vec![event(Some("message_start"), &json!({"type": "message_start", "message": start}))];
    match &reply.content {
        Content::Text(text) => {
            let block = json!({"type": "text", "text": ""});
            frames.extend(block_frames(0, block, "text_delta", "text", &reply.pieces(text)));
        }
        Content::Calls(calls) => {
            for (at, call) in calls.iter().enumerate() {
                let block =
                    json!({"type": "tool_use", "id": call_id(reply, at), "name": call.name, "input": {}});
                let pieces = reply.pieces(&call.input);
                frames.extend(block_frames(at, block, "input_json_delta", "partial_json", &pieces));
            }
        }
        Content::Refusal(_) => {}
    }
    let mut delta = json!({"type": "message_delta",
        "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null}});
    if reply.tells_tokens {
        delta["usage"] = json!({"output_tokens": reply.tokens.output});
    }
    frames.push(event(Some("message_delta"), &delta));
    frames.push(event(Some("message_stop"), &json!({"type": "message_stop"})));
    frames
}

fn block_frames(at: usize, block: Value, kind: &str, key: &str, pieces: &[&str]) -> Vec<String> {
    let start = json!({"type": "content_block_start", "index": at, "content_block": block});
    let mut frames =
        vec![event(Some("content_block_start"), &start), event(Some("ping"), &json!({"type": "ping"}))];
    for piece in pieces {
        let delta = json!({"type": "content_block_delta", "index": at, "delta": {"type": kind, key: piece}});
        frames.push(event(Some("content_block_delta"), &delta));
    }
    frames.push(event(Some("content_block_stop"), &json!({"type": "content_block_stop", "index": at})));
    frames
}

fn message(reply: &Reply, content: Value, stop_reason: Value, output_tokens: u64) -> Value {
    let mut message = json!({
        "id": format!("msg_fake_{}", reply.n), "type": "message", "role": "assistant", "model": reply.model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
    });
    if reply.tells_tokens {
        message["usage"] = json!({
            "input_tokens": reply.tokens.input, "output_tokens": output_tokens,
            "cache_creation_input_tokens": reply.tokens.cache_write,
            "cache_read_input_tokens": reply.tokens.cache_read,
        });
    }
    message
}

fn stop_reason(reply: &Reply) -> &'static str {
    match (&reply.content, reply.finish) {
        (_, Finish::Length) => "max_tokens",
        (Content::Text(_), Finish::Done) => "end_turn",
        (Content::Calls(_), Finish::Done) => "tool_use",
        (Content::Refusal(_), Finish::Done) => "refusal",
    }
}

fn call_id(reply: &Reply, at: usize) -> String {
    format!("toolu_fake_{}_{at}", reply.n)
}

pub(super) fn parsed(input: &str) -> Value {
    serde_json::from_str(input).unwrap_or_else(|_| json!(input))
}
