//! The purse: who may go out, with how much output, and who waits for whom.
//!
//! How much is held for the output of a request:
//! - what its call asks for (`maxTokens`); else what answers of its kind are likely not to exceed; else
//!   [`OUTPUT_HELD`](super::OUTPUT_HELD); never more than the model can answer;
//! - more than that, up to the model's limit, if its share of what is left allows it: the room divided
//!   among the requests that can still come beside those that are out. So few answers are cut as long as
//!   money is no matter, and nobody takes what the others need;
//! - less than that only if there would be less with nothing held: a request never goes out as a stub
//!   because of what others hold. It waits.
//!
//! Where others are at work, room is taken for more than one request: for
//! [`GOES_ON_WITH`](super::GOES_ON_WITH) like it, so that few answers are cut, since a cut one is half
//! wasted; and for [`BEGINS_WITH`](super::BEGINS_WITH) if the agent has not begun, since it will ask for
//! more: better that few begin and finish than that all begin and few can.
//!
//! Who waits stands in line: nobody takes room from an account in which an earlier one is short of it. When
//! nothing is held, the first in line either fits or hears that it never will: nobody waits forever.
//! - An agent keeps its turn for all its requests, so that those that have begun finish before others
//!   begin.
//! - Of agents that have not begun and do the same, the one that sends least begins first: it is likely to
//!   need least, and more of them finish.
//! - Who is at an answer that is longer than all that a new agent is likely to need goes on at the end of
//!   the line: long answers tend to become longer yet. Who is cut earlier keeps its turn, since what it
//!   has used would be lost.

use super::account::{Account, Amounts, Fit, Room, cap_words};
use super::line::{Line, Standing};
use super::outputs::Outputs;
use super::{
    Ask, BEGINS_WITH, Currency, GOES_ON_WITH, HoldId, OUTPUT_MIN, OUTPUT_UNKNOWN_MOST, Place, PurseState,
    Reading, Reply, Whose,
};
use crate::agent::Usage;
use crate::ids::AgentNumber;
use std::collections::{BTreeMap, BTreeSet};

/// The accounts of a run. See the module for the rules.
#[derive(Debug, Clone, Default)]
pub struct Purse {
    accounts: BTreeMap<Whose, Account>,
    agents_spent: BTreeMap<AgentNumber, Usage>,
    total: Option<u64>,
    outputs: Outputs,
    at_once: u64,
    holds: BTreeMap<HoldId, Hold>,
    line: Line,
    /// Agents of whose requests one is settled.
    begun: BTreeSet<AgentNumber>,
    /// Tokens that have come of the answer an agent is at, where it was cut.
    cut: BTreeMap<AgentNumber, u64>,
    last: u64,
}

#[derive(Debug, Clone)]
struct Hold {
    agent: AgentNumber,
    accounts: Vec<Whose>,
    amounts: Amounts,
    label: String,
    output_max: u64,
    /// The call said how long its answers may be.
    is_wanted: bool,
}

enum Verdict {
    Goes { output_max: u64, amounts: Amounts },
    Waits { cap: String, short: Vec<Whose> },
    Reached { cap: String, hint: String },
}

impl Purse {
    pub fn open(state: PurseState) -> Purse {
        let PurseState { mut run, total, run_spent, phases, outputs, agents_spent, at_once } = state;
        run.output = run.output.into_iter().chain(total).min();
        let phases = phases
            .iter()
            .map(|(title, (caps, spent))| (Whose::Phase(title.clone()), Account::new(caps, spent)));
        let mut accounts: BTreeMap<Whose, Account> = phases.collect();
        accounts.insert(Whose::Run, Account::new(&run, &run_spent));
        let begun = agents_spent.iter().filter(|(_, spent)| spent.total() > 0).map(|(agent, _)| *agent);
        Purse {
            accounts,
            begun: begun.collect(),
            agents_spent,
            total,
            outputs: Outputs::new(&outputs),
            at_once: u64::from(at_once.max(1)),
            ..Purse::default()
        }
    }

