//! Agents that are paid request by request: they ask the purse of their run, go out when the journal has
//! what that may be billed, and are answered, cut, refused and cancelled. The provider keeps its own bill.

use super::world::{Due, World, latency, report_for};
use baya_core::agent::{AgentTask, AttemptEnd, AttemptReport, Cause, CauseKind, Usage, UsageSource};
use baya_core::budget::{Ask, Caps, Currency, HoldId, Place, Purse, Reply};
use baya_core::event::{Event, Recorded};
use baya_core::ids::AgentNumber;
use baya_core::money::Price;
use baya_core::run::Input;
use baya_core::turn::{TurnCost, TurnRecord};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const PRICE: Price = Price {
    input: 3_000_000_000,
    output: 15_000_000_000,
    cache_read: 300_000_000,
    cache_write: 3_750_000_000,
    cache_write_long: 0,
};
/// No model answers more.
const OUTPUT_MOST: u64 = 4_000;

/// A request that went out once the journal said so, as the provider bills it.
#[derive(Debug, Clone)]
pub struct Billed {
    pub seq: u64,
    pub usage: Usage,
}

/// The purse, and what has gone out of it.
#[derive(Default)]
pub struct Till {
    pub purse: Purse,
    pub bill: Vec<Billed>,
    working: BTreeMap<AgentNumber, Working>,
    /// Which answers the journal has, and how much of them: nobody asks for them again.
    bought: BTreeSet<(AgentNumber, usize, u64)>,
}

struct Working {
    task: AgentTask,
    /// The answer it is at, and how much of it is there.
    place: usize,
    got: u64,
    /// Billed and in no record.
    unrecorded: Usage,
    /// Tries at the answer it is at.
    tries: u32,
    at: At,
}

enum At {
    Nothing,
    Line(Place),
    /// Out as soon as the journal has what may be billed.
    Held {
        hold: HoldId,
        output_max: u64,
        most: Usage,
    },
    Out {
        hold: HoldId,
        output_max: u64,
    },
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Luck {
    Answered,
    /// The provider is too busy; nothing is billed.
    Refused,
    /// Half of the answer is billed and comes to nothing.
    BrokeOff,
}

impl Working {
    fn dice(&self, of: &str) -> u64 {
        let words = format!("{} {of} {}", self.task.prompt, self.place);
        u64::from_le_bytes(blake3::hash(words.as_bytes()).as_bytes()[..8].try_into().expect("8 bytes"))
    }

    /// How long the answer at this place is; most are short.
    fn output(&self, place: usize) -> u64 {
        let words = format!("{} answer {place}", self.task.prompt);
        let byte = u64::from(blake3::hash(words.as_bytes()).as_bytes()[0]);
        (30 + byte + 4_000 / (byte + 1)).min(OUTPUT_MOST - 1)
    }

    fn answers(&self) -> usize {
        1 + blake3::hash(self.task.prompt.as_bytes()).as_bytes()[1] as usize % 3
    }

    fn sent(&self) -> u64 {
        40 + self.task.prompt.len() as u64
            + (0..self.place).map(|place| self.output(place)).sum::<u64>()
            + self.got
    }

    fn sent_most(&self) -> u64 {
        self.sent() + self.sent() / 4 + 16
    }

    fn rest(&self) -> u64 {
        self.output(self.place) - self.got
    }

    /// As the provider counts it.
    fn usage(&self, output: u64) -> Usage {
        let sent = self.sent();
        let cache_read = if self.dice("read").is_multiple_of(2) { sent / 2 } else { 0 };
        let cache_write = if self.dice("write").is_multiple_of(2) { sent - cache_read } else { 0 };
        let (input, source) = (sent - cache_read - cache_write, UsageSource::Reported);
        let mut usage = Usage { input, cache_read, cache_write, output, source, ..Usage::default() };
        usage.charge(Some(&PRICE));
        usage
    }

    /// The most that the request can be billed, in every class.
    fn most(&self, output_max: u64) -> Usage {
        let output = output_max.min(OUTPUT_MOST);
        let source = UsageSource::Estimated;
        let mut most = Usage { cache_write: self.sent_most(), output, source, ..Usage::default() };
        most.charge(Some(&PRICE));
        most
    }

    fn luck(&self) -> Luck {
        match self.dice("luck") % 8 {
            _ if self.tries > 0 => Luck::Answered,
            0 => Luck::Refused,
            1 => Luck::BrokeOff,
            _ => Luck::Answered,
        }
    }

