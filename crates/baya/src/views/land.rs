//! How a landing ended: a table of its pieces, and what to do next.

use super::palette::Palette;
use super::{sanitise, words};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::landing::Fate;
use baya_core::view::{RunView, WorkView};
use baya_engine::landing::{Into, Landed};
use serde_json::{Value, json};

/// Of a label in a table.
const LABEL_COLUMNS: usize = 40;

/// All there is to tell.
pub struct End<'a> {
    pub run: &'a RunId,
    pub view: &'a RunView,
    pub landed: &'a Landed,
    /// What became of the branch of the user's that was named.
    pub brought: Option<&'a Into>,
    pub into: Option<&'a str>,
}

/// Whether every piece is on the branch.
pub fn is_whole(landed: &Landed) -> bool {
    let lies_open = |fate: &Fate| {
        matches!(fate, Fate::Conflict { .. } | Fate::CheckFailed { .. } | Fate::Rejected { .. })
    };
    landed.stopped.is_none() && !landed.fates.iter().any(|(_, fate)| lies_open(fate))
}

/// Whether any piece is on the branch.
pub fn has_landed(landed: &Landed) -> bool {
    count(landed) > 0
}

fn count(landed: &Landed) -> usize {
    landed.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Landed { .. })).count()
}

/// `#3  rename the type  2 files +5 -1  landed`
pub fn line(agent: AgentNumber, label: &str, work: Option<&WorkView>, what: &str) -> String {
    let label = words::fit(&sanitise::line(label), LABEL_COLUMNS);
    let size = work.map(size).unwrap_or_default();
    format!("{:<5} {label:<LABEL_COLUMNS$} {size:<22} {}", agent.to_string(), sanitise::line(what))
        .trim_end()
        .to_owned()
}

fn size(work: &WorkView) -> String {
    words::change(work.files_changed, work.lines_added, work.lines_removed)
}

/// The end of a landing that had no piece.
pub fn nothing(run: &RunId) -> Value {
    json!({"type": "landing_ended", "run": run, "branch": null, "tip": null, "pieces": [], "landed": 0,
        "checks": 0, "stopped": null, "into": null})
}

impl End<'_> {
    pub fn lines(&self, palette: Palette) -> Vec<String> {
        let landed = self.landed;
        let mut lines: Vec<String> =
            landed.fates.iter().flat_map(|(agent, fate)| self.piece(*agent, fate, palette)).collect();
        let (done, all) = (count(landed), landed.fates.len());
        let branch = words::branch(&landed.branch);
        lines.push(String::new());
        let checks = words::plural(landed.checks.into(), "check", "checks");
        lines.push(format!(
            "{done} of {} landed on {branch} ({checks} run)",
            words::plural(all as u64, "piece", "pieces")
        ));
        lines.extend(
            landed.stopped.iter().map(|why| palette.bad(&sanitise::line(&format!("stopped: {why}")))),
        );
        lines.extend(self.brought_line());
        lines.extend(self.next(branch));
        lines
    }

    fn piece(&self, agent: AgentNumber, fate: &Fate, palette: Palette) -> Vec<String> {
        let known = self.view.agents.get(&agent);
        let label = known.map_or("", |agent| agent.label.as_str());
        let line = line(agent, label, known.and_then(|agent| agent.work.as_ref()), &fate.words());
        let line = match fate {
            Fate::Landed { .. } => palette.good(&line),
            Fate::Conflict { .. } | Fate::CheckFailed { .. } | Fate::Rejected { .. } => palette.bad(&line),
            Fate::Skipped { .. } => palette.dim(&line),
        };
        let log = match fate {
            Fate::CheckFailed { log: Some(log), .. } => Some(sanitise::line(&format!("      log: {log}"))),
            Fate::CheckFailed { log: None, .. }
            | Fate::Landed { .. }
            | Fate::Conflict { .. }
            | Fate::Rejected { .. }
            | Fate::Skipped { .. } => None,
        };
        [line].into_iter().chain(log).collect()
    }

    fn brought_line(&self) -> Option<String> {
        let branch = self.into?;
        let short = |commit: &str| commit.chars().take(12).collect::<String>();
        let text = match self.brought? {
            Into::Forwarded { from, to } => {
                format!("{branch}: forward from {} to {}", short(from), short(to))
            }
            Into::Merged { from, to } => format!("{branch}: merged, from {} to {}", short(from), short(to)),
            Into::AlreadyThere => format!("{branch}: has it all already"),
        };
        Some(sanitise::line(&text))
    }

    fn next(&self, branch: &str) -> Vec<String> {
        let mut lines = Vec::new();
        if has_landed(self.landed) && self.brought.is_none() {
            lines.push(format!("look:   git log --stat {branch}"));
            lines.push(format!("take:   git merge {branch}"));
        }
        if !is_whole(self.landed) {
            lines.push(format!("left:   baya work {}   says where the rest is", self.run));
        }
        lines
    }

    pub fn to_json(&self) -> Value {
        let pieces = self.landed.fates.iter().map(|(agent, fate)| {
            let label = self.view.agents.get(agent).map(|agent| agent.label.as_str());
            let mut piece =
                json!({"agent": agent, "label": label, "fate": fate.word(), "words": fate.words()});
            match fate {
                Fate::Landed { commit, resolved_by } => {
                    piece["commit"] = json!(commit);
                    piece["resolved_by"] = json!(resolved_by);
                }
                Fate::Conflict { files, why } => {
                    piece["files"] = json!(files);
                    piece["why"] = json!(why);
                }
                Fate::Rejected { by, why } => {
                    piece["by"] = json!(by);
                    piece["why"] = json!(why);
                }
                Fate::CheckFailed { said, log } => {
                    piece["said"] = json!(said);
                    piece["log"] = json!(log);
                }
                Fate::Skipped { why } => piece["why"] = json!(why),
            }
            piece
        });
        let into = self.brought.map(|brought| match brought {
            Into::Forwarded { from, to } => {
                json!({"branch": self.into, "how": "forwarded", "from": from, "to": to})
            }
            Into::Merged { from, to } => {
                json!({"branch": self.into, "how": "merged", "from": from, "to": to})
            }
            Into::AlreadyThere => json!({"branch": self.into, "how": "already there"}),
        });
        json!({"type": "landing_ended", "run": self.run, "branch": words::branch(&self.landed.branch),
            "tip": self.landed.tip, "pieces": pieces.collect::<Vec<Value>>(), "landed": count(self.landed),
            "checks": self.landed.checks, "stopped": self.landed.stopped, "into": into})
    }
}
