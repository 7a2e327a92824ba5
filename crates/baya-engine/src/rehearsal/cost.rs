//! What an agent of a rehearsal uses: tokens, requests, time. From samples of earlier runs if there are
//! any, else from the numbers below.

use super::job::Payee;
use baya_core::agent::{AgentTask, Answer, AttemptEnd, Usage, UsageSource};
use baya_core::history::{LabelHistory, Sample, label_kind};
use baya_core::money::{ModelSaid, PriceTable};
use baya_core::rehearsal::{Case, Mood};
use baya_core::simulate::Noise;
use serde_json::Value;

/// Bytes of a token.
pub const TOKEN_BYTES: u64 = 4;
/// What goes before a prompt: the system's words, the schema's wrapping.
pub const OVERHEAD_TOKENS: u64 = 400;
/// The same for agents with tools, whose descriptions are sent along.
pub const OVERHEAD_TOOLS_TOKENS: u64 = 3_000;
/// Requests of an agent with tools: the middle, and the most.
pub const TOOL_REQUESTS: (u64, u64) = (6, 24);
/// What each use of tools adds to what is sent from then on.
pub const TOOL_RESULT_TOKENS: u64 = 900;
/// What a model writes to use tools.
pub const TOOL_CALL_TOKENS: u64 = 120;
/// An answer in free text: the middle, and how far answers spread around it.
pub const TEXT_TOKENS: f64 = 300.0;
const SPREAD: f64 = 0.6;
/// How long a request takes before the first word of its answer.
pub const REQUEST_MS: u64 = 1_500;
/// How fast words come.
pub const TOKENS_PER_SECOND: u64 = 60;

/// What an attempt used.
pub(super) struct Spent {
    pub(super) usage: Usage,
    pub(super) requests: u32,
    pub(super) duration_ms: u64,
}

/// Whose spending it is.
pub(super) struct Agent<'a> {
    pub(super) case: &'a Case,
    pub(super) task: &'a AgentTask,
    pub(super) history: Option<&'a LabelHistory>,
    /// Which of its kind, from 0.
    pub(super) place: usize,
    /// Of the prompt and the schema.
    pub(super) prompt_tokens: u64,
}

impl Agent<'_> {
    pub(super) fn spends(&self, end: &AttemptEnd, payee: Option<&Payee>, noise: &mut Noise) -> Spent {
        let samples = self.history.map(|history| history.samples.as_slice()).unwrap_or_default();
        let order = dealt(self.case, &label_kind(&self.task.label), "samples", samples.len());
        let index = order.get(self.place % samples.len().max(1));
        match index.and_then(|index| samples.get(*index)) {
            Some(sample) => sampled(sample, self.task),
            None => self.made_up(end, payee, noise),
        }
    }

    fn made_up(&self, end: &AttemptEnd, payee: Option<&Payee>, noise: &mut Noise) -> Spent {
        let options = &self.task.options;
        let by_backend = payee.is_some_and(|payee| payee.has_tools);
        let has_tools = options.tools.as_ref().map_or(by_backend, |tools| !tools.is_empty());
        let requests = if has_tools { self.tool_requests(noise) } else { 1 };
        let requests = requests.min(u64::from(options.max_turns.unwrap_or(u32::MAX)).max(1));
        let overhead = if has_tools { OVERHEAD_TOOLS_TOKENS } else { OVERHEAD_TOKENS };
        let first = overhead + self.prompt_tokens;
        let input = (0..requests).map(|turn| first + turn * (TOOL_RESULT_TOKENS + TOOL_CALL_TOKENS)).sum();
        let output = answer_bytes(end).div_ceil(TOKEN_BYTES).max(1) + (requests - 1) * TOOL_CALL_TOKENS;
        let output = output.min(options.max_tokens.unwrap_or(u64::MAX));
        let usage = Usage { input, output, source: UsageSource::Estimated, ..Usage::default() };
        let duration_ms = requests * REQUEST_MS + output * 1_000 / TOKENS_PER_SECOND;
        Spent { usage, requests: requests as u32, duration_ms }
    }

    fn tool_requests(&self, noise: &mut Noise) -> u64 {
        let (middle, most) = TOOL_REQUESTS;
        match self.case.mood.is_plain() {
            true => middle,
            false => ((middle as f64 * factor(noise)).round() as u64).clamp(1, most),
        }
    }
}

