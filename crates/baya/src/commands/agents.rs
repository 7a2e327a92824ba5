//! `baya agents`: what `agentType` may name, where each type comes from, and which tools its agents
//! really have here. Servers of tools are started for that, those that are trusted.

use super::drive;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::trust::{self, Asking};
use crate::views::sanitise;
use crate::wiring::confines::Confines;
use crate::wiring::{backends, bench, outside, randomness};
use baya_agents::agent_types::{AgentType, AgentTypes, Broken, Origin};
use baya_agents::api::{Outside, Rights};
use baya_agents::mcp::Surveyed;
use baya_agents::sandbox::Profile;
use baya_core::agent::AgentOptions;
use baya_core::ids::RunId;
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
    let trust = trust::settle(&folders, &mut settings, Asking::Unneeded)?;
    let types = backends::find_types(&folders);
    let run = RunId::from_random(randomness::bits());
    let listing = drive::runtime()?.block_on(async {
        let env = backends::environment();
        let confines = Confines::new(&folders, &settings, &env).await?;
        let profile = settings.sandbox.unwrap_or_default();
        let outside = outside::build(&folders, &settings, &types, &trust, profile, &confines, &env);
        let listing = Listing::of(&types, &outside, profile, &run).await;
        if let Some(servers) = &outside.servers {
            servers.end().await;
            // Nothing of it is needed any more; what cannot be removed harms nobody.
            let _ = std::fs::remove_dir_all(folders.state.join("agents").join(run.as_str()));
        }
        Ok::<_, Failure>(listing)
    })?;
    outside::tell_broken(&folders);
    match args.json {
        true => listing.json().iter().for_each(|line| output::data(&sanitise::json(&line.to_string()))),
        false => listing.lines().iter().for_each(|line| output::data(&sanitise::line(line))),
    }
    Ok(Exit::Done)
}

/// All that is listed.
struct Listing<'a> {
    types: Vec<(&'a AgentType, Effective)>,
    broken: &'a [Broken],
    servers: Vec<Surveyed>,
}

/// What the agents of a type really have.
struct Effective {
    tools: Vec<String>,
    sandbox: &'static str,
    /// What there is to say about the lists.
    notes: Vec<String>,
}

impl Listing<'_> {
    async fn of<'a>(types: &'a AgentTypes, outside: &Outside, most: Profile, run: &RunId) -> Listing<'a> {
        let servers = match &outside.servers {
            Some(servers) => servers.survey(run).await,
            None => Vec::new(),
        };
        let mut listed = Vec::new();
        for agent_type in types.iter() {
            let rights = outside.rights(Some(agent_type), &AgentOptions::default(), most, run, &|_| ()).await;
            listed.push((agent_type, Effective::of(rights)));
        }
        Listing { types: listed, broken: types.broken(), servers }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (agent_type, Effective { tools, sandbox, notes }) in &self.types {
            lines.push(format!("{}: {}", agent_type.name, agent_type.description));
            let tools = if tools.is_empty() { "none".to_owned() } else { tools.join(", ") };
            lines.push(format!("    {}; tools: {tools}; sandbox: {sandbox}", origin(&agent_type.origin)));
            lines.extend(notes.iter().map(|note| format!("    note: {note}")));
        }
        for Broken { path, reason } in self.broken {
            lines.push(format!("broken: {}", path.display()));
            lines.push(format!("    {reason}"));
        }
        for Surveyed { name, of_type, tools } in &self.servers {
            let of_type = of_type.as_ref().map(|name| format!(", of {name}")).unwrap_or_default();
            let state = match tools {
                Ok(tools) if tools.is_empty() => "no tools".to_owned(),
                Ok(tools) => tools.join(", "),
                Err(why) => format!("not at work: {why}"),
            };
            lines.push(format!("server {name}{of_type}: {state}"));
        }
        lines
    }

    fn json(&self) -> Vec<Value> {
        let known = |(agent_type, effective): &(&AgentType, Effective)| {
            json!({"type": "agent_type", "name": agent_type.name, "description": agent_type.description,
                "origin": origin(&agent_type.origin), "tools": effective.tools, "sandbox": effective.sandbox,
                "notes": effective.notes, "model": agent_type.model, "max_turns": agent_type.max_turns})
        };
        let broken = |broken: &Broken| {
            let location = broken.path.display().to_string();
            json!({"type": "broken", "location": location, "reason": broken.reason})
        };
        let server = |server: &Surveyed| {
            json!({"type": "server", "name": server.name, "of_type": server.of_type,
                "tools": server.tools.as_ref().ok(), "error": server.tools.as_ref().err()})
        };
        let types = self.types.iter().map(known);
        types.chain(self.broken.iter().map(broken)).chain(self.servers.iter().map(server)).collect()
    }
}

impl Effective {
    fn of(rights: Result<Rights, String>) -> Effective {
        match rights {
            Ok(Rights { tools, profile, notes }) => {
                let tools = tools.iter().map(|tool| tool.name().to_owned()).collect();
                Effective { tools, sandbox: bench::profile_name(profile), notes }
            }
            Err(why) => Effective {
                tools: Vec::new(),
                sandbox: bench::profile_name(Profile::ReadOnly),
                notes: vec![why],
            },
        }
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => "built in".to_owned(),
        Origin::File(path) => path.display().to_string(),
    }
}
