//! `baya work RUN`: where the work of a run's agents is, and what became of it.

use super::drive::of_journal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::views::palette::Palette;
use crate::views::sanitise;
use crate::views::work::{Row, lines};
use baya_core::errand::ErrandKind;
use baya_core::view::{AgentView, RunView, WorkView};
use baya_engine::runs::RunStore;
use baya_engine::worktree::{Record, leftovers};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`
    pub run: String,
    /// One JSON line per agent
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let state = Folders::find()?.state;
    let store = RunStore::new(&state);
    let run = store.find(&args.run).map_err(|error| of_journal(&error))?;
    let view = RunView::of(&store.read(&run).map_err(|error| of_journal(&error))?.prefix().events);
    let standing: Vec<Record> = leftovers(&state).into_iter().filter(|record| record.run == run).collect();
    let row = |agent: &AgentView| {
        let stands = standing.iter().find(|record| record.agent == agent.agent);
        if agent.work.is_none() && stands.is_none() {
            return None;
        }
        // A reviewer has a worktree to look at, and no work.
        let is_review = agent.errand.is_some_and(|errand| errand.kind == ErrandKind::Review);
        if is_review && stands.is_none() && agent.work.as_ref().is_none_or(WorkView::is_empty) {
            return None;
        }
        Some(Row {
            agent: agent.clone(),
            fate: view.fates.get(&agent.agent).cloned(),
            stands: stands.cloned(),
        })
    };
    let rows: Vec<Row> = view.agents.values().filter_map(row).collect();
    if args.json {
        for row in &rows {
            output::data(&sanitise::json(&row.to_json().to_string()));
        }
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        output::talk(&format!("no agent of {run} has worked in a worktree"));
        output::talk("hint: agents do with the option `isolation: 'worktree'`");
    }
    lines(&run, &view, &rows, Palette::of_stdout()).iter().for_each(|line| output::data(line));
    Ok(Exit::Done)
}
