//! One picture of a running run, as lines for a terminal: pure, so that every width can be tested.

use super::caps;
use super::palette::Palette;
use super::sanitise;
use super::summary::loose_sandbox;
use super::words;
use baya_core::agent::{Progress, Wait};
use baya_core::approval::Patience;
use baya_core::event::Event;
use baya_core::view::{
    AgentCounts, AgentState, AgentView, GroupKind, GroupView, RunState, RunView, WorkView,
};
use baya_core::work::Changes;
use std::collections::BTreeMap;

/// The room there is, and when it is.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    pub columns: usize,
    pub rows: usize,
    pub now_ms: i64,
    pub palette: Palette,
}

/// Questions shown with the command that answers them.
const QUESTIONS_SHOWN: usize = 3;
/// Running agents shown by name.
const AGENTS_SHOWN: usize = 4;

/// The lines, each at most `columns` wide, at most `rows` of them.
pub fn draw(view: &RunView, canvas: Canvas) -> Vec<String> {
    let canvas = Canvas { columns: canvas.columns.max(20), ..canvas };
    let footer = footer(view, canvas);
    let mut lines = header(view, canvas);
    let log = log_line(view, canvas);
    let questions = question_lines(view, canvas);
    let room = canvas.rows.saturating_sub(lines.len() + footer.len() + log.len() + questions.len());
    let groups = group_lines(view, canvas, room);
    let agents = agent_lines(view, canvas, room.saturating_sub(groups.len()));
    lines.extend(groups);
    lines.extend(agents);
    lines.extend(questions);
    lines.extend(log);
    lines.extend(footer);
    lines.truncate(canvas.rows.max(1));
    lines
}

