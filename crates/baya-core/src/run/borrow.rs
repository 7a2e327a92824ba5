//! Answers of earlier runs in the place of agents (`--reuse`).

use super::Run;
use crate::agent::{AgentOptions, CacheUse, Usage};
use crate::event::{Event, Outcome};
use crate::ids::AgentNumber;
use crate::reuse::Offer;

impl Run {
    /// What an earlier run has for this question. Nothing, once files may have changed in this one.
    pub(super) fn offer(&mut self, key: &str, options: &AgentOptions) -> Option<Offer> {
        let may = !self.state.touched && options.cache != CacheUse::Never && !options.quarantine;
        if may { self.offers.take(key) } else { None }
    }

    /// The agent is finished without having worked.
    pub(super) fn borrow(&mut self, agent: AgentNumber, offer: Offer) {
        let attempt = 1;
        let Offer { answer, from, model_asked, model_served } = offer;
        self.record(Event::AgentStarted { agent, attempt });
        self.record(Event::AgentFinished {
            agent,
            attempt,
            outcome: Outcome::Answered(answer),
            usage: Usage::default(),
            model_asked,
            model_served,
            requests: 0,
            rung: None,
            drafts: Vec::new(),
            notes: Vec::new(),
            duration_ms: 0,
            work: None,
            borrowed: Some(Box::new(from)),
        });
        self.deliver_outcome(agent);
    }
}
