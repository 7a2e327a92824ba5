//! Errands of landings: agents of the run that no call of the script asked for. They are queued, limited,
//! counted and bought once like all others; what comes of one is told to the landing that waits for it.
//!
//! An errand is at work only while somebody waits for it: after a crash the landing asks again, and takes
//! the finished one, or has the one that was lost start anew.

use super::state::{AgentState, Life};
use super::taint::Asked;
use super::{Batch, Effect, Run, call_key, errand_words, options};
use crate::agent::{AgentOptions, AttemptEnd, AttemptReport, Cause};
use crate::errand::{Errand, ErrandAsk, ErrandEnd, ErrandOf};
use crate::event::{Event, Outcome, Surroundings};
use crate::ids::{AgentNumber, CallId, FrameId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};

/// The group errands are shown in.
pub const ERRANDS_PHASE: &str = "Landing";
/// What a reviewer may use, where the backend's tools can be named.
const LOOKING: [&str; 3] = ["Read", "Glob", "Grep"];
/// The type of reviewers where they cannot.
const LOOKING_TYPE: &str = "Plan";

/// Who waits for which errand, in this process.
#[derive(Debug, Default)]
pub(super) struct Errands {
    tickets: BTreeMap<AgentNumber, Vec<u64>>,
    queue: VecDeque<AgentNumber>,
    /// The run rests; only errands are gone on with.
    tended: bool,
}

impl Run {
    /// Opens a run that rests for errands alone: its script is not gone on with, and nothing of it changes
    /// but what a landing adds. `surroundings` are those of who asks, if agents may be asked.
    pub fn tend(&mut self, surroundings: Option<Surroundings>, now_ms: i64) -> Batch {
        self.now_ms = self.now_ms.max(now_ms);
        self.errands.tended = true;
        if let Some(surroundings) = surroundings {
            self.state.surroundings = surroundings;
            self.open_purse();
        }
        self.finish_batch()
    }

    pub(super) fn has_queued_errands(&self) -> bool {
        !self.errands.queue.is_empty()
    }

    pub(super) fn is_tended(&self) -> bool {
        self.errands.tended
    }

    /// Whether what happens to agents and landings is still written down.
    pub(super) fn notes_agents(&self) -> bool {
        self.is_tended() || !matches!(self.state.life, Life::Ended(_))
    }

    pub(super) fn decide_errand(&mut self, ticket: u64, errand: &Errand) {
        match self.agent_for(errand) {
            Ok(agent) => {
                self.errands.tickets.entry(agent).or_default().push(ticket);
                let is_over =
                    self.state.agent(agent).is_some_and(|it| matches!(it.state, AgentState::Finished(_)));
                if is_over {
                    self.tell_errand(agent);
                } else if !self.is_on_its_way(agent) {
                    self.errands.queue.push_back(agent);
                }
            }
            Err(why) => {
                self.effect(Effect::TellErrand { ticket, end: ErrandEnd::Failed { agent: None, why } })
            }
        }
    }

    fn is_on_its_way(&self, agent: AgentNumber) -> bool {
        self.errands.queue.contains(&agent) || self.at_work.keys().any(|(at_work, _)| *at_work == agent)
    }

    /// The agent that was asked for the same, if its answer is there or may come; else a new one.
    fn agent_for(&mut self, errand: &Errand) -> Result<AgentNumber, String> {
        if !self.hears() && !self.is_tended() {
            return Err("the run is being stopped".to_owned());
        }
        let prompt = self.errand_prompt(errand);
        let given = self.errand_options(errand);
        let parsed =
            options::parse(&prompt, &given, &self.state.surroundings).map_err(|thrown| thrown.message)?;
        for (about, text) in parsed.warnings {
            self.warn_once(about, text);
        }
        let key = call_key(&prompt, &parsed.options);
        if let Some(known) = self.errand_known(&key) {
            return Ok(self.take_up(known, &key));
        }
        self.check_agent_limit(Some(ERRANDS_PHASE)).map_err(|thrown| thrown.message)?;
        self.check_budget(Some(ERRANDS_PHASE)).map_err(|thrown| thrown.message)?;
        let label = parsed.label;
        let asked = Asked { prompt: &prompt, options: &parsed.options, label: &label, site: None };
        let tainted = self.judge_taint(&asked).map_err(|thrown| thrown.message)?;
        Ok(self.queue_errand(errand, key, (label, prompt, parsed.options), tainted))
    }

    fn queue_errand(
        &mut self,
        errand: &Errand,
        key: String,
        (label, prompt, options): (String, String, AgentOptions),
        tainted: Option<crate::taint::Tainted>,
    ) -> AgentNumber {
        let agent = AgentNumber(self.state.agents.len() as u32 + 1);
        self.record(Event::AgentQueued {
            agent,
            call: CallId::NONE,
            frame: FrameId::MAIN,
            occurrence: self.state.occurrences.get(&key).copied().unwrap_or(0),
            key,
            label,
            phase: Some(ERRANDS_PHASE.to_owned()),
            prompt,
            options,
            tainted,
            site: None,
            errand: Some(ErrandOf { kind: errand.ask.kind(), piece: errand.piece.agent }),
        });
        agent
    }

