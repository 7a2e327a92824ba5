//! The backends `codex` and `claude`: where the programs are, whose models they ask, where their agents
//! sit.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::settings::{BackendSection, Settings};
use crate::wiring::backends::Choice;
use crate::wiring::bench;
use crate::wiring::gateway::LazyGateway;
use baya_agents::agent_types::AgentTypes;
use baya_agents::api::{ProviderConfig, ProviderKind};
use baya_agents::backend::{Attempt, Backend};
use baya_agents::cli::{CliSettings, OpenGateway, OpenSeat, Seat, Uplink};
use baya_agents::models::{ModelTable, ProviderModels, default_row};
use baya_agents::program::{find, folders_of};
use baya_agents::sandbox::{Profile, Sandbox};
use baya_agents::{claude, codex};
use baya_core::agent::AgentTask;
use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All that the programs are built from.
pub struct Clis<'a> {
    pub choice: &'a Choice,
    pub settings: &'a Settings,
    pub folders: &'a Folders,
    pub environment: &'a BTreeMap<String, String>,
    pub providers: &'a [ProviderConfig],
    pub types: Arc<AgentTypes>,
    pub gateway: Arc<LazyGateway>,
}

/// One of the programs.
pub struct Program {
    pub name: &'static str,
    /// What a person types to get it.
    pub install: &'static str,
    /// Who speaks its wire, best first.
    kinds: &'static [ProviderKind],
    /// The variable with a key that needs no login.
    key: &'static str,
    /// Where it keeps its own login: a variable with the folder, else a folder of the home.
    login: (&'static str, &'static str, &'static str),
    /// Options of `agent()` that it cannot be held to.
    refused: &'static [&'static str],
}

/// All of them.
pub const PROGRAMS: [Program; 2] = [
    Program {
        name: codex::NAME,
        install: "npm install -g @openai/codex",
        kinds: &[ProviderKind::OpenAiResponses, ProviderKind::OpenAi],
        key: "OPENAI_API_KEY",
        login: ("CODEX_HOME", ".codex", codex::LOGIN_FILE),
        refused: &["bashCommandClamp", "maxTurns"],
    },
    Program {
        name: claude::NAME,
        install: "npm install -g @anthropic-ai/claude-code",
        kinds: &[ProviderKind::Anthropic],
        key: "ANTHROPIC_API_KEY",
        login: ("CLAUDE_CONFIG_DIR", ".claude", claude::LOGIN_FILE),
        refused: &["bashCommandClamp"],
    },
];

/// Whose models a program asks.
pub enum Way {
    Provider(ProviderConfig),
    /// Its own login, in this file.
    Login(PathBuf),
}

impl Program {
    /// The program's file, or its name where the settings say nothing else.
    pub fn word<'a>(&self, section: &'a BackendSection) -> &'a str
    where
        'static: 'a,
    {
        section.program.as_deref().unwrap_or(self.name)
    }

    /// How it comes to a model: by the provider that the settings name, by one with a key, by its login.
    pub fn way(
        &self,
        section: &BackendSection,
        providers: &[ProviderConfig],
        environment: &BTreeMap<String, String>,
        home: &Path,
    ) -> Result<Way, Failure> {
        let name = self.name;
        if let Some(wanted) = &section.provider {
            let found = providers.iter().find(|provider| provider.name == *wanted);
            return found.cloned().map(Way::Provider).ok_or_else(|| {
                let message =
                    format!("`[backends.{name}]` asks the provider `{wanted}`, which is not set up");
                Failure::new(Exit::NoBackend, message).hint(format!("name it as `[providers.{wanted}]`"))
            });
        }
        let of_kind = |kind: &ProviderKind| providers.iter().find(|provider| provider.kind == *kind);
        if let Some(provider) = self.kinds.iter().find_map(of_kind) {
            return Ok(Way::Provider(provider.clone()));
        }
        self.login(environment, home).map(Way::Login).ok_or_else(|| {
            let message = format!("`{name}` has no key and no login");
            Failure::new(Exit::NoBackend, message)
                .hint(format!("export {}=…", self.key))
                .hint(format!("or log in once with `{name}`"))
        })
    }

    fn login(&self, environment: &BTreeMap<String, String>, home: &Path) -> Option<PathBuf> {
        let (variable, folder, file) = self.login;
        let named = environment.get(variable).filter(|named| !named.is_empty()).map(PathBuf::from);
        let folder = named.unwrap_or_else(|| home.join(folder));
        Some(folder.join(file)).filter(|file| file.is_file())
    }
}

/// The names that these backends have.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|program| program.name)
}

