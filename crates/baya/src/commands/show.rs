//! `baya show RUN [AGENT]`

use super::drive::{of_journal, runtime};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::views::frame::changes_words;
use crate::views::json::{Extent, event};
use crate::views::palette::Palette;
use crate::views::{diff, flow, sanitise, show, words};
use crate::wiring::host::changes_now;
use baya_core::event::Recorded;
use baya_core::ids::{AgentNumber, RunId};
use baya_core::view::{AgentStory, Flow, RunState, RunView};
use baya_engine::runs::{RunStore, RunSummary};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`
    pub run: String,
    /// One of its agents, by its number
    #[arg(value_name = "AGENT")]
    pub agent: Option<String>,
    /// The patch of what the agent changed in its worktree
    #[arg(long, requires = "agent", conflicts_with_all = ["events", "flow"])]
    pub diff: bool,
    /// Every event of the journal
    #[arg(long, conflicts_with = "agent")]
    pub events: bool,
    /// Which agents used whose words, and where marked ones went
    #[arg(long, conflicts_with_all = ["agent", "events"])]
    pub flow: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let store = RunStore::new(&Folders::find()?.state);
    let run = store.find(&args.run).map_err(|error| of_journal(&error))?;
    let reader = store.read(&run).map_err(|error| of_journal(&error))?;
    let prefix = reader.prefix();
    match &args.agent {
        Some(wanted) if args.diff => diff::tell(&story(&prefix.events, wanted)?, args.json)?,
        Some(wanted) => tell_agent(&story(&prefix.events, wanted)?, &run, args.json)?,
        None if args.events => tell_events(&prefix.events, args.json),
        None if args.flow => tell_flow(&prefix.events, args.json),
        None => {
            let summary = store.summary(&run).map_err(|error| of_journal(&error))?;
            tell_run(&prefix.events, &summary, args.json);
        }
    }
    match &prefix.damage {
        Some(damage) => Err(Failure { exit: Exit::ScriptFailed, ..of_journal(damage) }),
        None => Ok(Exit::Done),
    }
}

fn tell_run(events: &[Recorded], summary: &RunSummary, as_json: bool) {
    let view = RunView::of(events);
    if as_json {
        let mut value = json!(view);
        value["type"] = json!("run_view");
        value["driven"] = json!(summary.driver.is_some());
        return output::data(&sanitise::json(&value.to_string()));
    }
    if view.run.is_none() && summary.driver.is_none() {
        return output::data(&format!("{}: its process was killed before it began", summary.id));
    }
    show::run(&view, Palette::of_stdout()).iter().for_each(|line| output::data(line));
    match (&view.state, &summary.driver) {
        (RunState::Ended { .. } | RunState::Interrupted { .. } | RunState::Parked { .. }, None) => {}
        (RunState::Ended { .. } | RunState::Interrupted { .. }, Some(_)) => {}
        (_, Some(holder)) => output::data(&format!("\ndriven by process {}", holder.owner.pid)),
        (_, None) => output::data(&format!(
            "\nits process is gone and did not say so; everything is kept\nresume: baya resume {}",
            summary.id
        )),
    }
}

fn tell_flow(events: &[Recorded], as_json: bool) {
    let flow = Flow::of(events);
    if !as_json {
        return flow::lines(&flow, Palette::of_stdout()).iter().for_each(|line| output::data(line));
    }
    let mut value = json!(flow);
    value["type"] = json!("run_flow");
    output::data(&sanitise::json(&value.to_string()));
}

fn story(events: &[Recorded], wanted: &str) -> Result<AgentStory, Failure> {
    let number: u32 = wanted.trim_start_matches('#').parse().map_err(|_| {
        Failure::usage(format!("`{wanted}` is not the number of an agent"))
            .hint("`baya show RUN` lists the agents")
    })?;
    AgentStory::collect(events, AgentNumber(number)).ok_or_else(|| {
        Failure::usage(format!("the run has no agent #{number}")).hint("`baya show RUN` lists the agents")
    })
}

fn tell_agent(story: &AgentStory, run: &RunId, as_json: bool) -> Result<(), Failure> {
    let is_over = story.answer.is_some() || story.cause.is_some();
    let changes = match is_over || !story.options.worktree {
        true => None,
        false => runtime()?.block_on(changes_now(&Folders::find()?.state, run, story.agent)),
    };
    if as_json {
        let mut value = json!(story);
        if let Some(changes) = changes {
            value["changes"] = json!(changes);
        }
        output::data(&sanitise::json(&value.to_string()));
        return Ok(());
    }
    show::agent(story, Palette::of_stdout()).iter().for_each(|line| output::data(line));
    if let Some(changes) = changes {
        output::data(&format!("work:\n  {}", changes_words(changes)));
    }
    Ok(())
}

fn tell_events(events: &[Recorded], as_json: bool) {
    for recorded in events {
        let extent = if as_json { Extent::Whole } else { Extent::Short };
        let value = event(recorded, extent);
        let line = sanitise::json(&value.to_string());
        match as_json {
            true => output::data(&line),
            false => output::data(&event_line(recorded, &value)),
        }
    }
}

/// `12 09:15:02 agent_queued {…}`
fn event_line(recorded: &Recorded, value: &serde_json::Value) -> String {
    let name = value.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    let mut rest = value.clone();
    if let Some(fields) = rest.as_object_mut() {
        fields.retain(|key, _| !matches!(key.as_str(), "type" | "seq" | "at_ms"));
    }
    let moment = words::moment(recorded.at_ms);
    let time = moment.get(11..).unwrap_or_default();
    format!("{:>6} {time} {name} {}", recorded.seq, sanitise::json(&rest.to_string()))
}
