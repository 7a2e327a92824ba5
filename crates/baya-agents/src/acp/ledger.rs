//! What an attempt wrote and used so far, kept however it ends.

use crate::gateway::{Grant, Meter};
use baya_core::agent::{AttemptEnd, AttemptReport, Cause, Usage};
use baya_core::turn::TurnCost;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What is not in a record of the journal.
    unrecorded: TurnCost,
    /// What the agent itself says it used.
    reported: Option<Usage>,
    /// Its requests come to the gateway, so nothing needs to be reported or estimated.
    is_metered: bool,
    model_asked: Option<String>,
    /// All that was said and answered, for an estimate.
    said_bytes: String,
    heard_bytes: String,
    pub rung: Option<&'static str>,
    pub drafts: Vec<String>,
    pub notes: Vec<String>,
    /// Why a request of it got no answer from the model, if that was the last.
    pub last_failure: Option<Cause>,
    /// It got one, and a cap cut it off.
    pub is_cut: bool,
}

impl Ledger {
    pub fn asked_for(&mut self, model: Option<String>) {
        self.model_asked = model;
    }

    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub fn said(&mut self, texts: &[String]) {
        texts.iter().for_each(|text| self.said_bytes.push_str(text));
    }

    pub fn heard(&mut self, text: &str) {
        self.heard_bytes.push_str(text);
    }

    pub fn reported(&mut self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.reported.get_or_insert_default().add(&usage);
        }
    }

    /// What the gateway counted since it was asked last.
    pub fn meter(&mut self, grant: &Grant) {
        self.add(grant.take_meter());
    }

    /// The last reading: nothing more passes for this agent.
    pub fn close(&mut self, grant: &Grant) {
        self.add(grant.finish());
    }

    /// This is in the journal already.
    pub fn recorded(&mut self, meter: &Meter) {
        // One whose requests were all refused used nothing.
        let is_news = meter.requests > 0 || meter.last_failure.is_some();
        self.is_metered |= is_news || meter.usage.total() > 0;
        self.unrecorded.model_served = meter.model_served.clone().or(self.unrecorded.model_served.take());
        if is_news {
            (self.last_failure, self.is_cut) = (meter.last_failure.clone(), meter.is_cut);
        }
    }

    fn add(&mut self, meter: Meter) {
        self.recorded(&meter);
        self.unrecorded.usage.add(&meter.usage);
        self.unrecorded.requests += meter.requests;
    }

    /// What was answered last is not taken.
    pub fn reject(&mut self) {
        self.unrecorded.usage.reject();
    }

    /// What is worth a record of its own by now.
    pub fn take_cost(&mut self) -> Option<TurnCost> {
        (self.unrecorded.usage.total() > 0).then(|| std::mem::take(&mut self.unrecorded))
    }

    pub fn into_report(mut self, end: AttemptEnd) -> AttemptReport {
        if !self.is_metered && !self.said_bytes.is_empty() {
            self.unrecorded.usage =
                self.reported.unwrap_or_else(|| Usage::estimate(&self.said_bytes, &self.heard_bytes));
        }
        AttemptReport {
            usage: self.unrecorded.usage,
            model_asked: self.model_asked,
            model_served: self.unrecorded.model_served,
            requests: self.unrecorded.requests,
            rung: self.rung.map(str::to_owned),
            drafts: self.drafts,
            notes: self.notes,
            ..AttemptReport::new(end)
        }
    }
}