    fn errand_known(&self, key: &str) -> Option<AgentNumber> {
        let same = self.state.agents.iter().rev().filter(|agent| agent.errand.is_some() && agent.key == key);
        let mut usable = same.filter(|agent| match agent.state {
            AgentState::Finished(Outcome::Answered(_)) | AgentState::Queued | AgentState::Running { .. } => {
                true
            }
            AgentState::Finished(Outcome::Failed(_)) | AgentState::Dropped => false,
        });
        usable.next().map(|agent| agent.number)
    }

    /// One of an earlier generation is one of this generation, too.
    fn take_up(&mut self, agent: AgentNumber, key: &str) -> AgentNumber {
        if !self.state.asked.contains(&agent) {
            let label = self.state.agent(agent).map(|known| known.label.clone()).unwrap_or_default();
            self.record(Event::AgentReused {
                agent,
                call: CallId::NONE,
                frame: FrameId::MAIN,
                key: key.to_owned(),
                occurrence: self.state.occurrences.get(key).copied().unwrap_or(0),
                phase: Some(ERRANDS_PHASE.to_owned()),
                label,
            });
        }
        agent
    }

    fn errand_prompt(&self, errand: &Errand) -> String {
        match &errand.ask {
            ErrandAsk::Resolve(sides) => {
                let landed = sides.landed.iter().filter_map(|number| self.state.agent(*number));
                let others = landed.filter(|agent| {
                    let files = agent.work.as_ref().map(|work| work.files.as_slice()).unwrap_or_default();
                    files.iter().any(|file| sides.files.contains(&file.path))
                });
                errand_words::resolve(errand, sides, self.state.agent(errand.piece.agent), others)
            }
            ErrandAsk::Review { patch } => {
                errand_words::review(errand, patch, self.state.agent(errand.piece.agent))
            }
        }
    }

    /// As a script would give them: they pass the same gate.
    fn errand_options(&self, errand: &Errand) -> Map<String, Value> {
        let mut given = Map::new();
        let mut set = |name: &str, value: Value| drop(given.insert(name.to_owned(), value));
        set("timeoutMs", json!(errand.options.agent_timeout_ms));
        set("isolation", json!("worktree"));
        if let Some(model) = &errand.options.model {
            set("model", json!(model));
        }
        let label = errand.piece.label_line();
        match &errand.ask {
            ErrandAsk::Resolve(sides) => {
                set("label", json!(format!("merge: {label}")));
                set("base", json!(sides.marked));
            }
            ErrandAsk::Review { .. } => {
                set("label", json!(format!("review: {label}")));
                set("base", json!(errand.piece.head));
                set("schema", errand_words::verdict_schema());
                let around = &self.state.surroundings;
                if !around.backends_with_tools.contains(&around.backend) {
                    set("tools", json!(LOOKING));
                } else if around.agent_types.iter().any(|known| known == LOOKING_TYPE) {
                    set("agentType", json!(LOOKING_TYPE));
                }
            }
        }
        given
    }

    pub(super) fn start_errands(&mut self) {
        self.settle_errands();
        if self.state.life != Life::Live && !self.is_tended() {
            return;
        }
        let waiting = self.waiting_for_people();
        let mut place = 0;
        while self.has_place(&waiting) {
            let Some(number) = self.errands.queue.get(place).copied() else { break };
            if !self.has_room_for(number, &waiting) {
                place += 1;
                continue;
            }
            self.errands.queue.remove(place);
            let is_over =
                self.state.agent(number).is_some_and(|it| matches!(it.state, AgentState::Finished(_)));
            if !is_over {
                self.start_agent(number);
            }
        }
    }

    /// An attempt that is tried again; nobody waits for one of a run that is being stopped.
    pub(super) fn requeue_errand(&mut self, agent: AgentNumber) {
        if (self.hears() || self.is_tended()) && self.errands.tickets.contains_key(&agent) {
            self.errands.queue.push_back(agent);
        }
    }

    pub(super) fn fail_queued_errands(&mut self, why: &Cause) {
        for agent in std::mem::take(&mut self.errands.queue) {
            let attempt = self.state.agent(agent).map_or(1, |agent| agent.attempts + 1);
            self.record(Event::AgentStarted { agent, attempt });
            let outcome = Outcome::Failed(why.clone());
            self.finish(agent, attempt, outcome, AttemptReport::new(AttemptEnd::Cancelled));
        }
    }

    /// Hands what came of an errand to all who wait for it.
    pub(super) fn tell_errand(&mut self, number: AgentNumber) {
        let Some(tickets) = self.errands.tickets.remove(&number) else { return };
        let Some(agent) = self.state.agent(number) else { return };
        let end = match &agent.state {
            AgentState::Finished(Outcome::Answered(answer)) => ErrandEnd::Answered {
                agent: number,
                answer: answer.to_value(),
                head: agent.work.as_ref().map(|work| work.head.clone()),
            },
            AgentState::Finished(Outcome::Failed(cause)) => {
                ErrandEnd::Failed { agent: Some(number), why: cause.message.clone() }
            }
            AgentState::Queued | AgentState::Running { .. } | AgentState::Dropped => return,
        };
        for ticket in tickets {
            self.effect(Effect::TellErrand { ticket, end: end.clone() });
        }
    }
}
