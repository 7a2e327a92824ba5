//! Who works: the backend that is asked for by a flag or the settings, or found; and all others that a
//! call may name. Simulated agents are never a fallback.

use crate::commands::drive::DriveFlags;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::near;
use crate::output;
use crate::settings::{RequestsSection, Settings};
use crate::trust::Trust;
use crate::views::sanitise;
use crate::wiring::charging::Charger;
use crate::wiring::clis::{self, Clis};
use crate::wiring::confines::Confines;
use crate::wiring::gateway::{self, LazyGateway};
use crate::wiring::limits::LimitsFile;
use crate::wiring::{acp, bench, commands, outside, prices};
use baya_agents::acp::{PREFIX, PRESETS};
use baya_agents::admission::Slots;
use baya_agents::agent_types::{self, AgentType, AgentTypes};
use baya_agents::api::{
    ApiBackend, ApiSettings, ProviderConfig, ProviderKind, SelectError, check_address, discover,
    find_providers, rights,
};
use baya_agents::backend::{Backend, Payee};
use baya_agents::governor::{Governor, GovernorSettings};
use baya_agents::mcp::Servers;
use baya_agents::models::known_beginnings;
use baya_agents::program::end_survivor;
use baya_agents::sandbox::Profile;
use baya_agents::simulated::Simulated;
use baya_core::agent::{AgentOptions, AgentProcess, AgentTask, Cause, CauseKind};
use baya_core::event::Surroundings;
use baya_core::money::PriceTable;
use baya_core::run::options::only_looks;
use baya_core::simulate::Rules;
use baya_core::taint::TaintUse;
use baya_engine::rehearsal;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub const SIMULATED: &str = "simulated";
/// The backend that takes whichever provider is found.
pub const API: &str = "api";

/// What flags and settings say about who works.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub backend: Option<String>,
    pub model: Option<String>,
    pub rules: Option<PathBuf>,
    /// How much the tools of agents may do.
    pub sandbox: Option<Profile>,
    /// What becomes of prompts with marked text.
    pub taint: TaintUse,
    /// Commands run even where the sandbox cannot be had as a whole.
    pub best_effort: bool,
    /// What the folder may run and open.
    pub trust: Trust,
}

impl Choice {
    pub fn of_flags(flags: &DriveFlags, settings: &Settings) -> Choice {
        Choice {
            backend: flags.backend.clone().or_else(|| settings.backend.clone()),
            model: flags.model.clone().or_else(|| settings.model.clone()),
            rules: flags.rules.clone().or_else(|| settings.rules.clone()),
            sandbox: flags.sandbox.or(settings.sandbox),
            taint: settings.taint.unwrap_or_default(),
            best_effort: settings.best_effort,
            trust: Trust::default(),
        }
    }
}

/// All backends of a run, by name.
pub struct Backends {
    default: String,
    by_name: BTreeMap<String, Arc<dyn Backend>>,
    /// Those that are programs.
    programs: Vec<String>,
    types: Arc<AgentTypes>,
    /// How ids and aliases begin that the default backend is known to have.
    models_known: Vec<String>,
    /// Agents may have tools that reach the web, or servers of others.
    reaches_out: bool,
    choice: Choice,
    /// Of requests to model APIs; absent where none are made.
    limits: Option<LimitsFile>,
    /// Servers of tools, of all backends.
    servers: Option<Arc<Servers>>,
    /// What models cost.
    prices: Arc<PriceTable>,
}

pub(super) type ByName = BTreeMap<String, Arc<dyn Backend>>;
pub(super) type Environment = BTreeMap<String, String>;