    /// Asks for room for one request. Who is told to wait stands in line from then on, until
    /// [`Purse::serve`] calls it or it [leaves](Purse::leave).
    pub fn ask(&mut self, ask: &Ask) -> Reply {
        self.open_agent(ask);
        let offered = self.next();
        let turn = self.line.turn_of(ask.agent, offered);
        let taken = self.short_before(turn);
        match self.judge(ask, &taken) {
            Verdict::Goes { output_max, amounts } => self.hold(ask, output_max, amounts),
            Verdict::Reached { cap, hint } => Reply::Reached { cap, hint },
            Verdict::Waits { cap, .. } => {
                let place = Place(self.next());
                self.line.stand((turn, place), ask.clone());
                Reply::Waits { place, cap }
            }
        }
    }

    /// Whom in line something has come to: room, or the news that there never will be. To be called after
    /// every settlement, release and leave.
    pub fn serve(&mut self) -> Vec<(Place, Reply)> {
        let mut served = Vec::new();
        let mut taken = BTreeSet::new();
        let mut last = None;
        while let Some((standing, ask)) = self.next_in_line(last) {
            last = Some(standing);
            let reply = match self.judge(&ask, &taken) {
                Verdict::Waits { short, .. } => {
                    taken.extend(short);
                    // All are paid from the run's account: whoever comes after waits too.
                    if taken.contains(&Whose::Run) {
                        break;
                    }
                    continue;
                }
                Verdict::Goes { output_max, amounts } => {
                    self.line.leave(standing);
                    self.hold(&ask, output_max, amounts)
                }
                Verdict::Reached { cap, hint } => {
                    self.line.leave(standing);
                    Reply::Reached { cap, hint }
                }
            };
            served.push((standing.1, reply));
        }
        served
    }

    /// The cap that leaves a request like this one less output, whatever others hold: in words, and how it
    /// is raised.
    pub fn leaves_less(&self, ask: &Ask, output: u64) -> Option<(String, String)> {
        let (whose, fit) = self.least(&self.accounts_of(ask), ask, |_| Room::NothingHeld)?;
        let is_less = fit.output < output;
        is_less.then(|| (self.words(&whose, fit.currency, ask), self.hint(&whose, fit.currency, ask)))
    }

    /// Who waited does so no longer.
    pub fn leave(&mut self, place: Place) {
        self.line.leave_place(place);
    }

    /// The request is over and used this much, [`Usage::cost`] by its own price. More than was held is
    /// spent all the same: nothing goes out then before there is room again.
    pub fn settle(&mut self, hold: HoldId, used: &Usage) {
        let Some(hold) = self.close(hold) else { return };
        self.begun.insert(hold.agent);
        let used_amounts = Amounts::used(used);
        for whose in &hold.accounts {
            if let Some(account) = self.accounts.get_mut(whose) {
                account.spent.add(&used_amounts);
            }
        }
        // An answer that was cut says only that there was more.
        let is_cut = used.output >= hold.output_max && !hold.is_wanted;
        let output = if is_cut { used.output.saturating_mul(2) } else { used.output };
        self.count_cut(&hold, used.output, is_cut);
        self.outputs.add(&hold.label, output);
    }

    /// Who is at an answer that is longer than all that a new agent is likely to need lets others go first.
    fn count_cut(&mut self, hold: &Hold, output: u64, is_cut: bool) {
        let whole = self.cut.remove(&hold.agent).unwrap_or(0).saturating_add(output);
        if !is_cut {
            return;
        }
        self.cut.insert(hold.agent, whole);
        if whole > self.outputs.mean(&hold.label).saturating_mul(BEGINS_WITH) {
            self.line.send_back(hold.agent);
        }
    }

