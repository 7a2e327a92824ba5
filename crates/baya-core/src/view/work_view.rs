//! What is shown of host steps, of work in worktrees, and of its landing.

use super::agent_view::{AgentState, AgentView};
use super::run_view::RunView;
use crate::event::{Event, Recorded};
use crate::ids::AgentNumber;
use crate::landing::{Fate, LandingRecord, Piece};
use crate::step::StepOutcome;
use crate::work::Work;
use serde::Serialize;

/// How much an agent changed, without the changes themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkView {
    pub base: String,
    pub head: String,
    pub branch: String,
    pub kept_as: Option<String>,
    pub files_changed: u64,
    pub lines_added: u64,
    pub lines_removed: u64,
}

/// One host step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// As the script calls it, and what it is about.
    pub words: String,
    pub started_ms: i64,
    /// `None`: being done.
    pub duration_ms: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its result was taken again.
    pub reused: bool,
}

impl WorkView {
    pub fn of(work: &Work) -> WorkView {
        WorkView {
            base: work.base.clone(),
            head: work.head.clone(),
            branch: work.branch.clone(),
            kept_as: work.kept_as.clone(),
            files_changed: work.files_changed,
            lines_added: work.lines_added,
            lines_removed: work.lines_removed,
        }
    }

    /// Whether anything is there to be landed.
    pub fn is_empty(&self) -> bool {
        self.base == self.head
    }
}

/// Works of answered agents of the present generation, in the order they were asked for: what there is to
/// land.
pub fn pieces(events: &[Recorded], is_wanted: impl Fn(&AgentView) -> bool) -> Vec<Piece> {
    let view = RunView::of(events);
    let agents = asked_for(events).into_iter().filter_map(|number| view.agents.get(&number));
    let ready = agents
        .filter(|agent| agent.state == AgentState::Answered && agent.errand.is_none() && is_wanted(agent));
    ready
        .filter_map(|agent| {
            let work = agent.work.as_ref().filter(|work| !work.is_empty())?;
            Some(Piece {
                agent: agent.agent,
                label: agent.label.clone(),
                base: work.base.clone(),
                head: work.head.clone(),
            })
        })
        .collect()
}

fn asked_for(events: &[Recorded]) -> Vec<AgentNumber> {
    let mut asked = Vec::new();
    for recorded in events {
        match &recorded.event {
            Event::RunResumed { .. } => asked.clear(),
            Event::AgentQueued { agent, .. } | Event::AgentReused { agent, .. } => asked.push(*agent),
            _ => {}
        }
    }
    asked
}

impl RunView {
    pub(super) fn apply_to_step(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::StepStarted { number, step, .. } => {
                let step = StepView {
                    words: step.words(),
                    started_ms: recorded.at_ms,
                    duration_ms: None,
                    error: None,
                    reused: false,
                };
                self.steps.insert(*number, step);
            }
            Event::StepReused { number, .. } => {
                if let Some(step) = self.steps.get_mut(number) {
                    step.reused = true;
                }
            }
            Event::StepEnded { number, outcome } => {
                if let Some(step) = self.steps.get_mut(number) {
                    let took = u64::try_from(recorded.at_ms - step.started_ms).unwrap_or(0);
                    step.duration_ms = Some(took);
                    step.error = match outcome {
                        StepOutcome::Done(_) => None,
                        StepOutcome::Failed(error) => Some(error.clone()),
                    };
                }
            }
            Event::Landing { record } => self.apply_landing(record),
            _ => {}
        }
    }

    fn apply_landing(&mut self, record: &LandingRecord) {
        match record {
            LandingRecord::Begun { branch, .. } => self.landed_on = Some(branch.clone()),
            LandingRecord::Decided { agent, fate } => {
                self.fates.insert(*agent, fate.clone());
                // What the one that merged it left has landed with it.
                if let Fate::Landed { resolved_by: Some(by), .. } = fate {
                    self.fates.insert(*by, fate.clone());
                }
            }
            LandingRecord::Checked { .. } | LandingRecord::Advanced { .. } | LandingRecord::Ended { .. } => {}
        }
    }
}
