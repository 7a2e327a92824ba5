//! Gemini: `POST /v1beta/models/X:generateContent` and `:streamGenerateContent?alt=sse`.

use super::anthropic::parsed;
use super::ask::{Ask, InPath, Structured, Tool, ToolChoice, callable, last_user_text, structured, turn};
use super::failure::Failure;
use super::going_on::{Resumed, resumed};
use super::reply::{Call, Content, Finish, Reply, event};
use serde_json::{Value, json};

pub(super) fn read(body: &Value, in_path: InPath) -> Result<Ask, Failure> {
    let declared = body["tools"].as_array().into_iter().flatten();
    let declared = declared.flat_map(|tool| tool["functionDeclarations"].as_array().into_iter().flatten());
    let tools = declared.filter_map(|function| {
        let name = function["name"].as_str()?.to_owned();
        let schema = function.get("parametersJsonSchema").or(function.get("parameters"));
        Some(Tool { name, schema: schema.cloned().unwrap_or(json!({"type": "object"})) })
    });
    let config = ["generationConfig", "generation_config"].iter().find_map(|key| body.get(*key));
    let schema =
        ["responseJsonSchema", "responseSchema"].iter().find_map(|key| config.and_then(|c| c.get(*key)));
    let (tools, choice): (Vec<Tool>, _) =
        (tools.collect(), choice(&body["toolConfig"]["functionCallingConfig"]));
    let callable = callable(&tools, &choice);
    let asked = structured(tools, choice, schema.cloned());
    let Resumed { said, so_far } = resumed(&body["contents"], "parts");
    Ok(Ask {
        model: in_path.model,
        prompt: last_user_text(&said, "parts")?,
        structured: match asked {
            Structured::No => Structured::No,
            Structured::Tool { name, schema } => Structured::Tool { name, schema: json_schema(schema) },
            Structured::Text { schema } => Structured::Text { schema: json_schema(schema) },
        },
        tools: callable,
        turn: turn(&said, |content| content["role"] == "model"),
        delivery: in_path.delivery,
        wants_usage: true,
        output_max: config.and_then(|config| config["maxOutputTokens"].as_u64()),
        so_far,
    })
}

fn choice(config: &Value) -> ToolChoice {
    match (config["mode"].as_str(), config["allowedFunctionNames"].as_array().map(Vec::as_slice)) {
        (Some("ANY"), Some([Value::String(name)])) => ToolChoice::Named(name.clone()),
        (Some("ANY"), _) => ToolChoice::Any,
        (Some("NONE"), _) => ToolChoice::Never,
        (_, _) => ToolChoice::Free,
    }
}

/// JSON Schema out of Gemini's own dialect, whose types are in capitals.
fn json_schema(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let plain = members.into_iter().map(|(key, value)| match value {
                Value::String(name) if key == "type" => (key, json!(name.to_ascii_lowercase())),
                value => (key, json_schema(value)),
            });
            Value::Object(plain.collect())
        }
        Value::Array(list) => list.into_iter().map(json_schema).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema,
    }
}

pub(super) fn whole(reply: &Reply) -> Value {
    let parts = match &reply.content {
        Content::Text(text) => json!([{"text": text}]),
        Content::Calls(calls) => {
            let part =
                |call: &Call| json!({"functionCall": {"name": call.name, "args": parsed(&call.input)}});
            calls.iter().map(part).collect()
        }
        Content::Refusal(_) => json!([]),
    };
    last(reply, parts)
}

pub(super) fn frames(reply: &Reply) -> Vec<String> {
    let Content::Text(text) = &reply.content else { return vec![event(None, &whole(reply))] };
    let pieces = reply.pieces(text);
    let mut frames: Vec<String> =
        pieces.iter().map(|piece| event(None, &body(reply, json!([{"text": piece}]), None))).collect();
    frames.push(event(None, &last(reply, json!([{"text": ""}]))));
    frames
}

fn last(reply: &Reply, parts: Value) -> Value {
    let finish = match (&reply.content, reply.finish) {
        (_, Finish::Length) => "MAX_TOKENS",
        (Content::Refusal(_), Finish::Done) => "SAFETY",
        (Content::Text(_) | Content::Calls(_), Finish::Done) => "STOP",
    };
    let mut body = body(reply, parts, Some(finish));
    if reply.tells_tokens {
        let tokens = &reply.tokens;
        body["usageMetadata"] = json!({
            "promptTokenCount": tokens.input_all(), "candidatesTokenCount": tokens.output,
            "totalTokenCount": tokens.input_all() + tokens.output, "cachedContentTokenCount": tokens.cache_read,
        });
    }
    body
}

fn body(reply: &Reply, parts: Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({"candidates": [candidate], "modelVersion": reply.model, "responseId": format!("fake-{}", reply.n)})
}
