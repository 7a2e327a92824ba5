//! Structured answers of agents of the protocol (C32): their own way where there is one, our tool, a
//! block of JSON, and at last a pass over what was written, in a session of its own.
//!
//! An agent that ends in prose is asked again in the same session; wrong inputs of the tool were answered
//! by the tool itself and count as tries.

use super::conversation::Conversation;
use super::fault::Fault;
use super::texts::{self, Form};
use super::wire::Opening;
use crate::api::extract;
use crate::mcp::answer::AnswerTool;
use baya_core::agent::Progress;
use baya_core::limits::STRUCTURED_OUTPUT_TRIES;
use baya_core::schema::Schema;
use serde_json::Value;

/// Turns in which our tool is asked for and not called, before a block of JSON is.
const TOOL_UNSEEN_MAX: u32 = 2;
/// Bytes of drafts that the last pass is shown.
const REPAIR_BYTES_MAX: usize = 100 * 1024;

pub(super) struct Ladder<'a> {
    pub schema: &'a Value,
    pub compiled: &'a Schema,
    pub tool: &'a AnswerTool,
    pub first: Form,
}

/// What one turn was worth.
enum Read {
    Found(Value, &'static str),
    Wrong(String),
}

impl Ladder<'_> {
    /// The answer, given the texts of the first turn.
    pub async fn climb(&self, talk: &mut Conversation<'_>, first: Vec<String>) -> Result<Value, Fault> {
        let (mut form, mut texts) = (self.first, first);
        let (mut tried, mut unseen, mut refused_before) = (0, 0, 0);
        let end = loop {
            let ended = talk.turn(&texts).await;
            let refused = self.tool.refused();
            let new = refused.len().saturating_sub(refused_before);
            talk.ledger.drafts.extend(refused.iter().skip(refused_before).cloned());
            refused_before = refused.len();
            let text = match (self.taken(), ended) {
                (Some(value), Ok(_)) => return Ok(found(value, "tool", talk)),
                // It gave its answer and then broke: the answer counts.
                (Some(value), Err(fault)) if !matches!(fault, Fault::Cancelled { .. }) => {
                    talk.process.spoilt = fault.spoils();
                    talk.ledger.note("the agent failed after it had given its answer");
                    return Ok(found(value, "tool", talk));
                }
                (_, Err(fault)) => return Err(fault),
                (None, Ok(text)) => text,
            };
            let error = match self.read(&text, form) {
                Read::Found(value, rung) => return Ok(found(value, rung, talk)),
                Read::Wrong(error) => error,
            };
            talk.ledger.reject();
            talk.ledger.drafts.extend(Some(text).filter(|text| !text.trim().is_empty()));
            // The tool's own message is nearer than that there is no object in the prose after it.
            let error = if new > 0 { self.tool.last_wrong().unwrap_or(error) } else { error };
            tried += (new as u32).max(1);
            if tried >= STRUCTURED_OUTPUT_TRIES {
                break error;
            }
            talk.attempt.tell(Progress::Reasking { why: error.clone(), tries: tried });
            unseen = if new > 0 { 0 } else { unseen + 1 };
            form = next(form, unseen);
            texts = vec![texts::again(form, &error, self.schema)];
        };
        self.repair(talk, end).await
    }

    /// The engine checks again; so do we, since the agent may write the file itself.
    fn taken(&self) -> Option<Value> {
        self.tool.taken().filter(|value| self.compiled.is_valid(value))
    }

    fn read(&self, text: &str, form: Form) -> Read {
        let mut error = None;
        for object in extract::objects(text) {
            let value = Value::Object(object);
            match self.compiled.validate(&value) {
                Ok(()) => {
                    let rung = if form == Form::Native { "native" } else { "text" };
                    return Read::Found(value, rung);
                }
                Err(wrong) => drop(error.get_or_insert(wrong)),
            }
        }
        Read::Wrong(error.unwrap_or_else(|| "there is no JSON object in it".to_owned()))
    }

    /// A session of its own, so that nothing but the text is read.
    async fn repair(&self, talk: &mut Conversation<'_>, error: String) -> Result<Value, Fault> {
        let Some(written) = talk.ledger.drafts.last().cloned() else { return Err(Fault::Unmet(error)) };
        let opening = Opening { folder: &talk.attempt.folder, servers: &[], meta: None };
        let Ok(session) = talk.process.wire.open(opening).await else { return Err(Fault::Unmet(error)) };
        talk.session = session.id;
        let text = texts::repair(tail(&written), &error, self.schema);
        match talk.turn(&[text]).await {
            Ok(text) => match self.read(&text, Form::Fence) {
                Read::Found(value, _) => Ok(found(value, "repair", talk)),
                Read::Wrong(_) => {
                    talk.ledger.drafts.extend(Some(text).filter(|text| !text.trim().is_empty()));
                    Err(Fault::Unmet(error))
                }
            },
            Err(fault @ (Fault::Cancelled { .. } | Fault::Model(_))) => Err(fault),
            Err(fault) => {
                talk.process.spoilt = fault.spoils();
                talk.ledger.note("the repair pass failed");
                Err(Fault::Unmet(error))
            }
        }
    }
}

fn next(form: Form, unseen: u32) -> Form {
    match form {
        Form::Tool if unseen < TOOL_UNSEEN_MAX => Form::Tool,
        Form::Tool | Form::Native | Form::Fence => Form::Fence,
    }
}

fn found(value: Value, rung: &'static str, talk: &mut Conversation<'_>) -> Value {
    talk.ledger.rung = Some(rung);
    value
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(REPAIR_BYTES_MAX);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[from..]
}
