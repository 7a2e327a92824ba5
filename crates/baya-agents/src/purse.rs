//! The purse of a run in this process: every request to a model takes its room from here before it goes
//! out, waits where others hold what it needs, and says afterwards what it did use.
//!
//! How much is held, and who goes first, is [`Purse`]'s; here are only those who wait. Whoever gives up
//! leaves the line; a hold that nobody settles is given back if its request never went out, and counts as
//! spent in full if it did, since it may have been billed.

use baya_core::agent::{Cause, CauseKind, Usage, UsageSource, Wait};
use baya_core::budget::{Ask, Caps, Currency, HoldId, Place, Purse, PurseState, Reading, Reply};
use baya_core::money::{ModelSaid, Price, PriceTable};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// One for a run and all its backends. Before it is opened it lets everything pass.
#[derive(Clone, Default)]
pub struct SharedPurse {
    prices: Arc<PriceTable>,
    room: Arc<Mutex<Room>>,
}

#[derive(Default)]
struct Room {
    purse: Purse,
    run: Caps,
    phases: BTreeMap<String, Caps>,
    /// The run has caps beside `budget.total`.
    is_hard: bool,
    /// How often it was opened: a hold of an earlier purse means nothing to this one.
    opened: u64,
    line: BTreeMap<Place, Waiting>,
}

/// Who stands in line.
struct Waiting {
    ask: Ask,
    called: oneshot::Sender<Result<Held, Cause>>,
}

/// Room for one request.
#[derive(Default)]
pub struct Held {
    /// The most tokens that the answer may have; `None`: no cap speaks of this request.
    pub output_max: Option<u64>,
    open: Option<Open>,
}

struct Open {
    room: Arc<Mutex<Room>>,
    opened: u64,
    hold: HoldId,
    ask: Ask,
    output_max: u64,
    is_out: bool,
}

/// Leaves the line when whoever stands in it gives up.
struct Leaving<'a> {
    purse: &'a SharedPurse,
    opened: u64,
    place: Place,
}

impl SharedPurse {
    pub fn new(prices: PriceTable) -> SharedPurse {
        SharedPurse { prices: Arc::new(prices), room: Arc::default() }
    }

    /// From here on requests are held to these caps. Whoever waits asks anew.
    pub fn open(&self, state: PurseState) {
        let mut room = self.lock();
        room.is_hard = state.run.meters();
        let output = state.run.output.into_iter().chain(state.total).min();
        room.run = Caps { output, ..state.run.clone() };
        room.phases = state.phases.iter().map(|(title, (caps, _))| (title.clone(), caps.clone())).collect();
        room.purse = Purse::open(state);
        room.opened += 1;
        let waiting = std::mem::take(&mut room.line);
        let mut left = Vec::new();
        for (_, Waiting { ask, called }) in waiting {
            self.ask(&mut room, ask, called, &mut left);
        }
        drop(room);
        // Their owners have given up: each gives its room back, which needs the lock.
        drop(left);
    }

    /// The most that requests to this model cost which send no more than this, if anybody knows.
    pub fn price_up_to(&self, provider: &str, model: &str, sent: u64) -> Option<Price> {
        self.prices.price_up_to(provider, model, sent)
    }

    /// Puts the price on what one request used, where prices are known at all.
    pub fn charge(&self, provider: &str, said: ModelSaid<'_>, used: &mut Usage) {
        if !self.prices.rows.is_empty() {
            self.prices.charge(provider, said, used);
        }
    }

    /// Whether a cap speaks of requests like this one.
    pub fn meters(&self, ask: &Ask) -> bool {
        self.lock().meters(ask)
    }

    /// Whether a cap other than the script's own `budget.total` counts what agents of this phase use.
    pub fn has_hard_caps(&self, phase: Option<&str>) -> bool {
        let room = self.lock();
        room.is_hard || phase.and_then(|title| room.phases.get(title)).is_some_and(Caps::meters)
    }

    /// How each cap stands.
    pub fn readings(&self) -> Vec<Reading> {
        self.lock().purse.readings()
    }

    /// Holds that are open, and requests that wait.
    pub fn open_and_waiting(&self) -> (u64, u64) {
        let room = self.lock();
        (room.purse.held(), room.purse.waiting())
    }

