//! `baya show --flow`: who used whose words, a line for each road.

use super::palette::Palette;
use super::{sanitise, words};
use baya_core::ids::AgentNumber;
use baya_core::view::{Flow, FlowAgent, Use};

/// Agents listed; `--json` has all.
const AGENTS_SHOWN: usize = 200;
/// Roads to one agent.
const USES_SHOWN: usize = 12;
const LABEL_CHARS_MAX: usize = 60;

pub fn lines(flow: &Flow, palette: Palette) -> Vec<String> {
    let takes_part =
        |agent: &&FlowAgent| !agent.uses.is_empty() || agent.quarantine || flow.is_used(agent.agent);
    let shown: Vec<&FlowAgent> = flow.agents.iter().filter(takes_part).collect();
    let mut lines = Vec::new();
    for agent in shown.iter().take(AGENTS_SHOWN) {
        lines.push(agent_line(agent, palette));
        lines.extend(use_lines(&agent.uses, flow, palette));
    }
    if shown.len() > AGENTS_SHOWN {
        lines.push(format!("… {} more", shown.len() - AGENTS_SHOWN));
    }
    if !flow.result.is_empty() {
        lines.push("result".to_owned());
        lines.extend(use_lines(&flow.result, flow, palette));
    }
    let others = flow.agents.len() - shown.len();
    if others > 0 {
        let agents = words::plural(others as u64, "agent", "agents");
        lines.push(format!("{agents} used no words of another and were used by none"));
    }
    if flow.is_cut {
        lines.push("the answers are long: the last ones are not compared".to_owned());
    }
    lines
}

fn agent_line(agent: &FlowAgent, palette: Palette) -> String {
    let name = sanitise::line(&name(agent.agent, &agent.label));
    let state = match (agent.quarantine, agent.uses.iter().any(|it| it.marked), agent.reached) {
        (true, _, _) => "in quarantine: its words are marked",
        (false, true, _) if agent.fenced => "was given marked words, fenced as data",
        (false, true, _) => "was given marked words",
        (false, false, true) => "reached by marked words, through others",
        (false, false, false) => return name,
    };
    format!("{name}  {}", palette.warn(state))
}

fn use_lines(uses: &[Use], flow: &Flow, palette: Palette) -> Vec<String> {
    let line = |it: &Use| {
        let label = flow.agents.iter().find(|agent| agent.agent == it.from).map(|agent| agent.label.as_str());
        let who = sanitise::line(&name(it.from, label.unwrap_or_default()));
        let count = words::plural(it.characters as u64, "character", "characters");
        match it.marked {
            true => palette.warn(&format!("  ← {who}: {count}, marked")),
            false => format!("  ← {who}: {count}"),
        }
    };
    let mut lines: Vec<String> = uses.iter().take(USES_SHOWN).map(line).collect();
    if uses.len() > USES_SHOWN {
        lines.push(format!("  ← … {} more", uses.len() - USES_SHOWN));
    }
    lines
}

fn name(agent: AgentNumber, label: &str) -> String {
    let label: String = label.chars().take(LABEL_CHARS_MAX).collect();
    format!("{agent} {label}").trim_end().to_owned()
}
