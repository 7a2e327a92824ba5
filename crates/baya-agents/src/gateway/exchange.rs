//! One request and its answer, from the first byte to the books.
//!
//! Whoever ends it first (the provider, the client, the owner of the grant) settles it, with what has
//! passed by then; everybody later finds it settled.

use super::account::{Account, Bill, NotWritten, Outcome};
use super::paying::{bounded, uncharged};
use super::reading::{Reader, Said};
use super::route::Errand;
use super::tape::Recording;
use crate::governor::Pass;
use crate::purse::Held;
use axum::body::Bytes;
use baya_core::agent::{Cause, CauseKind, Usage};
use baya_core::money::{ModelSaid, PriceTable};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub(super) struct Exchange {
    account: Arc<Account>,
    errand: Errand,
    request_bytes: u64,
    number: OnceLock<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The provider is at work on it.
    is_out: bool,
    pass: Option<Pass>,
    answer: Option<Answering>,
    is_settled: bool,
    prices: Option<Arc<PriceTable>>,
    model: Option<String>,
    /// Room for it, where caps count.
    held: Held,
    /// What goes out.
    body: Bytes,
}

/// An answer that passes.
pub(super) struct Answering {
    pub provider: String,
    pub address: String,
    pub reader: Reader,
    pub recording: Option<Recording>,
    /// The provider refused: what that means.
    pub failure: Option<Cause>,
    /// Whether anything has passed.
    pub has_begun: bool,
}

/// How an answer ended.
enum Ending {
    Whole,
    /// The provider broke it off.
    Broken(String),
    /// Nobody waits for it any more.
    Abandoned,
}

/// Keeps an exchange; dropped, it is abandoned.
pub(super) struct Open(pub Arc<Exchange>);

impl Exchange {
    pub fn begin(account: Arc<Account>, errand: Errand, request_bytes: usize) -> Open {
        let exchange = Arc::new(Exchange {
            account,
            errand,
            request_bytes: request_bytes as u64,
            number: OnceLock::new(),
            state: Mutex::default(),
        });
        let number = exchange.account.began(&exchange);
        // The one place that sets it.
        let _ = exchange.number.set(number);
        Open(exchange)
    }

    /// By which prices it is charged, and for which model.
    pub fn charged_by(&self, prices: Option<Arc<PriceTable>>, model: Option<&str>) {
        let mut state = self.lock();
        (state.prices, state.model) = (prices, model.map(str::to_owned));
    }

    /// Room for it; what may be billed is in the journal when this returns.
    pub async fn holds(&self, held: Held, body: Bytes) -> Result<(), NotWritten> {
        let most = held.most();
        {
            let mut state = self.lock();
            (state.held, state.body) = (held, body);
        }
        match (self.number.get(), most) {
            (Some(number), Some(most)) => self.account.write_holding(*number, &most).await,
            (_, _) => Ok(()),
        }
    }

    /// The request is on its way.
    pub fn goes_out(&self, pass: Pass, model: Option<&str>) {
        if self.errand == Errand::Ask {
            self.account.count_request(model);
        }
        let mut state = self.lock();
        state.is_out = true;
        state.held.goes_out();
        state.pass = Some(pass);
    }

    /// The tape answers instead of a provider.
    pub fn is_replayed(&self, model: Option<&str>) {
        if self.errand == Errand::Ask {
            self.account.count_request(model);
        }
    }

    /// The provider did not take it; whoever calls says so to the lane.
    pub fn came_back(&self) -> Option<Pass> {
        let mut state = self.lock();
        state.is_out = false;
        state.held.came_back();
        state.pass.take()
    }

    /// As [`Exchange::came_back`], but nobody knows whether the provider took it.
    pub fn is_lost(&self) -> Option<Pass> {
        let mut state = self.lock();
        state.is_out = false;
        state.pass.take()
    }

    pub fn answers(&self, answering: Answering) {
        self.lock().answer = Some(answering);
    }

