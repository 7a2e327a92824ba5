//! Puts a price on what agents use, before it reaches the journal: the one place for all backends.
//!
//! Requests that go through the gateway are charged there already, one by one, for what a request costs
//! may depend on its length; nothing is charged twice.

use baya_agents::backend::Payee;
use baya_core::agent::AttemptReport;
use baya_core::money::{ModelSaid, PriceTable};
use baya_core::turn::TurnRecord;
use std::sync::Arc;

/// Charges one attempt.
#[derive(Clone)]
pub struct Charger {
    prices: Arc<PriceTable>,
    /// None: nobody is asked.
    payee: Option<Payee>,
}

impl Charger {
    pub fn new(prices: &Arc<PriceTable>, payee: Option<Payee>) -> Charger {
        Charger { prices: prices.clone(), payee }
    }

    pub fn turn(&self, turn: &mut TurnRecord) {
        if let (Some(payee), Some(cost)) = (&self.payee, turn.cost_mut()) {
            let said = ModelSaid { asked: payee.model.as_deref(), served: cost.model_served.as_deref() };
            self.prices.charge(&payee.provider, said, &mut cost.usage);
        }
    }

    pub fn report(&self, report: &mut AttemptReport) {
        if let Some(payee) = &self.payee {
            let asked = report.model_asked.as_deref().or(payee.model.as_deref());
            let said = ModelSaid { asked, served: report.model_served.as_deref() };
            self.prices.charge(&payee.provider, said, &mut report.usage);
        }
    }
}