/// Parts joined by ` · `, as many per line as fit.
fn header(view: &RunView, canvas: Canvas) -> Vec<String> {
    let elapsed = view.at_work.ms(canvas.now_ms);
    let counts = view.counts();
    let mut parts = vec![sanitise::line(&view.name), words::duration(elapsed)];
    parts.push(format!("{}/{}", counts.ended(), words::plural(counts.total().into(), "agent", "agents")));
    parts.push(words::tokens(&view.usage));
    parts.extend(caps::spent(view));
    parts.extend(work_words(view));
    parts.extend(state_words(view, canvas.now_ms));
    if let Some(run) = &view.run {
        parts.push(run.to_string());
    }
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = words::fit(&part, canvas.columns);
        match lines.last_mut() {
            Some(line) if words::width(line) + 3 + words::width(&part) <= canvas.columns => {
                line.push_str(" · ");
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    lines.iter_mut().take(1).for_each(|line| *line = canvas.palette.bold(line));
    if view.simulated {
        let text = words::fit("simulated: no model is asked", canvas.columns);
        lines.push(canvas.palette.warn(&text));
    }
    if let Some(text) = loose_sandbox(view) {
        lines.push(canvas.palette.warn(&words::fit(&text, canvas.columns)));
    }
    lines
}

/// `5 files +20 -3`: what agents that have ended changed in their worktrees.
fn work_words(view: &RunView) -> Option<String> {
    let works = view.present_agents().filter_map(|agent| agent.work.as_ref());
    let add = |sum: (u64, u64, u64), work: &WorkView| {
        (sum.0 + work.files_changed, sum.1 + work.lines_added, sum.2 + work.lines_removed)
    };
    let (files, added, removed) = works.fold((0, 0, 0), add);
    (files > 0).then(|| words::change(files, added, removed))
}

fn state_words(view: &RunView, now_ms: i64) -> Option<String> {
    match &view.state {
        RunState::Unknown | RunState::Running | RunState::Ended { .. } => None,
        RunState::Paused { .. } => Some("paused".to_owned()),
        RunState::Stopping { .. } => Some("stopping".to_owned()),
        RunState::Parked { wakes_at_ms: None, .. } => Some("parked".to_owned()),
        RunState::Parked { wakes_at_ms: Some(at_ms), .. } => {
            Some(format!("parked {}, wakes by itself", words::until(*at_ms, now_ms)))
        }
        RunState::Interrupted { .. } => Some("interrupted".to_owned()),
    }
}

/// One line per group; where there is no room for all, those that are neither over nor to come.
fn group_lines(view: &RunView, canvas: Canvas, room: usize) -> Vec<String> {
    let groups = view.groups_with_counts();
    let title_width = groups.iter().map(|(group, _)| words::width(&title_of(group))).max().unwrap_or(0);
    let title_width = title_width.min(canvas.columns / 2);
    let draw =
        |(group, counts): &(&GroupView, AgentCounts)| group_line(view, group, *counts, title_width, canvas);
    if groups.len() <= room {
        return groups.iter().map(draw).collect();
    }
    let active: Vec<_> = groups.iter().filter(|(_, counts)| counts.total() > counts.ended()).collect();
    let shown = active.len().min(room.saturating_sub(1));
    let mut lines: Vec<String> = active.iter().take(shown).map(|group| draw(group)).collect();
    if room > 0 {
        let text = format!("  … {} more phases", groups.len() - shown);
        lines.push(canvas.palette.dim(&words::fit(&text, canvas.columns)));
    }
    lines
}

fn title_of(group: &GroupView) -> String {
    sanitise::line(group.title.as_deref().unwrap_or("(no phase)"))
}

fn group_line(
    view: &RunView,
    group: &GroupView,
    counts: AgentCounts,
    title_width: usize,
    canvas: Canvas,
) -> String {
    let palette = canvas.palette;
    let is_present = view.phase.is_some() && view.phase == group.title;
    let over = counts.total() == counts.ended() && !is_present;
    let mark = match (group.entered, over) {
        (false, _) => palette.dim("·"),
        (true, true) if counts.failed > 0 || group.error.is_some() => palette.bad("✗"),
        (true, true) if counts.total() > 0 || group.kind == GroupKind::Child && group.ended => {
            palette.good("✓")
        }
        (true, _) => "●".to_owned(),
    };
    let title = words::fit(&title_of(group), title_width);
    let padding = " ".repeat(title_width - words::width(&title));
    let text = words::fit(&count_words(counts), canvas.columns.saturating_sub(title_width + 6));
    let text = if counts.failed > 0 { palette.bad(&text) } else { text };
    format!("  {mark} {title}{padding}  {text}").trim_end().to_owned()
}

/// `3/8 done, 1 failed, 2 running, 2 reused`
pub fn count_words(counts: AgentCounts) -> String {
    if counts.total() == 0 {
        return String::new();
    }
    let mut text = format!("{}/{} done", counts.answered, counts.total());
    let others = [(counts.failed, "failed"), (counts.running, "running"), (counts.reused, "reused")];
    for (count, name) in others.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {name}"));
    }
    text
}

fn agent_lines(view: &RunView, canvas: Canvas, room: usize) -> Vec<String> {
    let running: Vec<_> = view.agents.values().filter(|agent| agent.state == AgentState::Running).collect();
    let most = AGENTS_SHOWN.min(room);
    let shown = if running.len() > most { most.saturating_sub(1) } else { running.len() };
    let mut lines: Vec<String> = running.iter().take(shown).map(|agent| agent_line(agent, canvas)).collect();
    if running.len() > shown && room > 0 {
        let more =
            format!("    … {} more running{}", running.len() - shown, waiting_words(&running[shown..]));
        lines.push(canvas.palette.dim(&words::fit(&more, canvas.columns)));
    }
    lines
}

/// `, 44 of them wait: anthropic takes 20 at once`, if any do; the wait of the most stands for all.
fn waiting_words(agents: &[&AgentView]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for agent in agents {
        if let Some(Progress::Waiting { wait }) = &agent.progress {
            *counts.entry(wait_words(wait)).or_default() += 1;
        }
    }
    let waiting: usize = counts.values().sum();
    let most = counts.iter().max_by_key(|(_, count)| **count);
    let what = |words: &str| words.strip_prefix("waits").unwrap_or(words).to_owned();
    most.map_or_else(String::new, |(words, _)| format!(", {waiting} of them wait{}", what(words)))
}

fn agent_line(agent: &AgentView, canvas: Canvas) -> String {
    let time = words::duration(elapsed_ms(agent.started_ms, canvas.now_ms));
    let mut text = format!("{} {}", agent.agent, sanitise::line(&agent.label));
    if let Some(doing) = agent.progress.as_ref().and_then(progress_words) {
        text = format!("{text} ({doing})");
    }
    if let Some(changes) = agent.changes.filter(|changes| changes.files_changed > 0) {
        text = format!("{text}, {}", changes_words(changes));
    }
    let room = canvas.columns.saturating_sub(4 + 2 + words::width(&time));
    let text = words::fit(&text, room);
    let padding = " ".repeat(room - words::width(&text));
    format!("    {text}{padding}  {}", canvas.palette.dim(&time))
}

/// Whether the person is called for it.
pub fn rings(event: &Event) -> bool {
    matches!(event, Event::ApprovalAsked { request, .. } if request.patience != Patience::Nobody)
}

/// What waits for the person's answer, and how to give it.
fn question_lines(view: &RunView, canvas: Canvas) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, question) in view.questions.iter().take(QUESTIONS_SHOWN) {
        let action = sanitise::line(&question.request.action);
        let text = format!("  ? {} asks: {action}", question.agent);
        lines.push(canvas.palette.warn(&words::fit(&text, canvas.columns)));
        let command = format!("    answer: {}", view.answer_command(*id));
        lines.push(words::fit(&command, canvas.columns));
    }
    let more = view.questions.len().saturating_sub(QUESTIONS_SHOWN);
    if let (1.., Some(run)) = (more, &view.run) {
        lines.push(words::fit(&format!("    … {more} more: baya answer {run}"), canvas.columns));
    }
    lines
}

