//! What an admitted agent has asked for and spent.
//!
//! The books are kept per agent, not per token: a request belongs to the agent that began it, even if
//! the token has gone to another one before it ended.

use super::exchange::Exchange;
use baya_core::agent::{Cause, Usage};
use baya_core::ids::AgentNumber;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Who may pass, and how far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

/// One agent's time with a token.
pub(super) struct Account {
    pub admission: Admission,
    /// Cancelled when the agent is over: what is under way ends.
    pub closed: CancellationToken,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    meter: Meter,
    /// Over the whole life of the account.
    spent: u64,
    open: BTreeMap<u64, Arc<Exchange>>,
    exchanges: u64,
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
}

impl Account {
    pub fn new(admission: Admission) -> Arc<Account> {
        Arc::new(Account { admission, closed: CancellationToken::new(), books: Mutex::default() })
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
        let Some(bill) = bill else { return };
        books.spent += bill.usage.total();
        books.meter.usage.add(&bill.usage);
        match bill.outcome {
            Outcome::Unknown => {}
            Outcome::Fine => books.meter.last_failure = None,
            Outcome::Failed(cause) => books.meter.last_failure = Some(cause),
        }
        if bill.model_served.is_some() {
            books.meter.model_served = bill.model_served;
        }
    }

    /// A request did not even go out.
    pub fn refuse(&self, cause: Cause) {
        self.books().meter.last_failure = Some(cause);
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
