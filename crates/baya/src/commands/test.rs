//! `baya test [DIR|FILE…]`: plays workflows with written or recorded answers and compares.

use super::drive::{self, of_journal};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::testing::file::Test;
use crate::testing::play::{Ground, Outcome};
use crate::testing::{find, record, update};
use crate::views::sanitise;
use crate::views::tests as view;
use baya_engine::runs::RunStore;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tests, or folders with tests; without any, those of the working folder
    #[arg(value_name = "DIR|FILE")]
    pub paths: Vec<PathBuf>,
    /// Make a test out of a run that has ended: its answers, its result, what it took
    #[arg(long, value_name = "RUN", conflicts_with_all = ["paths", "update"])]
    pub record: Option<String>,
    /// The file of the recorded test; without it, beside the script
    #[arg(short, long, value_name = "FILE", requires = "record")]
    pub output: Option<PathBuf>,
    /// Write over a test that is there
    #[arg(long, requires = "record")]
    pub force: bool,
    /// Take what the tests come to as what is expected of them
    #[arg(long)]
    pub update: bool,
    /// One JSON line per test, and one for all
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    if let Some(run) = &args.record {
        return make(args, run, &folders);
    }
    let tests = find::find(&args.paths, &folders.working)?;
    let ground = Ground { folders: &folders };
    drive::runtime()?.block_on(all(args, &tests, &ground))
}

fn make(args: &Args, run: &str, folders: &Folders) -> Result<Exit, Failure> {
    let store = RunStore::new(&folders.state);
    let id = store.find(run).map_err(|error| of_journal(&error))?;
    let reader = store.read(&id).map_err(|error| of_journal(&error))?;
    let events = reader.load().map_err(|error| of_journal(&error))?;
    let written = record::record(&events, id.as_str(), args.output.as_deref(), args.force)?;
    let (test, cassette) = (written.test.display().to_string(), written.cassette.display().to_string());
    if args.json {
        output::data(&json!({"type": "recorded", "run": id, "test": test, "cassette": cassette}).to_string());
        return Ok(Exit::Done);
    }
    output::talk(&sanitise::line(&format!("wrote {test}")));
    output::talk(&sanitise::line(&format!("wrote {cassette}: prompts and answers of {id}, as they are")));
    output::talk(&sanitise::line(&format!("play it: baya test {test}")));
    Ok(Exit::Done)
}

async fn all(args: &Args, tests: &[PathBuf], ground: &Ground<'_>) -> Result<Exit, Failure> {
    let (mut held, mut updated, mut failed) = (0, 0, 0);
    for path in tests {
        let played = one(path, ground).await;
        let is_other = !matches!(&played, Ok((_, outcome)) if outcome.differences.is_empty());
        let is_updated = match (&played, args.update && is_other) {
            (Ok((test, outcome)), true) => {
                update::update(test, &outcome.found, &outcome.played, &outcome.differences)?;
                true
            }
            (Ok(_) | Err(_), _) => false,
        };
        match (is_other, is_updated) {
            (false, _) => held += 1,
            (true, true) => updated += 1,
            (true, false) => failed += 1,
        }
        let told = view::Told { path, played: &played, is_updated };
        match args.json {
            true => output::data(&sanitise::json(&view::json(&told).to_string())),
            false => view::lines(&told).iter().for_each(|line| output::data(line)),
        }
    }
    match args.json {
        true => output::data(
            &json!({"type": "tests_ended", "held": held, "failed": failed, "updated": updated}).to_string(),
        ),
        false => output::data(&view::total(held, failed, updated)),
    }
    Ok(if failed > 0 { Exit::ScriptFailed } else { Exit::Done })
}

async fn one(path: &Path, ground: &Ground<'_>) -> Result<(Test, Outcome), Failure> {
    let test = Test::read(path)?;
    let outcome = ground.play(&test).await?;
    Ok((test, outcome))
}
