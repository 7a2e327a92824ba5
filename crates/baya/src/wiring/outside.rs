//! What agents may reach beyond their folder: servers of tools, pages of the web, hosts for commands. Each
//! only as far as a person has listed or trusted it.

use super::confines::Confines;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::trust::{self, Claim, Trust};
use crate::views::sanitise;
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{Outside, ProviderKind, key_variable};
use baya_agents::egress::Egress;
use baya_agents::mcp::config::{self, Declared};
use baya_agents::mcp::{Nest, OpenNest, Plan, Servers};
use baya_agents::sandbox::Profile;
use baya_agents::tools::{Tool, WebFetchTool};
use baya_core::ids::RunId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Environment = BTreeMap<String, String>;

/// The tools of agents of a run that reach outside.
pub fn build(
    folders: &Folders,
    settings: &Settings,
    types: &AgentTypes,
    trust: &Trust,
    profile: Profile,
    confines: &Arc<Confines>,
    env: &Environment,
) -> Outside {
    let plans = plans(folders, settings, types, trust, env);
    let servers =
        (!plans.is_empty()).then(|| Arc::new(Servers::new(plans, nests(folders, profile, confines))));
    let web = (!settings.web.is_empty())
        .then(|| Arc::new(WebFetchTool::new(Egress::new(settings.web.clone()))) as Arc<dyn Tool>);
    Outside { servers, tools: web.into_iter().collect() }
}

/// Tells of files of servers that cannot be used.
pub fn tell_broken(folders: &Folders) {
    for config::Broken { file, reason } in
        config::find(&folders.working, folders.repository.as_deref()).broken
    {
        output::talk(&sanitise::line(&format!("note: `{}` {reason}", file.display())));
    }
}

/// Every server that agents may have: those of the project, nearest first, before those of the user; and
/// those that agent types describe for themselves.
pub fn plans(
    folders: &Folders,
    settings: &Settings,
    types: &AgentTypes,
    trust: &Trust,
    env: &Environment,
) -> Vec<Plan> {
    let allowed = allowed(settings, env);
    let of_project = config::find(&folders.working, folders.repository.as_deref()).servers;
    let of_settings = settings.project.iter().flat_map(|(path, file)| trust::servers_of(file, path));
    let asked: Vec<Declared> = of_project.into_iter().chain(of_settings).collect();
    let mut plans = Vec::new();
    let mut names = BTreeSet::new();
    for server in &asked {
        if names.insert(server.name.clone()) {
            plans.push(plan(server, Some(trust), None, &allowed));
        }
    }
    for server in &settings.mcp {
        if names.insert(server.name.clone()) {
            plans.push(plan(server, None, None, &allowed));
        }
    }
    for (type_name, server) in trust::inline_servers(types) {
        let is_projects = server.file.starts_with(trust::place(folders));
        plans.push(plan(&server, is_projects.then_some(trust), Some(type_name), &allowed));
    }
    plans
}

/// `trust`: it has to be trusted first.
fn plan(server: &Declared, trust: Option<&Trust>, of_type: Option<String>, allowed: &Environment) -> Plan {
    let door = match trust {
        Some(trust) if !trust.has(&Claim::of_server(server)) => {
            let folder = trust.folder.display();
            Err(format!("`{folder}` was not trusted with it; baya trust {folder}"))
        }
        Some(_) | None => server.config.door(allowed),
    };
    Plan { name: server.name.clone(), door, timeout_ms: server.config.timeout, of_type }
}

/// The variables that descriptions may name: the usual ones and those that the user passes on; never one
/// that holds a key of a provider.
fn allowed(settings: &Settings, env: &Environment) -> Environment {
    let is_key = |name: &str| {
        let of_settings =
            settings.providers.values().any(|provider| provider.key_env.as_deref() == Some(name));
        of_settings || ProviderKind::ALL.into_iter().any(|kind| key_variable(kind) == Some(name))
    };
    let mut allowed = super::bench::plain_environment(env.clone().into_iter());
    let passed = settings.mcp_env.iter().filter(|name| !is_key(name));
    allowed.extend(passed.filter_map(|name| Some((name.clone(), env.get(name)?.clone()))));
    allowed
}

/// Where the servers of a run work: in the working folder, with a temporary folder of their own.
fn nests(folders: &Folders, profile: Profile, confines: &Arc<Confines>) -> OpenNest {
    let (folders, confines) = (folders.clone(), confines.clone());
    Arc::new(move |run: &RunId| {
        let notes = notes(&folders.state, run);
        let temporary = notes.join("tmp");
        super::bench::private_folder(&temporary)?;
        let mut sandbox = confines.sandbox(profile, &folders.working, &temporary);
        // All servers share the way out, and none is told of refusals.
        let pass = confines.let_out(&mut sandbox)?;
        let environment = sandbox.environment.clone();
        Ok(Nest { folder: folders.working.clone(), sandbox, environment, notes, pass })
    })
}

/// What is noted of the servers of a run.
pub fn notes(state: &Path, run: &RunId) -> PathBuf {
    state.join("agents").join(run.as_str()).join("servers")
}

/// The failure to open the way out.
pub fn no_way_out(error: &std::io::Error) -> Failure {
    Failure::outside("cannot open the way out to listed hosts", error)
}