/// What a running agent does, if there is something to say.
pub fn progress_words(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Asked => None,
        Progress::Streaming { output_bytes } => Some(format!("{} bytes", words::count(*output_bytes))),
        Progress::Using { tool } => Some(sanitise::line(tool)),
        Progress::Waiting { wait } => Some(wait_words(wait)),
        Progress::Retrying { why, wait_ms } => {
            Some(format!("tries again in {}: {}", words::duration(*wait_ms), sanitise::line(why)))
        }
        Progress::Reasking { why, tries } => {
            Some(format!("asked again, try {}: {}", tries + 1, sanitise::line(why)))
        }
        Progress::Changed { .. } => None,
    }
}

/// `2 files +5 -1 so far`
pub fn changes_words(changes: Changes) -> String {
    let size = words::change(changes.files_changed, changes.lines_added, changes.lines_removed);
    format!("{size} so far")
}

/// What an agent waits for.
fn wait_words(wait: &Wait) -> String {
    match wait {
        Wait::Provider { provider, at_once } => {
            format!("waits: {} takes {at_once} at once", sanitise::line(provider))
        }
        Wait::Pause { provider, until_ms } => {
            let provider = sanitise::line(provider);
            format!("waits until {}: {provider} takes no more for now", words::time_of_day(*until_ms))
        }
        Wait::Prefix { first } => format!("waits for the cache that {first} fills"),
        Wait::Slot { command } => format!("waits for a slot: {}", sanitise::line(command)),
        Wait::Memory { free_bytes } => format!("waits for memory: {} MB free", free_bytes / 1_000_000),
        Wait::Approval { id, question } => {
            format!("waits for your answer {}: {}", sanitise::line(id), sanitise::line(question))
        }
        Wait::Budget { cap } => format!("waits: others hold what is left of {}", sanitise::line(cap)),
        Wait::Start { program } => format!("starts {}", sanitise::line(program)),
    }
}

fn log_line(view: &RunView, canvas: Canvas) -> Vec<String> {
    let Some(last) = view.log.back() else { return Vec::new() };
    let text = words::fit(&format!("  log: {}", sanitise::line(&last.text)), canvas.columns);
    vec![canvas.palette.dim(&text)]
}

fn footer(view: &RunView, canvas: Canvas) -> Vec<String> {
    let Some(run) = &view.run else { return Vec::new() };
    let whole = format!("ctrl-c stops and keeps everything; resume with: baya resume {run}");
    let lines = if words::width(&whole) <= canvas.columns {
        vec![whole]
    } else if canvas.columns >= 36 {
        vec!["ctrl-c stops and keeps everything;".to_owned(), format!("then: baya resume {run}")]
    } else {
        words::wrap(&whole, canvas.columns)
    };
    lines.iter().map(|line| canvas.palette.dim(&words::fit(line, canvas.columns))).collect()
}

fn elapsed_ms(since: Option<i64>, now_ms: i64) -> u64 {
    since.map_or(0, |since| u64::try_from(now_ms - since).unwrap_or(0))
}
