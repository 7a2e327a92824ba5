//! `baya list`: the saved workflows, those that cannot run with the reason.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::views::sanitise;
use crate::wiring::scripts::Workflows;
use baya_core::script::Options;
use baya_engine::registry::{Broken, Location, Origin, Registry, Standing, Workflow};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON line per workflow
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let registry = Workflows::new(&folders, Options::default())?.registry();
    match args.json {
        true => {
            json_lines(&registry).iter().for_each(|line| output::data(&sanitise::json(&line.to_string())))
        }
        false => lines(&registry).iter().for_each(|line| output::data(&sanitise::line(line))),
    }
    if registry.workflows.is_empty() && registry.broken.is_empty() {
        output::talk("no saved workflows; they are looked for in `.baya/workflows` and `.claude/workflows`");
    }
    Ok(Exit::Done)
}

fn lines(registry: &Registry) -> Vec<String> {
    let mut lines = Vec::new();
    for workflow in &registry.workflows {
        lines.push(format!("{}: {}", workflow.name, workflow.meta.description));
        lines.push(format!("    {} ({}){}", workflow.location, origin(&workflow.origin), standing(workflow)));
    }
    for Broken { path, reason } in &registry.broken {
        lines.push(format!("broken: {}", path.display()));
        lines.push(format!("    {reason}"));
    }
    lines
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Project => "project".to_owned(),
        Origin::User => "user".to_owned(),
        Origin::Plugin(name) => format!("plugin {name}"),
        Origin::BuiltIn => "built in".to_owned(),
    }
}

fn standing(workflow: &Workflow) -> String {
    match &workflow.standing {
        Standing::Usable => String::new(),
        Standing::Shadowed { by } => format!(", shadowed by {by}"),
        Standing::Conflict { with } => {
            let others: Vec<String> = with.iter().map(Location::to_string).collect();
            format!(", cannot run: the same name is in {}", others.join(" and "))
        }
    }
}

fn json_lines(registry: &Registry) -> Vec<Value> {
    let workflow = |workflow: &Workflow| {
        let standing = match &workflow.standing {
            Standing::Usable => "usable",
            Standing::Shadowed { .. } => "shadowed",
            Standing::Conflict { .. } => "conflict",
        };
        json!({"type": "workflow", "name": workflow.name, "description": workflow.meta.description,
            "when_to_use": workflow.meta.when_to_use, "location": workflow.location.to_string(),
            "origin": origin(&workflow.origin), "standing": standing})
    };
    let broken = |broken: &Broken| {
        let location = broken.path.display().to_string();
        json!({"type": "broken", "location": location, "reason": broken.reason})
    };
    registry.workflows.iter().map(workflow).chain(registry.broken.iter().map(broken)).collect()
}
