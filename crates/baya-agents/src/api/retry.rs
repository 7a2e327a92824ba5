//! One turn of the model, asked for until it comes or nothing more helps.
//!
//! Delays grow and carry jitter drawn from the task's seed; the provider's own delay goes before them.
//! A stream that broke off is asked for again as a whole new request, and counts as one: what it had
//! delivered is kept as a draft, never glued to the next answer.
//!
//! Every request goes through its provider's lane. One that the provider refused for now (429) waits in
//! the lane with all others, not on its own.

use super::ApiSettings;
use super::bound::{Beginnings, Counted};
use super::classify::{self, Asked, Verdict};
use super::going_on::Pieces;
use super::ledger::{LastAnswer, Ledger, Till};
use super::tape::NotWritten;
use super::wire::{Failure, Partial, Replay, Request, Stop, Turn, Wire};
use crate::backend::Attempt;
use crate::governor::{self, Lane, Pass, Refusal};
use crate::models::output_tokens;
use crate::purse::Held;
use backon::{BackoffBuilder, ExponentialBuilder};
use baya_core::agent::{AgentTask, AttemptEnd, Progress, Usage};
use baya_core::budget::{Ask, Caps};
use baya_core::limits::REQUEST_RETRIES;
use baya_core::money::Price;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Told again after so many more bytes.
const PROGRESS_BYTES: u64 = 4 * 1024;
/// The longest answer that room is held for unasked: should we die, what is held counts as spent.
const AMPLE: u64 = 16_384;
/// How much more room is asked for after an answer was cut off.
const MORE: u64 = 2;

/// Asks one provider for one agent.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub wire: &'a Wire,
    pub lane: &'a Lane,
    pub task: &'a AgentTask,
    pub attempt: &'a Attempt,
    pub settings: &'a ApiSettings,
    /// Of all agents of the backend.
    pub beginnings: &'a Beginnings,
}

/// Why there is no turn.
pub(super) enum NoTurn {
    /// The provider may accept another form of asking; what it said, and how to end otherwise.
    Reshape(String, AttemptEnd),
    /// The conversation is longer than the model's context; how to end if it cannot be made shorter.
    TooLong(AttemptEnd),
    End(AttemptEnd),
}

/// What the model gave to one request.
struct Given {
    turn: Turn,
    partial: Partial,
    used: Usage,
    /// The limit that caps of ours put on the answer.
    limit: Option<u64>,
}

