//! What an agent that is a program may send and be answered, where caps of its run count.
//!
//! Its requests are its own: nothing of them is shortened but the limit of the answer. What is sent is
//! bounded by its bytes, and by what the provider counted of a request like it.

use super::account::Account;
use super::asked::{Asked, CapName};
use super::grant::Door;
use super::news::{pictures, tokens_most};
use super::refusal::Refusal;
use super::route::Errand;
use crate::backend::{Attempt, Signal};
use crate::models::{context_tokens, output_tokens};
use crate::purse::{Held, SharedPurse};
use axum::body::Bytes;
use baya_core::agent::{AgentTask, Cause, CauseKind, Usage, UsageSource};
use baya_core::budget::{Ask, Caps};
use baya_core::ids::AgentNumber;
use baya_core::money::Price;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tokens that a provider puts around a request; with tools, its own words on them too.
const AROUND: u64 = 1_024;
/// What a conversation that the provider keeps can have, where the model's context is not known.
const CONTEXT: u64 = 1_000_000;
/// What an answer can have at most that cannot be limited, where nothing is known of the model.
const ANSWER: u64 = 128_000;
/// How a request says that something is to be kept for an hour.
const HOUR: &[u8] = b"\"1h\"";

/// Who pays for what passes.
#[derive(Clone)]
pub struct Payer {
    pub purse: SharedPurse,
    pub phase: Option<String>,
    pub label: String,
    /// Hears what a request waits for, and what is held before it goes out.
    pub signals: Arc<dyn Fn(Signal) + Send + Sync>,
}

impl Payer {
    /// The run of this attempt.
    pub fn of(task: &AgentTask, attempt: &Attempt) -> Payer {
        Payer {
            purse: attempt.purse.clone(),
            phase: task.phase.clone(),
            label: task.label.clone(),
            signals: attempt.signals.clone(),
        }
    }
}

/// Requests as providers counted them, the last of each model.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<String, Counted>>);

#[derive(Debug, Clone)]
struct Counted {
    body: Bytes,
    tokens: u64,
}

impl Counts {
    /// A provider has counted this one.
    pub fn learn(&self, model: &str, body: &Bytes, used: &Usage) {
        match used.source {
            UsageSource::Reported | UsageSource::Gateway => {
                let counted = Counted { body: body.clone(), tokens: used.sent() };
                self.lock().insert(model.to_owned(), counted);
            }
            UsageSource::None | UsageSource::Simulated | UsageSource::Estimated => {}
        }
    }

    /// The most that this request sends, by what is known of the one before it.
    fn most(&self, model: &str, body: &Value) -> Option<u64> {
        let counted = self.lock().get(model).cloned()?;
        let former = serde_json::from_slice(&counted.body).ok()?;
        Some(counted.tokens + AROUND + tokens_most(&former, body))
    }

    /// Whole whenever the lock is free.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for this request, once there is.
pub(super) async fn hold(
    account: &Account,
    door: &Door,
    asked: &Asked,
    provider: &str,
    cap: CapName,
) -> Result<Held, Refusal> {
    let admission = &account.admission;
    let Some(payer) = admission.payer.as_ref().filter(|_| asked.route.errand == Errand::Ask) else {
        return Ok(Held::default());
    };
    let model = asked.model().or(admission.model.as_deref()).unwrap_or_default();
    // An answer that cannot be limited takes what the model can give.
    let untold = (cap == CapName::Untold).then(|| output_tokens(model).unwrap_or(ANSWER));
    let bound = || {
        let sent = input_most(account, asked, model);
        (sent, price_up_to(&payer.purse, asked, provider, model, sent))
    };
    let (input_most, price) = bound();
    let mut ask = Ask {
        agent: admission.agent.unwrap_or(AgentNumber(0)),
        phase: payer.phase.clone(),
        label: payer.label.clone(),
        caps: Caps::default(),
        input_most,
        output_wanted: untold.or(admission.answer_tokens_max),
        output_most: [output_tokens(model), asked.output_limit()].into_iter().flatten().min(),
        price,
    };
    let _held = door.hold();
    let held = loop {
        match payer.purse.hold(ask.clone(), &|wait| door.tell(wait)).await {
            Ok(held) => break held,
            Err(cause) => {
                // While it waited, a request like it may have been counted.
                let (input_most, price) = bound();
                if input_most >= ask.input_most {
                    return Err(Refusal::OutOfBudget(cause));
                }
                ask = Ask { input_most, price, ..ask };
            }
        }
    };
    match (untold, held.output_max) {
        (Some(most), Some(room)) if room < most => Err(Refusal::OutOfBudget(unlimited(most))),
        (_, _) => Ok(held),
    }
}

fn unlimited(most: u64) -> Cause {
    let message = format!(
        "answers over this login cannot be limited, and what is left of a cap is less than the {most} tokens \
         that one may have"
    );
    Cause::new(CauseKind::Budget, message).hint("a larger cap, or a provider with a key (`--backend`)")
}

fn input_most(account: &Account, asked: &Asked, model: &str) -> u64 {
    let body = asked.parsed.as_ref();
    let is_kept = |name| body.is_some_and(|body| body.get(name).is_some_and(|value| !value.is_null()));
    if is_kept("previous_response_id") || is_kept("conversation") {
        return context_tokens(model).unwrap_or(CONTEXT);
    }
    // A byte is the least that a token stands for.
    let all = AROUND + asked.body.len() as u64 + body.map_or(0, pictures);
    let known = body.map(|body| [account.counts.most(model, body), account.firsts.most(model, body)]);
    known.into_iter().flatten().flatten().chain([all]).min().unwrap_or(all)
}

/// The dearest price of a request that sends no more than this; it costs more to keep parts of it in the
/// provider's cache for an hour.
fn price_up_to(purse: &SharedPurse, asked: &Asked, provider: &str, model: &str, sent: u64) -> Option<Price> {
    let price = purse.price_up_to(provider, model, sent)?;
    let may_keep = asked.body.windows(HOUR.len()).any(|word| word == HOUR);
    Some(if may_keep { price } else { price.without_hour() })
}

/// What a request used at most, of which nobody said it all; `None`: no room was held for it. Who does not
/// know its price leaves it to others.
pub(super) fn bounded(told: &Usage, held: &Held, is_whole: bool) -> Option<Usage> {
    let most = match told.source {
        UsageSource::Reported | UsageSource::Gateway => return Some(*told),
        // Estimates take four bytes for a token; one byte is the least.
        UsageSource::None | UsageSource::Simulated | UsageSource::Estimated if is_whole => {
            held.most_of(told.output.saturating_mul(4))
        }
        UsageSource::None | UsageSource::Simulated | UsageSource::Estimated => held.most(),
    }?;
    Some(if most.unpriced > 0 { uncharged(&most) } else { most })
}

/// As nobody has put a price on it.
pub(super) fn uncharged(usage: &Usage) -> Usage {
    Usage { cost: Default::default(), priced: 0, unpriced: 0, ..*usage }
}
