//! One request in our own types, and how it looks to the client library.

use super::frames::Frames;
use super::{Partial, ToolUse, adapter};
use crate::api::provider::{ProviderConfig, ProviderKind};
use crate::governor::Prefix;
use baya_core::agent::Effort;
use genai::adapter::AdapterKind;
use genai::chat::{
    CacheControl, ChatMessage, ChatOptions, ChatRequest, ContentPart, MessageContent, ReasoningEffort,
    StreamEnd, Tool, ToolCall, ToolChoice, ToolResponse,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The tool of C32.
pub(crate) const STRUCTURED_OUTPUT: &str = "StructuredOutput";

pub(in crate::api) struct Request<'a> {
    pub model: &'a str,
    pub system: &'a str,
    pub messages: &'a [Message],
    pub shape: Shape<'a>,
    pub offer: Offer<'a>,
    pub effort: Option<Effort>,
    pub max_tokens: Option<u64>,
    /// No byte for this long: silent.
    pub idle: Duration,
}

/// What the answer looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::api) enum Shape<'a> {
    Text,
    /// Input of the tool `StructuredOutput`.
    Tool(&'a Value, ToolForce),
    /// The provider holds the model to the schema.
    Native(&'a Value),
}

/// Tools beside `StructuredOutput`.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Offer<'a> {
    /// The model may call these; may be none.
    Open(&'a [ToolSpec]),
    /// They stand in the history, so they are declared, but none is to be called now.
    Closed(&'a [ToolSpec]),
}

/// A tool as the model is told of it.
#[derive(Debug, Clone)]
pub(in crate::api) struct ToolSpec {
    pub name: String,
    pub description: String,
    pub schema: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum ToolForce {
    Forced,
    Asked,
}

#[derive(Debug, Clone)]
pub(in crate::api) enum Message {
    /// One text block.
    User(String),
    Model(Replay),
    ToolAnswers(Vec<ToolAnswer>),
}

#[derive(Debug, Clone)]
pub(in crate::api) struct ToolAnswer {
    pub id: String,
    pub name: String,
    pub text: String,
}

/// A turn of the model as its provider wants it back: signatures and thoughts kept.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct Replay(MessageContent);

impl Replay {
    pub(super) fn of(end: StreamEnd, partial: &Partial) -> Replay {
        let captured = end.captured_content.map(MessageContent::into_parts).unwrap_or_default();
        let (calls, mut parts): (Vec<_>, Vec<_>) =
            captured.into_iter().partition(|part| matches!(part, ContentPart::ToolCall(_)));
        if !partial.text.is_empty() {
            parts.push(ContentPart::Text(partial.text.clone()));
        }
        match calls.is_empty() {
            true => parts.extend(partial.calls.iter().map(|call| {
                ContentPart::ToolCall(ToolCall {
                    call_id: call.id.clone(),
                    fn_name: call.name.clone(),
                    fn_arguments: serde_json::from_str(&call.input)
                        .unwrap_or(Value::String(call.input.clone())),
                    thought_signatures: None,
                })
            })),
            false => parts.extend(calls),
        }
        parts.iter_mut().for_each(make_input_an_object);
        Replay(MessageContent::from_parts(parts))
    }

    /// Words of ours that stand for what the model said.
    pub fn of_text(text: String) -> Replay {
        Replay(MessageContent::from_parts(vec![ContentPart::Text(text)]))
    }

    /// The same turn with this text before its own.
    #[must_use]
    pub fn after(self, text: String) -> Replay {
        let mut parts = self.0.into_parts();
        match parts.iter_mut().find(|part| matches!(part, ContentPart::Text(_))) {
            Some(ContentPart::Text(own)) => own.insert_str(0, &text),
            Some(_) | None => {
                let before_calls = parts.iter().position(|part| matches!(part, ContentPart::ToolCall(_)));
                parts.insert(before_calls.unwrap_or(parts.len()), ContentPart::Text(text));
            }
        }
        Replay(MessageContent::from_parts(parts))
    }

    pub fn to_value(&self) -> Value {
        serde_json::to_value(&self.0).unwrap_or_default()
    }

    /// As [`Replay::to_value`] wrote it; thoughts and signatures only for the model that made them.
    pub fn read(value: Value, same_model: bool) -> Replay {
        let content: MessageContent = serde_json::from_value(value).unwrap_or_default();
        let mut parts = content.into_parts();
        if !same_model {
            parts.retain(|part| matches!(part, ContentPart::Text(_) | ContentPart::ToolCall(_)));
            for part in &mut parts {
                if let ContentPart::ToolCall(call) = part {
                    call.thought_signatures = None;
                }
            }
        }
        Replay(MessageContent::from_parts(parts))
    }

    /// The text and the calls in it.
    pub fn written(&self) -> Partial {
        let mut written = Partial::default();
        for part in self.0.parts() {
            match part {
                ContentPart::Text(text) => written.text.push_str(text),
                ContentPart::ToolCall(call) => written.calls.push(ToolUse::of(call.clone())),
                _ => {}
            }
        }
        written
    }

    /// Nothing that could be sent back.
    pub fn is_empty(&self) -> bool {
        !self.0.parts().iter().any(|part| matches!(part, ContentPart::Text(_) | ContentPart::ToolCall(_)))
    }
}

/// Providers refuse a history in which a tool's input is no object.
fn make_input_an_object(part: &mut ContentPart) {
    if let ContentPart::ToolCall(call) = part
        && !call.fn_arguments.is_object()
    {
        call.fn_arguments = json!({ "unreadable": call.fn_arguments.take() });
    }
}

impl Request<'_> {
    /// Whether the provider may dislike the form of the answer rather than what is asked.
    pub fn has_form(&self) -> bool {
        let offers = match self.offer {
            Offer::Open(specs) | Offer::Closed(specs) => !specs.is_empty(),
        };
        self.shape != Shape::Text || offers
    }

    /// What the provider may keep of an agent's first request for others with the same beginning.
    pub fn prefix(&self, config: &ProviderConfig) -> Option<Prefix> {
        let [Message::User(_)] = self.messages else { return None };
        let (Offer::Open(specs) | Offer::Closed(specs)) = self.offer;
        let keeps = match config.kind {
            // Only what is marked, see `body`.
            ProviderKind::Anthropic => !specs.is_empty(),
            ProviderKind::Ollama => false,
            ProviderKind::OpenAi
            | ProviderKind::OpenAiResponses
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Gemini => true,
        };
        let schema = match self.shape {
            Shape::Text => String::new(),
            Shape::Tool(schema, _) | Shape::Native(schema) => schema.to_string(),
        };
        let tools = specs.iter().flat_map(|spec| [&*spec.name, &*spec.description].map(str::to_owned));
        let schemas = specs.iter().map(|spec| spec.schema.to_string());
        let rest = [self.system.to_owned(), schema];
        let parts: Vec<String> = tools.chain(schemas).chain(rest).collect();
        keeps.then(|| Prefix::of(self.model, parts.iter().map(String::as_str))).flatten()
    }

    pub(super) fn body(&self, config: &ProviderConfig) -> ChatRequest {
        let (Offer::Open(specs) | Offer::Closed(specs)) = self.offer;
        let mut messages: Vec<ChatMessage> = self.messages.iter().map(Message::to_library).collect();
        let mut body = match (config.kind, messages.last_mut()) {
            // What goes out again with the next turn is marked to be kept; the system's mark covers tools.
            (ProviderKind::Anthropic, Some(last)) if !specs.is_empty() => {
                last.options = Some(CacheControl::Ephemeral.into());
                let mut system = ChatMessage::system(self.system);
                system.options = Some(CacheControl::Ephemeral.into());
                messages.insert(0, system);
                ChatRequest::new(messages)
            }
            _ => ChatRequest::new(messages).with_system(self.system),
        };
        let mut tools: Vec<Tool> = specs.iter().map(|spec| spec.to_library(config.kind)).collect();
        if let Shape::Tool(schema, _) = self.shape {
            let description = "Takes your result. Call it once, with the whole result as its input.";
            let (name, description) = (STRUCTURED_OUTPUT.to_owned(), description.to_owned());
            tools.push(ToolSpec { name, description, schema: schema.clone() }.to_library(config.kind));
        }
        if !tools.is_empty() {
            body = body.with_tools(tools);
        }
        body
    }

    pub(super) fn options(&self, config: &ProviderConfig, frames: Arc<Frames>) -> ChatOptions {
        let adapter = adapter(config.kind);
        let mut options = ChatOptions::default()
            .with_capture_usage(true)
            .with_stream_header_timeout(self.idle)
            .with_stream_read_timeout(self.idle)
            .with_raw_frame_sink_arc(frames);
        options.capture_tool_calls = Some(adapter != AdapterKind::OpenAI);
        // Thoughts go back with tool results, or this provider refuses the history.
        options.capture_reasoning_content = Some(adapter == AdapterKind::Anthropic);
        options.max_tokens = self.max_tokens.map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX));
        options.reasoning_effort = self.reasoning(adapter);
        let offered = match self.offer {
            Offer::Closed([_, ..]) => Some(ToolChoice::None),
            Offer::Open([_, ..]) => Some(ToolChoice::Auto),
            Offer::Open([]) | Offer::Closed([]) => None,
        };
        match self.shape {
            Shape::Text => options.tool_choice = offered,
            Shape::Tool(_, ToolForce::Forced) => {
                options.tool_choice = Some(ToolChoice::tool(STRUCTURED_OUTPUT))
            }
            Shape::Tool(_, ToolForce::Asked) => options.tool_choice = Some(ToolChoice::Auto),
            Shape::Native(schema) => {
                options.tool_choice = offered;
                options.extra_body = Some(native_format(schema));
            }
        }
        if !config.headers.is_empty() {
            options.extra_headers = Some(genai::Headers::from(config.headers.clone()));
        }
        options
    }

    fn reasoning(&self, adapter: AdapterKind) -> Option<ReasoningEffort> {
        match self.effort {
            Some(Effort::Low) => Some(ReasoningEffort::Low),
            Some(Effort::Medium) => Some(ReasoningEffort::Medium),
            Some(Effort::High) => Some(ReasoningEffort::High),
            Some(Effort::Xhigh) => Some(ReasoningEffort::XHigh),
            Some(Effort::Max) => Some(ReasoningEffort::Max),
            // Without this the library takes an effort out of the model's name, as in `codex-max`;
            // on these wires a budget is never sent.
            None if matches!(adapter, AdapterKind::OpenAI | AdapterKind::OpenAIResp) => {
                Some(ReasoningEffort::Budget(0))
            }
            None => None,
        }
    }
}

impl ToolSpec {
    fn to_library(&self, kind: ProviderKind) -> Tool {
        let tool = Tool::new(self.name.as_str())
            .with_description(self.description.as_str())
            .with_schema(self.schema.clone());
        // Otherwise this wire rewrites schemas by itself where it can.
        if kind == ProviderKind::OpenAiResponses { tool.with_strict(false) } else { tool }
    }
}

impl Message {
    fn to_library(&self) -> ChatMessage {
        match self {
            Message::User(text) => ChatMessage::user(text.as_str()),
            Message::Model(Replay(content)) => ChatMessage::assistant(content.clone()),
            Message::ToolAnswers(answers) => {
                let responses = answers
                    .iter()
                    .map(|answer| ToolResponse::new(&answer.id, &answer.text).with_fn_name(&answer.name));
                ChatMessage::tool(MessageContent::from_tool_responses(responses.collect()))
            }
        }
    }
}

/// Chat completions' own schema mode, with the schema as given.
fn native_format(schema: &Value) -> Value {
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "result", "schema": schema}}})
}
