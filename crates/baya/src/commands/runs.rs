//! `baya runs`: all runs, the newest first.

use super::drive::of_journal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::views::cost::dollars;
use crate::views::summary::status_word;
use crate::views::{sanitise, words};
use baya_core::agent::UsageSource;
use baya_engine::driver::now_ms;
use baya_engine::journal::RunState;
use baya_engine::runs::{RunStore, RunSummary};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON line per run
    #[arg(long)]
    pub json: bool,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let list = RunStore::new(&Folders::find()?.state).list().map_err(|error| of_journal(&error))?;
    let shown = list.runs.iter().take(args.limit);
    match args.json {
        true => shown.for_each(|run| output::data(&sanitise::json(&to_json(run).to_string()))),
        false => table(&shown.collect::<Vec<_>>()).iter().for_each(|line| output::data(line)),
    }
    if list.runs.len() > args.limit {
        output::talk(&format!(
            "{} more; `baya runs -n {}` lists all",
            list.runs.len() - args.limit,
            list.runs.len()
        ));
    }
    if list.runs.is_empty() && list.unreadable.is_empty() {
        output::talk("no runs yet");
    }
    for (run, error) in &list.unreadable {
        output::talk(&sanitise::line(&format!("{run} cannot be read: {error}")));
    }
    Ok(Exit::Done)
}

fn table(runs: &[&RunSummary]) -> Vec<String> {
    if runs.is_empty() {
        return Vec::new();
    }
    let state_width = runs.iter().map(|run| words::width(&state(run))).max().unwrap_or(0).max(5);
    let has_dollars = runs.iter().any(|run| run.summary.usage.priced > 0);
    let cost = |text: &str| if has_dollars { format!("{text:>9}  ") } else { String::new() };
    let header = format!(
        "{:<15}  {:<state_width$}  {:<16}  {:>9}  {}NAME",
        "RUN",
        "STATE",
        "STARTED (UTC)",
        "AGENTS",
        cost("COST")
    );
    let row = |run: &&RunSummary| {
        let summary = &run.summary;
        let agents = format!("{}/{}", summary.answered, summary.agents);
        let started = words::moment(summary.started_ms);
        let started = started.get(..16).unwrap_or_default();
        let mark = if summary.usage.source == UsageSource::Simulated { " (simulated)" } else { "" };
        sanitise::line(&format!(
            "{:<15}  {:<state_width$}  {started:<16}  {agents:>9}  {}{}{mark}",
            run.id.as_str(),
            state(run),
            cost(&dollars(&summary.usage)),
            summary.name
        ))
    };
    std::iter::once(header).chain(runs.iter().map(row)).collect()
}

/// One or two words.
fn state(run: &RunSummary) -> String {
    let driven = run.driver.is_some();
    match &run.summary.state {
        RunState::Ended(status) if run.summary.failed > 0 => {
            format!("{}, {} failed", status_word(*status), run.summary.failed)
        }
        RunState::Ended(status) => status_word(*status).to_owned(),
        RunState::New | RunState::Open if driven => "running".to_owned(),
        RunState::New => "killed before it began".to_owned(),
        // Its process is gone and did not say so.
        RunState::Open => "killed, resumable".to_owned(),
        RunState::Paused if driven => "paused".to_owned(),
        RunState::Paused => "paused, resumable".to_owned(),
        RunState::Parked(_) => match run.summary.wakes_at_ms.filter(|_| driven) {
            Some(at_ms) => format!("parked {}", words::until(at_ms, now_ms())),
            None => "parked, resumable".to_owned(),
        },
        RunState::Interrupted => "interrupted, resumable".to_owned(),
    }
}

fn to_json(run: &RunSummary) -> Value {
    let mut value = json!(run.summary);
    value["type"] = json!("run");
    value["run"] = json!(run.id);
    value["driven"] = json!(run.driver.is_some());
    value
}
