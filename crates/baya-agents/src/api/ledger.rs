//! What an attempt has used and written so far. It lives outside the work, so that a cancel or a
//! time-out loses neither usage nor text.

use super::tape::{NotWritten, Tape};
use super::toolbox::Place;
use super::wire::{Partial, Turn};
use crate::backend::Attempt;
use baya_core::agent::{AttemptEnd, AttemptReport, Usage};
use baya_core::turn::{TurnCost, TurnRecord};
use serde_json::Value;

#[derive(Default)]
pub(super) struct Ledger {
    /// What no turn in the journal carries.
    pub usage: Usage,
    pub requests: u32,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
    pub rung: Option<&'static str>,
    pub drafts: Vec<String>,
    pub notes: Vec<String>,
    /// Of the request that is out now.
    pub partial: Partial,
    pub tape: Tape,
    /// The last answer; it goes to the journal if something follows it, else it is the outcome.
    pub last: Option<LastAnswer>,
    /// Where the agent's tools are at work.
    pub place: Option<Place>,
}

/// An answer that the journal does not have yet.
#[derive(Debug)]
pub(super) struct LastAnswer {
    pub model: String,
    pub content: Value,
}

/// How much of a call's input stands in the line for people.
const CALL_LINE_CHARS: usize = 120;

impl Ledger {
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A whole turn: counts it and hands out what was written.
    pub fn settle(&mut self, prompt: &str, turn: &Turn) -> Partial {
        let partial = std::mem::take(&mut self.partial);
        let usage = turn.usage.unwrap_or_else(|| Usage::estimate(prompt, &partial.written()));
        self.usage.add(&usage);
        if turn.served.is_some() {
            self.model_served.clone_from(&turn.served);
        }
        partial
    }

    /// A turn that came to nothing: what it wrote is a draft, what it used an estimate.
    pub fn abandon(&mut self, prompt: &str) {
        let written = std::mem::take(&mut self.partial).written();
        if !written.is_empty() {
            self.usage.add(&Usage::estimate(prompt, &written));
            self.drafts.push(written);
        }
    }

    /// Hands the last answer to the journal, with all that was paid since the one before.
    pub fn write_last(&mut self, attempt: &Attempt) {
        if let Some(LastAnswer { model, content }) = self.last.take() {
            let cost = self.take_cost();
            let calls = calls_in(&content);
            self.tape.write(attempt, TurnRecord::Answered { model, content, calls, cost });
        }
    }

    /// As [`Ledger::write_last`], and waits until all that was handed over is durable.
    pub async fn written(&mut self, attempt: &Attempt) -> Result<(), NotWritten> {
        self.write_last(attempt);
        self.tape.written().await
    }

    /// What the journal is told now, it is not told again by the report.
    pub fn take_cost(&mut self) -> TurnCost {
        TurnCost {
            usage: std::mem::take(&mut self.usage),
            model_served: self.model_served.clone(),
            requests: std::mem::take(&mut self.requests),
        }
    }

    pub fn into_report(mut self, prompt: &str, end: AttemptEnd) -> AttemptReport {
        self.abandon(prompt);
        AttemptReport {
            end,
            usage: self.usage,
            model_asked: self.model_asked,
            model_served: self.model_served,
            requests: self.requests,
            rung: self.rung.map(str::to_owned),
            drafts: self.drafts,
            notes: self.notes,
            work: None,
        }
    }
}

/// The calls of an answer in the form of the client library, a line for each.
fn calls_in(content: &serde_json::Value) -> Vec<String> {
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let calls = parts.iter().filter_map(|part| part.get("ToolCall"));
    let line = |call: &serde_json::Value| {
        let input = call["fn_arguments"].to_string();
        let head: String = input.chars().take(CALL_LINE_CHARS).collect();
        let more = if head.len() < input.len() { "…" } else { "" };
        format!("{} {head}{more}", call["fn_name"].as_str().unwrap_or_default())
    };
    calls.map(line).collect()
}
