//! Answers of earlier runs for calls of this one (`--reuse`): the same question, asked of the same files.
//!
//! Files are the same as long as the state of the repository at the run's start is the same and nothing
//! has changed them since. So an answer is offered only if nothing was done in its run that may change
//! files before it came, and it is taken only as long as nothing was done in the run that takes it.

use crate::agent::{Answer, CacheUse, Usage};
use crate::event::{Event, Outcome, Recorded, Surroundings};
use crate::ids::{AgentNumber, RunId};
use crate::run::{Run, State};
use crate::step::HostStep;
use crate::turn::TurnRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An answer of an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub answer: Answer,
    pub from: Borrowed,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
}

/// Where an answer was taken from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Borrowed {
    pub run: RunId,
    pub agent: AgentNumber,
    /// What it cost then and was not paid now.
    #[serde(default)]
    pub saved: Usage,
}

/// Answers by CallKey; each is taken once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offers {
    by_key: BTreeMap<String, Vec<Offer>>,
}

impl Offers {
    /// Adds what a run has to offer to one that starts in these surroundings.
    pub fn add(&mut self, events: &[Recorded], now: &Surroundings) {
        for (key, offer) in offered(events, now) {
            self.by_key.entry(key).or_default().push(offer);
        }
    }

    /// The first that was added.
    pub(crate) fn take(&mut self, key: &str) -> Option<Offer> {
        let offers = self.by_key.get_mut(key)?;
        (!offers.is_empty()).then(|| offers.remove(0))
    }

    pub fn len(&self) -> usize {
        self.by_key.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether answers given there say something here.
fn is_alike(then: &Surroundings, now: &Surroundings) -> bool {
    let same_files = then.tree.is_some() && then.tree == now.tree && then.folder == now.folder;
    same_files && then.backend == now.backend && then.model == now.model && then.simulated == now.simulated
}

fn offered(events: &[Recorded], now: &Surroundings) -> Vec<(String, Offer)> {
    let run = Run::load(events);
    let state = run.state();
    let Some(id) = state.run.clone() else { return Vec::new() };
    let mut untouched = State::default();
    let mut offers = Vec::new();
    for recorded in events {
        match &recorded.event {
            Event::RunStarted { surroundings, .. } | Event::DriverStarted { surroundings, .. }
                if !is_alike(surroundings, now) =>
            {
                return offers;
            }
            _ => {}
        }
        untouched.apply(recorded);
        if untouched.touched {
            return offers;
        }
        let Event::AgentFinished {
            agent: number,
            outcome: Outcome::Answered(answer),
            model_asked,
            model_served,
            borrowed: None,
            ..
        } = &recorded.event
        else {
            continue;
        };
        // What it cost in all stands in the state, its earlier attempts and turns included.
        let Some(agent) = state.agent(*number) else { continue };
        let left_work = agent.work.as_ref().is_some_and(|work| work.files_changed > 0);
        if agent.options.cache == CacheUse::Never || left_work {
            continue;
        }
        let from = Borrowed { run: id.clone(), agent: *number, saved: agent.usage };
        let (model_asked, model_served) = (model_asked.clone(), model_served.clone());
        offers.push((agent.key.clone(), Offer { answer: answer.clone(), from, model_asked, model_served }));
    }
    offers
}

/// Whether this may change files of the working folder; an agent in a worktree changes none.
pub(crate) fn touches(event: &Event, state: &State) -> bool {
    let works_here = |agent: &AgentNumber| {
        let isolated = state.agent(*agent).is_some_and(|agent| agent.options.worktree);
        !isolated && state.surroundings.sandbox.as_deref() != Some("read-only")
    };
    match event {
        Event::AgentTurn {
            agent, turn: TurnRecord::ToolStarted { .. } | TurnRecord::Acted { .. }, ..
        } => works_here(agent),
        Event::AgentProcessStarted { agent, .. } => works_here(agent),
        Event::StepStarted { step, .. } => match step {
            HostStep::Exec { .. } | HostStep::WriteFile { .. } | HostStep::Land { .. } => true,
            HostStep::ReadFile { .. } | HostStep::Glob { .. } | HostStep::ChangedFiles { .. } => false,
        },
        _ => false,
    }
}