/// Finds and builds them.
pub async fn build(
    choice: Choice,
    folders: &Folders,
    settings: &Settings,
    confines: &Arc<Confines>,
) -> Result<Backends, Failure> {
    let env = environment();
    let types = Arc::new(find_types(folders));
    let prices = Arc::new(prices::load(folders, settings)?);
    let governor = Governor::new(governor_settings(&settings.requests));
    let limits = Some(LimitsFile::open(&folders.state, governor.clone()));
    let slots = Slots::new(settings.slots(folders));
    let profile = choice.sandbox.unwrap_or_default();
    let bench = bench::build(profile, folders, confines, slots);
    let outside = outside::build(folders, settings, &types, &choice.trust, profile, confines, &env);
    let api = |name: &str, providers| -> Arc<dyn Backend> {
        let settings = api_settings(&choice, settings);
        let backend = ApiBackend::new(name, providers, settings, types.clone()).governed_by(&governor);
        Arc::new(backend.with_tools(bench.clone()).with_outside(outside.clone()))
    };
    let mut by_name = ByName::new();
    by_name.insert(SIMULATED.to_owned(), Arc::new(Simulated::new(read_rules(choice.rules.as_deref())?)));
    let found = discover(&env, &settings.providers);
    for provider in &found {
        by_name.insert(provider.name.clone(), api(&provider.name, first(&found, &provider.name)));
    }
    // One for all programs, and one governor with it.
    let gateway = LazyGateway::new(gateway::providers(settings), governor.clone());
    let gateway = Arc::new(gateway.priced_by(prices.clone()));
    let around =
        Around { choice: &choice, folders, settings, env: &env, found: &found, types: &types, gateway };
    let default = choice.backend.clone().unwrap_or_else(|| API.to_owned());
    let agents = around.add_programs(&mut by_name, &default)?;
    let wanted = Wanted { default, settings, env: &env, found: &found };
    let (default, provider) = wanted.settle(&mut by_name, &api).await?;
    provider.as_ref().map_or(Ok(()), check_address).map_err(|error| none_usable(&error, &by_name))?;
    let programs = settings.commands.keys().cloned().chain(agents).collect();
    let models_known = provider.map(|provider| models_known(provider.kind, settings)).unwrap_or_default();
    let reaches_out = !settings.web.is_empty() || !settings.mcp.is_empty() || choice.trust.count() > 0;
    Ok(Backends {
        default,
        by_name,
        programs,
        types,
        models_known,
        reaches_out,
        choice,
        limits,
        servers: outside.servers,
        prices,
    })
}

/// What programs that are agents are made of.
struct Around<'a> {
    choice: &'a Choice,
    folders: &'a Folders,
    settings: &'a Settings,
    env: &'a Environment,
    found: &'a [ProviderConfig],
    types: &'a Arc<AgentTypes>,
    gateway: Arc<LazyGateway>,
}

impl Around<'_> {
    /// Adds them all, and names those of the Agent Client Protocol; an error if `default` is one that
    /// cannot work here.
    fn add_programs(&self, by_name: &mut ByName, default: &str) -> Result<Vec<String>, Failure> {
        let Around { choice, folders, settings, env, found, types, gateway } = self;
        let clis = Clis {
            choice,
            settings,
            folders,
            environment: env,
            providers: found,
            types: (*types).clone(),
            gateway: gateway.clone(),
        };
        by_name.extend(clis.build().into_iter().map(|backend| (backend.name().to_owned(), backend)));
        add_commands(by_name, settings, env)?;
        let agents = acp::Surroundings { choice, folders, settings, env, providers: found, types, gateway };
        let agents = acp::add(by_name, &agents)?;
        clis.why_not(default).map_or(Ok(agents), Err)
    }
}

/// Makes the backend of this name out of providers, the preferred one first.
type MakeApi<'a> = dyn Fn(&str, Vec<ProviderConfig>) -> Arc<dyn Backend> + 'a;

/// The backend of agents that name none.
struct Wanted<'a> {
    default: String,
    settings: &'a Settings,
    env: &'a Environment,
    found: &'a [ProviderConfig],
}

