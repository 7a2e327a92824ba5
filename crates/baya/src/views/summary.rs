//! What stays on the screen when a run has ended, parked or been interrupted.

use super::caps;
use super::lines::cause_words;
use super::palette::Palette;
use super::sanitise;
use super::words;
use crate::wiring::bench::BEST_EFFORT;
use baya_core::agent::{Cause, CauseKind, UsageSource};
use baya_core::call::{ScriptError, ScriptErrorKind, Site};
use baya_core::event::{Failures, RunStatus};
use baya_core::view::{AgentState, AgentView, RunState, RunView, Sum};
use std::collections::BTreeMap;

/// Failed agents named in a summary; `show` names all.
const FAILED_SHOWN: usize = 5;
const WARNINGS_SHOWN: usize = 5;
/// Of an error's message; `show --json` has all.
const ERROR_CHARS_MAX: usize = 4_000;

const TOO_LATE: &str =
    "hint: with a longer `reset_wait` under `[requests]` in the settings a run waits so long";

/// The lines; the first says how it ended.
pub fn draw(view: &RunView, palette: Palette) -> Vec<String> {
    let mut lines = vec![headline(view, palette), totals(view)];
    lines.extend(caps::spent(view));
    if view.simulated {
        lines.push(palette.warn(simulated_words(view)));
    }
    lines.extend(loose_sandbox(view).map(|words| palette.warn(&words)));
    if let Some(error) = &view.error {
        lines.extend(error_lines(error).iter().map(|line| palette.bad(line)));
    }
    lines.extend(failed_lines(view));
    lines.extend(served_lines(view).iter().map(|line| palette.warn(line)));
    lines.extend(taint_line(view).map(|line| palette.warn(&line)));
    lines.extend(warning_lines(view, palette));
    lines.extend(denied_lines(view, palette));
    lines.extend(question_lines(view, palette));
    lines.extend(next_steps(view));
    lines
}

/// Said wherever a run is shown whose commands may run without a whole sandbox.
pub fn loose_sandbox(view: &RunView) -> Option<String> {
    let sandbox = view.sandbox.as_deref().filter(|sandbox| sandbox.contains(BEST_EFFORT))?;
    Some(sanitise::line(&format!("sandbox: {sandbox}; what this system cannot enforce is left out")))
}

pub fn simulated_words(view: &RunView) -> &'static str {
    match view.asked_no_model() {
        true => "simulated: no model was asked",
        false => "simulated by default: only agents with a `backend` of their own asked anybody",
    }
}

fn headline(view: &RunView, palette: Palette) -> String {
    let failures = view.failures();
    match &view.state {
        RunState::Ended { status: RunStatus::Completed } if failures.failed > 0 => {
            palette.warn(&format!("completed with failures: {}", failure_words(&failures)))
        }
        RunState::Ended { status: RunStatus::Completed } => palette.good("completed"),
        RunState::Ended { status } => palette.bad(status_words(*status)),
        RunState::Interrupted { by } => {
            palette.warn(&sanitise::line(&format!("interrupted by {by}; everything is kept")))
        }
        RunState::Parked { cause, .. } => {
            palette.bad(&sanitise::line(&format!("parked: {}", cause_words(cause))))
        }
        RunState::Paused { by } => sanitise::line(&format!("paused by {by}")),
        RunState::Stopping { by } => sanitise::line(&format!("stopping, asked by {by}")),
        RunState::Running => "running".to_owned(),
        RunState::Unknown => "nothing has happened yet".to_owned(),
    }
}

/// `2 of 12 agents gave nothing (2 × provider error)`
pub fn failure_words(failures: &Failures) -> String {
    let causes: Vec<_> = failures.causes.iter().map(|(words, count)| format!("{count} × {words}")).collect();
    let agents = words::plural(failures.agents.into(), "agent", "agents");
    let who = match failures.failed == failures.agents {
        true => format!("all of {agents}"),
        false => format!("{} of {agents}", failures.failed),
    };
    let mut text = format!("{who} gave nothing ({})", causes.join(", "));
    if !failures.phases_lost.is_empty() {
        text.push_str(&format!("; every agent failed in: {}", failures.phases_lost.join(", ")));
    }
    sanitise::line(&text)
}

/// One word.
pub fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Completed => "completed",
        RunStatus::Failed => "failed",
        RunStatus::Refused => "refused",
        RunStatus::Stopped => "stopped",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Budget => "out of budget",
        RunStatus::NeedsPerson => "needs a person",
    }
}

fn status_words(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Completed => "completed",
        RunStatus::Failed => "failed: the script ended with an error",
        RunStatus::Refused => "refused",
        RunStatus::Stopped => "stopped",
        RunStatus::Interrupted => "interrupted; everything is kept",
        RunStatus::Budget => "stopped by the budget",
        RunStatus::NeedsPerson => "needs a person",
    }
}

