//! What an attempt has used and written so far. It lives outside the work, so that a cancel or a
//! time-out loses neither usage nor text.

use super::bound::Counted;
use super::tape::{NotWritten, Tape};
use super::toolbox::Place;
use super::wire::{Partial, Turn};
use crate::backend::Attempt;
use crate::purse::{Held, SharedPurse};
use baya_core::agent::{AttemptEnd, AttemptReport, Usage};
use baya_core::money::ModelSaid;
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
    /// Of the last whole answer, as long as it may turn out to be none.
    pub last_used: Usage,
    /// Of the request that is out now.
    pub partial: Partial,
    pub tape: Tape,
    /// The last answer; it goes to the journal if something follows it, else it is the outcome.
    pub last: Option<LastAnswer>,
    /// Where the agent's tools are at work.
    pub place: Option<Place>,
    /// The most that the request that is out now can be billed, where caps count.
    pub out: Option<Usage>,
    /// The conversation as the provider counted it last.
    pub counted: Counted,
    /// Who is paid for what is out.
    pub till: Option<Till>,
    /// The journal says that something is held.
    pub is_held: bool,
}

/// Who is paid for a request.
pub(super) struct Till {
    pub purse: SharedPurse,
    pub provider: String,
    pub model: String,
}

/// An answer that the journal does not have yet.
#[derive(Debug)]
pub(super) struct LastAnswer {
    pub model: String,
    pub content: Value,
    /// The rest of it follows.
    pub is_cut: bool,
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

    /// A whole turn: counts it and hands out what was written, and what it used. Where caps count and
    /// nobody reported, it used the most that it can have used.
    pub fn settle(&mut self, prompt: &str, turn: &Turn, held: Held) -> (Partial, Usage) {
        let partial = std::mem::take(&mut self.partial);
        self.out = None;
        let guess = || {
            let most = held.most_of(partial.bytes_written());
            most.unwrap_or_else(|| Usage::estimate(prompt, &partial.written()))
        };
        let mut used = turn.usage.unwrap_or_else(guess);
        self.charge(&mut used, turn.served.as_deref());
        held.settle(&used);
        self.usage.add(&used);
        self.last_used = used;
        if turn.served.is_some() {
            self.model_served.clone_from(&turn.served);
        }
        (partial, used)
    }

    /// A turn that came to nothing: what it wrote is a draft, what it used an estimate; where caps count,
    /// the most that it can have used.
    pub fn abandon(&mut self, prompt: &str, mut held: Held, may_be_billed: bool) {
        match held.most() {
            Some(most) if may_be_billed => drop(held.settle(&most)),
            Some(_) => {
                self.out = None;
                held.came_back();
            }
            None => {}
        }
        self.lose(prompt);
    }

    /// The last answer is not taken, and is asked for again.
    pub fn reject(&mut self) {
        let used = std::mem::take(&mut self.last_used);
        self.usage.rejected += used.total();
        self.usage.rejected_cost += used.cost;
    }

    /// What was out is lost.
    fn lose(&mut self, prompt: &str) {
        let written = std::mem::take(&mut self.partial).written();
        match self.out.take() {
            Some(mut most) => {
                most.reject();
                self.usage.add(&most);
            }
            None if !written.is_empty() => {
                let mut used = Usage::estimate(prompt, &written);
                self.charge(&mut used, None);
                used.reject();
                self.usage.add(&used);
            }
            None => {}
        }
        self.drafts.extend(Some(written).filter(|written| !written.is_empty()));
    }

    fn charge(&self, used: &mut Usage, served: Option<&str>) {
        if let Some(Till { purse, provider, model }) = &self.till {
            purse.charge(provider, ModelSaid { asked: Some(model), served }, used);
        }
    }

    /// Hands the last answer to the journal, with all that was paid since the one before.
    pub fn write_last(&mut self, attempt: &Attempt) {
        if let Some(LastAnswer { model, content, is_cut }) = self.last.take() {
            let cost = self.take_cost();
            let calls = calls_in(&content);
            self.tape.write(attempt, TurnRecord::Answered { model, content, calls, is_cut, cost });
        }
    }

    /// Hands to the journal what was paid for nothing.
    pub fn write_spent(&mut self, attempt: &Attempt) {
        let cost = self.take_cost();
        self.tape.write(attempt, TurnRecord::Spent { cost });
    }

    /// What may be billed from here on is in the journal before the request goes out: should we die, it
    /// counts as spent.
    pub async fn write_holding(&mut self, held: &Held, attempt: &Attempt) -> Result<(), NotWritten> {
        let Some(held) = held.most() else { return Ok(()) };
        let mut most = self.usage;
        most.add(&held);
        self.is_held = true;
        self.tape.write(attempt, TurnRecord::Holding { most });
        self.tape.written().await
    }

    /// What was held for a request that came back is held no more: from here on less counts as spent,
    /// should we die while we wait. Nobody waits for this record.
    pub fn write_held_no_more(&mut self, attempt: &Attempt) {
        if std::mem::take(&mut self.is_held) {
            self.tape.write(attempt, TurnRecord::Holding { most: self.usage });
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
        self.lose(prompt);
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
