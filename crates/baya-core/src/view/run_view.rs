//! The overview of a run.

use super::agent_view::{AgentCounts, AgentState, AgentView};
use super::ledger::Ledger;
use super::work_view::StepView;
use crate::agent::{Cause, Progress, Usage, UsageSource};
use crate::approval::ApprovalRequest;
use crate::at_work::AtWork;
use crate::call::{LogLevel, ScriptError};
use crate::event::{Failures, Recorded, RunStatus};
use crate::ids::{AgentNumber, ApprovalId, FrameId, RunId};
use crate::landing::Fate;
use crate::limits::Limits;
use crate::step::StepNumber;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// A run as its events tell it. Of earlier generations the agents stay, with their numbers; the
/// counts are of the present one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunView {
    pub run: Option<RunId>,
    /// `meta.name`.
    pub name: String,
    pub description: String,
    /// Where the script was read from.
    pub path: String,
    pub state: RunState,
    /// From 1; each resume of an ended or edited run adds one.
    pub generation: u32,
    pub started_ms: Option<i64>,
    /// When it ended or was let go.
    pub ended_ms: Option<i64>,
    /// Of the last event.
    pub last_ms: i64,
    #[serde(skip)]
    pub at_work: AtWork,
    pub events: u64,
    /// The process that drives it, or drove it last.
    pub pid: Option<u32>,
    pub folder: String,
    pub backend: String,
    /// The default backend asks no model.
    pub simulated: bool,
    /// The model of agents that name none, if the user said one.
    pub model: Option<String>,
    /// The rules of simulated agents.
    pub rules: Option<String>,
    /// The commit at which worktrees start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What the tools of agents may do.
    pub sandbox: Option<String>,
    pub limits: Limits,
    pub groups: Vec<GroupView>,
    /// The phase the main script is in.
    pub phase: Option<String>,
    pub agents: BTreeMap<AgentNumber, AgentView>,
    /// What waits for a person's answer.
    pub questions: BTreeMap<ApprovalId, Question>,
    /// Actions that were denied although no person said so.
    pub denied: Denied,
    /// Host steps of the script.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepNumber, StepView>,
    /// What became of each piece of work, by its agent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fates: BTreeMap<AgentNumber, Fate>,
    /// The branch that work was landed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landed_on: Option<String>,
    /// Tokens of all attempts of all generations.
    pub usage: Usage,
    /// The part of it that requests could use that were out when their driver died or their run ended:
    /// it may have been billed, nobody said.
    #[serde(skip_serializing_if = "is_nothing")]
    pub may_be_billed: Usage,
    pub log: VecDeque<LogLine>,
    /// Log lines in all; a view keeps the last [`crate::limits::LOG_LINES_IN_VIEW`].
    pub log_lines: u64,
    /// What the engine itself has warned of.
    pub warnings: VecDeque<String>,
    pub result: Option<Value>,
    pub error: Option<ScriptError>,
    /// As the run itself counted them at its end.
    pub failures_at_end: Option<Failures>,
    /// What it cost, line by line.
    #[serde(skip)]
    pub ledger: Ledger,
    #[serde(skip)]
    pub(super) child_groups: BTreeMap<FrameId, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// No event yet.
    #[default]
    Unknown,
    Running,
    Paused {
        by: String,
    },
    Stopping {
        by: String,
    },
    /// Nothing can go on before a person acts or this time comes.
    Parked {
        cause: Cause,
        #[serde(skip_serializing_if = "Option::is_none")]
        wakes_at_ms: Option<i64>,
    },
    /// Let go by its process; open, resumable.
    Interrupted {
        by: String,
    },
    Ended {
        status: RunStatus,
    },
}

/// A phase or a child workflow, in the order of its first mention; phases of `meta` come first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupView {
    /// `None`: agents that were started outside any phase.
    pub title: Option<String>,
    pub detail: Option<String>,
    pub kind: GroupKind,
    /// The script has entered it, or an agent stands in it.
    pub entered: bool,
    /// The child has ended.
    pub ended: bool,
    /// Why the child ended, if it threw.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    Phase,
    Child,
}

/// A question of an agent that waits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    pub agent: AgentNumber,
    pub asked_ms: i64,
    pub request: ApprovalRequest,
}

/// Questions of the run that no person answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// Nobody was there to answer.
    pub unattended: u32,
    /// Nobody answered in time.
    pub too_late: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    pub at_ms: i64,
    pub level: LogLevel,
    /// Said by the engine, not by the script.
    pub ours: bool,
    pub text: String,
}

impl RunView {
    /// The view of a whole journal.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> RunView {
        let mut view = RunView::default();
        for recorded in events {
            view.apply(recorded);
        }
        view
    }

    /// What an agent says of itself while it works.
    pub fn note_progress(&mut self, agent: AgentNumber, attempt: u32, progress: Progress) {
        if let Some(agent) = self.agents.get_mut(&agent)
            && agent.state == AgentState::Running
            && agent.attempts == attempt
        {
            match progress {
                Progress::Changed { changes } => agent.changes = Some(changes),
                progress => agent.progress = Some(progress),
            }
        }
    }

    /// The command that answers a question of this run.
    pub fn answer_command(&self, id: ApprovalId) -> String {
        let run = self.run.as_ref().map_or("RUN", RunId::as_str);
        format!("baya answer {run} {id} allow|deny|always")
    }

    /// Agents that the present generation has asked for.
    pub fn present_agents(&self) -> impl Iterator<Item = &AgentView> {
        self.agents.values().filter(|agent| agent.generation == self.generation)
    }

    /// All agents of the present generation.
    pub fn counts(&self) -> AgentCounts {
        let mut counts = AgentCounts::default();
        self.present_agents().for_each(|agent| counts.add(agent));
        counts
    }

    /// The groups in their order with their counts.
    pub fn groups_with_counts(&self) -> Vec<(&GroupView, AgentCounts)> {
        let mut by_title: BTreeMap<Option<&str>, AgentCounts> = BTreeMap::new();
        for agent in self.present_agents() {
            by_title.entry(agent.phase.as_deref()).or_default().add(agent);
        }
        let counts = |group: &GroupView| by_title.get(&group.title.as_deref()).copied().unwrap_or_default();
        self.groups.iter().map(|group| (group, counts(group))).collect()
    }

    /// Agents that gave nothing: as counted at the end, else as counted so far.
    pub fn failures(&self) -> Failures {
        self.failures_at_end.clone().unwrap_or_else(|| self.failures_so_far())
    }

    fn failures_so_far(&self) -> Failures {
        let mut causes: BTreeMap<&'static str, u32> = BTreeMap::new();
        for cause in
            self.present_agents().filter(|a| a.state == AgentState::Failed).filter_map(|a| a.cause.as_ref())
        {
            *causes.entry(cause.kind.words()).or_default() += 1;
        }
        let mut causes: Vec<_> = causes.into_iter().map(|(words, count)| (words.to_owned(), count)).collect();
        causes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let counts = self.counts();
        Failures { agents: counts.total(), failed: counts.failed, causes, phases_lost: Vec::new() }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Ended { .. })
    }

    /// No model was asked: simulated agents worked, and nobody else did.
    pub fn asked_no_model(&self) -> bool {
        let real = |agent: &AgentView| match agent.usage.source {
            UsageSource::None | UsageSource::Simulated => false,
            UsageSource::Gateway | UsageSource::Reported | UsageSource::Estimated => true,
        };
        self.simulated && !self.agents.values().any(real)
    }
}

fn is_nothing(usage: &Usage) -> bool {
    *usage == Usage::default()
}
