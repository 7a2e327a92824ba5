//! `baya completions SHELL`

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use clap::CommandFactory;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// bash, elvish, fish, powershell or zsh
    pub shell: Shell,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "baya", &mut script);
    output::data_raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
