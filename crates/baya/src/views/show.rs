//! `baya show`: a run, or one of its agents, in full.

use super::frame::count_words;
use super::lines::cause_words;
use super::palette::Palette;
use super::summary;
use super::{cost, sanitise, words};
use baya_core::agent::{Answer, AttemptEnd};
use baya_core::ids::AgentNumber;
use baya_core::taint::Tainted;
use baya_core::view::{AgentState, AgentStory, AgentView, AttemptStory, RunView};
use baya_core::work::FileWork;
use serde_json::Value;

/// Agents listed by default; `--json` has all.
const AGENTS_SHOWN: usize = 200;
const LOG_SHOWN: usize = 10;
const FILES_SHOWN: usize = 20;

/// The overview of a run.
pub fn run(view: &RunView, palette: Palette) -> Vec<String> {
    let run = view.run.as_ref().map_or_else(String::new, ToString::to_string);
    let mut lines = vec![palette.bold(&sanitise::line(&format!("{run} {}", view.name)))];
    lines.push(sanitise::line(&view.description));
    lines.push(sanitise::line(&format!("script:  {}", view.path)));
    lines.push(format!("started: {} UTC", words::moment(view.started_ms.unwrap_or_default())));
    lines.push(sanitise::line(&format!("backend: {}", view.backend)));
    lines.push(String::new());
    lines.extend(summary::draw(view, palette));
    lines.extend(groups(view));
    lines.extend(agents(view, palette));
    lines.extend(log(view));
    lines.extend(result(view));
    lines
}

fn groups(view: &RunView) -> Vec<String> {
    let mut lines = titled("phases", !view.groups.is_empty());
    for (group, counts) in view.groups_with_counts() {
        let title = group.title.as_deref().unwrap_or("(no phase)");
        let what = if group.entered { count_words(counts) } else { "not entered".to_owned() };
        let error = group.error.as_ref().map(|error| format!(", failed: {error}")).unwrap_or_default();
        lines.push(sanitise::line(&format!("  {title}: {what}{error}")));
    }
    lines
}

fn agents(view: &RunView, palette: Palette) -> Vec<String> {
    let mut lines = titled("agents", !view.agents.is_empty());
    // Whoever gave nothing to an earlier generation was asked again, or is not wanted any more.
    let is_told =
        |agent: &&AgentView| agent.generation == view.generation || agent.state == AgentState::Answered;
    let told: Vec<&AgentView> = view.agents.values().filter(is_told).collect();
    lines.extend(told.iter().take(AGENTS_SHOWN).map(|agent| agent_line(agent, view, palette)));
    if told.len() > AGENTS_SHOWN {
        lines.push(format!("  … {} more", told.len() - AGENTS_SHOWN));
    }
    let earlier = view.agents.len() - told.len();
    if earlier > 0 {
        lines.push(format!("  … {earlier} of earlier generations, which gave nothing"));
    }
    lines
}

fn agent_line(agent: &AgentView, view: &RunView, palette: Palette) -> String {
    let state = match agent.state {
        AgentState::Queued if view.is_over() => "never ended".to_owned(),
        AgentState::Queued => "queued".to_owned(),
        AgentState::Running => "running".to_owned(),
        AgentState::Answered => format!("done in {}", words::duration(agent.duration_ms.unwrap_or(0))),
        AgentState::Failed => {
            agent.cause.as_ref().map_or("failed".to_owned(), |c| format!("null: {}", cause_words(c)))
        }
    };
    let mut text = format!("  {} {}: {state}", agent.agent, agent.label);
    text.extend(work_words(agent));
    if agent.usage.priced + agent.usage.unpriced > 0 {
        text.push_str(&format!(", {}", cost::dollars(&agent.usage)));
    }
    if agent.attempts > 1 {
        text.push_str(&format!(", {} attempts", agent.attempts));
    }
    if agent.reused {
        text.push_str(", reused");
    }
    if agent.quarantine {
        text.push_str(", in quarantine");
    }
    if !agent.tainted_by.is_empty() {
        text.push_str(&format!(", was given words of {}", listed(&agent.tainted_by)));
    }
    if agent.generation < view.generation {
        text.push_str(&format!(", of generation {}", agent.generation));
    }
    if agent.was_served_by_another() {
        text.push_str(&format!(", {}", served_words(agent)));
    }
    let line = sanitise::line(&text);
    if agent.state == AgentState::Failed { palette.bad(&line) } else { line }
}

/// `, 2 files +5 -1`, if it changed anything in a worktree.
pub fn work_words(agent: &AgentView) -> Option<String> {
    let work = agent.work.as_ref().filter(|work| !work.is_empty())?;
    Some(format!(", {}", words::change(work.files_changed, work.lines_added, work.lines_removed)))
}

