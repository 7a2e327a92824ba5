//! What rehearsals showed: a table of what it would take, what would be done, and what is wrong.

use super::palette::Palette;
use super::sanitise;
use super::words::{count, duration, plural, width};
use baya_core::event::ScriptRecord;
use baya_core::money::NanoUsd;
use baya_core::rehearsal::{Case, Finding, Forecast, Report, Spread, Weight};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A report, and what is known around it.
pub struct Shown<'a> {
    pub target: &'a str,
    pub report: &'a Report,
    pub script: &'a ScriptRecord,
    /// Rehearsals that were asked for.
    pub asked: u32,
    pub interrupted: bool,
    pub fixtures: Option<&'a Path>,
    /// Nobody can work here yet, and prices are those of this provider.
    pub assumed: Option<&'static str>,
    pub concurrency: u32,
    pub took: Duration,
}

const HEAD: [&str; 8] = ["", "agents", BOUND, "depth", "tokens in", "tokens out", "cost", "time"];
/// Left out if there is none.
const BOUND: &str = "most";

pub fn json(shown: &Shown<'_>) -> Value {
    let mut value = json!({"type": "rehearsed", "target": shown.target, "asked": shown.asked,
        "interrupted": shown.interrupted, "fixtures": shown.fixtures, "priced_as": shown.assumed});
    if let (Value::Object(whole), Ok(Value::Object(report))) =
        (&mut value, serde_json::to_value(shown.report))
    {
        whole.extend(report);
    }
    value
}

pub fn text(shown: &Shown<'_>) -> String {
    let palette = Palette::of_stdout();
    let mut lines = vec![title(shown), drawn_from(shown), String::new()];
    lines.extend(table(shown.report, palette));
    lines.extend(doings(shown.report));
    for finding in &shown.report.findings {
        lines.push(String::new());
        lines.extend(finding_lines(shown, finding, palette));
    }
    lines.push(String::new());
    lines.push(sum(shown.report));
    lines.join("\n")
}

fn title(shown: &Shown<'_>) -> String {
    let times = plural(shown.report.runs.into(), "time", "times");
    let took = duration(shown.took.as_millis() as u64);
    let cut = match (shown.interrupted, shown.report.runs < shown.asked) {
        (true, _) => format!(", interrupted before {}", shown.asked),
        (false, true) => format!(" of {}", shown.asked),
        (false, false) => String::new(),
    };
    let head =
        format!("rehearsed `{}` {times}{cut} in {took}: nothing was asked, done or spent", shown.target);
    sanitise::line(&head)
}

fn drawn_from(shown: &Shown<'_>) -> String {
    let mut sources = Vec::new();
    if let Some(path) = shown.fixtures {
        sources.push(format!("`{}`", path.file_name().unwrap_or_default().to_string_lossy()));
    }
    sources.push(match shown.report.history_runs {
        0 => "made-up answers (no earlier run)".to_owned(),
        runs => plural(runs.into(), "earlier run", "earlier runs"),
    });
    let priced = shown.assumed.map(|name| format!("; no backend works here yet, prices are of {name}"));
    let line = format!(
        "drawn from {}, {} at once, seed {}{}",
        sources.join(" and "),
        shown.concurrency,
        shown.report.seed,
        priced.unwrap_or_default()
    );
    sanitise::line(&line)
}

fn table(report: &Report, palette: Palette) -> Vec<String> {
    if report.total.agents.worst == 0 {
        return vec!["no agents".to_owned()];
    }
    let mut rows: Vec<Vec<String>> = vec![HEAD.map(str::to_owned).to_vec()];
    for (title, forecast) in &report.phases {
        let title = if title.is_empty() { "(no phase)" } else { title.as_str() };
        rows.push(row(&sanitise::line(title), forecast, &report.unpriced));
    }
    rows.push(row("total", &report.total, &report.unpriced));
    if bounds(report).next().is_none() {
        let column = HEAD.iter().position(|head| *head == BOUND).unwrap_or_default();
        rows.iter_mut().for_each(|row| drop(row.remove(column)));
    }
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect();
    let mut lines: Vec<String> = rows.iter().map(|row| aligned(row, &widths)).collect();
    if let Some(head) = lines.first_mut() {
        *head = palette.dim(head);
    }
    if let Some(total) = lines.last_mut() {
        *total = palette.bold(total);
    }
    lines.push(palette.dim("the middle – nine of ten (the worst seen)"));
    if bounds(report).next().is_some() {
        lines.push(palette.dim("most: the agents there can be at most, whatever they answer"));
    }
    if !report.unpriced.is_empty() {
        lines.push(sanitise::line(&format!("unpriced: {}", report.unpriced.join(", "))));
    }
    lines
}