    /// Room for one request, as soon as what others hold leaves it. `waiting` hears which cap it waits
    /// for.
    ///
    /// # Errors
    /// The cap that it will never fit into, and how to raise it.
    pub async fn hold(&self, ask: Ask, waiting: &(dyn Fn(Wait) + Send + Sync)) -> Result<Held, Cause> {
        let (called, mut call) = oneshot::channel();
        let (waits, opened) = {
            let mut room = self.lock();
            if !room.meters(&ask) {
                return Ok(Held::default());
            }
            let waits = self.ask(&mut room, ask, called, &mut Vec::new());
            (waits, room.opened)
        };
        let gone = || Cause::new(CauseKind::Budget, "the purse of the run is closed");
        let Some((place, cap)) = waits else {
            return call.try_recv().unwrap_or_else(|_| Err(gone()));
        };
        waiting(Wait::Budget { cap });
        let _leaving = Leaving { purse: self, opened, place };
        call.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Answers at once, or puts it in line and says where.
    fn ask(
        &self,
        room: &mut Room,
        ask: Ask,
        called: oneshot::Sender<Result<Held, Cause>>,
        left: &mut Vec<Result<Held, Cause>>,
    ) -> Option<(Place, String)> {
        match room.purse.ask(&ask) {
            Reply::Waits { place, cap } => {
                room.line.insert(place, Waiting { ask, called });
                Some((place, cap))
            }
            reply => {
                let answer = self.answer(room, &ask, reply);
                left.extend(answer.and_then(|answer| called.send(answer).err()));
                None
            }
        }
    }

    fn answer(&self, room: &Room, ask: &Ask, reply: Reply) -> Option<Result<Held, Cause>> {
        match reply {
            Reply::Waits { .. } => None,
            Reply::Reached { cap, hint } => Some(Err(reached(&cap, ask, &room.purse.readings()).hint(hint))),
            Reply::Held { hold, output_max } => {
                let (shared, opened) = (self.room.clone(), room.opened);
                let open = Open { room: shared, opened, hold, ask: ask.clone(), output_max, is_out: false };
                Some(Ok(Held { output_max: Some(output_max), open: Some(open) }))
            }
        }
    }

    /// Calls those whose turn it is.
    fn serve(&self) {
        let mut room = self.lock();
        let mut left = Vec::new();
        for (place, reply) in room.purse.serve() {
            let Some(Waiting { ask, called }) = room.line.remove(&place) else { continue };
            let answer = self.answer(&room, &ask, reply);
            left.extend(answer.and_then(|answer| called.send(answer).err()));
        }
        drop(room);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn meters(&self, ask: &Ask) -> bool {
        let phase = ask.phase.as_ref().and_then(|title| self.phases.get(title));
        self.run.meters() || ask.caps.meters() || phase.is_some_and(Caps::meters)
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut room = self.purse.lock();
        if room.opened == self.opened && room.line.remove(&self.place).is_some() {
            room.purse.leave(self.place);
            drop(room);
            self.purse.serve();
        }
    }
}

impl Held {
    /// The most that the request can be billed; `None`: nobody counts.
    pub fn most(&self) -> Option<Usage> {
        self.most_of(u64::MAX)
    }

    /// The same, if the answer had no more than so many tokens.
    pub fn most_of(&self, output: u64) -> Option<Usage> {
        self.open.as_ref().map(|open| open.most_of(output))
    }

    /// It may be billed.
    pub fn is_out(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_out)
    }

    /// From here on it may be billed.
    pub fn goes_out(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_out = true;
        }
    }

    /// The provider did not take it: nothing is billed.
    pub fn came_back(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_out = false;
        }
    }

    /// The request is over and used this much. Gives why its answer is not whole, if the room that was held
    /// for it cut it off.
    pub fn settle(mut self, used: &Usage) -> Option<Cause> {
        let open = self.open.take()?;
        let (purse, ask, opened) = (open.purse(), open.ask.clone(), open.opened);
        let is_cut = self.output_max.is_some_and(|room| cuts(room, &ask, used));
        open.close(Some(*used));
        is_cut.then(|| {
            let room = purse.lock();
            let less = (room.opened == opened).then(|| room.purse.leaves_less(&ask, used.output * 2));
            cut(less.flatten(), used.output)
        })
    }
}

