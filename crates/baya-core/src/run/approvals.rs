//! Questions of agents: who waits for which, which are answered already, and what a person says.
//!
//! A question belongs to the attempt that asked it and ends with it. An answer of a person belongs to
//! the agent: its next attempt is told the same without a question. `always` belongs to the run.

use super::state::State;
use super::{Effect, Run};
use crate::approval::{Answerer, ApprovalRequest, Patience, Told, Verdict};
use crate::event::Event;
use crate::ids::{AgentNumber, ApprovalId};
use std::collections::{BTreeMap, BTreeSet};

/// All questions of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Approvals {
    /// By their number, from 1.
    all: Vec<Approval>,
    /// What `always` was said of, and by whom.
    always: BTreeMap<String, String>,
    /// Those that wait.
    open: BTreeSet<ApprovalId>,
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub id: ApprovalId,
    pub agent: AgentNumber,
    pub attempt: u32,
    pub request: ApprovalRequest,
    /// `None` as long as it waits, and if its attempt ended before.
    pub told: Option<Told>,
}

impl Approvals {
    /// Those that wait for an answer.
    pub fn open(&self) -> impl Iterator<Item = &Approval> {
        self.open.iter().filter_map(|id| self.get(*id))
    }

    pub fn get(&self, id: ApprovalId) -> Option<&Approval> {
        self.all.get((id.0 as usize).checked_sub(1)?)
    }

    /// What the next attempt need not ask: the answer of a person to the same agent, or to all of them.
    /// A denial because nobody answered holds for the attempt that heard it.
    fn known(&self, agent: AgentNumber, attempt: u32, request: &ApprovalRequest) -> Option<Told> {
        if let Some(by) = self.always_of(request) {
            return Some(Told { answer: Verdict::Allow, by: Answerer::Person(by.to_owned()) });
        }
        let same = |asked: &&Approval| {
            asked.agent == agent
                && asked.request.tool == request.tool
                && asked.request.action == request.action
        };
        self.all.iter().rev().filter(same).find_map(|asked| {
            let told = asked.told.as_ref()?;
            let holds = match told.by {
                Answerer::Person(_) => true,
                Answerer::Nobody | Answerer::TimeLimit => asked.attempt == attempt,
                Answerer::End => false,
            };
            holds.then(|| told.clone())
        })
    }

    /// Who allowed all that the request covers, for good.
    fn always_of(&self, request: &ApprovalRequest) -> Option<&str> {
        let mut by = request.covers.iter().map(|covered| self.always.get(covered));
        by.try_fold(None, |_, by| Some(Some(by?)))?.map(String::as_str)
    }

    fn ask(&mut self, approval: Approval) {
        self.open.insert(approval.id);
        self.all.push(approval);
    }

    fn answer(&mut self, id: ApprovalId, told: Told) {
        self.open.remove(&id);
        let at = (id.0 as usize).checked_sub(1);
        let Some(approval) = at.and_then(|at| self.all.get_mut(at)) else { return };
        if let (Verdict::Always, Answerer::Person(by)) = (told.answer, &told.by) {
            self.always.extend(approval.request.covers.iter().map(|covered| (covered.clone(), by.clone())));
        }
        approval.told = Some(told);
    }

    /// The attempts of this agent, or of all, are over: nobody waits any more.
    fn withdraw(&mut self, agent: Option<AgentNumber>) {
        let Approvals { all, open, .. } = self;
        open.retain(|id| {
            let asked = (id.0 as usize).checked_sub(1).and_then(|at| all.get(at));
            agent.is_some() && asked.map(|asked| asked.agent) != agent
        });
    }
}

impl State {
    /// With an attempt its questions end, and with the run all of them.
    pub(super) fn withdraw_questions(&mut self, event: &Event) {
        match event {
            Event::AttemptEnded { agent, .. } | Event::AgentFinished { agent, .. } => {
                self.approvals.withdraw(Some(*agent));
            }
            Event::RunResumed { .. }
            | Event::DriverStarted { .. }
            | Event::StopRequested { .. }
            | Event::RunInterrupted { .. }
            | Event::RunEnded { .. } => self.approvals.withdraw(None),
            _ => {}
        }
    }

    pub(super) fn apply_to_approval(&mut self, event: &Event) {
        match event {
            Event::ApprovalAsked { agent, attempt, id, request } => self.approvals.ask(Approval {
                id: *id,
                agent: *agent,
                attempt: *attempt,
                request: request.clone(),
                told: None,
            }),
            Event::ApprovalAnswered { id, answer, by } => {
                self.approvals.answer(*id, Told { answer: *answer, by: by.clone() });
            }
            _ => {}
        }
    }
}

impl Run {
    /// An attempt wants to do something; it waits at `ticket`.
    pub(super) fn decide_asked(
        &mut self,
        agent: AgentNumber,
        attempt: u32,
        ticket: u64,
        request: ApprovalRequest,
    ) {
        if !self.is_current(agent, attempt) || !self.hears() {
            return self.tell(ticket, over());
        }
        if let Some(told) = self.state.approvals.known(agent, attempt, &request) {
            return self.tell(ticket, told);
        }
        let asks_same = |open: &&Approval| open.agent == agent && open.request == request;
        if let Some(open) = self.state.approvals.open().find(asks_same) {
            self.tickets.entry(open.id).or_default().push(ticket);
            return;
        }
        let id = ApprovalId(u32::try_from(self.state.approvals.all.len() + 1).unwrap_or(u32::MAX));
        let patience = request.patience;
        self.record(Event::ApprovalAsked { agent, attempt, id, request });
        self.tickets.entry(id).or_default().push(ticket);
        match patience {
            Patience::Nobody => self.answer(id, Verdict::Deny, Answerer::Nobody),
            Patience::Forever => {}
            Patience::For { ms } => {
                let due_ms = self.now_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
                self.effect(Effect::SetApprovalTimer { id, due_ms });
            }
        }
    }

    /// An answer to a question that waits; to any other it is nothing.
    pub(super) fn answer(&mut self, id: ApprovalId, answer: Verdict, by: Answerer) {
        if !self.state.approvals.open.contains(&id) {
            return;
        }
        self.record(Event::ApprovalAnswered { id, answer, by: by.clone() });
        let told = Told { answer, by: by.clone() };
        for ticket in self.tickets.remove(&id).unwrap_or_default() {
            self.tell(ticket, told.clone());
        }
        if answer == Verdict::Always {
            let approvals = &self.state.approvals;
            let covered = approvals.open().find(|open| approvals.always_of(&open.request).is_some());
            if let Some(id) = covered.map(|open| open.id) {
                // It answers all others that are covered, one after the other.
                self.answer(id, Verdict::Always, by);
            }
        }
    }

    /// Whoever waits for a question that is no more.
    pub(super) fn dismiss(&mut self) {
        let open = &self.state.approvals.open;
        let gone: Vec<ApprovalId> = self.tickets.keys().filter(|id| !open.contains(id)).copied().collect();
        for id in gone {
            for ticket in self.tickets.remove(&id).unwrap_or_default() {
                self.tell(ticket, over());
            }
        }
    }

    fn tell(&mut self, ticket: u64, told: Told) {
        self.effect(Effect::TellAnswer { ticket, told });
    }

    /// Attempts at work that wait for a person; they take no place from others.
    pub(super) fn waiting_for_people(&self) -> BTreeSet<(AgentNumber, u32)> {
        self.state.approvals.open().map(|open| (open.agent, open.attempt)).collect()
    }
}

fn over() -> Told {
    Told { answer: Verdict::Deny, by: Answerer::End }
}
