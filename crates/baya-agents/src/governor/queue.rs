//! Who may go next in one lane. Pure: what happens is told with its time, measured from the lane's
//! beginning.
//!
//! Tickets are given in the order of arrival, and lower ones go first. One that was refused comes back
//! with its old ticket. A ticket that waits for a prefix holds up nobody behind it.

use super::limit::Limit;
use super::recovery::{Active, Recovery};
use super::{Ask, GovernorSettings, Prefix, RememberedLimit};
use baya_core::ids::AgentNumber;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest that an agent waits for another one to fill the cache.
pub(super) const STAGGER_MAX: Duration = Duration::from_secs(5);
/// How long a provider keeps a beginning that nobody asks for.
pub(super) const CACHE_KEPT: Duration = Duration::from_secs(5 * 60);

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Why a ticket waits, and when that may change by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// As many are at work as may be; perhaps one more from then on.
    Full {
        at_once: u32,
        until: Option<Duration>,
    },
    Closed {
        until: Duration,
    },
    Prefix {
        first: Option<AgentNumber>,
        until: Duration,
    },
}

impl Held {
    /// Nobody has to be told of the difference.
    pub fn looks_like(self, other: Held) -> bool {
        match (self, other) {
            (Held::Full { at_once, .. }, Held::Full { at_once: other, .. }) => at_once == other,
            (Held::Closed { .. } | Held::Prefix { .. } | Held::Full { .. }, _) => self == other,
        }
    }

    pub fn until(self) -> Option<Duration> {
        match self {
            Held::Full { until, .. } => until,
            Held::Closed { until } | Held::Prefix { until, .. } => Some(until),
        }
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    limit: Limit,
    stagger: bool,
    pause: Duration,
    pause_max: Duration,
    tickets: u64,
    waiting: BTreeMap<Ticket, Waiting>,
    working: BTreeMap<Ticket, Working>,
    /// Those that were refused and may come back.
    refused: BTreeMap<AgentNumber, Refused>,
    /// Requests that went out, and the last of them when the lane was full.
    begun: u64,
    full_at: u64,
    /// Requests that the provider accepted.
    accepted: u64,
    closed_until: Duration,
    recovery: Recovery,
    /// Who asks with a beginning that no cache holds yet, and since when.
    first: BTreeMap<[u8; 32], (Ticket, Option<AgentNumber>, Duration)>,
    /// When a beginning was last seen by the provider.
    cached: BTreeMap<[u8; 32], Duration>,
    /// Counts the changes of `first`.
    firsts: u64,
}

/// What those that wait are told of; they look again when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    at_once: u32,
    recovery: Option<Active>,
    closed_until: Duration,
    firsts: u64,
}

#[derive(Debug)]
struct Waiting {
    ask: Ask,
    refused_at: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    ticket: Ticket,
    /// Requests accepted until then.
    accepted: u64,
}

/// What a refusal says of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has served others since it refused the same agent last: there are only too many.
    Crowded,
    /// It may serve nobody at all.
    Unexplained,
}

#[derive(Debug)]
struct Working {
    ask: Ask,
    /// Requests accepted until its agent was refused last.
    refused_at: Option<u64>,
    /// Cuts before it began.
    cuts: u64,
    /// Its answer has begun.
    answers: bool,
    /// Which of all requests it is.
    number: u64,
}

impl Queue {
    pub fn new(settings: &GovernorSettings, known: Option<RememberedLimit>) -> Queue {
        Queue {
            limit: Limit::new(settings.at_once_first, settings.at_once_max, known),
            stagger: settings.stagger,
            pause: settings.pause,
            pause_max: settings.pause_max,
            tickets: 0,
            waiting: BTreeMap::new(),
            working: BTreeMap::new(),
            refused: BTreeMap::new(),
            begun: 0,
            full_at: 0,
            accepted: 0,
            closed_until: Duration::ZERO,
            recovery: Recovery::default(),
            first: BTreeMap::new(),
            cached: BTreeMap::new(),
            firsts: 0,
        }
    }

    pub fn shown(&self) -> Shown {
        Shown {
            at_once: self.limit.at_once(),
            recovery: self.recovery.active(),
            closed_until: self.closed_until,
            firsts: self.firsts,
        }
    }

    pub fn enter(&mut self, ask: Ask) -> Ticket {
        let old = ask.agent.and_then(|agent| self.refused.remove(&agent));
        let free = old.filter(|old| !self.waiting.contains_key(&old.ticket)).map(|old| old.ticket);
        let ticket = free.unwrap_or_else(|| {
            self.tickets += 1;
            Ticket(self.tickets)
        });
        self.waiting.insert(ticket, Waiting { ask, refused_at: old.map(|old| old.accepted) });
        ticket
    }

    /// It waits no longer; whether it was waiting.
    pub fn give_up(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }

