//! The shell around a lane's [`Queue`]: waits, and tells what for.

use super::queue::{Held, Queue, Refusal, Ticket};
use super::{Ask, GovernorSettings, RememberedLimit};
use baya_core::agent::{Cause, Wait};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// The requests to one provider with one key.
pub struct Lane {
    shared: Arc<Shared>,
}

struct Shared {
    provider: String,
    wait_in_place: Duration,
    began: Instant,
    state: Mutex<State>,
    /// What the waiting ones wait for may have changed.
    changed: Notify,
}

struct State {
    queue: Queue,
    /// Of those that wait.
    go: BTreeMap<Ticket, oneshot::Sender<()>>,
    /// A limit that is not waited for in the lane: why, and until when.
    used_up: Option<Cause>,
}

/// The right to have one request out. Dropped without a word: as failed.
pub struct Pass {
    shared: Arc<Shared>,
    ticket: Ticket,
    answers: AtomicBool,
    ended: bool,
}

/// A place in the queue that is given back when nobody waits in it any more.
struct Place<'a> {
    shared: &'a Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Lane {
    pub(super) fn new(provider: String, settings: &GovernorSettings, known: Option<RememberedLimit>) -> Lane {
        let queue = Queue::new(settings, known);
        let state = Mutex::new(State { queue, go: BTreeMap::new(), used_up: None });
        let wait_in_place = settings.wait_in_place;
        let shared = Shared { provider, wait_in_place, began: Instant::now(), state, changed: Notify::new() };
        Lane { shared: Arc::new(shared) }
    }

    /// Waits for a place; what for is told each time it changes.
    pub async fn enter(&self, ask: Ask, waiting: &(dyn Fn(Wait) + Send + Sync)) -> Pass {
        let shared = &self.shared;
        let (go, mut gone) = oneshot::channel();
        let ticket = shared.change(|queue, go_of, _| {
            let ticket = queue.enter(ask);
            go_of.insert(ticket, go);
            ticket
        });
        let mut place = Place { shared, ticket: Some(ticket) };
        let mut told = None;
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Some(held) = shared.held(ticket) else { break };
            if !told.is_some_and(|told: Held| told.looks_like(held)) {
                told = Some(held);
                shared.wait_of(held).into_iter().for_each(waiting);
            }
            tokio::select! {
                biased;
                _ = &mut gone => break,
                () = &mut changed => {}
                () = shared.sleep_until(held.until()) => shared.change(|_, _, _| ()),
            }
        }
        place.ticket = None;
        Pass { shared: shared.clone(), ticket, answers: AtomicBool::new(false), ended: false }
    }

    /// Resolves when a limit is used up that is reset too late to wait for it here; why, and until when.
    pub async fn used_up(&self) -> Cause {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(cause) = self.shared.used_up() {
                return cause;
            }
            changed.await;
        }
    }

    /// The longest pause of the provider that is waited for here.
    pub fn wait_in_place(&self) -> Duration {
        self.shared.wait_in_place
    }

    pub(super) fn remembered(&self) -> Option<RememberedLimit> {
        self.shared.lock().queue.remembered()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Changes the queue, and lets in whom there is room for then.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Queue, &mut BTreeMap<Ticket, oneshot::Sender<()>>, Duration) -> T,
    ) -> T {
        self.change_at(self.now(), change)
    }

    fn change_at<T>(
        &self,
        now: Duration,
        change: impl FnOnce(&mut Queue, &mut BTreeMap<Ticket, oneshot::Sender<()>>, Duration) -> T,
    ) -> T {
        let mut state = self.lock();
        let State { queue, go, used_up: _ } = &mut *state;
        let shown = queue.shown();
        let changed = change(queue, go, now);
        for ticket in queue.admit(now) {
            if let Some(go) = go.remove(&ticket) {
                // Whoever is gone gives the place back by itself.
                let _ = go.send(());
            }
        }
        if queue.shown() != shown {
            self.changed.notify_waiters();
        }
        changed
    }

    /// A limit is used up until its time of reset.
    fn used_up(&self) -> Option<Cause> {
        let mut state = self.lock();
        let over = |cause: &Cause| cause.retry_at_ms.is_none_or(|at_ms| now_ms() >= at_ms);
        state.used_up.take_if(|cause| over(cause));
        state.used_up.clone()
    }

    /// What it waits for; let in first if a pause ended since anybody looked, for nobody else would.
    fn held(&self, ticket: Ticket) -> Option<Held> {
        let now = self.now();
        self.change_at(now, |_, _, _| ());
        self.lock().queue.held(ticket, now)
    }

    fn wait_of(&self, held: Held) -> Option<Wait> {
        let provider = self.provider.clone();
        match held {
            Held::Full { at_once, .. } => Some(Wait::Provider { provider, at_once }),
            Held::Closed { until } => {
                let left = until.saturating_sub(self.now()).as_millis();
                let until_ms = now_ms().saturating_add(i64::try_from(left).unwrap_or(i64::MAX));
                Some(Wait::Pause { provider, until_ms })
            }
            Held::Prefix { first, .. } => first.map(|first| Wait::Prefix { first }),
        }
    }

    async fn sleep_until(&self, until: Option<Duration>) {
        match until {
            Some(until) => tokio::time::sleep_until(self.began + until).await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        self.shared.change(|queue, go, _| {
            go.remove(&ticket);
            if !queue.give_up(ticket) {
                queue.failed(ticket);
            }
        });
    }
}

impl Pass {
    /// The answer has begun; may be said again and again.
    pub fn first_byte(&self) {
        if !self.answers.swap(true, Ordering::Relaxed) {
            self.shared.change(|queue, _, now| queue.answers(self.ticket, now));
        }
    }

    pub fn succeeded(mut self) {
        self.end(Queue::succeeded);
    }

    /// The provider takes no more for now, and may have said for how long.
    pub fn limited(self, retry_after: Option<Duration>) {
        let _ = self.refused(retry_after);
    }

    /// As [`Pass::limited`]; what the refusal says of the provider.
    pub fn refused(mut self, retry_after: Option<Duration>) -> Refusal {
        self.ended = true;
        self.shared.change(|queue, _, now| queue.refused(self.ticket, retry_after, now))
    }

    /// The provider's limit is used up until the cause's `retry_at_ms`; nobody has to ask before.
    pub fn used_up(mut self, cause: Cause) {
        self.shared.lock().used_up = Some(cause);
        self.end(|queue, ticket, _| queue.failed(ticket));
        self.shared.changed.notify_waiters();
    }

    pub fn failed(mut self) {
        self.end(|queue, ticket, _| queue.failed(ticket));
    }

    fn end(&mut self, end: impl FnOnce(&mut Queue, Ticket, Duration)) {
        if !std::mem::replace(&mut self.ended, true) {
            self.shared.change(|queue, _, now| end(queue, self.ticket, now));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.end(|queue, ticket, _| queue.failed(ticket));
    }
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
