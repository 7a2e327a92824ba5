//! A plan in words.

use super::judge::{Plan, Reason};
use crate::near;
use crate::settings::Thresholds;
use crate::views::words::plural;
use baya_core::money::NanoUsd;
use baya_core::rehearsal::{Report, Spread};
use serde_json::{Value, json};

/// Models that a line names.
const MODELS_MAX: usize = 3;
/// Characters of a message that a line shows.
const MESSAGE_CHARS: usize = 160;

/// `plan: 12–30 agents, at most 34 · $0.40–1.20 · about 4 min (from 3 earlier runs)`
pub fn line(plan: &Plan) -> String {
    let Some(report) = &plan.report else {
        let why = plan.trouble.as_deref().unwrap_or("nobody asked");
        return format!("plan: not known, for the rehearsal could not be made: {why}");
    };
    if report.total.agents.worst == 0 {
        return match plan.names_agents {
            false => "plan: no agents, so nothing to pay".to_owned(),
            true => {
                let runs = plural(report.runs.into(), "rehearsal", "rehearsals");
                format!("plan: no agents in {runs}, so nothing to pay if it goes as they did")
            }
        };
    }
    let parts = [agents(&report.total.agents), price(plan, report), about(&report.total.wall_ms)];
    format!("plan: {} ({})", parts.join(" · "), source(report))
}

fn source(report: &Report) -> String {
    match report.history_runs {
        0 => "first run: a guess, lengths are made up".to_owned(),
        runs => format!("from {}", plural(runs.into(), "earlier run", "earlier runs")),
    }
}

/// What it costs; models without a price are named, never counted as nothing.
fn price(plan: &Plan, report: &Report) -> String {
    if plan.is_free {
        return "nothing to pay".to_owned();
    }
    let names: Vec<&str> = report.unpriced.iter().map(String::as_str).collect();
    let unpriced = match names.len() {
        0 => None,
        _ => Some(format!("unpriced: {}", near::listed(names.iter().copied(), MODELS_MAX))),
    };
    let cost = &report.total.cost;
    match unpriced {
        Some(unpriced) if cost.worst == 0 => unpriced,
        Some(unpriced) => format!("{}, and more {unpriced}", dollars(cost)),
        None => dollars(cost),
    }
}

/// `$0.40–1.20`
fn dollars(cost: &Spread) -> String {
    let range = range(cost, |nano| NanoUsd(nano).to_string());
    match range.split_once('–') {
        Some((low, high)) => format!("{low}–{}", high.trim_start_matches('$')),
        None => range,
    }
}

/// `1 agent`, `12–30 agents, at most 34`
fn agents(count: &Spread) -> String {
    let noun = if count.p90 == 1 { "agent" } else { "agents" };
    let bound = count.bound.filter(|bound| *bound > count.p90);
    let bound = bound.map(|bound| format!(", at most {bound}")).unwrap_or_default();
    format!("{} {noun}{bound}", range(count, |count| count.to_string()))
}

/// `about 4 min`, `about 2–4 min`, `about 20 s`
fn about(wall_ms: &Spread) -> String {
    const MINUTE: u64 = 60_000;
    let (unit, name) = match wall_ms.p90 {
        0..MINUTE => (1_000, "s"),
        MINUTE..5_400_000 => (MINUTE, "min"),
        _ => (60 * MINUTE, "h"),
    };
    // A plan is no stopwatch: never less than one.
    let shown = |ms: u64| ((ms + unit / 2) / unit).max(1).to_string();
    format!("about {} {name}", range(wall_ms, shown))
}

/// From the middle to the ninth of ten; one of them if they read the same.
fn range(spread: &Spread, shown: impl Fn(u64) -> String) -> String {
    let (low, high) = (shown(spread.p50), shown(spread.p90));
    if low == high { high } else { format!("{low}–{high}") }
}

/// Why it is asked about, in a line.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::New => "it has not run here before with your consent".to_owned(),
        Reason::Agents { expected, threshold } => {
            format!("it may take {expected} agents, and above {threshold} you are asked")
        }
        Reason::Cost { expected, threshold } => {
            format!("it may cost {expected}, and above {threshold} you are asked")
        }
        Reason::Steps(steps) => {
            let names = near::listed(steps.iter().map(String::as_str), 6);
            format!("it works on this machine itself, without an agent: {names}")
        }
        Reason::FullAccess => "its agents may do all that you may: the sandbox is `full`".to_owned(),
        Reason::Fails(failing) => {
            let finding = &failing.finding;
            let place = finding.site.as_ref();
            let place = place.map(|site| format!("{}:{}:{}: ", site.file, site.line, site.column));
            let (place, message) = (place.unwrap_or_default(), cut(&finding.message));
            format!("it does not hold in {} of {} rehearsals: {place}{message}", finding.seen, failing.of)
        }
        Reason::Unknown(why) => format!("nobody knows what it would take: {why}"),
    }
}

/// The flag with which it runs all the same.
pub fn remedy(reason: &Reason) -> Option<String> {
    match reason {
        Reason::Agents { threshold, .. } => {
            Some(format!("`--max-agents {threshold}` caps the agents, and it runs"))
        }
        Reason::Cost { threshold, .. } => {
            Some(format!("`--budget-usd {}` caps the dollars, and it runs", threshold.to_dollars()))
        }
        Reason::New | Reason::Steps(_) | Reason::FullAccess | Reason::Fails(_) | Reason::Unknown(_) => None,
    }
}

fn cut(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    match line.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The plan with all there is to say, as a line of JSON.
pub fn json(plan: &Plan, reasons: &[Reason], thresholds: &Thresholds) -> Value {
    let report = plan.report.as_ref();
    json!({
        "type": "plan",
        "total": report.map(|report| &report.total),
        "phases": report.map(|report| &report.phases),
        "history_runs": report.map(|report| report.history_runs),
        "rehearsals": report.map(|report| report.runs),
        "unpriced": report.map(|report| &report.unpriced),
        "findings": report.map(|report| &report.findings),
        "trouble": plan.trouble,
        "host_steps": plan.steps,
        "full_access": plan.full_access,
        "free": plan.is_free,
        "ask_agents": thresholds.agents,
        "ask_usd": thresholds.cost.to_dollars(),
        "asks": reasons.iter().map(name).collect::<Vec<&str>>(),
    })
}

/// A reason for programs.
fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Agents { .. } => "agents",
        Reason::Cost { .. } => "cost",
        Reason::Steps(_) => "host_steps",
        Reason::FullAccess => "full_access",
        Reason::Fails(_) => "fails",
        Reason::Unknown(_) => "unknown",
    }
}

/// The phases of a plan, a line each; none if there is one only.
pub fn phases(plan: &Plan) -> Vec<String> {
    let Some(report) = plan.report.as_ref().filter(|report| report.phases.len() > 1) else {
        return Vec::new();
    };
    let line = |(title, forecast): &(String, baya_core::rehearsal::Forecast)| {
        let title = if title.is_empty() { "outside of phases" } else { title };
        let is_free = plan.is_free || forecast.cost.worst == 0;
        let cost = if is_free { String::new() } else { format!(" · {}", dollars(&forecast.cost)) };
        format!("  {title}: {}{cost}", agents(&forecast.agents))
    };
    report.phases.iter().filter(|(_, forecast)| forecast.agents.worst > 0).map(line).collect()
}
