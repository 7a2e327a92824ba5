//! A run at a glance, kept beside its last event so that a list of runs reads one row of each.
//!
//! A small fold of its own, not the run: it counts, and decides nothing.

use baya_core::agent::{Cause, Usage};
use baya_core::event::{Event, Outcome, Recorded, RunStatus, ScriptRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the last events say of a run. Whether somebody drives it is in the lease.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// `meta.name`; empty before the first event.
    pub name: String,
    /// The script's file.
    pub script: String,
    /// The working folder.
    pub folder: String,
    pub state: RunState,
    /// When it was last parked: the time at which it goes on by itself, if its process is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wakes_at_ms: Option<i64>,
    pub started_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    pub generation: u32,
    /// Asked for in this generation, by the script.
    pub agents: u32,
    pub running: u32,
    /// With an answer, reused ones too.
    pub answered: u32,
    pub failed: u32,
    /// Of the run's whole life.
    pub usage: Usage,
    #[serde(skip)]
    at_work: BTreeSet<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Made, but nothing has happened yet.
    #[default]
    New,
    /// Goes on when somebody drives it.
    Open,
    Paused,
    Parked(Cause),
    Interrupted,
    Ended(RunStatus),
}

impl Summary {
    /// Of a run in which nothing has happened yet.
    pub fn new(created_ms: i64) -> Summary {
        Summary { started_ms: created_ms, ..Summary::default() }
    }

    pub fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunStarted { script, surroundings, .. } => {
                self.name = script.name.clone();
                self.script = script.path.clone();
                self.folder = surroundings.folder.clone();
                self.started_ms = recorded.at_ms;
                self.state = RunState::Open;
            }
            Event::RunResumed { generation, script, .. } => {
                self.begin_generation(*generation, script.as_ref());
            }
            Event::DriverStarted { .. } => self.reopen(),
            Event::RunParked { cause, wakes_at_ms } => {
                (self.state, self.wakes_at_ms) = (RunState::Parked(cause.clone()), *wakes_at_ms);
            }
            Event::RunPaused { .. } => self.state = RunState::Paused,
            Event::RunContinued { .. } => self.state = RunState::Open,
            Event::RunInterrupted { .. } => {
                self.nobody_works();
                self.state = RunState::Interrupted;
            }
            Event::RunEnded { status, .. } => {
                self.nobody_works();
                self.ended_ms = Some(recorded.at_ms);
                self.state = RunState::Ended(*status);
            }
            Event::AgentQueued { .. } => self.agents += 1,
            Event::AgentReused { .. } => {
                self.agents += 1;
                self.answered += 1;
            }
            Event::AgentStarted { agent, .. } => {
                self.at_work.insert(agent.0);
                self.running = self.at_work.len() as u32;
            }
            Event::AgentTurn { turn, .. } => self.usage.add(&turn.usage()),
            Event::AttemptEnded { agent, usage, .. } => self.leave_work(agent.0, usage),
            Event::AgentFinished { agent, usage, outcome, .. } => {
                self.leave_work(agent.0, usage);
                let is_answer = matches!(outcome, Outcome::Answered(_));
                *(if is_answer { &mut self.answered } else { &mut self.failed }) += 1;
            }
            Event::AgentShared { .. }
            | Event::LimitsChanged { .. }
            | Event::StopRequested { .. }
            | Event::PhaseEntered { .. }
            | Event::Logged { .. }
            | Event::TimerSet { .. }
            | Event::StepStarted { .. }
            | Event::StepReused { .. }
            | Event::StepEnded { .. }
            | Event::Landing { .. }
            | Event::TimerCleared { .. }
            | Event::ChildRequested { .. }
            | Event::ChildStarted { .. }
            | Event::ChildEnded { .. }
            | Event::CallRefused { .. }
            | Event::AgentSkipRequested { .. }
            | Event::AgentProcessStarted { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::Delivered { .. } => {}
        }
    }

    fn begin_generation(&mut self, generation: u32, script: Option<&ScriptRecord>) {
        self.generation = generation;
        (self.agents, self.answered, self.failed) = (0, 0, 0);
        self.reopen();
        if let Some(script) = script {
            self.name = script.name.clone();
            self.script = script.path.clone();
        }
    }

    fn reopen(&mut self) {
        self.nobody_works();
        self.ended_ms = None;
        self.state = RunState::Open;
    }

    fn nobody_works(&mut self) {
        self.at_work.clear();
        self.running = 0;
    }

    fn leave_work(&mut self, agent: u32, usage: &Usage) {
        self.at_work.remove(&agent);
        self.running = self.at_work.len() as u32;
        self.usage.add(usage);
    }
}
