//! A run told line by line, where there is no terminal to draw on.

use super::summary::loose_sandbox;
use super::words;
use super::{frame, sanitise, show};
use baya_core::agent::{Cause, Progress, Wait};
use baya_core::approval::{ApprovalRequest, Patience};
use baya_core::event::{Event, Outcome};
use baya_core::ids::{AgentNumber, ApprovalId};
use baya_core::landing::LandingRecord;
use baya_core::view::{RunView, StepView};
use baya_engine::driver::now_ms;
use std::collections::{BTreeMap, BTreeSet};

/// Of one line; `show` has all.
const LINE_CHARS_MAX: usize = 4_000;

/// What to say about an event, after `view` has applied it.
pub fn of_event(event: &Event, view: &RunView) -> Vec<String> {
    match event {
        Event::RunStarted { run, script, surroundings, .. } => {
            let asks =
                if surroundings.simulated { "simulated: no model is asked" } else { &surroundings.backend };
            let mut lines = vec![clean(&format!("{run} {} ({}), {asks}", script.name, script.path))];
            lines.extend(loose_sandbox(view));
            lines
        }
        Event::RunResumed { .. } => vec![format!("resumed, generation {}", view.generation)],
        Event::PhaseEntered { title, frame, .. } if *frame == baya_core::ids::FrameId::MAIN => {
            vec![clean(&format!("phase: {title}"))]
        }
        Event::ChildStarted { group, .. } => vec![clean(&format!("workflow: {group}"))],
        Event::ChildEnded { frame: _, error: Some(error), .. } => {
            vec![clean(&format!("workflow failed: {error}"))]
        }
        Event::Logged { text, .. } => vec![clean(&format!("log: {text}"))],
        Event::AgentFinished { agent, .. } => vec![finished(*agent, event, view)],
        Event::StepEnded { number, .. } => view.steps.get(number).map(step_line).into_iter().collect(),
        Event::Landing { record } => landing_line(record, view).into_iter().collect(),
        Event::RunParked { cause, wakes_at_ms: Some(at_ms) } => vec![
            clean(&format!("parked: {}", cause_words(cause))),
            format!(
                "it goes on by itself at {} UTC; or ctrl-c, and `baya resume` later",
                words::moment(*at_ms)
            ),
        ],
        Event::RunPaused { by } => vec![clean(&format!("paused by {by}"))],
        Event::RunContinued { by } => vec![clean(&format!("continued by {by}"))],
        Event::StopRequested { by } => vec![clean(&format!("stop asked for by {by}"))],
        Event::AgentSkipRequested { agent, by } => vec![clean(&format!("{agent} is stopped by {by}"))],
        Event::AgentQueued { agent, label, errand: Some(_), .. } => {
            vec![clean(&format!("{agent} {label}: asked for"))]
        }
        Event::ApprovalAsked { agent, id, request, .. } => question_lines(*agent, *id, request, view),
        Event::ApprovalAnswered { id, answer, by } => {
            vec![clean(&format!("{id}: {}, said by {by}", answer.name()))]
        }
        Event::DriverStarted { .. }
        | Event::LimitsChanged { .. }
        | Event::RunParked { .. }
        | Event::RunInterrupted { .. }
        | Event::RunEnded { .. }
        | Event::PhaseEntered { .. }
        | Event::TimerSet { .. }
        | Event::StepStarted { .. }
        | Event::StepReused { .. }
        | Event::TimerCleared { .. }
        | Event::ChildRequested { .. }
        | Event::ChildEnded { .. }
        | Event::CallRefused { .. }
        | Event::AgentQueued { errand: None, .. }
        | Event::AgentReused { .. }
        | Event::AgentShared { .. }
        | Event::AgentStarted { .. }
        | Event::AgentProcessStarted { .. }
        | Event::AgentTurn { .. }
        | Event::AttemptEnded { .. }
        | Event::Delivered { .. } => Vec::new(),
    }
}

/// What it wants to do, and how to answer if anybody is asked.
fn question_lines(
    agent: AgentNumber,
    id: ApprovalId,
    request: &ApprovalRequest,
    view: &RunView,
) -> Vec<String> {
    let label = view.agents.get(&agent).map_or("", |agent| agent.label.as_str());
    let ApprovalRequest { tool, action, why, covers: _, patience } = request;
    let mut lines = vec![clean(&format!("{id}: {agent} {label} asks for `{tool}`: {action} ({why})"))];
    match patience {
        Patience::Nobody => {}
        Patience::Forever => lines.push(format!("  answer: {}", view.answer_command(id))),
        Patience::For { ms } => {
            let limit = words::duration(*ms);
            lines.push(format!("  answer within {limit}: {}", view.answer_command(id)));
        }
    }
    lines
}

/// `baya.exec cargo test: done in 2.0 s`
fn step_line(step: &StepView) -> String {
    let took = words::duration(step.duration_ms.unwrap_or_default());
    match &step.error {
        None => clean(&format!("{}: done in {took}", step.words)),
        Some(error) => clean(&format!("{}: failed: {error}", step.words)),
    }
}