impl Wanted<'_> {
    /// Its name, by which a resume asks the same one, and its provider if it is a model API.
    async fn settle(
        self,
        by_name: &mut ByName,
        api: &MakeApi<'_>,
    ) -> Result<(String, Option<ProviderConfig>), Failure> {
        let Wanted { default, settings, env, found } = self;
        let provider = found.iter().find(|provider| provider.name == default).cloned();
        if by_name.contains_key(&default) {
            return Ok((default, provider));
        }
        known_or_untrusted(&default, settings)?;
        let providers = find_providers(&default, env, &settings.providers).await;
        let providers = providers.map_err(|error| none_usable(&error, by_name))?;
        let provider = providers.first().cloned();
        let default = providers.first().map_or(default, |provider| provider.name.clone());
        by_name.entry(default.clone()).or_insert_with(|| api(&default, providers));
        Ok((default, provider))
    }
}

/// What a script may call a model of this provider without a warning.
fn models_known(kind: ProviderKind, settings: &Settings) -> Vec<String> {
    let ids = known_beginnings(kind).iter().map(|id| (*id).to_owned());
    let ids: Vec<String> = ids.collect();
    if ids.is_empty() {
        return ids;
    }
    let aliases = ["haiku", "sonnet", "opus", "fable", "best", "inherit"].map(str::to_owned);
    ids.into_iter().chain(aliases).chain(settings.models.keys().map(|alias| alias.to_lowercase())).collect()
}

fn governor_settings(requests: &RequestsSection) -> GovernorSettings {
    let default = GovernorSettings::default();
    GovernorSettings {
        at_once_first: requests.at_once_first.map_or(default.at_once_first, |count| count.0),
        at_once_max: requests.at_once_max.map_or(default.at_once_max, |count| count.0),
        stagger: requests.stagger.unwrap_or(default.stagger),
        wait_in_place: requests
            .wait_in_place
            .map_or(default.wait_in_place, |time| Duration::from_millis(time.0)),
        ..default
    }
}

/// Of this process, as far as it is text.
pub fn environment() -> Environment {
    let texts =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(texts).collect()
}

/// A program of a project is no backend before the project is trusted with it.
pub(super) fn known_or_untrusted(name: &str, settings: &Settings) -> Result<(), Failure> {
    let wanted = &settings.wanted;
    let agent = name.strip_prefix(PREFIX).and_then(|name| wanted.acp.get(name)).map(|agent| &agent.argv);
    let Some(argv) = agent.or(wanted.commands.get(name).map(|command| &command.argv)) else { return Ok(()) };
    let words = argv.0.join(" ");
    let message =
        format!("the backend `{name}` runs `{words}`: the project's settings say so, and nobody trusted it");
    let failure =
        Failure::usage(message).hint("baya trust   shows what this folder wants to run, and trusts it");
    Err(failure.hint("`--trust` does so on the way"))
}

fn add_commands(by_name: &mut ByName, settings: &Settings, env: &Environment) -> Result<(), Failure> {
    for name in settings.commands.keys().chain(settings.wanted.commands.keys()) {
        if by_name.contains_key(name)
            || ProviderKind::parse(name).is_some()
            || clis::names().any(|known| known == name)
            || name == API
        {
            let files: Vec<String> = settings.files.iter().map(|file| file.display().to_string()).collect();
            let files = near::listed(files.iter().map(String::as_str), 2);
            let message = format!("settings {files}: `[commands.{name}]` has the name of another backend");
            return Err(Failure::usage(message).hint("give the command another name"));
        }
    }
    for (name, section) in &settings.commands {
        by_name.insert(name.clone(), Arc::new(commands::build(name, section, env)));
    }
    Ok(())
}

/// The same providers with this one in front.
fn first(found: &[ProviderConfig], name: &str) -> Vec<ProviderConfig> {
    let (front, rest): (Vec<_>, Vec<_>) = found.iter().cloned().partition(|provider| provider.name == name);
    front.into_iter().chain(rest).collect()
}

fn api_settings(choice: &Choice, settings: &Settings) -> ApiSettings {
    let default = ApiSettings::default();
    ApiSettings {
        wait_in_place_ms: settings.requests.wait_in_place.map_or(default.wait_in_place_ms, |time| time.0),
        aliases: settings.models.clone(),
        default_model: choice.model.clone(),
        memory_files: settings.memory_files.unwrap_or(true),
        ..default
    }
}