/// `#1, #2 and 3 others`
fn listed(agents: &[AgentNumber]) -> String {
    let shown: Vec<String> = agents.iter().take(2).map(ToString::to_string).collect();
    let others = agents.len() - shown.len();
    let more = if others > 0 { format!(" and {others} others") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Which model was asked for, and which answered.
pub fn served_words(agent: &AgentView) -> String {
    model_words(&agent.model_asked, &agent.model_served)
}

fn model_words(asked: &Option<String>, served: &Option<String>) -> String {
    match (asked, served) {
        (Some(asked), Some(served)) if asked != served => format!("asked for {asked}, served by {served}"),
        (_, Some(served)) => served.clone(),
        (Some(asked), None) => asked.clone(),
        (None, None) => "no model".to_owned(),
    }
}

fn log(view: &RunView) -> Vec<String> {
    let mut lines = titled("log", !view.log.is_empty());
    let hidden = view.log_lines.saturating_sub(LOG_SHOWN as u64);
    if hidden > 0 {
        lines.push(format!("  … {hidden} earlier lines"));
    }
    let skip = view.log.len().saturating_sub(LOG_SHOWN);
    lines.extend(view.log.iter().skip(skip).map(|line| sanitise::line(&format!("  {}", line.text))));
    lines
}

fn result(view: &RunView) -> Vec<String> {
    let Some(result) = &view.result else { return Vec::new() };
    let mut lines = titled("result", true);
    lines.extend(indented(&value_text(result)));
    lines
}

/// All there is to know of one agent.
pub fn agent(story: &AgentStory, palette: Palette) -> Vec<String> {
    let mut lines = vec![palette.bold(&sanitise::line(&format!("{} {}", story.agent, story.label)))];
    lines.extend(story.phase.iter().map(|phase| sanitise::line(&format!("phase:   {phase}"))));
    lines.extend(story.site.iter().map(|site| format!("called:  {}", summary::place(site))));
    let options = serde_json::to_value(&story.options).unwrap_or_default();
    lines.extend(titled("prompt", true));
    lines.extend(indented(&story.prompt));
    lines.extend(story.tainted.iter().map(|tainted| sanitise::line(&taint_words(tainted))));
    lines.extend(titled("options", true));
    lines.extend(indented(&value_text(&options)));
    for attempt in &story.attempts {
        lines.extend(attempt_lines(attempt));
    }
    lines.extend(story.reused_by.iter().map(|generation| format!("reused by generation {generation}")));
    lines.extend(story.borrowed.iter().map(|from| format!("answered by {} of {}", from.agent, from.run)));
    lines.extend(outcome(story, palette));
    lines.extend(work(story));
    lines
}

/// What it left in its worktree.
fn work(story: &AgentStory) -> Vec<String> {
    let Some(work) = &story.work else { return Vec::new() };
    let mut lines = titled("work", true);
    if work.is_empty() {
        lines.push("  nothing changed".to_owned());
        return lines;
    }
    lines.push(format!("  {}", words::change(work.files_changed, work.lines_added, work.lines_removed)));
    lines.push(sanitise::line(&format!("  branch: {}, from {}", work.branch, work.base)));
    let count = |lines: Option<u64>| lines.map_or_else(|| "?".to_owned(), |lines| lines.to_string());
    let file = |file: &FileWork| {
        sanitise::line(&format!("  {} +{} -{}", file.path, count(file.added), count(file.removed)))
    };
    lines.extend(work.files.iter().take(FILES_SHOWN).map(file));
    if work.files.len() > FILES_SHOWN {
        lines.push(format!("  … {} more", work.files.len() - FILES_SHOWN));
    }
    lines
}

fn taint_words(tainted: &Tainted) -> String {
    let sent = match &tainted.mark {
        Some(mark) => format!("sent between `<data-{mark}>` and `</data-{mark}>`"),
        None => "sent as they are".to_owned(),
    };
    format!("it holds words of {}, which worked in quarantine; {sent}", listed(&tainted.from))
}

fn attempt_lines(told: &AttemptStory) -> Vec<String> {
    let end = match &told.end {
        None => "no end is known".to_owned(),
        Some(AttemptEnd::Answered(_)) => "answered".to_owned(),
        Some(AttemptEnd::Failed(cause)) => format!("failed: {}", cause_words(cause)),
        Some(AttemptEnd::Unusable(cause)) => format!("no agent can work: {}", cause_words(cause)),
        Some(AttemptEnd::Cancelled) => "cancelled".to_owned(),
    };
    let time = told.duration_ms.map(|ms| format!(" in {}", words::duration(ms))).unwrap_or_default();
    let mut lines = titled(&sanitise::line(&format!("attempt {}: {end}{time}", told.attempt)), true);
    lines.push(sanitise::line(&format!("  model:  {}", model_words(&told.model_asked, &told.model_served))));
    let source = serde_json::to_value(told.usage.source).unwrap_or_default();
    let source = source.as_str().unwrap_or_default();
    let unpriced = if told.usage.unpriced > 0 { ", unpriced" } else { "" };
    let tokens = words::tokens(&told.usage);
    lines.push(format!("  tokens: {tokens}{unpriced} ({source}), requests: {}", told.requests));
    lines.extend(told.rung.iter().map(|rung| sanitise::line(&format!("  structured answer by: {rung}"))));
    lines.extend(told.notes.iter().map(|note| sanitise::line(&format!("  note: {note}"))));
    lines.extend(told.steps.iter().map(|step| sanitise::line(&format!("  step:   {step}"))));
    for draft in &told.drafts {
        lines.push("  draft:".to_owned());
        lines.extend(indented(draft));
    }
    lines
}

fn outcome(story: &AgentStory, palette: Palette) -> Vec<String> {
    match (&story.answer, &story.cause) {
        (Some(answer), _) => {
            let mut lines = titled("answer", true);
            lines.extend(indented(&match answer {
                Answer::Text(text) => text.clone(),
                Answer::Json(value) => value_text(value),
            }));
            lines
        }
        (None, Some(cause)) => {
            let text = sanitise::line(&format!("no answer (null): {}", cause_words(cause)));
            let hint = cause.hint.iter().map(|hint| format!("hint: {}", sanitise::line(hint)));
            [String::new(), palette.bad(&text)].into_iter().chain(hint).collect()
        }
        (None, None) => vec![String::new(), "no answer yet".to_owned()],
    }
}

fn titled(title: &str, is_wanted: bool) -> Vec<String> {
    if is_wanted { vec![String::new(), format!("{title}:")] } else { Vec::new() }
}

fn indented(text: &str) -> Vec<String> {
    sanitise::block(text).lines().map(|line| format!("  {line}")).collect()
}

/// A string as it is, anything else as JSON.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}
