//! What an admitted agent has asked for and spent.
//!
//! The books are kept per agent, not per token: a request belongs to the agent that began it, even if
//! the token has gone to another one before it ended.

use super::exchange::Exchange;
use super::paying::{Counts, Payer};
use crate::backend::Signal;
use baya_core::agent::{Cause, Usage};
use baya_core::ids::AgentNumber;
use baya_core::turn::{TurnCost, TurnRecord};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Who may pass, and how far.
#[derive(Clone, Default)]
pub struct Admission {
    /// For people, in messages.
    pub name: String,
    /// Whose key is put in; `None`: the agent brings its own login, and that passes through unchanged.
    pub provider: Option<String>,
    /// As the run asked for it; requests name their own.
    pub model: Option<String>,
    /// Tokens of all classes; once they are spent, no further request begins.
    pub tokens_max: Option<u64>,
    /// Tokens that one answer of a model may have.
    pub answer_tokens_max: Option<u64>,
    pub agent: Option<AgentNumber>,
    /// Whose caps count; `None`: nobody's.
    pub payer: Option<Payer>,
}

/// What was spent since the meter was last taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meter {
    pub usage: Usage,
    /// Requests to models that went out, repeated ones included.
    pub requests: u32,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
    /// Why the last request to a model got no whole answer.
    pub last_failure: Option<Cause>,
    /// Its answer ended where a cap did: the client may take it for a whole one.
    pub is_cut: bool,
}

/// One agent's time with a token.
pub(super) struct Account {
    pub admission: Admission,
    /// Cancelled when the agent is over: what is under way ends.
    pub closed: CancellationToken,
    /// What it sent last, as its provider counted it; and the same of all agents.
    pub counts: Counts,
    pub firsts: Arc<Counts>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    meter: Meter,
    /// Over the whole life of the account.
    spent: u64,
    open: BTreeMap<u64, Arc<Exchange>>,
    exchanges: u64,
    /// What requests that are out can use, where caps count.
    held: BTreeMap<u64, Usage>,
}

/// The journal takes nothing any more.
#[derive(Debug)]
pub struct NotWritten;

/// Records on their way into the journal.
pub struct Written(Vec<oneshot::Receiver<()>>);

impl Written {
    pub async fn durable(self) -> Result<(), NotWritten> {
        for written in self.0 {
            written.await.map_err(|_| NotWritten)?;
        }
        Ok(())
    }
}

/// What an ended exchange adds to the books.
#[derive(Debug, Default)]
pub(super) struct Bill {
    pub usage: Usage,
    pub model_served: Option<String>,
    pub outcome: Outcome,
}

/// Whether the model answered.
#[derive(Debug, Default)]
pub(super) enum Outcome {
    /// Nobody waited for it.
    #[default]
    Unknown,
    Fine,
    Failed(Cause),
    /// A cap of ours cut it off.
    Cut(Cause),
}

impl Account {
    pub fn new(admission: Admission, firsts: Arc<Counts>) -> Arc<Account> {
        let (closed, counts) = (CancellationToken::new(), Counts::default());
        Arc::new(Account { admission, closed, counts, firsts, books: Mutex::default() })
    }

    /// What may be billed from here on is in the journal before the request goes out.
    pub async fn write_holding(&self, number: u64, most: &Usage) -> Result<(), NotWritten> {
        let written = {
            let mut books = self.books();
            books.held.insert(number, *most);
            self.send_holding(&books)
        };
        match written {
            Some(written) => written.await.map_err(|_| NotWritten),
            None => Ok(()),
        }
    }

    /// Takes the meter into the journal, and after it what is still held: a record with a cost ends what
    /// the one before it held. `None`: there is nothing to write.
    pub fn write_spent(&self, signals: &dyn Fn(Signal)) -> Option<(Meter, Written)> {
        let mut books = self.books();
        if books.meter.requests == 0 && books.meter.usage == Usage::default() {
            return None;
        }
        let meter = std::mem::take(&mut books.meter);
        let (usage, model_served, requests) = (meter.usage, meter.model_served.clone(), meter.requests);
        let (recorded, spent) = oneshot::channel();
        let cost = TurnCost { usage, model_served, requests };
        signals(Signal::Turn { turn: TurnRecord::Spent { cost }, recorded });
        let held = (!books.held.is_empty()).then(|| self.send_holding(&books)).flatten();
        Some((meter, Written(std::iter::once(spent).chain(held).collect())))
    }

    /// Under the lock, so that the journal has records in the order of the books.
    fn send_holding(&self, books: &Books) -> Option<oneshot::Receiver<()>> {
        let payer = self.admission.payer.as_ref()?;
        let mut most = books.meter.usage;
        books.held.values().for_each(|held| most.add(held));
        let (recorded, written) = oneshot::channel();
        (payer.signals)(Signal::Turn { turn: TurnRecord::Holding { most }, recorded });
        Some(written)
    }

    /// Tokens that may still be spent; `None`: as many as it likes.
    pub fn room(&self) -> Option<u64> {
        Some(self.admission.tokens_max?.saturating_sub(self.books().spent))
    }

    pub fn began(&self, exchange: &Arc<Exchange>) -> u64 {
        let mut books = self.books();
        books.exchanges += 1;
        let number = books.exchanges;
        books.open.insert(number, exchange.clone());
        number
    }

    /// A request to a model goes out.
    pub fn count_request(&self, model: Option<&str>) {
        let mut books = self.books();
        books.meter.requests += 1;
        if let Some(model) = self.admission.model.as_deref().or(model) {
            books.meter.model_asked = Some(model.to_owned());
        }
    }

    /// An exchange has ended; one beside the model's work leaves nothing in the books.
    pub fn settle(&self, number: u64, bill: Option<Bill>) {
        let mut books = self.books();
        books.open.remove(&number);
        books.held.remove(&number);
        let Some(bill) = bill else { return };
        books.spent += bill.usage.total();
        books.meter.usage.add(&bill.usage);
        let meter = &mut books.meter;
        match bill.outcome {
            Outcome::Unknown => {}
            Outcome::Fine => (meter.last_failure, meter.is_cut) = (None, false),
            Outcome::Failed(cause) => (meter.last_failure, meter.is_cut) = (Some(cause), false),
            Outcome::Cut(cause) => (meter.last_failure, meter.is_cut) = (Some(cause), true),
        }
        if bill.model_served.is_some() {
            books.meter.model_served = bill.model_served;
        }
    }

    /// A request did not even go out.
    pub fn refuse(&self, cause: Cause) {
        let mut books = self.books();
        (books.meter.last_failure, books.meter.is_cut) = (Some(cause), false);
    }

    pub fn take_meter(&self) -> Meter {
        std::mem::take(&mut self.books().meter)
    }

    /// Ends what is under way, as far as it came, and takes no more.
    pub fn close(&self) {
        self.closed.cancel();
        let open: Vec<Arc<Exchange>> = self.books().open.values().cloned().collect();
        open.iter().for_each(|exchange| exchange.abandon());
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