/// `#3 rename the type: landed`
fn landing_line(record: &LandingRecord, view: &RunView) -> Option<String> {
    match record {
        LandingRecord::Begun { branch, pieces, .. } => {
            let pieces = words::plural(pieces.len() as u64, "piece", "pieces");
            Some(clean(&format!("landing {pieces} on {}", words::branch(branch))))
        }
        LandingRecord::Decided { agent, fate } => {
            let label = view.agents.get(agent).map_or("", |agent| agent.label.as_str());
            Some(clean(&format!("{agent} {label}: {}", fate.words())))
        }
        LandingRecord::Ended { stopped: Some(why), .. } => Some(clean(&format!("landing stopped: {why}"))),
        LandingRecord::Checked { .. } | LandingRecord::Advanced { .. } | LandingRecord::Ended { .. } => None,
    }
}

/// Which waits were told of: what holds for many agents is said once.
#[derive(Debug, Default)]
pub struct Told {
    /// Until when a provider takes nothing.
    pauses: BTreeMap<String, i64>,
    /// Providers that take only so many at once.
    full: BTreeSet<String>,
    /// Agents that fill a cache for others.
    firsts: BTreeSet<AgentNumber>,
}

impl Told {
    /// The line, if it says anything new.
    pub fn of_progress(&mut self, agent: AgentNumber, progress: &Progress, view: &RunView) -> Option<String> {
        match progress {
            Progress::Waiting { wait: Wait::Pause { provider, until_ms } } => {
                let known = self.pauses.insert(provider.clone(), *until_ms);
                if known.is_some_and(|known| until_ms.abs_diff(known) < 1_000) {
                    return None;
                }
                let words = frame::progress_words(progress)?;
                (until_ms - now_ms() >= 1_000).then(|| clean(&format!("agents: {words}")))
            }
            Progress::Waiting { wait: Wait::Provider { provider, at_once } } => {
                let line = format!("agents wait for each other: {provider} takes {at_once} at once, so far");
                self.full.insert(provider.clone()).then(|| clean(&line))
            }
            Progress::Waiting { wait: Wait::Prefix { first } } => {
                let line = format!("agents wait for the cache that {first} fills");
                self.firsts.insert(*first).then_some(line)
            }
            Progress::Waiting { .. }
            | Progress::Asked
            | Progress::Streaming { .. }
            | Progress::Using { .. }
            | Progress::Changed { .. }
            | Progress::Retrying { .. }
            | Progress::Reasking { .. } => of_progress(agent, progress, view),
        }
    }
}

/// How an agent ended, in a line.
fn finished(agent: AgentNumber, event: &Event, view: &RunView) -> String {
    let Event::AgentFinished { outcome, duration_ms, borrowed, .. } = event else { return String::new() };
    let label = view.agents.get(&agent).map_or("", |agent| agent.label.as_str());
    if let Some(from) = borrowed {
        return clean(&format!("{agent} {label}: answered by {} of {}", from.agent, from.run));
    }
    let end = match outcome {
        Outcome::Answered(_) => format!("done in {}", words::duration(*duration_ms)),
        Outcome::Failed(cause) => format!("failed: {}", cause_words(cause)),
    };
    let served = view.agents.get(&agent).filter(|agent| agent.was_served_by_another());
    let served = served.map(|agent| format!(", {}", show::served_words(agent))).unwrap_or_default();
    let work = view.agents.get(&agent).and_then(show::work_words).unwrap_or_default();
    clean(&format!("{agent} {label}: {end}{work}{served}"))
}

/// Waits of a second and longer are told: nobody shall wonder what a silent run does.
pub fn of_progress(agent: AgentNumber, progress: &Progress, view: &RunView) -> Option<String> {
    let waits = match progress {
        Progress::Retrying { wait_ms, .. } => *wait_ms >= 1_000,
        Progress::Reasking { .. } => true,
        Progress::Waiting { wait } => match wait {
            Wait::Pause { .. } | Wait::Memory { .. } | Wait::Approval { .. } => true,
            Wait::Provider { .. } | Wait::Prefix { .. } | Wait::Slot { .. } => false,
            Wait::Budget { .. } | Wait::Start { .. } => false,
        },
        Progress::Asked | Progress::Streaming { .. } | Progress::Using { .. } => false,
        Progress::Changed { .. } => false,
    };
    let words = frame::progress_words(progress).filter(|_| waits)?;
    let label = view.agents.get(&agent).map_or("", |agent| agent.label.as_str());
    Some(clean(&format!("{agent} {label}: {words}")))
}

/// `provider error: 500 at …`
pub fn cause_words(cause: &Cause) -> String {
    format!("{}: {}", cause.kind.words(), cause.message)
}

fn clean(text: &str) -> String {
    sanitise::line(&words::shortened(text, LINE_CHARS_MAX))
}
