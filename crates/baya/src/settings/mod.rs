//! Settings: `baya.toml` of the project over `config.toml` of the user. Flags go over both, later.
//!
//! Sources are small: a setting that is not here does not exist, and an unknown key is an error with
//! its place.

mod budget;
mod file;
mod guard;
mod plan;
mod programs;

pub use budget::BudgetTable;
pub use file::{
    AcpSection, CommandInput, CommandOutput, CommandSection, McpSection, ProfileName, RequestsSection,
    SettingsFile, refusal,
};
pub use guard::{Approvals, HeavySection};
pub use plan::{PlanSection, Thresholds};
pub use programs::BackendSection;

use crate::failure::{Failure, in_words};
use crate::folders::Folders;
use crate::trust;
use baya_agents::api::ProviderSettings;
use baya_agents::egress::HostRules;
use baya_agents::mcp::config::Declared;
use baya_agents::policy::{Hook, PolicyFile};
use baya_agents::sandbox::Profile;
use baya_core::limits::Limits;
use baya_core::taint::TaintUse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of a project's settings file.
pub const PROJECT_FILE: &str = "baya.toml";

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The files they were read from, the project's first.
    pub files: Vec<PathBuf>,
    pub backend: Option<String>,
    pub model: Option<String>,
    pub concurrency: Option<u32>,
    pub max_agents: Option<u32>,
    /// Caps of a run; of two files the narrower.
    pub budget: BudgetTable,
    pub strict: bool,
    pub concurrency_by_model: BTreeMap<String, u32>,
    pub script_memory: Option<u64>,
    pub script_cpu_ms: Option<u64>,
    pub script_depth: Option<u32>,
    pub requests: RequestsSection,
    /// When a run is asked for before it begins.
    pub plan: Thresholds,
    pub providers: BTreeMap<String, ProviderSettings>,
    pub commands: BTreeMap<String, CommandSection>,
    /// Agents that are known programs.
    pub backends: BTreeMap<String, BackendSection>,
    pub acp: BTreeMap<String, AcpSection>,
    /// Model aliases.
    pub models: BTreeMap<String, String>,
    /// Rules for simulated agents.
    pub rules: Option<PathBuf>,
    /// Whether agents see the project's memory files; unset: they do.
    pub memory_files: Option<bool>,
    /// What the tools of agents may do.
    pub sandbox: Option<Profile>,
    /// What agents may do, by the file that says so.
    pub policies: Vec<(PathBuf, PolicyFile)>,
    pub approvals: Option<Approvals>,
    pub approval_timeout_ms: Option<u64>,
    pub hooks: Vec<Hook>,
    pub heavy: HeavySection,
    /// Bytes that a process of an agent needs, by kind.
    pub memory: BTreeMap<String, u64>,
    /// What becomes of prompts with marked text; a project's file can only make it stricter.
    pub taint: Option<TaintUse>,
    /// Commands run even where the sandbox cannot be had as a whole.
    pub best_effort: bool,
    /// Servers of tools of the user.
    pub mcp: Vec<Declared>,
    /// Variables that descriptions of servers may name, beside the usual ones.
    pub mcp_env: Vec<String>,
    /// Hosts whose pages agents may fetch.
    pub web: HostRules,
    /// Hosts that commands of agents may reach.
    pub hosts: HostRules,
    /// The project's file as it stands. What of it runs something or opens something is not taken
    /// before the project is trusted.
    pub project: Option<(PathBuf, SettingsFile)>,
    /// Programs of the project's file, which run once it is trusted with them.
    pub wanted: Wanted,
}

/// Programs that a project wants to be run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    pub commands: BTreeMap<String, CommandSection>,
    pub acp: BTreeMap<String, AcpSection>,
    pub hooks: Vec<Hook>,
}

