//! What providers send, written out: one event stream per wire and purpose.

use baya_agents::api::ProviderKind;
use baya_core::agent::{Usage, UsageSource};
use serde_json::{Value, json};

/// How the answer ends.
#[derive(Clone, Copy, PartialEq)]
pub enum Finish {
    Whole,
    /// At the model's limit.
    Limit,
    Refusal,
    /// No event says that it ends.
    Nothing,
}

/// Which of the four wires a kind speaks.
#[derive(Clone, Copy, PartialEq)]
enum WireName {
    Anthropic,
    Chat,
    Responses,
    Gemini,
}

fn wire(kind: ProviderKind) -> WireName {
    match kind {
        ProviderKind::Anthropic => WireName::Anthropic,
        ProviderKind::OpenAiResponses => WireName::Responses,
        ProviderKind::Gemini => WireName::Gemini,
        ProviderKind::OpenAi
        | ProviderKind::OpenAiCompatible
        | ProviderKind::OpenRouter
        | ProviderKind::Ollama => WireName::Chat,
    }
}

/// An answer in text, in two pieces.
pub fn text(kind: ProviderKind, text: &str) -> String {
    answer(kind, Part::Text(text), Finish::Whole, Counted::Yes)
}

/// The model calls the tool with this input (any text).
pub fn tool(kind: ProviderKind, input: &str) -> String {
    answer(kind, Part::Tool(input), Finish::Whole, Counted::Yes)
}

pub fn text_ending(kind: ProviderKind, text: &str, finish: Finish) -> String {
    answer(kind, Part::Text(text), finish, Counted::Yes)
}

pub fn text_uncounted(kind: ProviderKind, text: &str) -> String {
    answer(kind, Part::Text(text), Finish::Whole, Counted::No)
}

/// The usage that every counted answer reports.
pub fn usage(kind: ProviderKind) -> Usage {
    let cache_write = if wire(kind) == WireName::Anthropic { 3 } else { 0 };
    Usage {
        input: 10,
        output: 7,
        cache_read: 5,
        cache_write,
        reasoning: 2,
        source: UsageSource::Reported,
        ..Usage::default()
    }
}

/// An error inside a stream that had begun.
pub fn error_inside(kind: ProviderKind, word: &str, message: &str) -> String {
    let begun = answer(kind, Part::Text("half an "), Finish::Nothing, Counted::Yes);
    let error = json!({"type": word, "code": word, "message": message});
    let tail = match wire(kind) {
        WireName::Anthropic => event("error", json!({"type": "error", "error": error})),
        WireName::Chat | WireName::Gemini => data(json!({ "error": error })),
        WireName::Responses => event(
            "response.failed",
            json!({"type": "response.failed", "response": {"id": "r", "model": "served-model", "status": "failed",
                   "output": [], "error": error}}),
        ),
    };
    begun + &tail
}

enum Part<'a> {
    Text(&'a str),
    Tool(&'a str),
}

#[derive(PartialEq)]
enum Counted {
    Yes,
    No,
}

fn answer(kind: ProviderKind, part: Part<'_>, finish: Finish, counted: Counted) -> String {
    match wire(kind) {
        WireName::Anthropic => anthropic(part, finish, counted),
        WireName::Chat => chat(part, finish, counted),
        WireName::Responses => responses(part, finish, counted),
        WireName::Gemini => gemini(part, finish, counted),
    }
}

fn halves(text: &str) -> [&str; 2] {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    [&text[..middle], &text[middle..]]
}

fn event(name: &str, body: Value) -> String {
    format!("event: {name}\ndata: {body}\n\n")
}

fn data(body: Value) -> String {
    format!("data: {body}\n\n")
}

fn anthropic(part: Part<'_>, finish: Finish, counted: Counted) -> String {
    let typed = |body: Value| event(body["type"].as_str().unwrap_or_default(), body.clone());
    let usage = match counted {
        Counted::Yes => {
            json!({"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5,
                               "output_tokens": 1})
        }
        Counted::No => json!({}),
    };
    let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "served-model", "content": [],
                         "usage": usage});
    let mut out = typed(json!({"type": "message_start", "message": message}));
    out += &typed(json!({"type": "ping"}));
    let (block, key, delta, pieces) = match part {
        Part::Text(text) => (json!({"type": "text", "text": ""}), "text", "text_delta", halves(text)),
        Part::Tool(input) => {
            let block = json!({"type": "tool_use", "id": "toolu_1", "name": "StructuredOutput", "input": {}});
            (block, "partial_json", "input_json_delta", halves(input))
        }
    };
    let is_tool = key == "partial_json";
    out += &typed(json!({"type": "content_block_start", "index": 0, "content_block": block}));
    for piece in pieces {
        out +=
            &typed(json!({"type": "content_block_delta", "index": 0, "delta": {"type": delta, key: piece}}));
    }
    let reason = match finish {
        Finish::Nothing => return out,
        Finish::Whole if is_tool => "tool_use",
        Finish::Whole => "end_turn",
        Finish::Limit => "max_tokens",
        Finish::Refusal => "refusal",
    };
    let usage = match counted {
        Counted::Yes => json!({"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 2}}),
        Counted::No => json!({}),
    };
    out += &typed(json!({"type": "content_block_stop", "index": 0}));
    out += &typed(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}));
    out + &typed(json!({"type": "message_stop"}))
}