    fn billed(&self, output_max: u64) -> Usage {
        let output = self.rest().min(output_max);
        match self.luck() {
            Luck::Refused => Usage::default(),
            Luck::BrokeOff => self.usage(output / 2),
            Luck::Answered => self.usage(output),
        }
    }
}

/// Goes on after this answer, if it is one.
fn follow(turn: &TurnRecord, place: &mut usize, got: &mut u64) -> bool {
    let TurnRecord::Answered { is_cut, content, .. } = turn else { return false };
    match is_cut {
        true => *got += content.as_u64().expect("the answer's length"),
        false => (*place, *got) = (*place + 1, 0),
    }
    true
}

impl Till {
    /// What the journal has already: its answers, and of the bill what it let out.
    pub fn found(journal: &[Recorded], bill: &[Billed]) -> Till {
        let went_out = bill.iter().filter(|billed| billed.seq <= journal.len() as u64);
        let mut till = Till { bill: went_out.cloned().collect(), ..Till::default() };
        let mut standings: BTreeMap<AgentNumber, (usize, u64)> = BTreeMap::new();
        for recorded in journal {
            let Event::AgentTurn { agent, turn, .. } = &recorded.event else { continue };
            let (place, got) = standings.entry(*agent).or_default();
            let bought = (*agent, *place, *got);
            if follow(turn, place, got) {
                till.bought.insert(bought);
            }
        }
        till
    }

    pub fn billed(&self, currency: Currency) -> u64 {
        self.bill.iter().map(|billed| billed.usage.of(currency)).sum()
    }

    /// The bill is within the caps, and so is what the purse knows.
    pub fn check(&self, caps: &Caps) {
        for currency in Currency::ALL {
            let Some(cap) = caps.of(currency) else { continue };
            let billed = self.billed(currency);
            assert!(billed <= cap, "{billed} of {cap} {currency:?} are billed");
        }
        for reading in self.purse.readings() {
            assert!(reading.spent + reading.held <= reading.cap, "{reading:?}");
        }
    }

    pub fn check_end(&self, known: &Usage) {
        assert_eq!((self.purse.held(), self.purse.waiting()), (0, 0), "holds and requests left over");
        assert!(self.working.is_empty(), "agents left over");
        for currency in Currency::ALL {
            let (known, billed) = (known.of(currency), self.billed(currency));
            assert!(known >= billed, "{known} of {billed} {currency:?} are known");
        }
    }
}

impl World<'_> {
    fn working(&mut self, agent: AgentNumber) -> Option<&mut Working> {
        self.till.as_mut()?.working.get_mut(&agent)
    }

    /// The attempt goes on after the answers that the journal has.
    pub(super) fn start_paid(&mut self, task: AgentTask) {
        let agent = task.agent;
        let mut working =
            Working { place: 0, got: 0, unrecorded: Usage::default(), tries: 0, at: At::Nothing, task };
        for turn in &working.task.turns {
            follow(turn, &mut working.place, &mut working.got);
        }
        let Some(till) = &mut self.till else { return };
        assert!(till.working.insert(agent, working).is_none(), "{agent} is at work twice");
        self.ask(agent);
    }

    fn ask(&mut self, agent: AgentNumber) {
        let Some(till) = &mut self.till else { return };
        let Some(working) = till.working.get_mut(&agent) else { return };
        let standing = (agent, working.place, working.got);
        assert!(!till.bought.contains(&standing), "{standing:?} is bought twice");
        let reply = till.purse.ask(&Ask {
            agent,
            phase: working.task.phase.clone(),
            label: working.task.label.clone(),
            caps: Caps::default(),
            input_most: working.sent_most(),
            output_wanted: None,
            output_most: Some(OUTPUT_MOST),
            price: Some(PRICE),
        });
        self.hear(agent, reply);
    }

    fn hear(&mut self, agent: AgentNumber, reply: Reply) {
        let Some(working) = self.working(agent) else { return };
        match reply {
            Reply::Waits { place, .. } => working.at = At::Line(place),
            Reply::Reached { cap, .. } => {
                self.end(agent, AttemptEnd::Failed(Cause::new(CauseKind::Budget, cap)));
            }
            Reply::Held { hold, output_max } => {
                let mut most = working.most(output_max);
                most.add(&working.unrecorded);
                working.at = At::Held { hold, output_max, most };
                self.record(agent, TurnRecord::Holding { most });
            }
        }
    }

    fn record(&mut self, agent: AgentNumber, turn: TurnRecord) {
        let Some(attempt) = self.working(agent).map(|working| working.task.attempt) else { return };
        self.inputs.push(Input::AgentTurn { agent, attempt, turn });
    }

