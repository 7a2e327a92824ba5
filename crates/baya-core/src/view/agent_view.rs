//! What is shown of one agent: a line in the overview ([`AgentView`]), or all there is to know
//! ([`AgentStory`]).

use super::work_view::WorkView;
use crate::agent::{AgentOptions, Answer, AttemptEnd, Cause, Progress, Usage};
use crate::call::Site;
use crate::errand::ErrandOf;
use crate::event::{Event, Outcome, Recorded};
use crate::ids::AgentNumber;
use crate::reuse::Borrowed;
use crate::taint::Tainted;
use crate::turn::TurnRecord;
use crate::work::Changes;
use crate::work::Work;
use serde::Serialize;

/// One agent, without its prompt and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentView {
    pub agent: AgentNumber,
    pub label: String,
    /// The group it stands in.
    pub phase: Option<String>,
    pub state: AgentState,
    /// The generation that last asked for it.
    pub generation: u32,
    /// Its result was taken over by a later generation of the script.
    pub reused: bool,
    /// Further calls that wait for it, or were given its result.
    #[serde(skip_serializing_if = "is_zero")]
    pub shared_by: u32,
    /// Its answer is that of an earlier run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borrowed: Option<Box<Borrowed>>,
    pub attempts: u32,
    pub started_ms: Option<i64>,
    pub duration_ms: Option<u64>,
    /// It works in quarantine: what it returns is marked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quarantine: bool,
    /// Agents in quarantine whose words it was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tainted_by: Vec<AgentNumber>,
    /// Of all attempts.
    pub usage: Usage,
    /// What its requests that are out can use, where caps are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holding: Option<Usage>,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
    /// Why it gave nothing, or why its last attempt failed.
    pub cause: Option<Cause>,
    /// What it is doing right now; never in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// How much it has changed so far, while it works; never in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// How much it changed in its worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkView>,
    /// A landing asked for it, not the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errand: Option<ErrandOf>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    Queued,
    Running,
    Answered,
    Failed,
}

impl AgentView {
    pub(super) fn new(agent: AgentNumber) -> AgentView {
        AgentView {
            agent,
            label: String::new(),
            phase: None,
            errand: None,
            state: AgentState::Queued,
            generation: 1,
            reused: false,
            shared_by: 0,
            borrowed: None,
            attempts: 0,
            started_ms: None,
            duration_ms: None,
            quarantine: false,
            tainted_by: Vec::new(),
            usage: Usage::default(),
            holding: None,
            model_asked: None,
            model_served: None,
            cause: None,
            progress: None,
            changes: None,
            work: None,
        }
    }

    /// Another model answered than was asked for (C28).
    pub fn was_served_by_another(&self) -> bool {
        match (&self.model_asked, &self.model_served) {
            (Some(asked), Some(served)) => !is_same_model(asked, served),
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }
}

/// The same id, or the same with a date: `claude-x` and `claude-x-20260101`.
fn is_same_model(asked: &str, served: &str) -> bool {
    let rest = served.strip_prefix(asked);
    rest.is_some_and(|rest| {
        let date = rest.strip_prefix(['-', '@']).unwrap_or(rest);
        rest.is_empty() || (date.len() >= 8 && date.chars().all(|char| char.is_ascii_digit() || char == '-'))
    })
}

/// Agents by what they are doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AgentCounts {
    pub queued: u32,
    pub running: u32,
    pub answered: u32,
    pub failed: u32,
    /// Of the answered: taken over from an earlier generation.
    pub reused: u32,
}

impl AgentCounts {
    pub fn add(&mut self, agent: &AgentView) {
        match agent.state {
            AgentState::Queued => self.queued += 1,
            AgentState::Running => self.running += 1,
            AgentState::Answered => self.answered += 1,
            AgentState::Failed => self.failed += 1,
        }
        if agent.reused {
            self.reused += 1;
        }
    }

    pub fn total(&self) -> u32 {
        self.queued + self.running + self.answered + self.failed
    }

    pub fn ended(&self) -> u32 {
        self.answered + self.failed
    }
}

/// All that the journal knows of one agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentStory {
    pub agent: AgentNumber,
    pub label: String,
    pub phase: Option<String>,
    pub prompt: String,
    pub options: AgentOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tainted: Option<Tainted>,
    pub key: String,
    pub site: Option<Site>,
    /// The last attempt is the one that ended the agent, if it has ended.
    pub attempts: Vec<AttemptStory>,
    /// Generations that took its result over.
    pub reused_by: Vec<u32>,
    /// Its answer is that of an earlier run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borrowed: Option<Box<Borrowed>>,
    pub answer: Option<Answer>,
    /// Why there is no answer.
    pub cause: Option<Cause>,
    /// What it left in its worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Box<Work>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AttemptStory {
    pub attempt: u32,
    pub started_ms: Option<i64>,
    pub duration_ms: Option<u64>,
    /// `None`: at work, or lost with the process that drove it.
    pub end: Option<AttemptEnd>,
    pub usage: Usage,
    pub model_asked: Option<String>,
    pub model_served: Option<String>,
    pub requests: u32,
    pub rung: Option<String>,
    pub drafts: Vec<String>,
    pub notes: Vec<String>,
    /// The tools it called, and how each call ended.
    pub steps: Vec<String>,
    /// Where the calls of the last answer begin in `steps`.
    steps_of_answer: usize,
}