impl Settings {
    /// Reads both files, if they are there.
    pub fn load(folders: &Folders) -> Result<Settings, Failure> {
        let project = folders.project().into_iter().map(|folder| folder.join(PROJECT_FILE));
        let project = project.into_iter().find(|path| path.is_file());
        let user = Some(folders.config.join("config.toml")).filter(|path| path.is_file());
        let mut settings = Settings::default();
        let (mut own_plan, mut project_plan) = (PlanSection::default(), PlanSection::default());
        let is_projects = |path: &PathBuf| Some(path) == project.as_ref();
        for path in [project.clone(), user].into_iter().flatten() {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Failure::usage(format!("cannot read the settings `{}`: {}", path.display(), in_words(&error)))
            })?;
            let mut file = SettingsFile::parse(&text, &path)?;
            if is_projects(&path) {
                keep_keys_at_home(&file, &path, folders)?;
                keep_programs_at_home(&file, &path, folders)?;
                settings.want(&file, &path, folders);
                project_plan = file.plan;
                settings.project = Some((path.clone(), file.clone()));
                // A project may ask for more care than its user, never for less.
                file.taint = file.taint.filter(|taint| *taint > TaintUse::default());
            } else {
                settings.fill_own(&file, &path, folders);
                own_plan = file.plan;
            }
            settings.fill(file, &path, folders);
        }
        settings.plan = Thresholds::new(own_plan, project_plan);
        Ok(settings)
    }

    /// Takes what is not set yet.
    fn fill(&mut self, file: SettingsFile, path: &Path, folders: &Folders) {
        let base = path.parent().unwrap_or(Path::new("/"));
        self.files.push(path.to_owned());
        self.backend = self.backend.take().or(file.backend);
        self.model = self.model.take().or(file.model);
        self.concurrency = self.concurrency.or(file.concurrency.map(|count| count.0));
        self.max_agents = self.max_agents.or(file.max_agents.map(|count| count.0));
        self.budget = file.budget.0.and(std::mem::take(&mut self.budget));
        self.strict = self.strict || file.strict.unwrap_or(false);
        self.script_memory = self.script_memory.or(file.script.memory.map(|bytes| bytes.0));
        self.script_cpu_ms = self.script_cpu_ms.or(file.script.cpu.map(|time| time.0));
        self.script_depth = self.script_depth.or(file.script.depth);
        self.rules = self.rules.take().or(file.rules.map(|rules| folders.expand(&rules, base)));
        self.requests = self.requests.or(file.requests);
        self.taint = self.taint.max(file.taint);
        self.sandbox = self.sandbox.or(file.sandbox.and_then(ProfileName::without_trust));
        self.memory_files = self.memory_files.or(file.memory_files);
        self.policies.push((path.to_owned(), file.policy));
        self.approvals = self.approvals.or(file.approvals);
        self.approval_timeout_ms = self.approval_timeout_ms.or(file.approval_timeout.map(|time| time.0));
        self.heavy = std::mem::take(&mut self.heavy).or(file.heavy);
        fill_map(&mut self.memory, file.memory, |bytes| bytes.0);
        fill_map(&mut self.concurrency_by_model, file.concurrency_by_model, |count| count.0);
        fill_map(&mut self.providers, file.providers, |provider| provider);
        fill_map(&mut self.models, file.models, |model| model);
    }

    /// Keeps what the project wants to run until it is trusted.
    fn want(&mut self, file: &SettingsFile, path: &Path, folders: &Folders) {
        let base = path.parent().unwrap_or(Path::new("/"));
        let (commands, hooks) = (placed_all(file, folders, base), file.hooks.hooks(folders, base));
        self.wanted = Wanted { commands, acp: placed_agents(file, folders, base), hooks };
    }

    /// Takes what only the user's own file may say.
    fn fill_own(&mut self, file: &SettingsFile, path: &Path, folders: &Folders) {
        let base = path.parent().unwrap_or(Path::new("/"));
        self.commands = placed_all(file, folders, base);
        self.acp = placed_agents(file, folders, base);
        self.hooks = file.hooks.hooks(folders, base);
        if let Some(ProfileName::Enforced(Profile::Full)) = file.sandbox {
            self.sandbox = self.sandbox.or(Some(Profile::Full));
        }
        self.best_effort = file.sandbox == Some(ProfileName::BestEffort);
        let at_home = |(name, section): (&String, &BackendSection)| {
            (name.clone(), at_home(section.clone(), folders, base))
        };
        self.backends = file.backends.iter().map(at_home).collect();
        self.mcp_env.clone_from(&file.mcp_env);
        self.web.clone_from(&file.web);
        self.hosts.clone_from(&file.hosts);
        self.mcp = trust::servers_of(file, path);
    }

    /// The limits of a run before its flags.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.agents_max = self.max_agents.unwrap_or(limits.agents_max);
        limits.concurrency = self.concurrency.unwrap_or(limits.concurrency);
        limits.concurrency_by_model.clone_from(&self.concurrency_by_model);
        self.budget.put(&mut limits);
        limits.reset_wait_ms = self.requests.reset_wait.map_or(limits.reset_wait_ms, |time| time.0);
        limits.script.memory_bytes = self.script_memory.unwrap_or(limits.script.memory_bytes);
        limits.script.cpu_ms = self.script_cpu_ms.unwrap_or(limits.script.cpu_ms);
        limits.script.depth_max = self.script_depth.unwrap_or(limits.script.depth_max);
        limits
    }
}