    /// Lets in whom there is room for.
    pub fn admit(&mut self, now: Duration) -> Vec<Ticket> {
        let mut admitted = Vec::new();
        while (self.working.len() as u32) < self.room(now) {
            let next = self.waiting.iter().find(|(_, waiting)| self.held_by(&waiting.ask, now).is_none());
            let Some(ticket) = next.map(|(ticket, _)| *ticket) else { break };
            let Some(Waiting { ask, refused_at }) = self.waiting.remove(&ticket) else { break };
            if let Some(prefix) = self.staggered(&ask).filter(|prefix| !self.is_cached(prefix, now)) {
                self.first.insert(prefix.hash, (ticket, ask.agent, now));
                self.firsts += 1;
            }
            let cuts = self.limit.cuts();
            self.begun += 1;
            let number = self.begun;
            self.working.insert(ticket, Working { ask, refused_at, cuts, answers: false, number });
            if self.working.len() as u32 >= self.limit.at_once() {
                self.full_at = number;
            }
            admitted.push(ticket);
        }
        admitted
    }

    /// Requests that may be at work now.
    fn room(&self, now: Duration) -> u32 {
        let at_once = self.limit.at_once();
        match now < self.closed_until {
            true => 0,
            false => self.recovery.room(now).map_or(at_once, |room| room.min(at_once)),
        }
    }

    /// Why a waiting ticket waits.
    pub fn held(&self, ticket: Ticket, now: Duration) -> Option<Held> {
        let ask = &self.waiting.get(&ticket)?.ask;
        let recovers_until = self.recovery.active().map(|active| active.until).filter(|until| now < *until);
        let until = recovers_until.max((now < self.closed_until).then_some(self.closed_until));
        Some(match (self.room(now), until) {
            (0, Some(until)) => Held::Closed { until },
            (at_once, until) => self.held_by(ask, now).unwrap_or(Held::Full { at_once, until }),
        })
    }

    /// The one whose answer this request waits for.
    fn held_by(&self, ask: &Ask, now: Duration) -> Option<Held> {
        let prefix = self.staggered(ask).filter(|prefix| !self.is_cached(prefix, now))?;
        let (_, first, since) = self.first.get(&prefix.hash)?;
        let until = *since + STAGGER_MAX;
        (now < until).then_some(Held::Prefix { first: *first, until })
    }

    fn staggered<'a>(&self, ask: &'a Ask) -> Option<&'a Prefix> {
        ask.prefix.as_ref().filter(|_| self.stagger)
    }

    fn is_cached(&self, prefix: &Prefix, now: Duration) -> bool {
        self.cached.get(&prefix.hash).is_some_and(|seen| now < *seen + CACHE_KEPT)
    }

    /// Its answer has begun: the provider has accepted it, and its beginning can be read from the cache.
    pub fn answers(&mut self, ticket: Ticket, now: Duration) {
        let at_work = self.working.len() as u32;
        let Some(working) = self.working.get_mut(&ticket).filter(|working| !working.answers) else { return };
        working.answers = true;
        let prefix = working.ask.prefix.clone();
        self.accepted += 1;
        self.recovery.accepted(at_work);
        let Some(prefix) = prefix else { return };
        if self.first.remove(&prefix.hash).is_some() {
            self.firsts += 1;
        }
        self.cached.retain(|_, seen| now < *seen + CACHE_KEPT);
        self.cached.insert(prefix.hash, now);
    }

    pub fn succeeded(&mut self, ticket: Ticket, now: Duration) {
        self.answers(ticket, now);
        let at_work = self.working.len() as u32;
        if let Some(working) = self.leave(ticket) {
            let was_full = working.number <= self.full_at;
            self.limit.succeeded(at_work, was_full);
            working.ask.agent.and_then(|agent| self.refused.remove(&agent));
        }
    }

    /// The provider refused it for now, and may have said for how long.
    pub fn refused(&mut self, ticket: Ticket, retry_after: Option<Duration>, now: Duration) -> Refusal {
        let at_work = self.working.len() as u32;
        let Some(working) = self.leave(ticket) else { return Refusal::Unexplained };
        if let Some(agent) = working.ask.agent {
            self.refused.insert(agent, Refused { ticket, accepted: self.accepted });
        }
        match self.limit.refused(working.cuts, at_work) {
            true => {
                let (first, longest) = (self.pause, self.pause_max);
                let own = |times| pause(first, times).min(longest);
                self.recovery.begin(at_work - 1, |times| retry_after.unwrap_or_else(|| own(times)), now);
            }
            false => self.recovery.go_on(at_work - 1),
        }
        if let Some(pause) = retry_after {
            self.closed_until = self.closed_until.max(now + pause);
        }
        match working.refused_at.is_some_and(|accepted| accepted < self.accepted) {
            true => Refusal::Crowded,
            false => Refusal::Unexplained,
        }
    }

    /// It ended in a way that says nothing of the limit.
    pub fn failed(&mut self, ticket: Ticket) {
        self.leave(ticket);
    }

    fn leave(&mut self, ticket: Ticket) -> Option<Working> {
        let firsts = self.first.len();
        self.first.retain(|_, (first, _, _)| *first != ticket);
        self.firsts += u64::from(self.first.len() != firsts);
        self.working.remove(&ticket)
    }

    pub fn remembered(&self) -> Option<RememberedLimit> {
        self.limit.remembered()
    }
}

fn pause(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(16))
}