impl AttemptStory {
    fn step(&mut self, turn: &TurnRecord) {
        if let Some(cost) = turn.cost() {
            self.usage.add(&cost.usage);
            self.requests += cost.requests;
        }
        match turn {
            TurnRecord::Answered { calls, .. } => {
                self.steps_of_answer = self.steps.len();
                self.steps.extend(calls.iter().cloned());
            }
            TurnRecord::ToolStarted { .. } => {}
            TurnRecord::ToolEnded { call, text, is_error, .. } => {
                let end = if *is_error { "failed: " } else { "" };
                let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                let first: String = first.trim().chars().take(STEP_RESULT_CHARS).collect();
                if let Some(step) = self.steps.get_mut(self.steps_of_answer + *call as usize) {
                    step.push_str(&format!(" → {end}{first}"));
                }
            }
            TurnRecord::Folded { .. } => self.steps.push("old results of tools were folded".to_owned()),
            TurnRecord::SessionOpened { .. } | TurnRecord::Spent { .. } | TurnRecord::Holding { .. } => {}
            TurnRecord::Acted { line } => self.steps.push(line.clone()),
            TurnRecord::Summarised { .. } => self.steps.push("the conversation was summed up".to_owned()),
        }
    }
}

/// How much of a tool's result a step shows.
const STEP_RESULT_CHARS: usize = 80;

impl AgentStory {
    /// The story of this agent out of a run's events; `None`: it was never asked for.
    pub fn collect<'a>(
        events: impl IntoIterator<Item = &'a Recorded>,
        agent: AgentNumber,
    ) -> Option<AgentStory> {
        let mut story = None;
        let mut generation = 1;
        for recorded in events {
            if matches!(recorded.event, Event::RunResumed { .. }) {
                generation += 1;
            }
            match &mut story {
                None => story = AgentStory::begin(&recorded.event, agent),
                Some(story) => story.apply(recorded, generation),
            }
        }
        story
    }

    fn begin(event: &Event, wanted: AgentNumber) -> Option<AgentStory> {
        let Event::AgentQueued { agent, label, phase, prompt, options, tainted, key, site, .. } = event
        else {
            return None;
        };
        (*agent == wanted).then(|| AgentStory {
            agent: wanted,
            label: label.clone(),
            phase: phase.clone(),
            prompt: prompt.clone(),
            options: options.clone(),
            tainted: tainted.clone(),
            key: key.clone(),
            site: site.clone(),
            attempts: Vec::new(),
            reused_by: Vec::new(),
            borrowed: None,
            answer: None,
            cause: None,
            work: None,
        })
    }

    fn apply(&mut self, recorded: &Recorded, generation: u32) {
        match &recorded.event {
            Event::AgentReused { agent, .. } if *agent == self.agent => self.reused_by.push(generation),
            Event::AgentStarted { agent, attempt } if *agent == self.agent => {
                self.attempt(*attempt).started_ms = Some(recorded.at_ms);
            }
            Event::AgentTurn { agent, attempt, turn } if *agent == self.agent => {
                self.attempt(*attempt).step(turn);
            }
            Event::AttemptEnded {
                agent,
                attempt,
                end,
                usage,
                model_asked,
                model_served,
                requests,
                drafts,
            } if *agent == self.agent => {
                let told = self.attempt(*attempt);
                told.model_asked.clone_from(model_asked);
                told.model_served.clone_from(model_served);
                told.requests += requests;
                told.duration_ms = told.started_ms.map(|start| recorded.at_ms.abs_diff(start));
                told.end = Some(end.clone());
                told.usage.add(usage);
                told.drafts.clone_from(drafts);
            }
            Event::AgentFinished { agent, .. } if *agent == self.agent => self.finish(&recorded.event),
            _ => {}
        }
    }

    fn finish(&mut self, event: &Event) {
        let Event::AgentFinished {
            attempt,
            outcome,
            usage,
            model_asked,
            model_served,
            requests,
            rung,
            drafts,
            notes,
            duration_ms,
            work,
            borrowed,
            agent: _,
        } = event
        else {
            return;
        };
        let end = match outcome {
            Outcome::Answered(answer) => AttemptEnd::Answered(answer.clone()),
            Outcome::Failed(cause) => AttemptEnd::Failed(cause.clone()),
        };
        (self.answer, self.cause) = match outcome {
            Outcome::Answered(answer) => (Some(answer.clone()), None),
            Outcome::Failed(cause) => (None, Some(cause.clone())),
        };
        self.work.clone_from(work);
        self.borrowed.clone_from(borrowed);
        let told = self.attempt(*attempt);
        let mut all = told.usage;
        all.add(usage);
        *told = AttemptStory {
            attempt: *attempt,
            started_ms: told.started_ms,
            duration_ms: Some(*duration_ms),
            end: Some(end),
            usage: all,
            model_asked: model_asked.clone(),
            model_served: model_served.clone(),
            requests: told.requests + requests,
            rung: rung.clone(),
            drafts: drafts.clone(),
            notes: notes.clone(),
            steps: std::mem::take(&mut told.steps),
            steps_of_answer: told.steps_of_answer,
        };
    }

    fn attempt(&mut self, number: u32) -> &mut AttemptStory {
        let at = match self.attempts.iter().position(|told| told.attempt == number) {
            Some(at) => at,
            None => {
                self.attempts.push(AttemptStory { attempt: number, ..AttemptStory::default() });
                self.attempts.len() - 1
            }
        };
        &mut self.attempts[at]
    }
}