fn totals(view: &RunView) -> String {
    let counts = view.counts();
    let time = view.at_work.told_ms();
    let agents = words::plural(counts.total().into(), "agent", "agents");
    let mut text = format!("{agents} in {}, {}", words::duration(time), words::tokens(&view.usage));
    if view.agents.values().any(|agent| agent.usage.source == UsageSource::Estimated) {
        text.push_str(" (partly estimated)");
    }
    let sum = Sum::of(&view.ledger);
    if sum.agents_unpriced > 0 {
        text.push_str(&format!(
            ", {} unpriced",
            words::plural(sum.agents_unpriced.into(), "agent", "agents")
        ));
    }
    if counts.reused > 0 {
        text.push_str(&format!(", {} reused", counts.reused));
    }
    text.push_str(&not_bought(view, &sum));
    text
}

/// Answers of earlier runs, and what all that was taken over did not cost again.
fn not_bought(view: &RunView, sum: &Sum) -> String {
    let borrowed = view.agents.values().filter(|agent| agent.borrowed.is_some()).count() as u64;
    let mut text = String::new();
    if borrowed > 0 {
        text = format!(", {} of earlier runs", words::plural(borrowed, "answer", "answers"));
    }
    let is_news = borrowed > 0 || sum.saved.source != UsageSource::Simulated;
    if sum.saved.total() > 0 && is_news {
        text.push_str(&format!(" (saved {})", words::tokens(&sum.saved)));
    }
    text
}

/// The error and where it was thrown.
pub fn error_lines(error: &ScriptError) -> Vec<String> {
    let text = sanitise::block(&words::shortened(&error_words(error), ERROR_CHARS_MAX));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let places: Vec<&Site> =
        if error.stack.is_empty() { error.site.iter().collect() } else { error.stack.iter().collect() };
    lines.extend(places.iter().take(8).map(|site| format!("  at {}", place(site))));
    lines
}

/// What was thrown; whatever is no `Error` has the name of its type.
fn error_words(error: &ScriptError) -> String {
    match error.name.as_str() {
        "null" | "undefined" => format!("the script threw {}", error.name),
        "object" | "function" | "string" | "number" | "boolean" | "bigint" | "symbol" => {
            format!("the script threw what is no Error: {}", error.message)
        }
        name => format!("{name}: {}", error.message),
    }
}

/// `tour.js:12:4`
pub fn place(site: &Site) -> String {
    sanitise::line(&format!("{}:{}:{}", site.file, site.line, site.column))
}

fn failed_lines(view: &RunView) -> Vec<String> {
    let failed: Vec<&AgentView> =
        view.present_agents().filter(|agent| agent.state == AgentState::Failed).collect();
    let mut lines: Vec<String> = failed.iter().take(FAILED_SHOWN).map(|agent| failed_line(agent)).collect();
    if failed.len() > FAILED_SHOWN {
        lines.push(format!("  … {} more", failed.len() - FAILED_SHOWN));
    }
    lines
}

fn failed_line(agent: &AgentView) -> String {
    let why = agent.cause.as_ref().map_or_else(|| "no cause is known".to_owned(), cause_words);
    sanitise::line(&format!("  {} {}: {why}", agent.agent, agent.label))
}

/// A model that was not asked for is never passed over in silence.
fn served_lines(view: &RunView) -> Vec<String> {
    let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for agent in view.present_agents().filter(|agent| agent.was_served_by_another()) {
        if let (Some(asked), Some(served)) = (&agent.model_asked, &agent.model_served) {
            *pairs.entry((asked, served)).or_default() += 1;
        }
    }
    let line = |((asked, served), count): (&(&str, &str), &u64)| {
        let agents = words::plural(*count, "agent", "agents");
        sanitise::line(&format!("model: {agents} asked for {asked} and got answers of {served}"))
    };
    pairs.iter().take(WARNINGS_SHOWN).map(line).collect()
}

fn taint_line(view: &RunView) -> Option<String> {
    let count = view.present_agents().filter(|agent| !agent.tainted_by.is_empty()).count() as u64;
    let run = view.run.as_ref().filter(|_| count > 0)?;
    let agents = words::plural(count, "agent with power was", "agents with power were");
    Some(format!("taint: {agents} given words of agents in quarantine: baya show {run} --flow"))
}

/// Without those that say why an agent gave nothing: they stand above.
fn warning_lines(view: &RunView, palette: Palette) -> Vec<String> {
    let causes: Vec<&str> =
        view.present_agents().filter_map(|agent| Some(agent.cause.as_ref()?.message.as_str())).collect();
    let said = |text: &str| causes.iter().any(|message| text.ends_with(message));
    let told: Vec<&String> = view.warnings.iter().filter(|text| !said(text)).collect();
    let line = |text: &&String| palette.warn(&sanitise::line(&format!("warning: {text}")));
    let mut lines: Vec<String> = told.iter().take(WARNINGS_SHOWN).map(line).collect();
    if told.len() > WARNINGS_SHOWN {
        lines.push(format!("  … {} more warnings", told.len() - WARNINGS_SHOWN));
    }
    lines
}

