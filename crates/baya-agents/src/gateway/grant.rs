//! The right of one agent to pass, in the hands of whoever runs it.

use super::account::{Account, Admission, Meter, Written};
use super::paying::Counts;
use super::route::Dialect;
use super::service::House;
use crate::backend::Signal;
use baya_core::agent::{Progress, Wait};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often an agent that waits for its provider gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A token that works as long as this is kept.
pub struct Grant {
    house: Arc<House>,
    token: String,
    door: Arc<Door>,
    /// Signs of life that the owner has heard of.
    heard: AtomicU64,
}

/// What stands behind a token.
pub(super) struct Door {
    account: Mutex<Arc<Account>>,
    life: Life,
    /// Whoever pays was told that a request waits.
    is_told: AtomicBool,
}

/// Signs of life of an agent.
#[derive(Default)]
struct Life {
    beats: AtomicU64,
    beat: Notify,
    /// Requests that wait for their provider.
    held: AtomicU32,
}

/// A request waits for its provider as long as this is kept.
pub(super) struct Held<'a>(&'a Door);

impl Grant {
    pub(super) fn new(house: Arc<House>, token: String, door: Arc<Door>) -> Grant {
        Grant { house, token, door, heard: AtomicU64::new(0) }
    }

    /// As the client's `…_BASE_URL` wants it, the token inside.
    pub fn base_url(&self, dialect: Dialect) -> String {
        format!("http://127.0.0.1:{}/{}{}", self.house.port, self.token, dialect.base_path())
    }

    /// Stands where the client wants a key; worth nothing anywhere else.
    pub fn key(&self) -> &str {
        &self.token
    }

    /// The same token works for another agent from now on: what is under way for the former one ends.
    /// Take the meter of the former one first, by [`Grant::finish`].
    pub fn rebind(&self, admission: Admission) {
        let former =
            std::mem::replace(&mut *self.door.lock(), Account::new(admission, self.house.firsts.clone()));
        former.close();
        self.heard.store(self.door.life.beats.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// What was spent since the last take, by what has ended.
    pub fn take_meter(&self) -> Meter {
        self.door.account().take_meter()
    }

    /// Takes what was spent since the last take into the journal; the meter, and when it is durable.
    pub fn write_spent(&self, signals: &dyn Fn(Signal)) -> Option<(Meter, Written)> {
        self.door.account().write_spent(signals)
    }

    /// The agent is over: what is still under way for it ends and counts as far as it came, and nothing
    /// more is let through before [`Grant::rebind`].
    pub fn finish(&self) -> Meter {
        let account = self.door.account();
        account.close();
        account.take_meter()
    }

    /// Tokens that may still be spent, if there is a cap.
    pub fn room(&self) -> Option<u64> {
        self.door.account().room()
    }

    /// Resolves at the next sign of life: a byte that passes, in either direction, or a request that
    /// waits for its provider. None is missed between two calls of the one owner.
    pub async fn active(&self) {
        let life = &self.door.life;
        loop {
            let beat = life.beat.notified();
            tokio::pin!(beat);
            beat.as_mut().enable();
            let beats = life.beats.load(Ordering::SeqCst);
            if self.heard.swap(beats, Ordering::SeqCst) != beats {
                return;
            }
            tokio::select! {
                () = &mut beat => {}
                () = tokio::time::sleep(HEARTBEAT) => {
                    if life.held.load(Ordering::SeqCst) > 0 {
                        return;
                    }
                }
            }
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.house.dismiss(&self.token);
        self.door.account().close();
    }
}

impl Door {
    pub fn new(admission: Admission, firsts: Arc<Counts>) -> Arc<Door> {
        Arc::new(Door {
            account: Mutex::new(Account::new(admission, firsts)),
            life: Life::default(),
            is_told: AtomicBool::new(false),
        })
    }

    pub fn account(&self) -> Arc<Account> {
        self.lock().clone()
    }

    pub fn beat(&self) {
        self.life.beats.fetch_add(1, Ordering::SeqCst);
        self.life.beat.notify_waiters();
    }

    /// A request waits: whoever pays for it hears for what.
    pub fn tell(&self, wait: Wait) {
        self.beat();
        self.is_told.store(true, Ordering::SeqCst);
        self.tell_payer(Progress::Waiting { wait });
    }

    /// A request goes out.
    pub fn goes_on(&self) {
        if self.is_told.swap(false, Ordering::SeqCst) {
            self.tell_payer(Progress::Asked);
        }
    }

    fn tell_payer(&self, progress: Progress) {
        if let Some(payer) = &self.account().admission.payer {
            (payer.signals)(Signal::Progress(progress));
        }
    }

    pub fn hold(&self) -> Held<'_> {
        self.life.held.fetch_add(1, Ordering::SeqCst);
        Held(self)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Account>> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.life.held.fetch_sub(1, Ordering::SeqCst);
    }
}
