//! `baya bundle FILE`: one self-contained script out of a script and what it imports.

use crate::exit::Exit;
use crate::failure::{Failure, in_words};
use crate::folders::Folders;
use crate::output;
use crate::wiring::scripts::{Workflows, refusal};
use baya_core::script::Options;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The script's file, or the name of a saved workflow
    pub target: String,
    /// Where to write it; without it, to stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The script is TypeScript, whatever its file's name
    #[arg(long)]
    pub ts: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let workflows = Workflows::new(&folders, Options { typescript: args.ts, portable: false })?;
    let loading = workflows.open(&args.target)?;
    let text = workflows.bundle(&loading).map_err(|found| refusal(&loading.entry.name, &found))?;
    match &args.output {
        None => output::data_raw(&text),
        Some(path) => {
            std::fs::write(path, &text).map_err(|error| {
                Failure::usage(format!("cannot write `{}`: {}", path.display(), in_words(&error)))
            })?;
            output::talk(&format!("wrote {}", path.display()));
        }
    }
    Ok(Exit::Done)
}
