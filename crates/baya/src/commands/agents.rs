//! `baya agents`: what `agentType` may name, where each type comes from, and which tools its agents
//! really have here.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::trust::{self, Asking};
use crate::views::sanitise;
use crate::wiring::{backends, bench};
use baya_agents::agent_types::{AgentType, AgentTypes, Broken, Origin};
use baya_agents::api::{Rights, rights};
use baya_agents::sandbox::Profile;
use baya_core::agent::AgentOptions;
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON line per agent type
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let mut settings = Settings::load(&folders)?;
    trust::settle(&folders, &mut settings, Asking::Unneeded)?;
    let profile = settings.sandbox.unwrap_or_default();
    let types = backends::find_types(&folders);
    match args.json {
        true => json_lines(&types, profile)
            .iter()
            .for_each(|line| output::data(&sanitise::json(&line.to_string()))),
        false => lines(&types, profile).iter().for_each(|line| output::data(&sanitise::line(line))),
    }
    Ok(Exit::Done)
}

fn lines(types: &AgentTypes, most: Profile) -> Vec<String> {
    let mut lines = Vec::new();
    for agent_type in types.iter() {
        lines.push(format!("{}: {}", agent_type.name, agent_type.description));
        let (tools, profile, notes) = effective(agent_type, most);
        let tools = if tools.is_empty() { "none".to_owned() } else { tools.join(", ") };
        lines.push(format!("    {}; tools: {tools}; sandbox: {profile}", origin(&agent_type.origin)));
        lines.extend(notes.iter().map(|note| format!("    note: {note}")));
    }
    for Broken { path, reason } in types.broken() {
        lines.push(format!("broken: {}", path.display()));
        lines.push(format!("    {reason}"));
    }
    lines
}

/// Names of tools, the sandbox's profile, and what there is to say about the lists.
fn effective(agent_type: &AgentType, most: Profile) -> (Vec<String>, &'static str, Vec<String>) {
    match rights(Some(agent_type), &AgentOptions::default(), most) {
        Ok(Rights { tools, profile, notes }) => {
            (tools.iter().map(|tool| tool.name().to_owned()).collect(), bench::profile_name(profile), notes)
        }
        Err(why) => (Vec::new(), bench::profile_name(Profile::ReadOnly), vec![why]),
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => "built in".to_owned(),
        Origin::File(path) => path.display().to_string(),
    }
}

fn json_lines(types: &AgentTypes, most: Profile) -> Vec<Value> {
    let known = |agent_type: &AgentType| {
        let (tools, profile, notes) = effective(agent_type, most);
        json!({"type": "agent_type", "name": agent_type.name, "description": agent_type.description,
            "origin": origin(&agent_type.origin), "tools": tools, "sandbox": profile, "notes": notes,
            "model": agent_type.model, "max_turns": agent_type.max_turns})
    };
    let broken = |broken: &Broken| {
        let location = broken.path.display().to_string();
        json!({"type": "broken", "location": location, "reason": broken.reason})
    };
    types.iter().map(known).chain(types.broken().iter().map(broken)).collect()
}
