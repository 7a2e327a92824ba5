//! Structured answers (C30–C33): a ladder of ways to ask, a validator that has the last word.
//!
//! The first rung is the tool `StructuredOutput` or the provider's own schema mode; a provider that
//! refuses that form is asked for JSON in text. A wrong answer goes back with the validator's message,
//! five tries in all; then one cheap request repairs what was written. What was written is kept.

use super::extract;
use super::ledger::Ledger;
use super::provider::ProviderKind;
use super::retry::{Asker, NoTurn};
use super::system_text;
use super::wire::{
    Message, Offer, Partial, Request, STRUCTURED_OUTPUT, Shape, Stop, ToolAnswer, ToolForce, ToolSpec, Turn,
};
use crate::models::thinks_unasked;
use baya_core::agent::{Answer, AttemptEnd, Cause, CauseKind, Effort, Progress};
use baya_core::limits::STRUCTURED_OUTPUT_TRIES;
use baya_core::schema::Schema;
use serde_json::Value;

/// Bytes of drafts that the repair pass is shown.
const REPAIR_BYTES_MAX: usize = 200 * 1024;

const REPAIR: &str = "You turn a text into structured data. Take every fact from the text and invent none; where the \
text leaves a required value open, take the plainest one that is true to it.";

/// A way to ask for a structured answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    Native,
    ToolForced,
    ToolAsked,
    Text,
}

impl Rung {
    pub fn first(kind: ProviderKind, model: &str, effort: Option<Effort>) -> Rung {
        match kind {
            ProviderKind::Ollama => Rung::Native,
            // A model that thinks cannot be forced to a tool on this wire.
            ProviderKind::Anthropic if effort.is_some() || thinks_unasked(model) => Rung::ToolAsked,
            ProviderKind::Anthropic
            | ProviderKind::OpenAi
            | ProviderKind::OpenAiResponses
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Gemini => Rung::ToolForced,
        }
    }

    /// Where to go when the provider refused this form and said why.
    fn next(self, said: &str) -> Option<Rung> {
        let said = said.to_lowercase();
        let about_force =
            ["tool_choice", "tool choice", "thinking", "forced"].iter().any(|word| said.contains(word));
        match self {
            Rung::ToolForced if about_force => Some(Rung::ToolAsked),
            Rung::Native | Rung::ToolForced | Rung::ToolAsked => Some(Rung::Text),
            Rung::Text => None,
        }
    }

    pub fn shape(self, schema: &Value) -> Shape<'_> {
        match self {
            Rung::Native => Shape::Native(schema),
            Rung::ToolForced => Shape::Tool(schema, ToolForce::Forced),
            Rung::ToolAsked => Shape::Tool(schema, ToolForce::Asked),
            Rung::Text => Shape::Text,
        }
    }

    pub fn instruction(self, schema: &Value) -> String {
        match self {
            Rung::Native => {
                format!(
                    "Your result is one JSON object and nothing else. It meets this JSON Schema:\n{schema}"
                )
            }
            Rung::ToolForced | Rung::ToolAsked => format!(
                "Give your result by calling the tool `{STRUCTURED_OUTPUT}` once, with the whole result as its \
                 input. Prose does not count."
            ),
            Rung::Text => format!(
                "Your last message is one JSON object and nothing else, no fence around it. It meets this JSON \
                 Schema:\n{schema}"
            ),
        }
    }

    pub fn ask_again(self, error: &str) -> String {
        match self {
            Rung::Native | Rung::Text => {
                format!(
                    "That is not a usable result: {error}. Give the whole result again as one JSON object."
                )
            }
            Rung::ToolForced | Rung::ToolAsked => format!(
                "That is not a usable result: {error}. Call the tool `{STRUCTURED_OUTPUT}` with the whole result."
            ),
        }
    }

    /// As reports name it, for an answer that came as text.
    fn text_name(self) -> &'static str {
        match self {
            Rung::Native => "native",
            Rung::ToolForced | Rung::ToolAsked | Rung::Text => "text",
        }
    }
}