/// The options of `agent()` that agents of these backends refuse.
pub fn refused() -> BTreeMap<String, Vec<String>> {
    let texts = |program: &Program| program.refused.iter().map(|name| (*name).to_owned()).collect();
    PROGRAMS.iter().map(|program| (program.name.to_owned(), texts(program))).collect()
}

impl Clis<'_> {
    /// Those that can work here.
    pub fn build(&self) -> Vec<Arc<dyn Backend>> {
        PROGRAMS.iter().filter_map(|program| self.one(program).ok()).collect()
    }

    /// Why one of them cannot, if it is one of them.
    pub fn why_not(&self, name: &str) -> Option<Failure> {
        let program = PROGRAMS.iter().find(|program| program.name == name)?;
        self.one(program).err()
    }

    fn one(&self, program: &Program) -> Result<Arc<dyn Backend>, Failure> {
        let section = self.settings.backends.get(program.name).cloned().unwrap_or_default();
        let path = self.find(program, &section)?;
        let way = program.way(&section, self.providers, self.environment, &self.folders.home)?;
        let (provider, login, known) = match way {
            Way::Provider(provider) => {
                let row = provider.models.clone().or(default_row(provider.kind));
                let known = ProviderModels { name: provider.name.clone(), kind: provider.kind, row };
                (Some(provider.name), None, known)
            }
            Way::Login(file) => {
                let kind = program.kinds[0];
                let known = ProviderModels { name: kind.name().to_owned(), kind, row: default_row(kind) };
                (None, Some(file), known)
            }
        };
        let models = ModelTable {
            providers: vec![known],
            aliases: self.settings.models.clone(),
            default_model: self.choice.model.clone(),
        };
        let mut settings = CliSettings::new(vec![path.display().to_string()], models);
        settings.environment = self.variables(&section);
        settings.memory_files = self.settings.memory_files.unwrap_or(true);
        settings.profile = self.choice.sandbox.unwrap_or_default();
        let uplink = Uplink { gateway: self.gateway(), provider, login };
        let (types, open) = (self.types.clone(), self.seats(program.name, &path)?);
        Ok(match program.name {
            codex::NAME => Arc::new(codex::codex(settings, types, open, uplink)),
            _ => Arc::new(claude::claude(settings, types, open, uplink)),
        })
    }

    fn find(&self, program: &Program, section: &BackendSection) -> Result<PathBuf, Failure> {
        let word = program.word(section);
        let path = self.environment.get("PATH").map(String::as_str).unwrap_or_default();
        find(word, path).ok_or_else(|| {
            let (name, install) = (program.name, program.install);
            Failure::new(Exit::NoBackend, format!("`{name}` is not installed: there is no program `{word}`"))
                .hint(install)
                .hint(format!("or name it in the settings: `[backends.{name}]` with `program = \"…\"`"))
        })
    }

    fn variables(&self, section: &BackendSection) -> BTreeMap<String, String> {
        let variable = |text: &String| match text.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => Some((text.clone(), self.environment.get(text)?.clone())),
        };
        section.env.iter().filter_map(variable).collect()
    }

    fn gateway(&self) -> OpenGateway {
        let gateway = self.gateway.clone();
        Arc::new(move || {
            let gateway = gateway.clone();
            Box::pin(async move { gateway.get().await.map_err(|failure| failure.message) })
        })
    }

    /// A policy for the working folder, and a config folder for each agent.
    fn seats(&self, name: &'static str, program: &Path) -> Result<OpenSeat, Failure> {
        let ours = std::env::current_exe()
            .map_err(|error| Failure::outside("cannot find our own program", error))?;
        let applier = vec![ours.display().to_string(), crate::SANDBOX_WORD.to_owned()];
        let all = self.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
        let (environment, folders) = (bench::plain_environment(all), self.folders.clone());
        let program = folders_of(program);
        Ok(Arc::new(move |task: &AgentTask, attempt: &Attempt, profile: Profile| {
            let own = folders.state.join("agents").join(task.run.as_str()).join(task.agent.0.to_string());
            let (temporary, home) = (own.join("tmp"), own.join(name));
            private_folder(&temporary)?;
            private_folder(&home)?;
            let mut sandbox = Sandbox::new(profile, &attempt.folder, &temporary).with_home(&folders.home);
            sandbox.hidden.extend([folders.state.clone(), folders.config.clone(), folders.data.clone()]);
            sandbox.let_read(&program);
            sandbox.applier.clone_from(&applier);
            Ok(Seat { sandbox, home, environment: environment.clone() })
        }))
    }
}

fn private_folder(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))
}