impl Asker<'_> {
    /// The next answer: from the tape, as far as it goes, else from the model.
    pub async fn ask(&self, request: &Request<'_>, ledger: &mut Ledger) -> Result<(Turn, Partial), NoTurn> {
        let model = format!("{}/{}", self.wire.config.name, request.model);
        let mut pieces = Pieces::default();
        while let Some(old) = ledger.tape.answer() {
            ledger.model_served = old.cost.model_served.clone();
            let replay = Replay::read(old.content, old.model == model);
            let partial = replay.written();
            if old.is_cut {
                pieces.push(partial.text, &old.cost.usage);
                continue;
            }
            let (usage, served) = (Some(old.cost.usage), old.cost.model_served);
            return Ok(pieces.whole(Turn { stop: Stop::Done, usage, served, replay }, partial));
        }
        ledger.written(self.attempt).await.map_err(|NotWritten| not_written())?;
        let (turn, partial) = self.whole(request, pieces, ledger).await?;
        ledger.last = Some(LastAnswer { model, content: turn.replay.to_value(), is_cut: false });
        Ok((turn, partial))
    }

    /// One answer to its end: what a cap of ours cuts off is gone on with as long as there is room.
    async fn whole(
        &self,
        request: &Request<'_>,
        mut pieces: Pieces,
        ledger: &mut Ledger,
    ) -> Result<(Turn, Partial), NoTurn> {
        let mut wanted = None;
        loop {
            let messages = pieces.asking(request.messages);
            let max_tokens = request.max_tokens.map(|most| most.saturating_sub(pieces.output).max(1));
            let asked = Request { messages: &messages, max_tokens, ..*request };
            let given = match self.ask_model(&asked, wanted, ledger).await {
                Ok(given) => given,
                Err(no_turn) => {
                    ledger.drafts.extend(Some(pieces.text()).filter(|text| !text.is_empty()));
                    return Err(no_turn);
                }
            };
            let Some(limit) = given.limit.filter(|limit| is_ours(*limit, &given, &asked)) else {
                // As if it had come whole: the next request goes on from there.
                ledger.counted.answer_to(request.messages.len());
                return Ok(pieces.whole(given.turn, given.partial));
            };
            wanted = Some(limit.saturating_mul(MORE));
            self.keep(given, request.model, &mut pieces, ledger).await?;
        }
    }

    /// What was cut off is durable before the rest is asked for.
    async fn keep(
        &self,
        given: Given,
        model: &str,
        pieces: &mut Pieces,
        ledger: &mut Ledger,
    ) -> Result<(), NoTurn> {
        let is_kept = given.partial.calls.is_empty() && !given.partial.text.is_empty();
        if is_kept {
            let model = format!("{}/{model}", self.wire.config.name);
            let content = Replay::of_text(given.partial.text.clone()).to_value();
            ledger.last = Some(LastAnswer { model, content, is_cut: true });
            pieces.push(given.partial.text, &given.used);
        } else {
            let draft = given.partial.written();
            ledger.drafts.extend(Some(draft).filter(|draft| !draft.is_empty()));
            ledger.note("an answer was cut off by a cap where nothing goes on; it was asked for again");
            ledger.write_spent(self.attempt);
        }
        ledger.written(self.attempt).await.map_err(|NotWritten| not_written())
    }

    async fn ask_model(
        &self,
        request: &Request<'_>,
        wanted: Option<u64>,
        ledger: &mut Ledger,
    ) -> Result<Given, NoTurn> {
        let retries = self.task.options.retries.unwrap_or(REQUEST_RETRIES);
        let mut delays = self.delays();
        let mut tries = 0;
        let (provider, model) = (self.wire.config.name.clone(), request.model.to_owned());
        ledger.till = Some(Till { purse: self.attempt.purse.clone(), provider, model });
        loop {
            let mut held = self.hold(request, wanted, ledger).await?;
            let pass = self.enter(request).await?;
            ledger.write_holding(&held, self.attempt).await.map_err(|NotWritten| not_written())?;
            tries += 1;
            let failure = match self.send(request, &mut held, &pass, ledger).await {
                Ok(turn) => {
                    pass.succeeded();
                    let limit = held.output_max;
                    let (partial, used) = ledger.settle(&self.task.prompt, &turn, held);
                    self.beginnings.learn(request, &used);
                    ledger.counted = Counted::of(request, request.messages.len(), &used);
                    return Ok(Given { turn, partial, used, limit });
                }
                Err(failure) => failure,
            };
            let is_billed = failure.may_be_billed(ledger.partial.bytes > 0);
            ledger.abandon(&self.task.prompt, held, is_billed);
            let (now, asked) = (SystemTime::now(), self.asked(request.model));
            let verdict = classify::verdict(&failure, self.settings.wait_in_place_ms, now);
            match &verdict {
                Verdict::Limited { after_ms } => {
                    // Where there are only too many, nothing was tried but to get in.
                    let refusal = pass.refused(after_ms.map(Duration::from_millis));
                    tries -= u32::from(refusal == Refusal::Crowded);
                }
                Verdict::Reset => {
                    let cause = classify::reset(&failure, &asked, now);
                    pass.used_up(cause.clone());
                    return Err(NoTurn::End(AttemptEnd::Unusable(cause)));
                }
                Verdict::Retry { .. } | Verdict::Reshape | Verdict::TooLong | Verdict::Final => pass.failed(),
            }
            let end = || classify::end(&failure, &asked, tries);
            match verdict {
                // The wait is the lane's.
                Verdict::Limited { after_ms } if tries <= retries => {
                    self.tries_again(&failure, after_ms.unwrap_or_default(), ledger);
                }
                Verdict::Retry { after_ms } if tries <= retries => {
                    let own = || delays.next().unwrap_or_default();
                    let wait = after_ms.map(Duration::from_millis).unwrap_or_else(own);
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    self.tries_again(&failure, wait_ms, ledger);
                    tokio::time::sleep(wait).await;
                }
                Verdict::Reshape if request.has_form() => {
                    return Err(NoTurn::Reshape(classify::why(&failure), end()));
                }
                Verdict::TooLong => return Err(NoTurn::TooLong(end())),
                Verdict::Limited { .. }
                | Verdict::Retry { .. }
                | Verdict::Reshape
                | Verdict::Reset
                | Verdict::Final => return Err(NoTurn::End(end())),
            }
        }
    }

    async fn send(
        &self,
        request: &Request<'_>,
        held: &mut Held,
        pass: &Pass,
        ledger: &mut Ledger,
    ) -> Result<Turn, Failure> {
        ledger.requests += 1;
        self.attempt.tell(Progress::Asked);
        let arrived = Arrived { asker: self, pass, told: AtomicU64::new(0) };
        let max_tokens = held.output_max.into_iter().chain(request.max_tokens).min();
        let request = Request { max_tokens, ..*request };
        held.goes_out();
        ledger.out = held.most();
        self.wire.ask(&request, &mut ledger.partial, &|bytes| arrived.take(bytes)).await
    }

    fn tries_again(&self, failure: &Failure, wait_ms: u64, ledger: &mut Ledger) {
        let why = classify::why(failure);
        ledger.write_held_no_more(self.attempt);
        ledger.note(format!("asked again after: {why}"));
        self.attempt.tell(Progress::Retrying { why, wait_ms });
    }

    /// Waits for a place in the lane; whose limit is used up for long ends the attempt unasked.
    async fn enter(&self, request: &Request<'_>) -> Result<Pass, NoTurn> {
        let ask = governor::Ask { agent: Some(self.task.agent), prefix: request.prefix(&self.wire.config) };
        let tell = |wait| self.attempt.tell(Progress::Waiting { wait });
        tokio::select! {
            biased;
            cause = self.lane.used_up() => Err(NoTurn::End(AttemptEnd::Unusable(cause))),
            pass = self.lane.enter(ask, &tell) => Ok(pass),
        }
    }

    /// Room for the request, once there is.
    async fn hold(
        &self,
        request: &Request<'_>,
        wanted: Option<u64>,
        ledger: &Ledger,
    ) -> Result<Held, NoTurn> {
        let purse = &self.attempt.purse;
        let (wanted, most) =
            (wanted.into_iter().chain(request.max_tokens).min(), output_tokens(request.model));
        let mut ask = Ask {
            agent: self.task.agent,
            phase: self.task.phase.clone(),
            label: self.task.label.clone(),
            caps: Caps::default(),
            input_most: 0,
            output_wanted: wanted,
            output_most: match wanted {
                Some(_) => most,
                None => Some(most.map_or(AMPLE, |most| most.min(AMPLE))),
            },
            price: None,
        };
        if purse.meters(&ask) {
            ask.input_most = self.beginnings.input_most(request, &ledger.counted);
            let price = purse.price_up_to(&self.wire.config.name, request.model, ask.input_most);
            // Our own marks keep things in a cache for minutes.
            ask.price = price.map(Price::without_hour);
        }
        let tell = |wait| self.attempt.tell(Progress::Waiting { wait });
        purse.hold(ask, &tell).await.map_err(|cause| NoTurn::End(AttemptEnd::Failed(cause)))
    }

    fn delays(&self) -> impl Iterator<Item = Duration> {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(self.settings.retry_delay_ms))
            .with_max_delay(Duration::from_millis(self.settings.retry_delay_max_ms))
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(self.task.seed ^ u64::from(self.task.attempt))
            .build()
    }

    fn asked<'b>(&'b self, model: &'b str) -> Asked<'b> {
        Asked { provider: &self.wire.config.name, address: self.wire.config.shown_address(), model }
    }
}

fn not_written() -> NoTurn {
    NoTurn::End(AttemptEnd::Cancelled)
}

/// Whether it was a cap of ours that cut the answer off, and not what the call or the model allows.
fn is_ours(limit: u64, given: &Given, request: &Request<'_>) -> bool {
    let own = request.max_tokens.into_iter().chain(output_tokens(request.model)).min();
    // Providers end a little short of a limit.
    let reaches = |used: &Usage| used.output + used.output / 50 + 2 >= limit;
    given.turn.stop == Stop::Limit
        && own.is_none_or(|own| limit < own)
        && given.turn.usage.as_ref().is_none_or(reaches)
}

/// What has come of one answer so far.
struct Arrived<'a> {
    asker: &'a Asker<'a>,
    pass: &'a Pass,
    told: AtomicU64,
}

impl Arrived<'_> {
    /// Called when the answer begins, and as it goes on.
    fn take(&self, bytes: u64) {
        self.pass.first_byte();
        let last = self.told.load(Ordering::Relaxed);
        if bytes > 0 && (last == 0 || bytes - last >= PROGRESS_BYTES) {
            self.told.store(bytes, Ordering::Relaxed);
            self.asker.attempt.tell(Progress::Streaming { output_bytes: bytes });
        }
    }
}
