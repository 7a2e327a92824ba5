//! What an answer says of itself while it passes: the tokens it cost, the model that served, an error
//! inside it. Nothing here changes a byte.
//!
//! Sources for the shapes: Anthropic "Messages streaming" (`message_start` carries the input, the counts
//! of `message_delta` are cumulative), OpenAI "Chat completions, streaming" (`usage` in the last chunk,
//! only if `stream_options.include_usage`), OpenAI "Responses, streaming" (`response.completed`).
//! Anthropic counts cache tokens beside the input; OpenAI counts them, and reasoning, inside.

use super::route::Dialect;
use super::sieve::{Sieve, data};
use crate::api::judge::{Question, judge_inside};
use baya_core::agent::{Cause, CauseKind, Usage, UsageSource};
use baya_core::limits::{ANSWER_BYTES_MAX, WAIT_IN_PLACE_MS};
use serde_json::Value;

/// Bytes of text that make about one token.
const BYTES_PER_TOKEN: u64 = 4;

/// Reads one answer.
pub(super) struct Reader {
    dialect: Dialect,
    form: Form,
    said: Said,
}

/// How the answer comes.
enum Form {
    Events(Sieve),
    /// One JSON value, read when it is whole.
    Whole(Vec<u8>),
    /// Cannot be read: packed, or longer than an answer may be.
    Opaque,
}

/// What has been read so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub served: Option<String>,
    /// An error that came inside a stream.
    pub error: Option<Value>,
    counts: Option<Counts>,
    /// No later word changes the counts.
    is_final: bool,
    /// The last event has come; clients do not wait for the end of the connection.
    has_ended: bool,
    /// Of what the model wrote.
    text_bytes: u64,
    /// It came to its end and is nothing that this wire knows.
    is_garbage: bool,
}

/// Classes that do not overlap, but that `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_long: u64,
    reasoning: u64,
}

impl Reader {
    pub fn new(dialect: Dialect, content_type: &str, content_encoding: Option<&str>) -> Reader {
        let form = match content_encoding {
            Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => Form::Opaque,
            Some(_) | None if content_type.starts_with("text/event-stream") => Form::Events(Sieve::default()),
            Some(_) | None => Form::Whole(Vec::new()),
        };
        Reader { dialect, form, said: Said::default() }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Events(sieve) => {
                for event in sieve.push(bytes) {
                    self.said.read_event(self.dialect, &event);
                }
            }
            Form::Whole(held) if held.len() + bytes.len() <= ANSWER_BYTES_MAX => {
                held.extend_from_slice(bytes)
            }
            Form::Whole(held) => {
                self.said.text_bytes += (held.len() + bytes.len()) as u64;
                self.form = Form::Opaque;
            }
            Form::Opaque => self.said.text_bytes += bytes.len() as u64,
        }
    }

    /// Whether the stream has said that nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.said.has_ended
    }

    /// No more will come; whether that is the end of the answer.
    pub fn finish(&mut self, is_whole: bool) -> &Said {
        match &mut self.form {
            Form::Events(sieve) => {
                let rest = sieve.rest();
                self.said.read_event(self.dialect, &rest);
            }
            Form::Whole(held) => match serde_json::from_slice::<Value>(held) {
                Ok(body) => self.said.read_whole(self.dialect, &body),
                Err(_) if is_whole => self.said.is_garbage = true,
                Err(_) => self.said.text_bytes += held.len() as u64,
            },
            Form::Opaque => {}
        }
        self.form = Form::Opaque;
        &self.said
    }
}

impl Said {
    /// A model was at work: an error before its first word costs nothing.
    pub fn is_answer(&self) -> bool {
        let only_error = self.error.is_some() && self.counts.is_none() && self.text_bytes == 0;
        !self.is_garbage && !only_error
    }

    /// What a whole answer says went wrong.
    pub fn failure(&self, provider: &str, address: &str) -> Option<Cause> {
        if self.is_garbage {
            let message = format!("what answers at {address} is no model API: its answer cannot be read");
            return Some(Cause::new(CauseKind::Api, message).hint("check the address of the provider"));
        }
        let model = self.served.as_deref().unwrap_or("the model");
        Some(judge_inside(
            self.error.as_ref()?,
            &Question { provider, address, model, tries: 1, wait_ms_max: WAIT_IN_PLACE_MS },
        ))
    }

    /// What was spent: the provider's count, or an estimate where it gave none or was cut short.
    pub fn usage(&self, request_bytes: u64) -> Usage {
        let written = self.text_bytes.div_ceil(BYTES_PER_TOKEN);
        let counts = match self.counts {
            Some(counts) if self.is_final => return counts.usage(UsageSource::Gateway),
            Some(counts) => Counts { output: counts.output.max(written), ..counts },
            None => Counts {
                input: request_bytes.div_ceil(BYTES_PER_TOKEN),
                output: written,
                ..Counts::default()
            },
        };
        counts.usage(UsageSource::Estimated)
    }

    fn read_event(&mut self, dialect: Dialect, event: &[u8]) {
        for data in data(event) {
            self.has_ended |= data == b"[DONE]";
            if let Ok(body) = serde_json::from_slice::<Value>(data) {
                match dialect {
                    Dialect::Anthropic => self.anthropic_event(&body),
                    Dialect::OpenAiChat => self.chat_chunk(&body),
                    Dialect::OpenAiResponses => self.responses_event(&body),
                }
                self.read_error(&body);
            }
        }
    }