/// One agent whose answer meets a schema.
pub(super) struct Structured<'a> {
    pub asker: Asker<'a>,
    pub model: &'a str,
    /// For the repair pass.
    pub small: Option<String>,
    pub body: Option<&'a str>,
    pub memory: &'a str,
    pub effort: Option<Effort>,
    pub max_tokens: Option<u64>,
    pub idle: std::time::Duration,
    pub schema: &'a Value,
    /// What was said so far; at least the prompt.
    pub said: Vec<Message>,
    /// Tools in what was said.
    pub tools: &'a [ToolSpec],
    /// Wrong answers in what was said.
    pub tried: u32,
}

/// What one turn was worth.
pub(super) enum Read {
    Found { value: Value, rung: &'static str },
    Wrong { error: String, reply: Vec<Message> },
}

impl Structured<'_> {
    pub async fn run(&self, ledger: &mut Ledger) -> AttemptEnd {
        let validator = match Schema::compile(self.schema) {
            Ok(validator) => validator,
            Err(reason) => {
                return AttemptEnd::Failed(Cause::new(
                    CauseKind::SchemaUnmet,
                    format!("the schema cannot be used: {reason}"),
                ));
            }
        };
        let tries = STRUCTURED_OUTPUT_TRIES.min(self.asker.task.options.max_turns.unwrap_or(u32::MAX)).max(1);
        let mut rung = Rung::first(self.asker.wire.config.kind, self.model, self.effort);
        let mut messages = self.said.clone();
        let mut last_error = String::new();
        for tried in self.tried + 1..=tries.max(self.tried + 1) {
            let (turn, partial) = match self.climb_down(&mut rung, &mut messages, ledger).await {
                Ok(answered) => answered,
                Err(end) => return end,
            };
            match read(&turn, &partial, rung, &validator) {
                Read::Found { value, rung } => return found(value, rung, ledger),
                Read::Wrong { error, reply } => {
                    ledger.reject();
                    ledger.drafts.extend(Some(partial.written()).filter(|text| !text.is_empty()));
                    if let Some(end) = cut_off(&turn.stop) {
                        return end;
                    }
                    self.asker.attempt.tell(Progress::Reasking { why: error.clone(), tries: tried });
                    messages.extend(reply);
                    last_error = error;
                }
            }
        }
        self.repair(rung, &validator, last_error, ledger).await
    }

    /// Asks; where the provider refuses the form, asks in the next one.
    async fn climb_down(
        &self,
        rung: &mut Rung,
        messages: &mut Vec<Message>,
        ledger: &mut Ledger,
    ) -> Result<(Turn, Partial), AttemptEnd> {
        loop {
            let system = system_text::for_schema(self.body, self.memory, *rung, self.schema);
            let request = self.request(self.model, &system, messages, *rung, self.effort);
            match self.asker.ask(&request, ledger).await {
                Ok(answered) => return Ok(answered),
                Err(NoTurn::End(end) | NoTurn::TooLong(end)) => return Err(end),
                Err(NoTurn::Reshape(said, end)) => {
                    let Some(next) = rung.next(&said) else { return Err(end) };
                    ledger.note(format!("the provider refused this form of a structured answer: {said}"));
                    *rung = next;
                    // A history with tool calls is refused where no tool is declared.
                    messages.truncate(self.said.len());
                }
            }
        }
    }

