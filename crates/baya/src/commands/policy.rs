//! `baya policy check`: what the policy makes of an action, without doing it.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::views::sanitise;
use baya_agents::backend::{Action, Deed};
use baya_agents::policy::{Place, Policy};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Say what becomes of a command, a file, a host or a tool, and by which rule
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// A shell line; with one of the flags, a path, a host or a tool
    #[arg(required = true, value_name = "WORDS", allow_hyphen_values = true, trailing_var_arg = true)]
    pub words: Vec<String>,
    /// A file that would be read
    #[arg(long, group = "kind")]
    pub read: bool,
    /// A file that would be written
    #[arg(long, group = "kind")]
    pub write: bool,
    /// A host that would be connected to
    #[arg(long, group = "kind")]
    pub host: bool,
    /// A tool
    #[arg(long, group = "kind")]
    pub tool: bool,
    /// As one line of JSON
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let What::Check(args) = &args.what;
    let folders = Folders::find()?;
    let policy = Policy::new(Settings::load(&folders)?.policies);
    let place = Place { folder: &folders.working, home: &folders.home };
    let judgement = policy.judge(&action(args), place);
    let why = if judgement.why.is_empty() { "no rule speaks of it" } else { &judgement.why };
    if args.json {
        let (ruling, covers) = (judgement.ruling.name(), &judgement.covers);
        let value = json!({"type": "ruling", "ruling": ruling, "why": why, "covers": covers});
        output::data(&sanitise::json(&value.to_string()));
    } else {
        output::data(&sanitise::line(&format!("{}: {why}", judgement.ruling.name())));
    }
    Ok(Exit::Done)
}

fn action(args: &CheckArgs) -> Action {
    let text = args.words.join(" ");
    let (tool, what) = match (args.read, args.write, args.host, args.tool) {
        (true, _, _, _) => ("read", Deed::Read(text.into())),
        (_, true, _, _) => ("write", Deed::Write(text.into())),
        (_, _, true, _) => ("web_fetch", Deed::Host(text)),
        (_, _, _, true) => return Action { tool: text, what: Deed::Other(String::new()) },
        _ => ("bash", Deed::Command(text)),
    };
    Action { tool: tool.to_owned(), what }
}
