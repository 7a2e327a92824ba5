//! `baya work`: a line per agent that worked in a worktree, and the commands to look at what it did.

use super::palette::Palette;
use super::{land, sanitise, words};
use baya_core::ids::RunId;
use baya_core::landing::Fate;
use baya_core::view::{AgentState, AgentView, RunView};
use baya_engine::worktree::Record;
use serde_json::{Value, json};

/// The work of one agent.
pub struct Row {
    pub agent: AgentView,
    /// What became of it; absent: it was never landed.
    pub fate: Option<Fate>,
    /// Its worktree, if it is still there.
    pub stands: Option<Record>,
}

impl Row {
    /// In a word or two.
    fn state(&self) -> String {
        match (&self.agent.work, self.agent.state, &self.fate) {
            (_, _, Some(fate)) => fate.words(),
            (_, AgentState::Running, None) => "at work".to_owned(),
            (Some(work), _, None) if work.is_empty() => "nothing changed".to_owned(),
            (Some(_), AgentState::Answered, None) => match self.agent.errand {
                Some(errand) => format!("not taken for {}", errand.piece),
                None => "not landed".to_owned(),
            },
            (Some(_), AgentState::Failed | AgentState::Queued, None) => {
                "kept; the agent gave no answer".to_owned()
            }
            (None, AgentState::Answered | AgentState::Failed | AgentState::Queued, None) => {
                "not kept yet".to_owned()
            }
        }
    }

    pub fn to_json(&self) -> Value {
        json!({"type": "work", "agent": self.agent.agent, "label": self.agent.label,
            "agent_state": self.agent.state, "state": self.fate.as_ref().map(Fate::word),
            "words": self.state(), "fate": self.fate, "work": self.agent.work,
            "worktree": self.stands.as_ref().map(|record| &record.folder)})
    }

    fn lines(&self, palette: Palette) -> Vec<String> {
        let state = self.state();
        let line = land::line(self.agent.agent, &self.agent.label, self.agent.work.as_ref(), &state);
        let line = match &self.fate {
            Some(Fate::Landed { .. }) => palette.good(&line),
            Some(Fate::Conflict { .. } | Fate::CheckFailed { .. } | Fate::Rejected { .. }) => {
                palette.bad(&line)
            }
            Some(Fate::Skipped { .. }) | None => line,
        };
        let mut lines = vec![line];
        if let Some(work) = self.agent.work.as_ref().filter(|work| !work.is_empty()) {
            lines.push(sanitise::line(&format!("      branch: {}", work.branch)));
            lines.push(format!("      look:   git diff {} {}", short(&work.base), short(&work.head)));
        }
        if let Some(Fate::CheckFailed { log: Some(log), .. }) = &self.fate {
            lines.push(sanitise::line(&format!("      log:    {log}")));
        }
        lines.extend(
            self.stands
                .iter()
                .map(|record| sanitise::line(&format!("      stands: {}", record.folder.display()))),
        );
        lines
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The table, and what can be done with it.
pub fn lines(run: &RunId, view: &RunView, rows: &[Row], palette: Palette) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().flat_map(|row| row.lines(palette)).collect();
    let is_open = |row: &&Row| {
        let has_work = row.agent.work.as_ref().is_some_and(|work| !work.is_empty());
        has_work && row.agent.errand.is_none() && !matches!(row.fate, Some(Fate::Landed { .. }))
    };
    if rows.is_empty() {
        return lines;
    }
    lines.push(String::new());
    lines.extend(
        view.landed_on.iter().map(|branch| format!("landed: git log --stat {}", words::branch(branch))),
    );
    if rows.iter().any(|row| is_open(&row)) {
        lines.push(format!("land:   baya land {run}"));
    }
    lines.push(format!("patch:  baya show {run} AGENT --diff"));
    lines
}
