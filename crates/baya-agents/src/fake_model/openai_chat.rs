//! OpenAI chat completions: `POST /v1/chat/completions`; Ollama and others speak it too.

use super::ask::{
    Ask, Tool, ToolChoice, callable, delivery, is_assistant, last_user_text, since_user_spoke, still_offered,
    structured, text_at, turn,
};
use super::failure::Failure;
use super::going_on::{Resumed, resumed};
use super::reply::{CREATED_S, Call, Content, Finish, Reply, event};
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Result<Ask, Failure> {
    let streamed = body["stream"] == json!(true);
    let choice = choice(&body["tool_choice"]);
    let tools = still_offered(tools(&body["tools"]), &called(&body["messages"]));
    let Resumed { said, so_far } = resumed(&body["messages"], "content");
    Ok(Ask {
        model: text_at(body, "model")?,
        prompt: last_user_text(&said, "content")?,
        tools: callable(&tools, &choice),
        turn: turn(&said, is_assistant),
        structured: structured(tools, choice, body.pointer("/response_format/json_schema/schema").cloned()),
        delivery: delivery(streamed),
        wants_usage: !streamed || body["stream_options"]["include_usage"] == json!(true),
        output_max: body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64()),
        so_far,
    })
}

fn called(messages: &Value) -> Vec<String> {
    let since = since_user_spoke(messages, "content").iter();
    let calls = since.flat_map(|message| message["tool_calls"].as_array().into_iter().flatten());
    calls.filter_map(|call| call["function"]["name"].as_str().map(str::to_owned)).collect()
}

/// Tools as chat and Ollama declare them.
pub(super) fn tools(list: &Value) -> Vec<Tool> {
    let read = |tool: &Value| {
        let function = tool.get("function")?;
        let name = function["name"].as_str()?.to_owned();
        Some(Tool { name, schema: function.get("parameters").cloned().unwrap_or(json!({"type": "object"})) })
    };
    list.as_array().into_iter().flatten().filter_map(read).collect()
}

/// `tool_choice` as chat and Responses say it.
pub(super) fn choice(choice: &Value) -> ToolChoice {
    let named = choice["function"]["name"].as_str().or(choice["name"].as_str());
    match (choice.as_str(), named) {
        (_, Some(name)) => ToolChoice::Named(name.to_owned()),
        (Some("required"), None) => ToolChoice::Any,
        (Some("none"), None) => ToolChoice::Never,
        (_, None) => ToolChoice::Free,
    }
}

pub(super) fn whole(reply: &Reply) -> Value {
    let message = match &reply.content {
        Content::Text(text) => json!({"role": "assistant", "content": text, "refusal": null}),
        Content::Refusal(text) => json!({"role": "assistant", "content": null, "refusal": text}),
        Content::Calls(calls) => {
            let called = |(at, call): (usize, &Call)| {
                json!({"id": call_id(reply, at), "type": "function",
                    "function": {"name": call.name, "arguments": call.input}})
            };
            let calls: Vec<Value> = calls.iter().enumerate().map(called).collect();
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
        }
    };
    let choice =
        json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(reply)});
    let mut body = envelope(reply, "chat.completion", json!([choice]));
    if reply.tells_tokens {
        body["usage"] = usage(reply);
    }
    body
}

pub(super) fn frames(reply: &Reply) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        event(None, &envelope(reply, "chat.completion.chunk", json!([choice])))
    };
    let mut frames: Vec<String> = deltas(reply).into_iter().map(|delta| chunk(delta, Value::Null)).collect();
    frames.push(chunk(json!({}), json!(finish_reason(reply))));
    if reply.tells_tokens {
        let mut last = envelope(reply, "chat.completion.chunk", json!([]));
        last["usage"] = usage(reply);
        frames.push(event(None, &last));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

fn deltas(reply: &Reply) -> Vec<Value> {
    let streamed = |key: &str, first: Value, text: &str| {
        let rest = reply.pieces(text).into_iter().map(|piece| json!({ key: piece })).collect::<Vec<_>>();
        std::iter::once(first).chain(rest).collect()
    };
    let calls = match &reply.content {
        Content::Text(text) => return streamed("content", json!({"role": "assistant", "content": ""}), text),
        Content::Refusal(text) => {
            return streamed("refusal", json!({"role": "assistant", "content": null}), text);
        }
        Content::Calls(calls) => calls,
    };
    let mut deltas = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        deltas.push(json!({"role": "assistant", "content": null, "tool_calls": [
            {"index": at, "id": call_id(reply, at), "type": "function", "function": function}]}));
        let more = |piece: &str| json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]});
        deltas.extend(reply.pieces(&call.input).into_iter().map(more));
    }
    deltas
}

fn envelope(reply: &Reply, object: &str, choices: Value) -> Value {
    json!({"id": format!("chatcmpl-fake-{}", reply.n), "object": object, "created": CREATED_S,
        "model": reply.model, "choices": choices})
}

fn usage(reply: &Reply) -> Value {
    let tokens = &reply.tokens;
    json!({
        "prompt_tokens": tokens.input_all(), "completion_tokens": tokens.output,
        "total_tokens": tokens.input_all() + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

fn finish_reason(reply: &Reply) -> &'static str {
    match (&reply.content, reply.finish) {
        (_, Finish::Length) => "length",
        (Content::Text(_) | Content::Refusal(_), Finish::Done) => "stop",
        (Content::Calls(_), Finish::Done) => "tool_calls",
    }
}

fn call_id(reply: &Reply, at: usize) -> String {
    format!("call_fake_{}_{at}", reply.n)
}