    /// The request never went out.
    pub fn release(&mut self, hold: HoldId) {
        self.close(hold);
    }

    /// Holds that are open; 0 after the end.
    pub fn held(&self) -> u64 {
        self.holds.len() as u64
    }

    /// Requests that wait.
    pub fn waiting(&self) -> u64 {
        self.line.len()
    }

    /// How each cap stands.
    pub fn readings(&self) -> Vec<Reading> {
        self.accounts.iter().flat_map(|(whose, account)| account.readings(whose)).collect()
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The next one in line; the turn of an agent that has not begun goes to the one like it that sends
    /// least.
    fn next_in_line(&mut self, last: Option<Standing>) -> Option<(Standing, Ask)> {
        let (standing, _) = self.line.next_after(last)?;
        let is_first = last.is_none_or(|(turn, _)| turn < standing.0);
        if is_first {
            let begun = &self.begun;
            self.line.let_pass(standing, |agent| !begun.contains(&agent));
        }
        self.line.next_after(last)
    }

    fn open_agent(&mut self, ask: &Ask) {
        let whose = Whose::Agent(ask.agent);
        if ask.caps.meters() && !self.accounts.contains_key(&whose) {
            let spent = self.agents_spent.get(&ask.agent).copied().unwrap_or_default();
            self.accounts.insert(whose, Account::new(&ask.caps, &spent));
        }
    }

    /// The accounts that a request is paid from.
    fn accounts_of(&self, ask: &Ask) -> Vec<Whose> {
        let phase = ask.phase.clone().map(Whose::Phase);
        let all = [Some(Whose::Run), phase, Some(Whose::Agent(ask.agent))];
        all.into_iter().flatten().filter(|whose| self.accounts.contains_key(whose)).collect()
    }

    /// Accounts in which one who waits is short of room, and whose turn is not after this one.
    fn short_before(&self, turn: u64) -> BTreeSet<Whose> {
        let mut taken = BTreeSet::new();
        for (_, ask) in self.line.iter().take_while(|((its, _), _)| *its <= turn) {
            if let Verdict::Waits { short, .. } = self.judge(ask, &taken) {
                taken.extend(short);
            }
            if taken.contains(&Whose::Run) {
                break;
            }
        }
        taken
    }

    /// `taken`: accounts that an earlier one waits for.
    fn judge(&self, ask: &Ask, taken: &BTreeSet<Whose>) -> Verdict {
        let accounts = self.accounts_of(ask);
        let wanted = self.wanted(ask);
        let best = self.least(&accounts, ask, |_| Room::NothingHeld);
        if let Some((whose, fit)) = &best
            && fit.output < wanted.clamp(1, OUTPUT_MIN)
        {
            let (cap, hint) = (self.words(whose, fit.currency, ask), self.hint(whose, fit.currency, ask));
            return Verdict::Reached { cap, hint };
        }
        let wanted = best.map_or(wanted, |(_, fit)| wanted.min(fit.output));
        let now = Room::Share(self.times(ask));
        let short: Vec<(&Whose, Fit)> = accounts
            .iter()
            .filter_map(|whose| Some((whose, self.accounts.get(whose)?.fit(ask, now)?)))
            .filter(|(_, fit)| fit.output < wanted)
            .collect();
        if let Some((whose, fit)) = short.iter().min_by_key(|(_, fit)| fit.output) {
            let cap = self.words(whose, fit.currency, ask);
            return Verdict::Waits { cap, short: short.iter().map(|(whose, _)| (*whose).clone()).collect() };
        }
        if let Some(whose) = accounts.iter().find(|whose| taken.contains(whose)) {
            let fit = self.accounts.get(whose).and_then(|account| account.fit(ask, now));
            let currency = fit.map_or(Currency::Tokens, |fit| fit.currency);
            return Verdict::Waits { cap: self.words(whose, currency, ask), short: Vec::new() };
        }
        let output_max = self.ample(&accounts, ask, wanted);
        let kept = Amounts::most(ask, wanted).times(self.times(ask));
        Verdict::Goes { output_max, amounts: kept.max(Amounts::most(ask, output_max)) }
    }

    /// For how many requests like this one room is taken.
    fn times(&self, ask: &Ask) -> u64 {
        match self.begun.contains(&ask.agent) {
            _ if self.holds.is_empty() => 1,
            false => BEGINS_WITH,
            true => GOES_ON_WITH,
        }
    }

    /// What the answer is to have, if there is room.
    fn wanted(&self, ask: &Ask) -> u64 {
        let wanted = ask.output_wanted.unwrap_or_else(|| self.outputs.likely(&ask.label).min(most(ask)));
        wanted.min(ask.output_most.unwrap_or(u64::MAX))
    }

    /// More than it is likely to need, if its share of the room allows it.
    fn ample(&self, accounts: &[Whose], ask: &Ask, wanted: u64) -> u64 {
        if ask.output_wanted.is_some() {
            return wanted;
        }
        let share = |account: &Account| {
            let among = self.at_once.saturating_sub(account.open).max(self.line.len() + 1);
            Room::Share(among)
        };
        match self.least(accounts, ask, share) {
            Some((_, fair)) => {
                fair.output.max(wanted.saturating_mul(self.times(ask))).min(most(ask)).max(wanted)
            }
            None => ask.output_most.unwrap_or(u64::MAX),
        }
    }

    /// The account in which the least output fits.
    fn least(&self, accounts: &[Whose], ask: &Ask, room: impl Fn(&Account) -> Room) -> Option<(Whose, Fit)> {
        let fits = accounts.iter().filter_map(|whose| {
            let account = self.accounts.get(whose)?;
            Some((whose.clone(), account.fit(ask, room(account))?))
        });
        fits.min_by_key(|(_, fit)| fit.output)
    }

    fn hold(&mut self, ask: &Ask, output_max: u64, amounts: Amounts) -> Reply {
        let accounts = self.accounts_of(ask);
        for whose in &accounts {
            if let Some(account) = self.accounts.get_mut(whose) {
                account.held.add(&amounts);
                account.open += 1;
            }
        }
        let hold = HoldId(self.next());
        let is_wanted = ask.output_wanted.is_some();
        self.holds.insert(
            hold,
            Hold { agent: ask.agent, accounts, amounts, label: ask.label.clone(), output_max, is_wanted },
        );
        Reply::Held { hold, output_max }
    }

    fn close(&mut self, hold: HoldId) -> Option<Hold> {
        let hold = self.holds.remove(&hold)?;
        for whose in &hold.accounts {
            if let Some(account) = self.accounts.get_mut(whose) {
                account.held.take(&hold.amounts);
                account.open -= 1;
            }
        }
        Some(hold)
    }

    fn hint(&self, whose: &Whose, currency: Currency, ask: &Ask) -> String {
        if currency == Currency::Cost && ask.price.is_none() {
            return "`baya prices` says how to give it one".to_owned();
        }
        let cap = self.accounts.get(whose).and_then(|account| account.caps.of(currency));
        match (whose, currency) {
            (Whose::Run, Currency::Output) if cap == self.total => "`--budget` raises it".to_owned(),
            _ => whose.raised_by(currency),
        }
    }

    fn words(&self, whose: &Whose, currency: Currency, ask: &Ask) -> String {
        let cap = self.accounts.get(whose).and_then(|account| account.caps.of(currency)).unwrap_or(0);
        let words = cap_words(whose, currency, cap);
        match (currency, ask.price) {
            (Currency::Cost, None) => format!("{words}: its model has no known price"),
            _ => words,
        }
    }
}

/// The most that the model is let answer.
fn most(ask: &Ask) -> u64 {
    ask.output_most.unwrap_or(OUTPUT_UNKNOWN_MOST)
}
