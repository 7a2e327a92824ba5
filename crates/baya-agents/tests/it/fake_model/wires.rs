//! Answers on every wire, whole and streamed, as text, as a call of a tool, in a text format.

use super::{Form, WIRES, Wire, ask, fake, get, path, post, request, schema};
use baya_core::schema::Schema;
use serde_json::{Value, json};

/// What an answer says, read as a client of its wire would.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    pub call: Option<(String, Value)>,
    pub refusal: String,
    pub finish: String,
    pub tokens: Option<(u64, u64)>,
}

/// The data of an event stream, or the lines of NDJSON.
fn frames(body: &str) -> Vec<Value> {
    let lines = body.lines().filter(|line| !line.is_empty() && !line.starts_with("event: "));
    let data = lines.map(|line| line.strip_prefix("data: ").unwrap_or(line)).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))).collect()
}

fn text_at(value: &Value, place: &str) -> String {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn joined(frames: &[Value], place: &str) -> String {
    frames.iter().map(|frame| text_at(frame, place)).collect()
}

fn found<'a>(frames: &'a [Value], place: &str) -> Option<&'a Value> {
    frames.iter().rev().filter_map(|frame| frame.pointer(place)).find(|value| !value.is_null())
}

fn tokens(frames: &[Value], input: &str, output: &str) -> Option<(u64, u64)> {
    Some((found(frames, input)?.as_u64()?, found(frames, output)?.as_u64()?))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub fn read(wire: Wire, streamed: bool, body: &str) -> Said {
    let frames = if streamed { frames(body) } else { vec![parsed(body)] };
    let said = match (wire, streamed) {
        (Wire::Anthropic, true) => anthropic_stream(&frames),
        (Wire::Anthropic, false) => anthropic_whole(&frames[0]),
        (Wire::Chat, true) => chat_stream(&frames),
        (Wire::Chat, false) => chat_whole(&frames[0]),
        (Wire::Responses, streamed) => responses(&frames, streamed),
        (Wire::Gemini, _) => gemini(&frames),
        (Wire::Ollama, _) => ollama(&frames),
    };
    let ended = match wire {
        Wire::Chat if streamed => body.ends_with("data: [DONE]\n\n"),
        Wire::Anthropic if streamed => body.contains("event: message_stop\n"),
        Wire::Anthropic | Wire::Chat | Wire::Responses | Wire::Gemini | Wire::Ollama => true,
    };
    assert!(ended, "{wire:?} has no end: {body}");
    said
}

fn anthropic_stream(frames: &[Value]) -> Said {
    let call = joined(frames, "/content_block/name");
    let input = joined(frames, "/delta/partial_json");
    let usage = |place: &str| frames.iter().filter_map(|frame| frame.pointer(place)?.as_u64()).next_back();
    Said {
        text: joined(frames, "/delta/text"),
        call: (!call.is_empty()).then(|| (call, parsed(&input))),
        refusal: String::new(),
        finish: joined(frames, "/delta/stop_reason"),
        tokens: usage("/message/usage/input_tokens").zip(usage("/usage/output_tokens")),
    }
}

fn anthropic_whole(body: &Value) -> Said {
    let is_call = text_at(body, "/content/0/type") == "tool_use";
    Said {
        text: text_at(body, "/content/0/text"),
        call: is_call.then(|| (text_at(body, "/content/0/name"), body["content"][0]["input"].clone())),
        refusal: String::new(),
        finish: text_at(body, "/stop_reason"),
        tokens: tokens(std::slice::from_ref(body), "/usage/input_tokens", "/usage/output_tokens"),
    }
}

fn chat_stream(frames: &[Value]) -> Said {
    let call = joined(frames, "/choices/0/delta/tool_calls/0/function/name");
    let input = joined(frames, "/choices/0/delta/tool_calls/0/function/arguments");
    Said {
        text: joined(frames, "/choices/0/delta/content"),
        call: (!call.is_empty()).then(|| (call, parsed(&input))),
        refusal: joined(frames, "/choices/0/delta/refusal"),
        finish: joined(frames, "/choices/0/finish_reason"),
        tokens: tokens(frames, "/usage/prompt_tokens", "/usage/completion_tokens"),
    }
}

fn chat_whole(body: &Value) -> Said {
    let call = text_at(body, "/choices/0/message/tool_calls/0/function/name");
    let input = text_at(body, "/choices/0/message/tool_calls/0/function/arguments");
    Said {
        text: text_at(body, "/choices/0/message/content"),
        call: (!call.is_empty()).then(|| (call, parsed(&input))),
        refusal: text_at(body, "/choices/0/message/refusal"),
        finish: text_at(body, "/choices/0/finish_reason"),
        tokens: tokens(std::slice::from_ref(body), "/usage/prompt_tokens", "/usage/completion_tokens"),
    }
}

fn responses(frames: &[Value], streamed: bool) -> Said {
    let last = frames.last().expect("frames");
    let body = if streamed { &last["response"] } else { last };
    let deltas = |kind: &str| {
        let of_kind = frames.iter().filter(|frame| frame["type"] == json!(kind));
        of_kind.map(|frame| text_at(frame, "/delta")).collect::<String>()
    };
    let call = text_at(body, "/output/0/name");
    let said = Said {
        text: text_at(body, "/output/0/content/0/text"),
        call: (!call.is_empty()).then(|| (call, parsed(&text_at(body, "/output/0/arguments")))),
        refusal: text_at(body, "/output/0/content/0/refusal"),
        finish: text_at(body, "/status"),
        tokens: tokens(std::slice::from_ref(body), "/usage/input_tokens", "/usage/output_tokens"),
    };
    if streamed {
        assert_eq!(deltas("response.output_text.delta"), said.text);
        assert_eq!(deltas("response.refusal.delta"), said.refusal);
        assert_eq!(deltas("response.function_call_arguments.delta"), text_at(body, "/output/0/arguments"));
        let numbers: Vec<u64> = frames.iter().filter_map(|frame| frame["sequence_number"].as_u64()).collect();
        assert_eq!(numbers, (0..frames.len() as u64).collect::<Vec<_>>());
    }
    said
}

fn gemini(frames: &[Value]) -> Said {
    let call = found(frames, "/candidates/0/content/parts/0/functionCall");
    Said {
        text: joined(frames, "/candidates/0/content/parts/0/text"),
        call: call.map(|call| (text_at(call, "/name"), call["args"].clone())),
        refusal: String::new(),
        finish: joined(frames, "/candidates/0/finishReason"),
        tokens: tokens(frames, "/usageMetadata/promptTokenCount", "/usageMetadata/candidatesTokenCount"),
    }
}

fn ollama(frames: &[Value]) -> Said {
    let call = found(frames, "/message/tool_calls/0/function");
    Said {
        text: joined(frames, "/message/content"),
        call: call.map(|call| (text_at(call, "/name"), call["arguments"].clone())),
        refusal: String::new(),
        finish: joined(frames, "/done_reason"),
        tokens: tokens(frames, "/prompt_eval_count", "/eval_count"),
    }
}

/// How each wire says that an answer is done, and that it is a call.
fn finishes(wire: Wire) -> (&'static str, &'static str) {
    match wire {
        Wire::Anthropic => ("end_turn", "tool_use"),
        Wire::Chat => ("stop", "tool_calls"),
        Wire::Responses => ("completed", "completed"),
        Wire::Gemini => ("STOP", "STOP"),
        Wire::Ollama => ("stop", "stop"),
    }
}

#[tokio::test]
async fn every_wire_answers_in_text() {
    let rules = json!({"rules": [{"text": "Grüße: {{prompt}} 🐦", "usage": {"input": 12, "output": 34}}]});
    let fake = fake(rules).await;
    for wire in WIRES {
        for streamed in [true, false] {
            let got = ask(&fake, wire, streamed, Form::Plain, "the prompt").await;
            let said = read(wire, streamed, got.text());
            let expected = Said {
                text: "Grüße: the prompt 🐦".to_owned(),
                finish: finishes(wire).0.to_owned(),
                tokens: Some((12, 34)),
                ..Said::default()
            };
            assert_eq!((got.status, said), (200, expected), "{wire:?} streamed {streamed}");
            let kind = got.headers["content-type"].to_str().expect("text");
            let wanted = match (streamed, wire) {
                (false, _) => "application/json",
                (true, Wire::Ollama) => "application/x-ndjson",
                (true, _) => "text/event-stream",
            };
            assert_eq!(kind, wanted, "{wire:?}");
        }
    }
}

#[tokio::test]
async fn c32_every_wire_gives_structured_answers_by_tool_and_by_format() {
    let fake = fake(json!({})).await;
    let compiled = Schema::compile(&schema()).expect("usable");
    for wire in WIRES {
        for streamed in [true, false] {
            let got = ask(&fake, wire, streamed, Form::Tool, "p").await;
            let said = read(wire, streamed, got.text());
            let (name, input) = said.call.unwrap_or_else(|| panic!("{wire:?}: no call in {}", got.text()));
            assert_eq!(
                (name.as_str(), said.finish.as_str()),
                ("StructuredOutput", finishes(wire).1),
                "{wire:?}"
            );
            assert_eq!(compiled.validate(&input), Ok(()), "{wire:?}");
            let got = ask(&fake, wire, streamed, Form::Format, "p").await;
            let said = read(wire, streamed, got.text());
            assert_eq!(said.call, None, "{wire:?}");
            assert_eq!(parsed(&said.text), input, "{wire:?}: the same answer in both forms");
        }
    }
}

#[tokio::test]
async fn the_prompt_is_the_last_text_of_the_user_on_every_wire() {
    let fake = fake(json!({"rules": [{"echo": true}]})).await;
    let bodies = [
        (
            Wire::Anthropic,
            json!({"model": "m", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "memory"}, {"type": "text", "text": "wanted"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "x", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "wrong"}]}]}),
        ),
        (
            Wire::Chat,
            json!({"model": "m", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "wanted"}]},
            {"role": "assistant", "content": "no"}, {"role": "tool", "tool_call_id": "t", "content": "wrong"}]}),
        ),
        (
            Wire::Responses,
            json!({"model": "m", "input": [{"role": "user", "content": "wanted"},
            {"type": "function_call", "call_id": "t", "name": "x", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t", "output": "wrong"}]}),
        ),
        (Wire::Responses, json!({"model": "m", "input": "wanted"})),
        (
            Wire::Gemini,
            json!({"contents": [{"role": "user", "parts": [{"text": "wanted"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "x", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "x", "response": {}}}]}]}),
        ),
        (
            Wire::Ollama,
            json!({"model": "m", "stream": false, "messages": [{"role": "user", "content": "wanted"},
            {"role": "assistant", "content": "no"}]}),
        ),
    ];
    for (wire, body) in bodies {
        let got = post(&fake, &path(wire, false, "m"), &body, &[]).await;
        assert_eq!(read(wire, false, got.text()).text, "wanted", "{wire:?}");
    }
}

#[tokio::test]
async fn a_tool_that_must_be_called_is_called_and_one_that_must_not_is_not() {
    let fake = fake(json!({})).await;
    let tool = |name: &str| json!({"name": name, "input_schema": schema()});
    for (choice, called) in [
        (json!({"type": "tool", "name": "Other"}), Some("Other")),
        (json!({"type": "any"}), Some("StructuredOutput")),
        (json!({"type": "auto"}), Some("StructuredOutput")),
        (json!({"type": "none"}), None),
    ] {
        let mut body = request(Wire::Anthropic, false, Form::Plain, "p");
        body["tools"] = json!([tool("Read"), tool("Other"), tool("StructuredOutput")]);
        body["tool_choice"] = choice.clone();
        let said = read(Wire::Anthropic, false, post(&fake, "/v1/messages", &body, &[]).await.text());
        assert_eq!(said.call.as_ref().map(|(name, _)| name.as_str()), called, "{choice}");
    }
}

#[tokio::test]
async fn gemini_schemas_in_capitals_are_understood() {
    let fake = fake(json!({})).await;
    let mut body = request(Wire::Gemini, false, Form::Plain, "p");
    body["generationConfig"] = json!({"responseSchema": {"type": "OBJECT", "required": ["ok"],
        "properties": {"ok": {"type": "BOOLEAN"}}}});
    let said =
        read(Wire::Gemini, false, post(&fake, &path(Wire::Gemini, false, "m"), &body, &[]).await.text());
    assert!(parsed(&said.text)["ok"].is_boolean(), "{said:?}");
}

#[tokio::test]
async fn cache_tokens_are_told_as_each_wire_tells_them() {
    let usage = json!({"input": 10, "output": 5, "cache_read": 100, "cache_write": 1000});
    let fake = fake(json!({"rules": [{"text": "t", "usage": usage}]})).await;
    let whole = async |wire: Wire| ask(&fake, wire, false, Form::Plain, "p").await.json();
    assert_eq!(
        whole(Wire::Anthropic).await["usage"],
        json!({"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 1000,
            "cache_read_input_tokens": 100})
    );
    let chat = whole(Wire::Chat).await;
    assert_eq!(chat["usage"]["prompt_tokens"], json!(1110));
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], json!(100));
    assert_eq!(whole(Wire::Responses).await["usage"]["input_tokens_details"]["cached_tokens"], json!(100));
    assert_eq!(whole(Wire::Gemini).await["usageMetadata"]["cachedContentTokenCount"], json!(100));
    let mut body = request(Wire::Chat, true, Form::Plain, "p");
    body["stream_options"] = Value::Null;
    let silent = post(&fake, "/v1/chat/completions", &body, &[]).await;
    assert_eq!(
        read(Wire::Chat, true, silent.text()).tokens,
        None,
        "chat tells tokens of streams only if asked"
    );
}

#[tokio::test]
async fn models_are_listed_as_each_client_looks_for_them() {
    let fake = fake(json!({"models": ["one", "two"]})).await;
    let at = async |path: &str, place: &str| {
        let got = get(&fake, path).await;
        got.json().pointer(place).cloned().unwrap_or_else(|| panic!("{path}: {}", got.text()))
    };
    assert_eq!(at("/v1/models", "/data/1/id").await, json!("two"));
    assert_eq!(at("/v1beta/models", "/models/0/name").await, json!("models/one"));
    assert_eq!(at("/api/tags", "/models/0/name").await, json!("one"));
    assert!(at("/api/version", "/version").await.is_string());
    let shown = post(&fake, "/api/show", &json!({"model": "one"}), &[]).await.json();
    assert_eq!(shown["capabilities"], json!(["completion", "tools"]));
}