    fn anthropic_event(&mut self, body: &Value) {
        match text(body, "/type") {
            "message_start" => {
                self.serve(body.pointer("/message/model"));
                self.count_anthropic(&body["message"]["usage"]);
            }
            "content_block_delta" => {
                let delta = &body["delta"];
                let pieces = ["text", "thinking", "partial_json"].map(|key| delta[key].as_str());
                self.text_bytes += pieces.into_iter().flatten().map(bytes).sum::<u64>();
            }
            "message_delta" => {
                self.is_final |= self.count_anthropic(&body["usage"]);
            }
            "message_stop" => self.has_ended = true,
            _ => {}
        }
    }

    /// What is said replaces what was said before: the counts are cumulative.
    fn count_anthropic(&mut self, usage: &Value) -> bool {
        if !usage.is_object() {
            return false;
        }
        let counts = self.counts.get_or_insert_default();
        let set = |place: &str, count: &mut u64| {
            *count = usage.pointer(place).and_then(Value::as_u64).unwrap_or(*count);
        };
        set("/input_tokens", &mut counts.input);
        set("/output_tokens", &mut counts.output);
        set("/cache_read_input_tokens", &mut counts.cache_read);
        set("/cache_creation_input_tokens", &mut counts.cache_write);
        set("/cache_creation/ephemeral_1h_input_tokens", &mut counts.cache_write_long);
        set("/output_tokens_details/thinking_tokens", &mut counts.reasoning);
        true
    }

    fn chat_chunk(&mut self, body: &Value) {
        self.serve(body.get("model"));
        for choice in list(&body["choices"]) {
            let delta = &choice["delta"];
            let texts =
                ["content", "refusal", "reasoning_content", "reasoning"].map(|key| delta[key].as_str());
            let calls = list(&delta["tool_calls"]).map(|call| call.pointer("/function/arguments")?.as_str());
            self.text_bytes += texts.into_iter().chain(calls).flatten().map(bytes).sum::<u64>();
        }
        self.is_final |= self.count_openai(&body["usage"]);
    }

    fn responses_event(&mut self, body: &Value) {
        self.serve(body.pointer("/response/model"));
        let kind = text(body, "/type");
        if kind.ends_with(".delta") {
            self.text_bytes += body["delta"].as_str().map_or(0, bytes);
        }
        self.is_final |= self.count_openai(&body["response"]["usage"]);
        self.has_ended |= matches!(kind, "response.completed" | "response.incomplete" | "response.failed");
    }

    /// Chat says `prompt` and `completion` where Responses say `input` and `output`.
    fn count_openai(&mut self, usage: &Value) -> bool {
        if !usage.is_object() {
            return false;
        }
        let count =
            |places: [&str; 2]| places.iter().find_map(|place| usage.pointer(place)?.as_u64()).unwrap_or(0);
        let cache_read =
            count(["/prompt_tokens_details/cached_tokens", "/input_tokens_details/cached_tokens"]);
        let cache_write =
            count(["/prompt_tokens_details/cache_write_tokens", "/input_tokens_details/cache_write_tokens"]);
        let input = count(["/prompt_tokens", "/input_tokens"]);
        self.counts = Some(Counts {
            input: input.saturating_sub(cache_read).saturating_sub(cache_write),
            output: count(["/completion_tokens", "/output_tokens"]),
            cache_read,
            cache_write,
            cache_write_long: 0,
            reasoning: count([
                "/completion_tokens_details/reasoning_tokens",
                "/output_tokens_details/reasoning_tokens",
            ]),
        });
        true
    }

    fn read_whole(&mut self, dialect: Dialect, body: &Value) {
        self.serve(body.get("model"));
        self.is_final |= match dialect {
            Dialect::Anthropic => self.count_anthropic(&body["usage"]),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => self.count_openai(&body["usage"]),
        };
        let parts = match dialect {
            Dialect::Anthropic => &body["content"],
            Dialect::OpenAiChat => &body["choices"],
            Dialect::OpenAiResponses => &body["output"],
        };
        self.text_bytes += strings(parts);
    }

    fn read_error(&mut self, body: &Value) {
        let error = ["/error", "/response/error"].iter().find_map(|place| body.pointer(place));
        if let Some(error) = error.filter(|error| !error.is_null()) {
            self.error = Some(error.clone());
        }
    }

    fn serve(&mut self, model: Option<&Value>) {
        if self.served.is_none() {
            self.served = model.and_then(Value::as_str).map(str::to_owned);
        }
    }
}

impl Counts {
    fn usage(self, source: UsageSource) -> Usage {
        let Counts { input, output, cache_read, cache_write, cache_write_long, reasoning } = self;
        Usage {
            input,
            output: output.max(reasoning),
            cache_read,
            cache_write,
            cache_write_long,
            reasoning,
            source,
            ..Usage::default()
        }
    }
}

/// What a model wrote in a whole answer without counts, ids and kinds aside.
fn strings(value: &Value) -> u64 {
    const WRITTEN: [&str; 8] =
        ["text", "thinking", "content", "arguments", "refusal", "reasoning_content", "summary", "message"];
    match value {
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::Array(items) => items.iter().map(strings).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| match member {
                Value::String(text) if WRITTEN.contains(&key.as_str()) => bytes(text),
                member if key == "input" => member.to_string().len() as u64,
                member => strings(member),
            })
            .sum(),
    }
}

fn bytes(text: &str) -> u64 {
    text.len() as u64
}

fn text<'a>(body: &'a Value, place: &str) -> &'a str {
    body.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
