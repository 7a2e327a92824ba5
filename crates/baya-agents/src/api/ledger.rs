//! What an attempt has used and written so far. It lives outside the work, so that a cancel or a
//! time-out loses neither usage nor text.

use super::wire::{Partial, Turn};
use baya_core::agent::{AttemptEnd, AttemptReport, Usage};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub usage: Usage,
    pub requests: u32,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
    pub rung: Option<&'static str>,
    pub drafts: Vec<String>,
    pub notes: Vec<String>,
    /// Of the request that is out now.
    pub partial: Partial,
}

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
        }
    }
}
