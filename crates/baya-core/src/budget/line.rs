//! Who stands in line for room, and whose turn it is. An agent has one turn for all its requests.

use super::{Ask, Place};
use crate::history::label_kind;
use crate::ids::AgentNumber;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Where a request stands: the turn of its agent, and its place among those that came.
pub(super) type Standing = (u64, Place);

#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    waiting: BTreeMap<Standing, Waiting>,
    turns: BTreeMap<AgentNumber, u64>,
}

#[derive(Debug, Clone)]
struct Waiting {
    ask: Ask,
    /// Of its label.
    kind: String,
}

impl Waiting {
    /// Whether it stands for the same work: then which of the two goes first is all the same to a script.
    fn is_like(&self, other: &Waiting) -> bool {
        let (mine, its) = (&self.ask, &other.ask);
        let (work, its_work) = ((&self.kind, &mine.phase), (&other.kind, &its.phase));
        work == its_work && (mine.price, mine.output_wanted) == (its.price, its.output_wanted)
    }
}

impl Line {
    /// Requests that wait.
    pub fn len(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// All that wait, in the order of their turns.
    pub fn iter(&self) -> impl Iterator<Item = (Standing, &Ask)> {
        self.waiting.iter().map(|(standing, waiting)| (*standing, &waiting.ask))
    }

    /// The next one after this one; the first after none.
    pub fn next_after(&self, last: Option<Standing>) -> Option<(Standing, Ask)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.waiting.range((from, Bound::Unbounded)).next();
        next.map(|(standing, waiting)| (*standing, waiting.ask.clone()))
    }

    /// The agent's turn; who has none gets the one that is offered.
    pub fn turn_of(&mut self, agent: AgentNumber, offered: u64) -> u64 {
        *self.turns.entry(agent).or_insert(offered)
    }

    /// From its next request on the agent stands at the end.
    pub fn send_back(&mut self, agent: AgentNumber) {
        self.turns.remove(&agent);
    }

    pub fn stand(&mut self, standing: Standing, ask: Ask) {
        let kind = label_kind(&ask.label);
        self.waiting.insert(standing, Waiting { ask, kind });
    }

    pub fn leave(&mut self, standing: Standing) {
        self.waiting.remove(&standing);
    }

    pub fn leave_place(&mut self, place: Place) {
        self.waiting.retain(|(_, its), _| *its != place);
    }

    /// Who stands here lets the one pass that comes later, is like it and sends least, if that is less: they
    /// change turns. Only those for whom `may` speaks are passed and pass.
    pub fn let_pass(&mut self, standing: Standing, may: impl Fn(AgentNumber) -> bool) {
        let Some(first) = self.waiting.get(&standing).filter(|first| may(first.ask.agent)) else { return };
        let later = self.waiting.range(standing..);
        let alike = later.filter(|(_, waiting)| may(waiting.ask.agent) && waiting.is_like(first));
        let Some(((turn, _), least)) = alike.min_by_key(|(_, waiting)| waiting.ask.input_most) else {
            return;
        };
        let (passed, passes) = (first.ask.agent, least.ask.agent);
        self.take_turns([(passed, *turn), (passes, standing.0)]);
    }

    fn take_turns(&mut self, taken: [(AgentNumber, u64); 2]) {
        let taken = BTreeMap::from(taken);
        if taken.len() < 2 {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let moved = waiting.into_iter().map(|((turn, place), waiting)| {
            let turn = taken.get(&waiting.ask.agent).copied().unwrap_or(turn);
            ((turn, place), waiting)
        });
        self.waiting = moved.collect();
        self.turns.extend(taken);
    }
}