fn chat(part: Part<'_>, finish: Finish, counted: Counted) -> String {
    let chunk = |delta: Value, reason: Value| {
        data(json!({"id": "c", "object": "chat.completion.chunk", "model": "served-model",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}))
    };
    let mut out = chunk(json!({"role": "assistant", "content": ""}), Value::Null);
    let is_tool = matches!(part, Part::Tool(_));
    match part {
        Part::Text(text) if finish == Finish::Refusal => {
            out += &chunk(json!({ "refusal": text }), Value::Null);
        }
        Part::Text(text) => {
            for piece in halves(text) {
                out += &chunk(json!({ "content": piece }), Value::Null);
            }
        }
        Part::Tool(input) => {
            let [first, second] = halves(input);
            let call = json!({"index": 0, "id": "call_x", "type": "function",
                              "function": {"name": "StructuredOutput", "arguments": first}});
            out += &chunk(json!({"tool_calls": [call]}), Value::Null);
            let more = json!({"index": 0, "function": {"arguments": second}});
            out += &chunk(json!({"tool_calls": [more]}), Value::Null);
        }
    }
    let reason = match finish {
        Finish::Nothing => return out,
        Finish::Whole if is_tool => "tool_calls",
        Finish::Whole | Finish::Refusal => "stop",
        Finish::Limit => "length",
    };
    out += &chunk(json!({}), json!(reason));
    if counted == Counted::Yes {
        out +=
            &data(json!({"id": "c", "model": "served-model", "choices": [], "usage": {"prompt_tokens": 15,
            "completion_tokens": 7, "total_tokens": 22, "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 2}}}));
    }
    out + "data: [DONE]\n\n"
}

fn responses(part: Part<'_>, finish: Finish, counted: Counted) -> String {
    let typed = |body: Value| event(body["type"].as_str().unwrap_or_default(), body.clone());
    let mut out = typed(json!({"type": "response.created",
        "response": {"id": "r", "model": "served-model", "status": "in_progress", "output": []}}));
    match part {
        Part::Text(text) => {
            let kind = if finish == Finish::Refusal {
                "response.refusal.delta"
            } else {
                "response.output_text.delta"
            };
            for piece in halves(text) {
                out += &typed(json!({"type": kind, "output_index": 0, "content_index": 0, "delta": piece}));
            }
        }
        Part::Tool(input) => {
            let item = |input: &str| {
                json!({"type": "function_call", "id": "f", "call_id": "call_x", "name": "StructuredOutput",
                       "arguments": input})
            };
            out += &typed(json!({"type": "response.output_item.added", "output_index": 0, "item": item("")}));
            for piece in halves(input) {
                out += &typed(
                    json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": piece}),
                );
            }
            out +=
                &typed(json!({"type": "response.output_item.done", "output_index": 0, "item": item(input)}));
        }
    }
    let mut response = json!({"id": "r", "model": "served-model", "status": "completed", "output": []});
    if counted == Counted::Yes {
        response["usage"] = json!({"input_tokens": 15, "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 22});
    }
    match finish {
        Finish::Nothing => out,
        Finish::Whole | Finish::Refusal => {
            out + &typed(json!({"type": "response.completed", "response": response}))
        }
        Finish::Limit => {
            response["status"] = json!("incomplete");
            response["incomplete_details"] = json!({"reason": "max_output_tokens"});
            out + &typed(json!({"type": "response.incomplete", "response": response}))
        }
    }
}

fn gemini(part: Part<'_>, finish: Finish, counted: Counted) -> String {
    let chunk = |part: Value| {
        data(
            json!({"candidates": [{"content": {"role": "model", "parts": [part]}}], "modelVersion": "served-model"}),
        )
    };
    let mut out = String::new();
    match part {
        Part::Text(text) => {
            for piece in halves(text).iter().filter(|piece| !piece.is_empty()) {
                out += &chunk(json!({ "text": piece }));
            }
        }
        Part::Tool(input) => {
            let args = serde_json::from_str(input).unwrap_or(json!({ "raw": input }));
            out += &chunk(json!({"functionCall": {"name": "StructuredOutput", "args": args}}));
        }
    }
    let reason = match finish {
        Finish::Nothing => return out,
        Finish::Whole => "STOP",
        Finish::Limit => "MAX_TOKENS",
        Finish::Refusal => "SAFETY",
    };
    let mut last = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]},
                          "finishReason": reason}], "modelVersion": "served-model"});
    if counted == Counted::Yes {
        last["usageMetadata"] = json!({"promptTokenCount": 15, "cachedContentTokenCount": 5,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 22});
    }
    out + &data(last)
}