/// As an agent of an earlier run, with this prompt in place of its own.
fn sampled(sample: &Sample, task: &AgentTask) -> Spent {
    let requests = u64::from(sample.requests.max(1));
    let (own, theirs) = (task.prompt.len() as u64, sample.prompt_bytes);
    let more = own.saturating_sub(theirs) / TOKEN_BYTES * requests;
    let less = theirs.saturating_sub(own) / TOKEN_BYTES * requests;
    let least = own / TOKEN_BYTES;
    let input = (sample.input + more).saturating_sub(less).max(least.saturating_sub(sample.cache_read));
    let usage = Usage {
        input,
        output: sample.output,
        cache_read: sample.cache_read,
        cache_write: sample.cache_write,
        source: UsageSource::Estimated,
        ..Usage::default()
    };
    Spent { usage, requests: sample.requests.max(1), duration_ms: sample.duration_ms }
}

fn answer_bytes(end: &AttemptEnd) -> u64 {
    match end {
        AttemptEnd::Answered(Answer::Text(text)) => text.len() as u64,
        AttemptEnd::Answered(Answer::Json(value)) => json_bytes(value),
        AttemptEnd::Failed(_) | AttemptEnd::Unusable(_) | AttemptEnd::Cancelled => 0,
    }
}

/// About as long as the text of it, without writing it.
fn json_bytes(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
        Value::String(text) => text.len() as u64 + 2,
        Value::Array(list) => 2 + list.iter().map(|element| json_bytes(element) + 1).sum::<u64>(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| name.len() as u64 + 4 + json_bytes(value);
            2 + members.iter().map(member).sum::<u64>()
        }
    }
}

/// Puts the price on it; nothing, if nobody is paid.
pub(super) fn charge(prices: &PriceTable, payee: Option<&Payee>, usage: &mut Usage) {
    match payee {
        Some(payee) => {
            prices.charge(&payee.provider, ModelSaid { asked: payee.model.as_deref(), served: None }, usage);
        }
        None => usage.source = UsageSource::Simulated,
    }
}

/// Around 1, as often above as below, twice as much about one time in eight: twelve draws make a bell (Irwin
/// and Hall).
fn factor(noise: &mut Noise) -> f64 {
    let bell = (0..12).map(|_| noise.fraction()).sum::<f64>() - 6.0;
    (bell * SPREAD).exp()
}

const FILLER: &str = "The second look found nothing that the first had missed.\n- one point was left open\n\
- another was settled by reading the code again\nNo model was asked; the words stand in for an answer.\n";

/// A text as long as texts of models are.
pub(super) fn text_of_usual_length(answer: Value, mood: &Mood, noise: &mut Noise) -> Value {
    let Value::String(mut text) = answer else { return answer };
    let factor = if mood.is_plain() { 1.0 } else { factor(noise) };
    let bytes = (TEXT_TOKENS * factor) as usize * TOKEN_BYTES as usize;
    text.push('\n');
    while text.len() < bytes {
        let rest = bytes - text.len();
        text.push_str(&FILLER[..rest.min(FILLER.len())]);
    }
    Value::String(text)
}

/// An order of so many cards, the same for all agents of a kind in one rehearsal.
pub(super) fn dealt(case: &Case, kind: &str, what: &str, count: usize) -> Vec<usize> {
    let mut noise = Noise::new(case.seed, &["dealt", what, kind]);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, noise.below(last + 1));
    }
    order
}
