//! Who works next: first asked, first started, within the limits per run and per model.

use super::state::Life;
use super::{Effect, Run};
use crate::agent::AgentTask;
use crate::event::Event;
use crate::ids::AgentNumber;
use std::collections::BTreeSet;

impl Run {
    pub(super) fn start_agents(&mut self) {
        if self.state.life == Life::Live {
            self.settle_queue();
        }
        if self.state.life == Life::Live {
            self.start_calls();
        }
        if self.state.life == Life::Live || self.is_tended() {
            self.start_errands();
        }
    }

    /// Agents that the script waits for.
    fn start_calls(&mut self) {
        let waiting = self.waiting_for_people();
        let mut place = 0;
        while self.has_place(&waiting) {
            let Some(number) = self.state.queue.get(place).copied() else { break };
            match self.has_room_for(number, &waiting) {
                true => self.start_agent(number),
                false => place += 1,
            }
        }
    }

    /// Whether one more agent may be at work; those that wait for a person are not.
    pub(super) fn has_place(&self, waiting: &BTreeSet<(AgentNumber, u32)>) -> bool {
        let at_work = self.at_work.len().saturating_sub(waiting.len()) as u64;
        at_work < u64::from(self.state.limits.concurrency)
    }

    fn model_of(&self, number: AgentNumber) -> String {
        let model = self.state.agent(number).and_then(|agent| agent.options.model.clone());
        model.unwrap_or_default()
    }

    pub(super) fn has_room_for(&self, number: AgentNumber, waiting: &BTreeSet<(AgentNumber, u32)>) -> bool {
        let model = self.model_of(number);
        let same =
            |(id, at_work): &(&(AgentNumber, u32), &String)| **at_work == model && !waiting.contains(id);
        match self.state.limits.concurrency_by_model.get(&model) {
            Some(most) => self.at_work.iter().filter(same).count() < *most as usize,
            None => true,
        }
    }

    pub(super) fn start_agent(&mut self, number: AgentNumber) {
        let Some(agent) = self.state.agent(number) else { return };
        let Some(run) = self.state.run.clone() else { return };
        let attempt = agent.attempts + 1;
        let task = AgentTask {
            run,
            agent: number,
            attempt,
            label: agent.label.clone(),
            phase: agent.phase.clone(),
            prompt: agent
                .tainted
                .as_ref()
                .map_or_else(|| agent.prompt.clone(), |it| it.fenced(&agent.prompt)),
            mark: agent.tainted.as_ref().and_then(|tainted| tainted.mark.clone()),
            place: None,
            asked_before: agent.occurrence,
            seed: self.seed_of(&agent.key, agent.occurrence),
            options: agent.options.clone(),
            turns: agent.turns.clone(),
        };
        let model = self.model_of(number);
        self.at_work.insert((number, attempt), model);
        let begins = task.phase.as_deref().is_some_and(|title| self.begins_clock_of(title));
        self.record(Event::AgentStarted { agent: number, attempt });
        if begins {
            self.set_time_limit();
        }
        self.effect(Effect::StartAgent(Box::new(task)));
    }

    /// One seed per question and occurrence, whatever the order in which agents start.
    fn seed_of(&self, key: &str, occurrence: u32) -> u64 {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.state.seed.to_le_bytes()).update(key.as_bytes()).update(&occurrence.to_le_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash.finalize().as_bytes()[..8]);
        u64::from_le_bytes(bytes)
    }
}