    /// Bytes of the answer pass.
    pub fn passes(&self, bytes: &[u8]) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(answer) = state.answer.as_mut().filter(|_| !state.is_settled) else { return };
        if !std::mem::replace(&mut answer.has_begun, true) {
            state.pass.iter().for_each(Pass::first_byte);
        }
        answer.reader.feed(bytes);
        answer.recording.iter_mut().for_each(|recording| recording.push(bytes));
        let has_ended = answer.reader.has_ended();
        drop(guard);
        if has_ended {
            self.whole();
        }
    }

    pub fn whole(&self) {
        self.settle(Ending::Whole);
    }

    pub fn broke(&self, why: String) {
        self.settle(Ending::Broken(why));
    }

    pub fn abandon(&self) {
        self.settle(Ending::Abandoned);
    }

    fn settle(&self, ending: Ending) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_settled, true) {
            return;
        }
        let (pass, answer, is_out) = (state.pass.take(), state.answer.take(), state.is_out);
        let (prices, model) = (state.prices.take(), state.model.take());
        let (held, body) = (std::mem::take(&mut state.held), std::mem::take(&mut state.body));
        drop(state);
        if let Some(pass) = pass {
            match &ending {
                Ending::Whole => pass.succeeded(),
                // The provider had taken it.
                Ending::Abandoned if answer.as_ref().is_some_and(|answer| answer.has_begun) => {
                    pass.succeeded()
                }
                Ending::Broken(_) | Ending::Abandoned => pass.failed(),
            }
        }
        let mut bill = match answer {
            Some(answer) => self.bill(answer, &ending),
            None if is_out => Bill { usage: Said::default().usage(self.request_bytes), ..Bill::default() },
            None => Bill::default(),
        };
        let is_whole = matches!(ending, Ending::Whole);
        if let Some(usage) = bounded(&bill.usage, &held, is_whole).filter(|_| held.is_out()) {
            bill.usage = usage;
        }
        if let Some(model) = model.as_deref().filter(|_| !body.is_empty()) {
            self.account.counts.learn(model, &body, &bill.usage);
            self.account.firsts.learn(model, &body, &bill.usage);
        }
        // What an agent pays by its own login is nobody's price that we know.
        match (prices, &self.account.admission.provider) {
            (Some(prices), Some(provider)) => {
                let said = ModelSaid { asked: model.as_deref(), served: bill.model_served.as_deref() };
                prices.charge(provider, said, &mut bill.usage);
            }
            (_, _) => bill.usage = uncharged(&bill.usage),
        }
        let cut = held.is_out().then(|| held.settle(&bill.usage)).flatten();
        if let (Some(cause), Outcome::Fine) = (cut, &bill.outcome) {
            bill.outcome = Outcome::Cut(cause);
        }
        self.settled(bill);
    }

    fn bill(&self, mut answer: Answering, ending: &Ending) -> Bill {
        let is_whole = matches!(ending, Ending::Whole);
        if let Some(recording) = answer.recording.filter(|_| !matches!(ending, Ending::Abandoned)) {
            recording.write(is_whole);
        }
        if let Some(cause) = answer.failure {
            return Bill { outcome: Outcome::Failed(cause), ..Bill::default() };
        }
        let said = answer.reader.finish(is_whole);
        let failure = match ending {
            Ending::Broken(why) => {
                let message = format!("no whole answer from `{}`: {why}", answer.provider);
                Some(Cause::new(CauseKind::Network, message))
            }
            Ending::Whole => said.failure(&answer.provider, &answer.address),
            Ending::Abandoned => None,
        };
        let outcome = match (failure, ending) {
            (Some(cause), _) => Outcome::Failed(cause),
            (None, Ending::Abandoned) => Outcome::Unknown,
            (None, Ending::Whole | Ending::Broken(_)) => Outcome::Fine,
        };
        let usage = if said.is_answer() { said.usage(self.request_bytes) } else { Usage::default() };
        Bill { usage, model_served: said.served.clone(), outcome }
    }

    fn settled(&self, bill: Bill) {
        if let Some(number) = self.number.get() {
            self.account.settle(*number, (self.errand == Errand::Ask).then_some(bill));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
