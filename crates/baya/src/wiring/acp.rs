//! Agents of the Agent Client Protocol as backends: presets that are installed, and `[acp.NAME]` of the
//! settings.

use super::backends::{ByName, Choice, Environment, known_or_untrusted};
use super::bench::plain_environment;
use super::gateway::LazyGateway;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::near;
use crate::settings::{AcpSection, Settings};
use baya_agents::acp::{
    AcpBackend, AcpConfig, AcpProgram, OpenGateway, OpenSandbox, OwnProgram, PREFIX, PRESETS,
};
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::ProviderConfig;
use baya_agents::backend::Attempt;
use baya_agents::models::{ModelTable, ProviderModels, default_row};
use baya_agents::sandbox::{Profile, Sandbox};
use baya_core::agent::AgentTask;
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// No sign of life for so long: stalled.
const STALL_MS: u64 = 180_000;

/// What all of them share.
pub struct Surroundings<'a> {
    pub choice: &'a Choice,
    pub folders: &'a Folders,
    pub settings: &'a Settings,
    pub env: &'a Environment,
    /// Those with a key, the preferred one first.
    pub providers: &'a [ProviderConfig],
    pub types: &'a Arc<AgentTypes>,
    pub gateway: &'a Arc<LazyGateway>,
}

/// Adds those that can be named here; gives their names.
pub fn add(by_name: &mut ByName, around: &Surroundings<'_>) -> Result<Vec<String>, Failure> {
    let mut programs: BTreeMap<String, (AcpProgram, Option<u64>)> = BTreeMap::new();
    let path = around.env.get("PATH").map(String::as_str).unwrap_or_default();
    for preset in PRESETS {
        let program = AcpProgram::Preset(preset);
        if program.find(path).is_some() {
            programs.insert(format!("{PREFIX}{}", preset.name), (program, None));
        }
    }
    for (name, section) in &around.settings.acp {
        let timeout = section.start_timeout.map(|time| time.0);
        programs.insert(format!("{PREFIX}{name}"), (own(section, around.env), timeout));
    }
    check_choice(&programs, around, path)?;
    let names = programs.keys().cloned().collect();
    for (name, (program, start_ms)) in programs {
        let config = config(name.clone(), program, start_ms, around)?;
        by_name.insert(name, Arc::new(AcpBackend::new(config)));
    }
    Ok(names)
}

/// Whoever asks for one that is not there learns how to get it.
fn check_choice(
    programs: &BTreeMap<String, (AcpProgram, Option<u64>)>,
    around: &Surroundings<'_>,
    path: &str,
) -> Result<(), Failure> {
    let Some(chosen) = around.choice.backend.as_deref() else { return Ok(()) };
    let Some(name) = chosen.strip_prefix(PREFIX) else { return Ok(()) };
    if let Some((program, _)) = programs.get(chosen) {
        return check_program(chosen, program, around, path);
    }
    known_or_untrusted(chosen, around.settings)?;
    match AcpProgram::preset(name) {
        Ok(program) => check_program(chosen, &program, around, path),
        Err(unknown) => {
            let known: Vec<String> = unknown.known.into_iter().chain(programs.keys().cloned()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(Failure::usage(format!("there is no backend `{chosen}`"))
                .hint_if_some(near::did_you_mean(chosen, known.iter().copied()))
                .hint(format!("there is {}", near::listed(known.iter().copied(), 20)))
                .hint(format!("any other: `[acp.{name}]` with `argv` in the settings")))
        }
    }
}

fn check_program(
    name: &str,
    program: &AcpProgram,
    around: &Surroundings<'_>,
    path: &str,
) -> Result<(), Failure> {
    if program.find(path).is_none() {
        let word = program.argv().into_iter().next().unwrap_or_default();
        let failure =
            Failure::new(Exit::NoBackend, format!("`{word}` is not installed, which `{name}` needs"));
        return Err(match program.install() {
            Some(install) => failure.hint(format!("install it: {install}")),
            None => failure.hint("check `argv` of it in the settings"),
        });
    }
    reaches_model(name, program, around.providers, around.choice.sandbox).map(drop)
}

/// Whose models it asks; nobody's that we know of where it is the settings' own or on its own login.
pub fn reaches_model<'a>(
    name: &str,
    program: &AcpProgram,
    providers: &'a [ProviderConfig],
    profile: Option<Profile>,
) -> Result<Option<&'a ProviderConfig>, Failure> {
    let provider = providers.iter().find(|provider| program.speaks_with(provider.kind));
    let is_preset = matches!(program, AcpProgram::Preset(_));
    if is_preset && provider.is_none() && profile != Some(Profile::Full) {
        let said = format!("`{name}` reaches no model: there is no key of a provider that it can speak with");
        return Err(Failure::new(Exit::NoBackend, said)
            .hint(program.wanted_keys())
            .hint("`--sandbox full` lets it use its own login, and whatever else it likes"));
    }
    Ok(provider)
}

/// An agent of the settings.
pub fn own(section: &AcpSection, env: &Environment) -> AcpProgram {
    let variable = |variable: &String| match variable.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => Some((variable.clone(), env.get(variable)?.clone())),
    };
    AcpProgram::Own(OwnProgram {
        argv: section.argv.0.clone(),
        environment: section.env.iter().filter_map(variable).collect(),
        has_own_port: section.own_port,
    })
}

fn config(
    name: String,
    program: AcpProgram,
    start_ms: Option<u64>,
    around: &Surroundings<'_>,
) -> Result<AcpConfig, Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::outside("cannot find our own program", error))?;
    let own = own.display().to_string();
    let applier = vec![own.clone(), crate::SANDBOX_WORD.to_owned()];
    let lazy = around.gateway.clone();
    let gateway: OpenGateway = Arc::new(move || {
        let lazy = lazy.clone();
        async move { lazy.get().await.map_err(|failure| failure.message) }.boxed()
    });
    let known = around.providers.iter().map(|provider| ProviderModels {
        name: provider.name.clone(),
        kind: provider.kind,
        row: provider.models.clone().or(default_row(provider.kind)),
    });
    Ok(AcpConfig {
        name,
        start_ms: start_ms.unwrap_or(program.start_ms()),
        program,
        environment: plain_environment(around.env.iter().map(|(name, value)| (name.clone(), value.clone()))),
        home: around.folders.home.clone(),
        state: around.folders.state.join("agents"),
        answer: vec![own, crate::ANSWER_WORD.to_owned()],
        open: open_sandbox(applier, around.folders.clone()),
        profile: around.choice.sandbox.unwrap_or_default(),
        gateway: Some(gateway),
        models: ModelTable {
            providers: known.collect(),
            aliases: around.settings.models.clone(),
            default_model: around.choice.model.clone(),
        },
        types: around.types.clone(),
        stall_ms: STALL_MS,
    })
}

/// As the built-in agent's commands have it, with the process's private folder in the place of theirs.
fn open_sandbox(applier: Vec<String>, folders: Folders) -> OpenSandbox {
    Arc::new(move |_: &AgentTask, attempt: &Attempt, profile: Profile, private: &Path| {
        let mut sandbox = Sandbox::new(profile, &attempt.folder, private).with_home(&folders.home);
        sandbox.hidden.extend([folders.state.clone(), folders.config.clone(), folders.data.clone()]);
        sandbox.applier.clone_from(&applier);
        Ok(sandbox)
    })
}
