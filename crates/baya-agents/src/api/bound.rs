//! The most tokens that a request can send.

use super::wire::{Message, Offer, Request, Shape, ToolSpec};
use baya_core::agent::{Usage, UsageSource};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that a token stands for at least. The tokenisers of all models go back to single bytes where they
/// know nothing longer, so none makes more tokens than there are bytes. Prose has four to five bytes for a
/// token, code about three; only noise comes near one. So the bound is three to five times what the very
/// first request takes; all others rest on what the provider counted of requests before them.
const TOKEN_BYTES_MIN: u64 = 1;
/// Tokens that a provider puts around a message, and around the whole.
const AROUND_MESSAGE: u64 = 16;
const AROUND_REQUEST: u64 = 64;
/// Words of the provider's own on how tools are called; the longest known are below 700 tokens (Anthropic,
/// "Tool use: pricing").
const ABOUT_TOOLS: u64 = 1_024;

/// A conversation as a provider counted it.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    about: Option<blake3::Hash>,
    /// Messages of it, the answer not among them.
    messages: usize,
    /// All that was sent, and the answer.
    tokens: u64,
}

/// What beginnings of conversations have come to: the tokens of a first request, by all that stands before
/// its prompt. Another one with the same beginning sends no more than that and its own prompt.
#[derive(Debug, Default)]
pub(super) struct Beginnings(Mutex<HashMap<blake3::Hash, u64>>);

/// Beginnings that are remembered; then all is found out anew.
const BEGINNINGS_MAX: usize = 1_024;

impl Beginnings {
    /// A provider has counted a request.
    pub fn learn(&self, request: &Request<'_>, usage: &Usage) {
        let is_counted = match usage.source {
            UsageSource::Reported | UsageSource::Gateway => true,
            UsageSource::None | UsageSource::Simulated | UsageSource::Estimated => false,
        };
        if !is_counted || request.messages.len() > 1 {
            return;
        }
        let mut known = self.lock();
        if known.len() >= BEGINNINGS_MAX {
            known.clear();
        }
        let least = known.entry(about(request)).or_insert(u64::MAX);
        *least = usage.sent().min(*least);
    }

    /// The most that this request can send.
    pub fn input_most(&self, request: &Request<'_>, counted: &Counted) -> u64 {
        let bound = counted.input_most(request);
        let known = self.lock().get(&about(request)).copied();
        let said = || request.messages.iter().map(tokens).sum::<u64>();
        known.map_or(bound, |known| bound.min(known + AROUND_MESSAGE + said()))
    }

    /// Whole whenever the lock is free.
    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// What a provider has just counted; nothing if it only guessed.
    pub fn of(request: &Request<'_>, messages: usize, usage: &Usage) -> Counted {
        match usage.source {
            UsageSource::Reported | UsageSource::Gateway => {
                Counted { about: Some(about(request)), messages, tokens: usage.total() }
            }
            UsageSource::None | UsageSource::Simulated | UsageSource::Estimated => Counted::default(),
        }
    }

    /// The answer in its pieces stands as one behind so many messages.
    pub fn answer_to(&mut self, messages: usize) {
        self.messages = messages;
    }

    /// The most that this request can send.
    fn input_most(&self, request: &Request<'_>) -> u64 {
        let all = whole(request);
        match request.messages.get(self.messages..) {
            Some(news) if self.about == Some(about(request)) => {
                // The first of the news is the answer, which is counted already.
                let news = news.iter().skip(usize::from(matches!(news.first(), Some(Message::Model(_)))));
                all.min(self.tokens + AROUND_MESSAGE + news.map(tokens).sum::<u64>())
            }
            Some(_) | None => all,
        }
    }
}

fn whole(request: &Request<'_>) -> u64 {
    let tools: u64 = specs(request).iter().map(|spec| text(&spec.description) + text(&spec.name)).sum();
    let schemas: u64 = schemas(request).iter().map(|schema| text(schema)).sum();
    let about_tools = if tools + schemas > 0 { ABOUT_TOOLS } else { 0 };
    let said: u64 = request.messages.iter().map(tokens).sum();
    AROUND_REQUEST + about_tools + text(request.system) + tools + schemas + said
}

fn tokens(message: &Message) -> u64 {
    AROUND_MESSAGE
        + match message {
            Message::User(said) => text(said),
            Message::Model(replay) => text(&replay.to_value().to_string()),
            Message::ToolAnswers(answers) => answers
                .iter()
                .map(|answer| AROUND_MESSAGE + text(&answer.id) + text(&answer.name) + text(&answer.text))
                .sum(),
        }
}

fn text(text: &str) -> u64 {
    (text.len() as u64).div_ceil(TOKEN_BYTES_MIN)
}

fn specs<'a>(request: &Request<'a>) -> &'a [ToolSpec] {
    let (Offer::Open(specs) | Offer::Closed(specs)) = request.offer;
    specs
}

fn schemas(request: &Request<'_>) -> Vec<String> {
    let shape = match request.shape {
        Shape::Text => None,
        Shape::Tool(schema, _) | Shape::Native(schema) => Some(schema.to_string()),
    };
    specs(request).iter().map(|spec| spec.schema.to_string()).chain(shape).collect()
}

/// What stands before the conversation: another beginning is another conversation.
fn about(request: &Request<'_>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let names = specs(request).iter().flat_map(|spec| [spec.name.clone(), spec.description.clone()]);
    let parts = [request.model.to_owned(), request.system.to_owned()].into_iter();
    for part in parts.chain(names).chain(schemas(request)) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}
