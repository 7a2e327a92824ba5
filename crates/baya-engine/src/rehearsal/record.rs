//! Notes what happens in a rehearsal while it happens, and adds it up at its end.

use super::played::{Ending, Played, PlayedAgent, PlayedLine, PlayedRefusal, PlayedStep, Totals};
use baya_core::agent::Usage;
use baya_core::call::{Call, CallKind, Site};
use baya_core::event::{Event, Outcome, Recorded};
use baya_core::ids::{AgentNumber, CallId};
use baya_core::rehearsal::Case;
use baya_core::script::Sight;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a call.
struct Known {
    site: Option<Site>,
    /// Agents in a row that it followed from.
    after: u32,
    is_agent: bool,
}

#[derive(Default)]
pub(super) struct Recorder {
    started_ms: i64,
    calls: BTreeMap<CallId, Known>,
    agents: BTreeMap<AgentNumber, PlayedAgent>,
    steps: BTreeMap<u32, PlayedStep>,
    pub(super) refusals: Vec<PlayedRefusal>,
    log: Vec<PlayedLine>,
    phases: Vec<String>,
    unpriced: BTreeSet<String>,
    pub(super) sights: Vec<Sight>,
    /// Agents whose tokens are made up.
    guessed: BTreeSet<AgentNumber>,
}

impl Recorder {
    /// For a rehearsal that begins then.
    pub(super) fn at(started_ms: i64) -> Recorder {
        Recorder { started_ms, ..Recorder::default() }
    }

    /// What this agent takes is a guess.
    pub(super) fn guess(&mut self, agent: AgentNumber) {
        self.guessed.insert(agent);
    }

    fn since_start(&self, at_ms: i64) -> u64 {
        (at_ms - self.started_ms).max(0) as u64
    }

    /// Calls that a delivery brought about; none: the start did.
    pub(super) fn heard(&mut self, cause: Option<CallId>, calls: &[Call]) {
        let after = cause.map_or(0, |call| self.depth_of(call));
        for call in calls {
            let is_agent = matches!(call.kind, CallKind::Agent { .. });
            self.calls.insert(call.id, Known { site: call.site.clone(), after, is_agent });
        }
    }

    fn depth_of(&self, call: CallId) -> u32 {
        self.calls.get(&call).map_or(0, |known| known.after + u32::from(known.is_agent))
    }

    fn site(&self, call: CallId) -> Option<Site> {
        self.calls.get(&call).and_then(|known| known.site.clone())
    }

    pub(super) fn note(&mut self, recorded: Recorded) {
        let at_ms = self.since_start(recorded.at_ms);
        match recorded.event {
            event @ Event::AgentQueued { .. } => self.note_agent(event, at_ms),
            Event::AgentStarted { agent, .. } => {
                if let Some(agent) = self.agents.get_mut(&agent) {
                    agent.started_ms.get_or_insert(at_ms);
                }
            }
            Event::AttemptEnded { agent, usage, .. } => self.note_usage(agent, &usage),
            Event::AgentFinished { agent, outcome, usage, model_asked, .. } => {
                if usage.unpriced > 0 {
                    self.unpriced.insert(model_asked.unwrap_or_default());
                }
                self.note_usage(agent, &usage);
                if let Some(agent) = self.agents.get_mut(&agent) {
                    agent.ended_ms = Some(at_ms);
                    agent.outcome = Some(match outcome {
                        Outcome::Answered(answer) => Ok(answer),
                        Outcome::Failed(cause) => Err(cause),
                    });
                }
            }
            Event::CallRefused { call, thrown } => {
                self.refusals.push(PlayedRefusal { call, site: self.site(call), thrown });
            }
            Event::Logged { call, level, text, .. } => {
                self.log.push(PlayedLine { at_ms, level, text, call });
            }
            Event::PhaseEntered { title, .. } if !self.phases.contains(&title) => self.phases.push(title),
            Event::StepStarted { number, call, step, site, .. } => {
                let played = PlayedStep { number: number.0, call: Some(call), site, step, outcome: None };
                self.steps.insert(number.0, played);
            }
            Event::StepEnded { number, outcome, .. } => {
                if let Some(step) = self.steps.get_mut(&number.0) {
                    step.outcome = Some(outcome);
                }
            }
            // What a rehearsal is not asked about.
            _ => {}
        }
    }

    fn note_usage(&mut self, agent: AgentNumber, usage: &Usage) {
        if let Some(agent) = self.agents.get_mut(&agent) {
            agent.usage.add(usage);
        }
    }

    fn note_agent(&mut self, event: Event, asked_ms: u64) {
        let Event::AgentQueued { agent, call, frame, label, phase, prompt, options, site, .. } = event else {
            return;
        };
        let played = PlayedAgent {
            number: agent,
            call,
            frame,
            site,
            label,
            phase,
            prompt,
            options,
            outcome: None,
            depth: self.depth_of(call),
            usage: Usage::default(),
            asked_ms,
            started_ms: None,
            ended_ms: None,
        };
        self.agents.insert(agent, played);
    }

    pub(super) fn finish(self, case: &Case, args: Option<Value>, end: Ending, now_ms: i64) -> Played {
        let wall_ms = self.since_start(now_ms);
        let agents: Vec<PlayedAgent> = self.agents.into_values().collect();
        let mut total = Totals { wall_ms, ..Totals::default() };
        let mut by_phase: BTreeMap<String, Totals> = BTreeMap::new();
        let mut times: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for agent in &agents {
            let phase = agent.phase.as_deref().unwrap_or_default();
            let is_guessed = self.guessed.contains(&agent.number);
            count(&mut total, agent, is_guessed);
            count(by_phase.entry(phase.to_owned()).or_default(), agent, is_guessed);
            let ended_ms = agent.ended_ms.unwrap_or(total.wall_ms);
            let (from, to) = times.entry(phase).or_insert((agent.asked_ms, ended_ms));
            *from = agent.asked_ms.min(*from);
            *to = ended_ms.max(*to);
        }
        for (title, (from, to)) in times {
            by_phase.entry(title.to_owned()).or_default().wall_ms = to - from;
        }
        Played {
            case: case.clone(),
            args,
            end,
            agents,
            steps: self.steps.into_values().collect(),
            refusals: self.refusals,
            log: self.log,
            phases: self.phases,
            sights: self.sights,
            total,
            by_phase,
            unpriced: self.unpriced,
        }
    }
}

fn count(totals: &mut Totals, agent: &PlayedAgent, is_guessed: bool) {
    let usage = &agent.usage;
    let tokens_in = usage.input + usage.cache_read + usage.cache_write;
    totals.agents += 1;
    totals.depth = totals.depth.max(u64::from(agent.depth));
    totals.tokens_in += tokens_in;
    totals.tokens_out += usage.output;
    totals.tokens_guessed += if is_guessed { tokens_in + usage.output } else { 0 };
    totals.cost += usage.cost.0;
}
