//! An answer before it takes the form of a wire.

use super::ask::{Ask, Structured};
use super::going_on::part;
use baya_core::agent::Answer;
use baya_core::simulate::{Decision, Fault, RuleTool};

/// What all answers say of the time, so that equal requests get equal answers.
pub(super) const CREATED_S: u64 = 1_750_000_000;
/// Pieces of a streamed text; of a slow one.
const PIECES: usize = 3;
const PIECES_SLOW: usize = 10;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    /// The number of the request, for ids.
    pub n: u64,
    pub model: String,
    pub content: Content,
    pub finish: Finish,
    pub tokens: Tokens,
    /// Whether the answer says them.
    pub tells_tokens: bool,
    pieces: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Text(String),
    /// At least one.
    Calls(Vec<Call>),
    Refusal(String),
}

/// A call of a tool, through which a structured answer may be given; the input as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub name: String,
    pub input: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Done,
    /// Cut off by the model's limit.
    Length,
}

/// Classes that do not overlap; a wire that adds them up does so itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

impl Tokens {
    pub fn input_all(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

impl Reply {
    pub fn new(n: u64, ask: &Ask, decision: Decision, request_bytes: usize) -> Reply {
        let refuses = decision.fault == Some(Fault::Refuse);
        let content = match (&ask.structured, decision.answer) {
            _ if refuses => Content::Refusal("simulated: this request is refused".to_owned()),
            _ if !decision.tools.is_empty() => Content::Calls(decision.tools.iter().map(Call::of).collect()),
            (Structured::Tool { name, .. }, Answer::Json(value)) => {
                Content::Calls(vec![Call { name: name.clone(), input: value.to_string() }])
            }
            (_, Answer::Json(value)) => Content::Text(value.to_string()),
            (_, Answer::Text(text)) => Content::Text(text),
        };
        let finish = if decision.fault == Some(Fault::Length) { Finish::Length } else { Finish::Done };
        let half = content.bytes() / 2;
        let content = if finish == Finish::Length { content.cut(half) } else { content };
        let mut tokens = match decision.usage {
            Some(told) => Tokens {
                input: told.input,
                output: told.output,
                cache_read: told.cache_read,
                cache_write: told.cache_write,
            },
            None => Tokens {
                input: estimate(request_bytes),
                output: estimate(content.bytes()).max(1),
                ..Tokens::default()
            },
        };
        let part = part(content, tokens.output, &ask.so_far, ask.output_max);
        tokens.output = part.output;
        let (content, finish) = (part.content, if part.is_cut { Finish::Length } else { finish });
        let tells_tokens = ask.wants_usage && decision.fault != Some(Fault::NoUsage);
        let pieces = if decision.fault == Some(Fault::Slow) { PIECES_SLOW } else { PIECES };
        Reply { n, model: ask.model.clone(), content, finish, tokens, tells_tokens, pieces }
    }

    /// A text, or the input of a call, in the pieces in which it is streamed.
    pub fn pieces<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let size = text.len().div_ceil(self.pieces).max(1);
        let mut rest = text;
        let mut pieces = Vec::with_capacity(self.pieces);
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(ceil_boundary(rest, size));
            pieces.push(piece);
            rest = tail;
        }
        pieces
    }
}

impl Content {
    pub fn bytes(&self) -> usize {
        match self {
            Content::Text(text) | Content::Refusal(text) => text.len(),
            Content::Calls(calls) => calls.iter().map(|call| call.input.len()).sum(),
        }
    }

    /// Its beginning.
    pub fn cut(self, bytes: usize) -> Content {
        match self {
            Content::Text(mut text) => {
                text.truncate(floor_boundary(&text, bytes));
                Content::Text(text)
            }
            // Half of an input is no JSON; not every wire can carry that.
            Content::Calls(calls) => Content::Calls(
                calls.into_iter().map(|call| Call { input: "{}".to_owned(), ..call }).collect(),
            ),
            Content::Refusal(text) => Content::Refusal(text),
        }
    }
}

impl Call {
    fn of(tool: &RuleTool) -> Call {
        Call { name: tool.name.clone(), input: tool.input.to_string() }
    }
}

fn floor_boundary(text: &str, size: usize) -> usize {
    (0..=size.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)
}

fn ceil_boundary(text: &str, size: usize) -> usize {
    (size..text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len())
}

/// About 4 bytes a token.
fn estimate(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

/// A frame of an event stream.
pub(super) fn event(name: Option<&str>, data: &serde_json::Value) -> String {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
}
