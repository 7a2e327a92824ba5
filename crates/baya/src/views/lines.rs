//! A run told line by line, where there is no terminal to draw on.

use super::words;
use super::{frame, sanitise};
use baya_core::agent::{Cause, Progress, Wait};
use baya_core::approval::{ApprovalRequest, Patience};
use baya_core::event::{Event, Outcome};
use baya_core::ids::{AgentNumber, ApprovalId};
use baya_core::view::RunView;

/// Of one line; `show` has all.
const LINE_CHARS_MAX: usize = 4_000;

/// What to say about an event, after `view` has applied it.
pub fn of_event(event: &Event, view: &RunView) -> Vec<String> {
    match event {
        Event::RunStarted { run, script, surroundings, .. } => {
            let asks =
                if surroundings.simulated { "simulated: no model is asked" } else { &surroundings.backend };
            vec![clean(&format!("{run} {} ({}), {asks}", script.name, script.path))]
        }
        Event::RunResumed { generation, .. } => vec![format!("resumed, generation {generation}")],
        Event::PhaseEntered { title, frame, .. } if *frame == baya_core::ids::FrameId::MAIN => {
            vec![clean(&format!("phase: {title}"))]
        }
        Event::ChildStarted { group, .. } => vec![clean(&format!("workflow: {group}"))],
        Event::ChildEnded { frame: _, error: Some(error), .. } => {
            vec![clean(&format!("workflow failed: {error}"))]
        }
        Event::Logged { text, .. } => vec![clean(&format!("log: {text}"))],
        Event::AgentFinished { agent, outcome, duration_ms, .. } => {
            let label = view.agents.get(agent).map_or("", |agent| agent.label.as_str());
            let end = match outcome {
                Outcome::Answered(_) => format!("done in {}", words::duration(*duration_ms)),
                Outcome::Failed(cause) => format!("failed: {}", cause_words(cause)),
            };
            vec![clean(&format!("{agent} {label}: {end}"))]
        }
        Event::RunPaused { by } => vec![clean(&format!("paused by {by}"))],
        Event::RunContinued { by } => vec![clean(&format!("continued by {by}"))],
        Event::StopRequested { by } => vec![clean(&format!("stop asked for by {by}"))],
        Event::AgentSkipRequested { agent, by } => vec![clean(&format!("{agent} is stopped by {by}"))],
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
        | Event::TimerCleared { .. }
        | Event::ChildRequested { .. }
        | Event::ChildEnded { .. }
        | Event::CallRefused { .. }
        | Event::AgentQueued { .. }
        | Event::AgentReused { .. }
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

/// Waits of a second and longer are told: nobody shall wonder what a silent run does.
pub fn of_progress(agent: AgentNumber, progress: &Progress, view: &RunView) -> Option<String> {
    let waits = match progress {
        Progress::Retrying { wait_ms, .. } => *wait_ms >= 1_000,
        Progress::Reasking { .. } => true,
        Progress::Waiting { wait } => match wait {
            Wait::Pause { .. } | Wait::Memory { .. } | Wait::Approval { .. } => true,
            Wait::Provider { .. } | Wait::Prefix { .. } | Wait::Slot { .. } | Wait::Start { .. } => false,
        },
        Progress::Asked | Progress::Streaming { .. } | Progress::Using { .. } => false,
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
