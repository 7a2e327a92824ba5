//! `baya gc`: removes what runs left behind and nobody needs, and says what before it does.

use super::drive::{self, of_journal};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::quantity;
use crate::views::{sanitise, words};
use crate::wiring::garbage::{Garbage, Pile, Plan};
use baya_engine::runs::RunStore;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Remove it without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Also work that was never landed, if its run is older than this, as `14d`
    #[arg(long, value_name = "TIME", value_parser = quantity::age_ms)]
    pub older_than: Option<u64>,
    /// JSON lines; the last is always `gc_ended`
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let store = RunStore::new(&folders.state);
    drive::runtime()?.block_on(async {
        let list = store.list().map_err(|error| of_journal(&error))?;
        let plan = Pile::new(&folders.state, &store, list.runs).plan(args.older_than).await?;
        tell(&plan, args.json);
        if args.dry_run || plan.garbage.is_empty() {
            end(args.json, 0, plan.kept);
            return Ok(Exit::Done);
        }
        if !args.yes && !is_confirmed()? {
            output::talk("nothing was removed");
            end(args.json, 0, plan.kept);
            return Ok(Exit::Done);
        }
        let mut left = 0;
        for garbage in &plan.garbage {
            if let Err(why) = garbage.remove(&folders.state, &store).await {
                left += 1;
                output::talk(&sanitise::line(&format!("stays: {}: {why}", garbage.what())));
            }
        }
        let removed = plan.garbage.len() - left;
        if !args.json {
            output::talk(&format!("removed {}", words::plural(removed as u64, "thing", "things")));
        }
        end(args.json, removed, plan.kept);
        Ok(if left == 0 { Exit::Done } else { Exit::ScriptFailed })
    })
}

fn tell(plan: &Plan, as_json: bool) {
    if as_json {
        return plan
            .garbage
            .iter()
            .for_each(|garbage| output::data(&sanitise::json(&line(garbage).to_string())));
    }
    for garbage in &plan.garbage {
        let text = format!("{:<9} {}   ({})", garbage.kind(), garbage.what(), garbage.why);
        output::data(&sanitise::line(&text));
    }
    if plan.garbage.is_empty() {
        output::talk("there is nothing to remove");
    }
    plan.troubles.iter().for_each(|trouble| output::talk(&sanitise::line(&format!("note: {trouble}"))));
    if plan.kept > 0 {
        let works = words::plural(plan.kept as u64, "ref or branch", "refs and branches");
        output::talk(&format!("{works} of work that was not landed: kept; --older-than 14d takes old ones"));
    }
}

fn line(garbage: &Garbage) -> Value {
    json!({"type": "garbage", "kind": garbage.kind(), "what": garbage.what(), "run": garbage.run,
        "why": garbage.why})
}

fn end(as_json: bool, removed: usize, kept: usize) {
    if as_json {
        output::data(&json!({"type": "gc_ended", "removed": removed, "kept": kept}).to_string());
    }
}

fn is_confirmed() -> Result<bool, Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::usage("nothing was removed: nobody is there to say yes")
            .hint("baya gc --yes removes what is listed; --dry-run only lists"));
    }
    output::talk("Remove all of this? [y/N]");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