/// The bounds of agents, where there are any.
fn bounds(report: &Report) -> impl Iterator<Item = u64> + '_ {
    let phases = report.phases.iter().map(|(_, forecast)| forecast);
    phases.chain([&report.total]).filter_map(|forecast| forecast.agents.bound)
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, wide)| {
        let room = " ".repeat(wide.saturating_sub(width(cell)));
        format!("{cell}{room}")
    });
    cells.collect::<Vec<String>>().join("  ").trim_end().to_owned()
}

fn row(title: &str, forecast: &Forecast, unpriced: &[String]) -> Vec<String> {
    let dollars = |nano: u64| NanoUsd(nano).to_string();
    let cost = match forecast.cost.worst {
        0 if !unpriced.is_empty() => "unpriced".to_owned(),
        _ => cell(&forecast.cost, dollars),
    };
    vec![
        title.to_owned(),
        cell(&forecast.agents, |number| number.to_string()),
        forecast.agents.bound.map_or_else(|| "–".to_owned(), |bound| bound.to_string()),
        cell(&forecast.depth, |number| number.to_string()),
        cell(&forecast.tokens_in, count),
        cell(&forecast.tokens_out, count),
        cost,
        cell(&forecast.wall_ms, duration),
    ]
}

/// `4–7 (20)`; what reads the same is said once.
fn cell(spread: &Spread, shown: impl Fn(u64) -> String) -> String {
    let (middle, most, worst) = (shown(spread.p50), shown(spread.p90), shown(spread.worst));
    let usual = if middle == most { middle } else { format!("{middle}–{}", most.trim_start_matches('$')) };
    if worst == most { usual } else { format!("{usual} ({worst})") }
}

/// What the script would do itself.
fn doings(report: &Report) -> Vec<String> {
    if report.host_steps.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "it would do itself, without an agent:".to_owned()];
    lines.extend(report.host_steps.iter().map(|(_, words)| sanitise::line(&format!("  {words}"))));
    lines
}

fn finding_lines(shown: &Shown<'_>, finding: &Finding, palette: Palette) -> Vec<String> {
    let word = match finding.weight {
        Weight::Error => palette.bad("error"),
        Weight::Warning => palette.warn("warning"),
        Weight::Note => palette.dim("note"),
    };
    let mut lines = vec![format!("{word}[{}]: {}", finding.kind, sanitise::line(&finding.message))];
    lines.extend(excerpt(shown.script, finding));
    // What is read from the text, or never happened, was not seen.
    if finding.seen > 0 {
        let runs = plural(shown.report.runs.into(), "rehearsal", "rehearsals");
        lines.push(format!("  seen in {} of {runs}", finding.seen));
    }
    lines.extend(finding.hint.as_deref().map(|hint| sanitise::line(&format!("  hint: {hint}"))));
    lines.extend(finding.case.as_ref().map(|case| format!("  see it: {}", replay(shown.target, case))));
    lines
}

/// The command that plays a case again.
pub fn replay(target: &str, case: &Case) -> String {
    let case = serde_json::to_string(case).unwrap_or_default().replace('\'', "'\\''");
    sanitise::line(&format!("baya rehearse {target} --case '{case}'"))
}

/// The line it is about, with a caret.
fn excerpt(script: &ScriptRecord, finding: &Finding) -> Vec<String> {
    let Some(site) = &finding.site else { return Vec::new() };
    let mut lines = vec![sanitise::line(&format!("  --> {}:{}:{}", site.file, site.line, site.column))];
    let source = script.sources.iter().find(|(name, _)| *name == site.file);
    let text = source.and_then(|(_, text)| text.lines().nth(site.line.saturating_sub(1) as usize));
    let Some(text) = text.filter(|text| text.chars().count() <= EXCERPT_CHARS) else { return lines };
    let number = site.line.to_string();
    let margin = " ".repeat(number.len());
    let before: String = text.chars().take(site.column.saturating_sub(1) as usize).collect();
    let indent = " ".repeat(width(&sanitise::line(&before)));
    lines.push(format!("  {number} | {}", sanitise::line(text)));
    lines.push(format!("  {margin} | {indent}^"));
    lines
}

/// A longer line of a script is not shown.
const EXCERPT_CHARS: usize = 200;

fn sum(report: &Report) -> String {
    let of =
        |weight: Weight| report.findings.iter().filter(|finding| finding.weight == weight).count() as u64;
    let (errors, warnings) = (of(Weight::Error), of(Weight::Warning));
    match (errors, warnings) {
        (0, 0) => "nothing wrong was seen".to_owned(),
        _ => format!("{}, {}", plural(errors, "error", "errors"), plural(warnings, "warning", "warnings")),
    }
}