impl Open {
    /// As if all that may be sent had been written to a cache, where each cap on tokens counts it, for the
    /// price of the dearest class that it can be.
    fn most_of(&self, output: u64) -> Usage {
        let longest = if self.output_max == u64::MAX { UNLIMITED } else { self.output_max };
        let (sent, output, source) = (self.ask.input_most, output.min(longest), UsageSource::Estimated);
        let mut most = Usage { cache_write: sent, output, source, ..Usage::default() };
        match &self.ask.price {
            None => most.charge(None),
            Some(price) => (most.cost, most.priced) = (price.most_of(sent, output), most.total()),
        }
        most
    }

    fn purse(&self) -> SharedPurse {
        SharedPurse { prices: Arc::default(), room: self.room.clone() }
    }

    fn close(self, used: Option<Usage>) {
        let purse = self.purse();
        let Open { opened, hold, ask, .. } = self;
        {
            let mut room = purse.lock();
            if room.opened != opened {
                return;
            }
            match used {
                Some(mut used) => {
                    used.charge(ask.price.as_ref());
                    room.purse.settle(hold, &used);
                }
                None => room.purse.release(hold),
            }
        }
        purse.serve();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let used = open.is_out.then(|| open.most_of(u64::MAX));
            open.close(used);
        }
    }
}

/// Whether an answer ended where its room did, and neither its call nor its model sets that limit.
fn cuts(room: u64, ask: &Ask, used: &Usage) -> bool {
    let own = [ask.output_wanted, ask.output_most].into_iter().flatten().min();
    let is_counted = match used.source {
        UsageSource::Reported | UsageSource::Gateway => true,
        UsageSource::None | UsageSource::Simulated | UsageSource::Estimated => false,
    };
    is_counted && used.output >= room && own.is_none_or(|own| room < own)
}

/// Why an answer is not whole: no cap leaves it more, or only so much was held for it.
fn cut(less: Option<(String, String)>, output: u64) -> Cause {
    match less {
        Some((cap, hint)) => {
            let message =
                format!("{cap} cut an answer off after {output} tokens, and has no room for all of it");
            Cause::new(CauseKind::Budget, message).hint(hint)
        }
        None => {
            let message =
                format!("an answer was cut off after {output} tokens: under a cap, no more was held for it");
            Cause::new(CauseKind::Limit, message)
                .hint("`maxTokens` of the call holds room for longer answers")
        }
    }
}

/// What an answer counts that nothing limited, should nobody say how long it was.
const UNLIMITED: u64 = 128_000;

/// How a cap in dollars is named for a model without a price.
const UNPRICED: &str = ": its model has no known price";

/// Why a request does not go out.
fn reached(cap: &str, ask: &Ask, readings: &[Reading]) -> Cause {
    if let Some((cap, why)) = cap.split_once(UNPRICED) {
        return Cause::new(CauseKind::Budget, format!("{cap} cannot be kept{UNPRICED}{why}"));
    }
    let reading = readings.iter().find(|reading| cap.starts_with(&words(reading)));
    let message = match reading {
        None => format!("{cap} has no room for another request"),
        Some(reading) if reading.spent == 0 => {
            format!("{cap} is less than one request may take{}", sends(reading, ask))
        }
        Some(reading) => {
            let spent = reading.currency.amount(reading.spent);
            format!("{cap} has no room for another request: {spent} spent{}", sends(reading, ask))
        }
    };
    Cause::new(CauseKind::Budget, message)
}

fn words(reading: &Reading) -> String {
    format!("the budget of {}{}", reading.currency.amount(reading.cap), reading.whose)
}

/// What it may send, where that counts.
fn sends(reading: &Reading, ask: &Ask) -> String {
    let between = if reading.spent == 0 { ":" } else { "," };
    match reading.currency {
        Currency::Output => String::new(),
        Currency::Tokens | Currency::Input | Currency::Cache | Currency::Cost => {
            format!("{between} it sends up to {} tokens", ask.input_most)
        }
    }
}
