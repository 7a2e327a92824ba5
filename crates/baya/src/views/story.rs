//! One rehearsal as a story: what was asked, what came, what was logged, how it ended.

use super::sanitise;
use super::words::{count, duration, shortened};
use baya_core::agent::Answer;
use baya_core::money::NanoUsd;
use baya_core::step::StepOutcome;
use baya_engine::rehearsal::{Ending, Played, PlayedAgent, PlayedStep};
use serde_json::{Value, json};

/// Characters that are shown of a prompt, an answer, a value.
const CHARS: usize = 160;

pub fn json(target: &str, played: &Played) -> Value {
    let mut value = json!({"type": "played", "target": target});
    if let (Value::Object(whole), Ok(Value::Object(story))) = (&mut value, serde_json::to_value(played)) {
        whole.extend(story);
    }
    value
}

pub fn text(played: &Played) -> String {
    let mut lines = vec![format!("case: {}", serde_json::to_string(&played.case).unwrap_or_default())];
    lines.push(match &played.args {
        Some(args) => format!("args: {}", shortened(&args.to_string(), CHARS)),
        None => "args: undefined".to_owned(),
    });
    lines.push(String::new());
    let mut moments: Vec<(u64, u32, String)> = Vec::new();
    played.agents.iter().for_each(|agent| moments.extend(of_agent(agent)));
    moments.extend(played.log.iter().map(|line| (line.at_ms, 1, format!("log: {}", line.text))));
    moments.sort_by_key(|(at_ms, order, _)| (*at_ms, *order));
    let told = moments.iter().map(|(at_ms, _, text)| format!("{:>8}  {text}", duration(*at_ms)));
    lines.extend(told);
    lines.extend(played.steps.iter().map(of_step));
    lines.push(String::new());
    lines.extend(end(played));
    lines.iter().map(|line| sanitise::line(line)).collect::<Vec<String>>().join("\n")
}

fn of_agent(agent: &PlayedAgent) -> Vec<(u64, u32, String)> {
    let name = format!("agent {} `{}`", agent.number.0, agent.label);
    let phase = agent.phase.as_deref().map(|title| format!(" [{title}]")).unwrap_or_default();
    let place =
        agent.site.as_ref().map(|site| format!(" at {}:{}", site.file, site.line)).unwrap_or_default();
    let asked = format!("{name}{phase} is asked{place}: {}", shortened(&agent.prompt, CHARS));
    let mut told = vec![(agent.asked_ms, 2, asked)];
    let came = agent.outcome.as_ref().map(|outcome| match outcome {
        Ok(Answer::Text(text)) => format!("answers: {}", shortened(text, CHARS)),
        Ok(Answer::Json(value)) => format!("answers {}", shortened(&value.to_string(), CHARS)),
        Err(cause) => format!("fails: {}", cause.message),
    });
    let came = came.unwrap_or_else(|| "is still at work when the run ends".to_owned());
    let ended_ms = agent.ended_ms.unwrap_or(agent.asked_ms);
    told.push((ended_ms, 0, format!("{name} {came}")));
    told
}

fn of_step(step: &PlayedStep) -> String {
    let came = match &step.outcome {
        Some(StepOutcome::Done(value)) => format!("gives {}", shortened(&value.to_string(), CHARS)),
        Some(StepOutcome::Failed(why)) => format!("throws: {why}"),
        None => "is not over when the run ends".to_owned(),
    };
    format!("host step {} `{}` is not performed; it {came}", step.number, step.step.words())
}

fn end(played: &Played) -> Vec<String> {
    let total = &played.total;
    let mut lines = vec![format!(
        "{} agents, {} in a row, {} tokens in, {} out, {}, {}",
        total.agents,
        total.depth,
        count(total.tokens_in),
        count(total.tokens_out),
        NanoUsd(total.cost),
        duration(total.wall_ms)
    )];
    let end = match &played.end {
        Ending::Endless(why) => {
            lines.push(format!("it does not end: {why}"));
            return lines;
        }
        Ending::Ended(end) => end,
    };
    let status = serde_json::to_value(end.status).unwrap_or_default();
    lines.push(match (&end.error, &end.result) {
        (Some(error), _) => {
            let place =
                error.site.as_ref().map(|site| format!(" at {}:{}:{}", site.file, site.line, site.column));
            format!("it ends with {}: {}{}", error.name, error.message, place.unwrap_or_default())
        }
        (None, Some(result)) => format!("it returns {}", shortened(&result.to_string(), CHARS)),
        (None, None) => format!("it ends: {}", status.as_str().unwrap_or_default()),
    });
    lines
}
