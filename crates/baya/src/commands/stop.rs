//! `baya stop RUN [--agent N]`: an order to the process that drives the run.

use super::drive::of_journal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use baya_core::ids::{AgentNumber, RunId};
use baya_core::op::Op;
use baya_engine::runs::{OpLeft, RunStore};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, its beginning, or `last`
    pub run: String,
    /// End only this agent; its call gives null
    #[arg(long, value_name = "N")]
    pub agent: Option<u32>,
}

/// How long the run's end is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let store = RunStore::new(&Folders::find()?.state);
    let run = store.find(&args.run).map_err(|error| of_journal(&error))?;
    let by = "baya stop".to_owned();
    let op = match args.agent {
        Some(number) => Op::Skip { agent: AgentNumber(number), by },
        None => Op::Stop { by },
    };
    match (store.leave_op(&run, &op).map_err(|error| of_journal(&error))?, args.agent) {
        (OpLeft::NobodyDrives, _) => {
            output::talk(&format!("{run} is not running: there is nothing to stop"));
            Ok(Exit::Done)
        }
        (OpLeft::ToDriver, Some(number)) => {
            output::talk(&format!("asked {run} to end agent #{number}"));
            Ok(Exit::Done)
        }
        (OpLeft::ToDriver, None) => wait_for_end(&store, &run),
    }
}

fn wait_for_end(store: &RunStore, run: &RunId) -> Result<Exit, Failure> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let summary = store.summary(run).map_err(|error| of_journal(&error))?;
        if summary.driver.is_none() {
            output::talk(&format!("stopped {run}"));
            return Ok(Exit::Done);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(Failure::new(Exit::ScriptFailed, format!("{run} was asked to stop and has not ended yet"))
        .hint(format!("look again: baya show {run}")))
}