    pub(super) fn is_paid(&self, agent: AgentNumber) -> bool {
        self.till.as_ref().is_some_and(|till| till.working.contains_key(&agent))
    }

    /// The journal has the event at this place: whoever waits for it goes out.
    pub(super) fn is_durable(&mut self, place: usize) {
        let recorded = &self.journal[place];
        let Event::AgentTurn { agent, turn, .. } = &recorded.event else { return };
        let (agent, seq) = (*agent, recorded.seq);
        let Some(till) = &mut self.till else { return };
        let Some(working) = till.working.get_mut(&agent) else { return };
        let At::Held { hold, output_max, most } = working.at else { return };
        if *turn != (TurnRecord::Holding { most }) {
            return;
        }
        till.bill.push(Billed { seq, usage: working.billed(output_max) });
        let after_ms = latency(&working.task.prompt);
        working.at = At::Out { hold, output_max };
        self.at(after_ms, Due::Request { agent, hold });
    }

    pub(super) fn answered(&mut self, agent: AgentNumber, due: HoldId) {
        let Some(till) = &mut self.till else { return };
        let Some(working) = till.working.get_mut(&agent) else { return };
        let At::Out { hold, output_max } = working.at else { return };
        if hold != due {
            return;
        }
        working.at = At::Nothing;
        let (usage, luck) = (working.billed(output_max), working.luck());
        let is_cut = working.rest() > output_max;
        working.tries += 1;
        match luck {
            Luck::Refused => till.purse.release(hold),
            Luck::BrokeOff | Luck::Answered => till.purse.settle(hold, &usage),
        }
        working.unrecorded.add(&usage);
        match luck {
            Luck::Answered => self.take(agent, usage.output, is_cut),
            Luck::Refused | Luck::BrokeOff => {
                // What was held for this try is held no more.
                let most = working.unrecorded;
                self.record(agent, TurnRecord::Holding { most });
                self.ask(agent);
            }
        }
        self.serve();
    }

    /// One answer is there, whole or cut.
    fn take(&mut self, agent: AgentNumber, output: u64, is_cut: bool) {
        let Some(till) = &mut self.till else { return };
        let Some(working) = till.working.get_mut(&agent) else { return };
        if !is_cut && working.place + 1 == working.answers() {
            let (prompt, shaped) = (&working.task.prompt, working.task.options.schema.is_some());
            let end = report_for(prompt, shaped).end;
            return self.end(agent, end);
        }
        till.bought.insert((agent, working.place, working.got));
        match is_cut {
            true => working.got += output,
            false => (working.place, working.got) = (working.place + 1, 0),
        }
        working.tries = 0;
        let usage = std::mem::take(&mut working.unrecorded);
        let cost = TurnCost { usage, requests: 1, ..TurnCost::default() };
        let (model, content, calls) = (String::new(), json!(output), Vec::new());
        self.record(agent, TurnRecord::Answered { model, content, calls, is_cut, cost });
        self.ask(agent);
    }

    fn end(&mut self, agent: AgentNumber, end: AttemptEnd) {
        let Some(working) = self.till.as_mut().and_then(|till| till.working.remove(&agent)) else { return };
        let report = AttemptReport { usage: working.unrecorded, requests: 1, ..AttemptReport::new(end) };
        self.inputs.push(Input::AgentEnded { agent, attempt: working.task.attempt, report });
    }

    /// A request that is out may be billed in full, and counts as if it were.
    pub(super) fn cancel_paid(&mut self, agent: AgentNumber, attempt: u32) {
        let Some(till) = &mut self.till else { return };
        let its = till.working.get_mut(&agent).filter(|working| working.task.attempt == attempt);
        let Some(working) = its else { return };
        match std::mem::replace(&mut working.at, At::Nothing) {
            At::Nothing => {}
            At::Line(place) => till.purse.leave(place),
            At::Held { hold, .. } => till.purse.release(hold),
            At::Out { hold, output_max } => {
                let most = working.most(output_max);
                working.unrecorded.add(&most);
                till.purse.settle(hold, &most);
            }
        }
        self.end(agent, AttemptEnd::Cancelled);
        self.serve();
    }

    fn serve(&mut self) {
        let Some(till) = &mut self.till else { return };
        for (place, reply) in till.purse.serve() {
            let Some(till) = &self.till else { return };
            let agent = till.working.iter().find_map(|(agent, working)| {
                matches!(working.at, At::Line(its) if its == place).then_some(*agent)
            });
            self.hear(agent.expect("who is served stood in line"), reply);
        }
    }
}