    fn request<'b>(
        &'b self,
        model: &'b str,
        system: &'b str,
        messages: &'b [Message],
        rung: Rung,
        effort: Option<Effort>,
    ) -> Request<'b> {
        let (shape, offer) = (rung.shape(self.schema), Offer::Closed(self.tools));
        Request {
            model,
            system,
            messages,
            shape,
            offer,
            effort,
            max_tokens: self.max_tokens,
            idle: self.idle,
        }
    }

    /// One request to a small model over what the agent wrote.
    pub async fn repair(
        &self,
        rung: Rung,
        validator: &Schema,
        error: String,
        ledger: &mut Ledger,
    ) -> AttemptEnd {
        let unmet = AttemptEnd::Failed(
            Cause::new(CauseKind::SchemaUnmet, format!("no answer met the schema: {error}"))
                .hint("`baya show` has all that the agent wrote; a looser schema or a larger model may help"),
        );
        let Some(written) = ledger.drafts.last().cloned() else { return unmet };
        let model = self.small.as_deref().unwrap_or(self.model);
        let rung = match rung {
            Rung::ToolForced | Rung::ToolAsked => Rung::first(self.asker.wire.config.kind, model, None),
            Rung::Native | Rung::Text => rung,
        };
        let system = format!("{REPAIR}\n\n{}", rung.instruction(self.schema));
        let messages = [Message::User(format!("What is wrong: {error}\n\nThe text:\n\n{}", tail(&written)))];
        let request = self.request(model, &system, &messages, rung, None);
        let request = Request { offer: Offer::Open(&[]), ..request };
        match self.asker.ask(&request, ledger).await {
            Ok((turn, partial)) => match read(&turn, &partial, rung, validator) {
                Read::Found { value, .. } => found(value, "repair", ledger),
                Read::Wrong { .. } => {
                    ledger.drafts.extend(Some(partial.written()).filter(|text| !text.is_empty()));
                    unmet
                }
            },
            Err(NoTurn::Reshape(said, _)) => {
                ledger.note(format!("the repair pass was refused: {said}"));
                unmet
            }
            Err(NoTurn::End(AttemptEnd::Unusable(cause))) => AttemptEnd::Unusable(cause),
            // With a larger cap it could still be had.
            Err(NoTurn::End(AttemptEnd::Failed(cause))) if cause.kind == CauseKind::Budget => {
                AttemptEnd::Failed(cause)
            }
            Err(NoTurn::End(_) | NoTurn::TooLong(_)) => {
                ledger.note("the repair pass failed");
                unmet
            }
        }
    }
}

pub(super) fn found(value: Value, rung: &'static str, ledger: &mut Ledger) -> AttemptEnd {
    ledger.rung = Some(rung);
    AttemptEnd::Answered(Answer::Json(value))
}

/// How a turn ends the attempt that gave no usable answer for a reason of its own.
pub(super) fn cut_off(stop: &Stop) -> Option<AttemptEnd> {
    match stop {
        Stop::Done => None,
        Stop::Limit => Some(AttemptEnd::Failed(
            Cause::new(CauseKind::Limit, "the model's own limit cut the answer off")
                .hint("`maxTokens` allows a longer answer; what was written is in `baya show`"),
        )),
        Stop::Refused(why) => Some(AttemptEnd::Failed(Cause::new(
            CauseKind::Refused,
            format!("the model refused: {}", super::wire::one_line(why, 200)),
        ))),
    }
}

pub(super) fn read(turn: &Turn, partial: &Partial, rung: Rung, validator: &Schema) -> Read {
    let mut error = None;
    let mut judge = |value: Value| match validator.validate(&value) {
        Ok(()) => Some(value),
        Err(wrong) => {
            error.get_or_insert(wrong);
            None
        }
    };
    for call in partial.calls.iter().filter(|call| call.name == STRUCTURED_OUTPUT) {
        let value = match serde_json::from_str(&call.input) {
            Ok(value) => judge(value),
            Err(wrong) => judge(Value::String(format!("unreadable: {wrong}"))),
        };
        if let Some(value) = value {
            return Read::Found { value, rung: "tool" };
        }
    }
    let objects = extract::objects(&partial.text);
    if let Some(value) = objects.into_iter().find_map(|object| judge(Value::Object(object))) {
        return Read::Found { value, rung: rung.text_name() };
    }
    let error = error.unwrap_or_else(|| "it holds no JSON object".to_owned());
    Read::Wrong { reply: reply(turn, partial, rung, &error), error }
}

/// The turn, and what goes back for it.
fn reply(turn: &Turn, partial: &Partial, rung: Rung, error: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    if !turn.replay.is_empty() {
        messages.push(Message::Model(turn.replay.clone()));
    }
    if partial.calls.is_empty() {
        messages.push(Message::User(rung.ask_again(error)));
        return messages;
    }
    let answers = partial.calls.iter().map(|call| ToolAnswer {
        id: call.id.clone(),
        name: call.name.clone(),
        text: match call.name == STRUCTURED_OUTPUT {
            true => format!("error: the result does not meet the schema: {error}. {}", rung.ask_again(error)),
            false => format!("error: there is no tool `{}`, only `{STRUCTURED_OUTPUT}`", call.name),
        },
    });
    messages.push(Message::ToolAnswers(answers.collect()));
    messages
}

/// The end of a text, as much as the repair pass is shown.
fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(REPAIR_BYTES_MAX);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[from..]
}