/// The agent types that can be named here.
pub fn find_types(folders: &Folders) -> AgentTypes {
    let user = [folders.home.join(".claude/agents"), folders.config.join("agents")];
    agent_types::find(&folders.working, folders.repository.as_deref(), &user, &[])
}

/// Rules for simulated agents and for the fake model; without a file, none.
pub fn read_rules(path: Option<&Path>) -> Result<Rules, Failure> {
    let Some(path) = path else { return Ok(Rules::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| Failure::unreadable(path, &error))?;
    Rules::parse(&text).map_err(|error| Failure::usage(format!("rules `{}`: {error}", path.display())))
}

fn none_usable(error: &SelectError, by_name: &ByName) -> Failure {
    let failure = match error {
        SelectError::Unknown { name, known } => {
            let mut all = known.clone();
            all.extend(by_name.keys().cloned().chain(clis::names().map(str::to_owned)));
            all.extend(PRESETS.iter().map(|preset| format!("{PREFIX}{}", preset.name)));
            let mut seen = BTreeSet::new();
            all.retain(|name| seen.insert(name.clone()));
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let is_agent = |known: &&&str| known.strip_prefix(PREFIX) == Some(name);
            let meant = all.iter().find(is_agent).map(|known| format!("did you mean `{known}`?"));
            return Failure::usage(format!("there is no backend `{name}`"))
                .hint_if_some(meant.or_else(|| near::did_you_mean(name, all.iter().copied())))
                .hint(format!("there is {}", near::listed(all, 30)))
                .hint(format!("any other program: `[commands.{name}]` with `argv` in the settings"));
        }
        SelectError::NoKey { .. }
        | SelectError::NoAddress { .. }
        | SelectError::Nothing { .. }
        | SelectError::NoOllama { .. }
        | SelectError::NoModels { .. } => Failure::new(Exit::NoBackend, error.to_string()),
    };
    error.fix_lines().into_iter().fold(failure, Failure::hint)
}

impl Backends {
    /// One backend and nobody else.
    pub fn only(backend: Arc<dyn Backend>) -> Backends {
        let default = backend.name().to_owned();
        let by_name = ByName::from([(default.clone(), backend)]);
        let types = Arc::new(AgentTypes::built_in());
        let (programs, models_known) = (Vec::new(), Vec::new());
        let (reaches_out, choice) = (false, Choice::default());
        Backends {
            default,
            by_name,
            programs,
            types,
            models_known,
            reaches_out,
            choice,
            limits: None,
            servers: None,
            prices: Arc::default(),
        }
    }

    /// Leaves what was found out of providers to the next process.
    pub fn remember_limits(&self) {
        self.limits.iter().for_each(LimitsFile::save);
    }

    /// Whose task it is.
    pub fn for_task(&self, task: &AgentTask) -> Result<Arc<dyn Backend>, Cause> {
        let name = task.options.backend.as_ref().unwrap_or(&self.default);
        let gone = || Cause::new(CauseKind::Program, format!("there is no backend `{name}` any more"));
        self.by_name.get(name).cloned().ok_or_else(gone)
    }

    /// Puts prices on what this agent uses.
    pub fn charger(&self, options: &AgentOptions) -> Charger {
        Charger::new(&self.prices, self.payee(options))
    }

    /// Who is paid for an agent with these options, and for which model; nobody, if it is made up.
    pub fn payee(&self, options: &AgentOptions) -> Option<Payee> {
        let backend = self.by_name.get(options.backend.as_ref().unwrap_or(&self.default))?;
        (!backend.is_simulated()).then(|| backend.payee(options))
    }

    /// Whether the requests of an agent with these options can be held to caps.
    pub fn is_metered(&self, options: &AgentOptions) -> bool {
        let backend = self.by_name.get(options.backend.as_ref().unwrap_or(&self.default));
        backend.is_none_or(|backend| backend.is_metered(options))
    }

    /// The same for rehearsals, which outlive nothing of ours.
    pub fn payees(&self) -> rehearsal::PayeeOf {
        let (by_name, default) = (self.by_name.clone(), self.default.clone());
        Arc::new(move |options| {
            let backend = by_name.get(options.backend.as_ref().unwrap_or(&default))?;
            let Payee { provider, model } = (!backend.is_simulated()).then(|| backend.payee(options))?;
            Some(rehearsal::Payee { provider, model, has_tools: true })
        })
    }

    /// What models cost.
    pub fn prices(&self) -> &Arc<PriceTable> {
        &self.prices
    }

    /// How much agents and host steps may do.
    pub fn profile(&self) -> Profile {
        self.choice.sandbox.unwrap_or_default()
    }

    /// What the agent's type and its sandbox say: whether it only reads, and whether it asks nobody.
    pub fn narrowed(&self, task: &AgentTask) -> (bool, bool) {
        let known = task.options.agent_type.as_deref().and_then(|name| self.types.get(name));
        let mode = known.and_then(|known| known.permission_mode.as_deref());
        let only_reads = mode == Some("plan") || self.choice.sandbox == Some(Profile::ReadOnly);
        (only_reads, mode == Some("dontAsk"))
    }

    /// What the run is told of the place it runs in.
    pub fn surroundings(&self, folders: &Folders) -> Surroundings {
        Surroundings {
            tree: None,
            folder: folders.working.display().to_string(),
            agent_types: self.types.names().into_iter().map(str::to_owned).collect(),
            in_git_repository: folders.repository.is_some(),
            backend: self.default.clone(),
            backends: self.by_name.keys().cloned().collect(),
            backends_with_tools: self.programs.clone(),
            backends_with_quarantine: self.holding_quarantine(),
            agent_types_that_look: self.types_that_look(),
            models_known: self.models_known.clone(),
            taint: self.choice.taint,
            options_refused: clis::refused(),
            agent_types_isolated: self.types_isolated(),
            base: None,
            simulated: self.by_name.get(&self.default).is_some_and(|backend| backend.is_simulated()),
            model: self.choice.model.clone(),
            rules: self.choice.rules.as_ref().map(|rules| rules.display().to_string()),
            sandbox: Some(bench::in_force(self.choice.sandbox.unwrap_or_default(), self.choice.best_effort)),
        }
    }

    /// Ends what is shared by the agents of a run, when it is over.
    pub async fn end(&self) {
        let Some(servers) = &self.servers else { return };
        for name in servers.end().await {
            let note = format!("note: something of the server `{name}` withstands KILL");
            output::talk(&sanitise::line(&note));
        }
    }

    fn holding_quarantine(&self) -> Vec<String> {
        let holding = self.by_name.iter().filter(|(_, backend)| backend.holds_quarantine());
        holding.map(|(name, _)| name.clone()).collect()
    }

    fn types_isolated(&self) -> Vec<String> {
        let isolated = self.types.iter().filter(|known| known.isolation.as_deref() == Some("worktree"));
        isolated.map(|known| known.name.clone()).collect()
    }

    fn types_that_look(&self) -> Vec<String> {
        let looks = |agent_type: &&AgentType| {
            // Tools from outside would come to those that no list of names keeps out.
            if self.reaches_out && agent_type.tools.is_none() {
                return false;
            }
            let rights = rights(Some(agent_type), &AgentOptions::default(), Profile::Full);
            rights.is_ok_and(|rights| rights.tools.iter().all(|tool| only_looks(tool.name())))
        };
        self.types.iter().filter(looks).map(|agent_type| agent_type.name.clone()).collect()
    }

    /// The run is over: ends what waits for further agents.
    pub async fn close(&self) {
        for backend in self.by_name.values() {
            backend.close().await;
        }
    }

    /// Ends processes that an earlier driver left at work.
    pub fn end_survivors(&self, processes: &[AgentProcess]) {
        // All at once: each may take seconds, and the lease is not renewed meanwhile.
        std::thread::scope(|scope| {
            for process in processes {
                scope.spawn(|| end_survivor(process));
            }
        });
    }
}