/// A project is often somebody else's: it may not name a key of the user and where to send it.
fn keep_keys_at_home(file: &SettingsFile, path: &Path, folders: &Folders) -> Result<(), Failure> {
    let own = folders.config.join("config.toml");
    let refused = |what: &str| {
        Failure::usage(format!("settings `{}`: {what}, which a project may not", path.display()))
            .hint(format!("put it into your own settings: {}", own.display()))
    };
    if !file.mcp_env.is_empty() {
        return Err(refused("`mcp_env` passes variables of yours on"));
    }
    if file.sandbox == Some(ProfileName::BestEffort) {
        return Err(refused("`sandbox = \"best-effort\"` runs commands without a whole sandbox"));
    }
    let sends_a_key = |(_, provider): &(&String, &ProviderSettings)| {
        let foreign = provider.base_url.as_deref().is_some_and(|url| !is_loopback(url));
        foreign && provider.key_env.is_some()
    };
    let Some((name, _)) = file.providers.iter().find(sends_a_key) else { return Ok(()) };
    let message = format!(
        "settings `{}`: `[providers.{name}]` would send a key of yours to an address that a project chose",
        path.display()
    );
    Err(Failure::usage(message).hint(format!("put the section into your own settings: {}", own.display())))
}

/// Nor may it choose the program that works with a key of the user.
fn keep_programs_at_home(file: &SettingsFile, path: &Path, folders: &Folders) -> Result<(), Failure> {
    let Some(name) = file.backends.keys().next() else { return Ok(()) };
    let message = format!(
        "settings `{}`: `[backends.{name}]` would choose the program that works with your key or login",
        path.display()
    );
    let own = folders.config.join("config.toml");
    Err(Failure::usage(message).hint(format!("put the section into your own settings: {}", own.display())))
}

fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return false;
    }
    let host = host.strip_prefix('[').and_then(|host| host.split(']').next()).unwrap_or(host);
    let name = if host.parse::<std::net::Ipv6Addr>().is_ok() {
        host
    } else {
        host.split(':').next().unwrap_or(host)
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn placed_all(file: &SettingsFile, folders: &Folders, base: &Path) -> BTreeMap<String, CommandSection> {
    let placed =
        |(name, command): (&String, &CommandSection)| (name.clone(), placed(command.clone(), folders, base));
    file.commands.iter().map(placed).collect()
}

/// A program that is named by a path is meant from the file that names it.
fn placed(mut command: CommandSection, folders: &Folders, base: &Path) -> CommandSection {
    place_program(&mut command.argv.0, folders, base);
    command
}

fn placed_agents(file: &SettingsFile, folders: &Folders, base: &Path) -> BTreeMap<String, AcpSection> {
    let mut agents = file.acp.clone();
    agents.values_mut().for_each(|agent| place_program(&mut agent.argv.0, folders, base));
    agents
}

fn place_program(argv: &mut [String], folders: &Folders, base: &Path) {
    if let Some(program) = argv.first_mut().filter(|program| program.contains('/')) {
        *program = folders.expand(program, base).display().to_string();
    }
}

/// As [`placed`].
fn at_home(mut backend: BackendSection, folders: &Folders, base: &Path) -> BackendSection {
    if let Some(program) = backend.program.as_mut().filter(|program| program.contains('/')) {
        *program = folders.expand(program, base).display().to_string();
    }
    backend
}

fn fill_map<A, B>(into: &mut BTreeMap<String, B>, from: BTreeMap<String, A>, convert: impl Fn(A) -> B) {
    for (key, value) in from {
        into.entry(key).or_insert_with(|| convert(value));
    }
}