/// Actions that no person answered for.
fn denied_lines(view: &RunView, palette: Palette) -> Vec<String> {
    let line = |count: u32, why: &str, hint: &str| {
        let (actions, were) =
            (words::plural(count.into(), "action", "actions"), if count == 1 { "was" } else { "were" });
        (count > 0).then(|| {
            [palette.warn(&format!("{actions} {were} denied because {why}")), format!("hint: {hint}")]
        })
    };
    let unattended = line(
        view.denied.unattended,
        "nobody was there to answer",
        "allow them in `[policy]`, run it in a terminal, or set `approvals = \"wait\"`",
    );
    let late = line(view.denied.too_late, "nobody answered in time", "`approval_timeout` gives more time");
    unattended.into_iter().chain(late).flatten().collect()
}

/// What waits for a person.
fn question_lines(view: &RunView, palette: Palette) -> Vec<String> {
    let lines = view.questions.iter().map(|(id, question)| {
        let request = &question.request;
        let text = format!("{} asks for `{}`: {}", question.agent, request.tool, request.action);
        let text = sanitise::line(&words::shortened(&text, ERROR_CHARS_MAX));
        [palette.warn(&text), format!("answer: {}", view.answer_command(*id))]
    });
    lines.flatten().collect()
}

/// What the person can do now.
fn next_steps(view: &RunView) -> Vec<String> {
    let Some(run) = &view.run else { return Vec::new() };
    let mut lines = Vec::new();
    if let RunState::Parked { cause, wakes_at_ms } = &view.state {
        lines.extend(cause_hint(cause));
        lines.extend(match (wakes_at_ms, cause.retry_at_ms) {
            (Some(at_ms), _) => Some(format!(
                "wakes:  by itself at {} UTC, while its process is there",
                words::moment(*at_ms)
            )),
            (None, Some(_)) => Some(TOO_LATE.to_owned()),
            (None, None) => None,
        });
    }
    lines.push(format!("show:   baya show {run}"));
    match &view.state {
        RunState::Parked { cause, .. } => {
            lines.push(format!("resume: baya resume {run}{}", way_on(cause)));
        }
        RunState::Interrupted { .. } => lines.push(format!("resume: baya resume {run}")),
        RunState::Ended { status: RunStatus::Budget } => {
            let said = view.error.as_ref().map(|error| larger(Some(&error.message)));
            lines.push(format!("resume: baya resume {run}{}", said.unwrap_or_default()));
        }
        RunState::Ended { .. } if is_at_agent_limit(view) => {
            lines.push(format!("resume: baya resume {run} --max-agents N"));
        }
        RunState::Ended { .. } if view.failures().failed > 0 => {
            let how = larger_for_agents(view).unwrap_or(" --retry-failed".to_owned());
            lines.push(format!("retry:  baya resume {run}{how}"));
        }
        RunState::Ended { status: RunStatus::Failed } => {
            // A script whose process was lost need not be at fault.
            let lost = view.error.as_ref().is_some_and(|error| error.kind == ScriptErrorKind::IsolateLost);
            let edited = if lost { "" } else { " --script EDITED_FILE" };
            lines.push(format!("resume: baya resume {run}{edited}"));
        }
        RunState::Ended { .. }
        | RunState::Unknown
        | RunState::Running
        | RunState::Paused { .. }
        | RunState::Stopping { .. } => {}
    }
    lines
}

/// The flag with which agents that a cap kept from working can; to ask them again is no more than that.
fn larger_for_agents(view: &RunView) -> Option<String> {
    let causes = view.present_agents().filter_map(|agent| agent.cause.as_ref());
    let mut capped = causes.filter(|cause| cause.kind == CauseKind::Budget);
    capped.find_map(|cause| Some(larger(cause.hint.as_deref())).filter(|flag| !flag.is_empty()))
}

/// The script ended because the run may have no more agents: asking those that failed again changes nothing.
fn is_at_agent_limit(view: &RunView) -> bool {
    let limit = view.error.as_ref().filter(|error| error.kind == ScriptErrorKind::Limit);
    limit.is_some_and(|error| larger(Some(&error.message)).contains("--max-agents"))
}

/// What lets a parked run go on: a larger cap, if one was reached; those of phases stand in the script.
fn way_on(cause: &Cause) -> String {
    let flag = larger(cause.hint.as_deref());
    let is_of_script = cause.hint.as_ref().is_some_and(|hint| hint.contains("meta.phases"));
    if flag.is_empty() && is_of_script { " --script EDITED_FILE".to_owned() } else { flag }
}

/// The flag that raises the cap of which the text speaks, as it stands in a command.
fn larger(text: Option<&str>) -> String {
    let flag = text.and_then(caps::flag_in);
    flag.map(|(flag, what)| format!(" {flag} {what}")).unwrap_or_default()
}

fn cause_hint(cause: &Cause) -> Option<String> {
    cause.hint.as_ref().map(|hint| format!("hint: {}", sanitise::line(hint)))
}
