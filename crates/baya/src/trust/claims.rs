//! What the files of a folder want: programs that would be started, addresses that would be asked, and
//! rights that would be widened.

use super::Trust;
use crate::folders::Folders;
use crate::settings::{AcpSection, CommandSection, McpSection, ProfileName, Settings, SettingsFile};
use baya_agents::acp::PREFIX;
use baya_agents::agent_types::{AgentTypes, Origin};
use baya_agents::mcp::config::{self, Declared, ServerConfig};
use baya_agents::policy::Hook;
use baya_agents::sandbox::Profile;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One thing that a folder wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub kind: ClaimKind,
    pub name: String,
    /// What would run, in a line for people.
    pub line: String,
    pub file: PathBuf,
    /// Of kind, name and what would run; not of the rest of the file.
    pub(super) hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
    /// A server of tools.
    Server,
    /// A program as a backend.
    Command,
    /// A program that is asked before or after something.
    Hook,
    /// Something that agents may do beyond the usual.
    Right,
}

impl ClaimKind {
    pub fn word(self) -> &'static str {
        match self {
            ClaimKind::Server => "server",
            ClaimKind::Command => "command",
            ClaimKind::Hook => "hook",
            ClaimKind::Right => "right",
        }
    }
}

impl Claim {
    /// `what` is all that decides what happens.
    pub fn new(kind: ClaimKind, name: &str, line: String, what: &impl Serialize, file: &Path) -> Claim {
        // What cannot be told is no claim that anything else equals.
        let what = serde_json::to_string(what).unwrap_or_else(|error| error.to_string());
        let hash = blake3::hash(format!("{}\n{name}\n{what}", kind.word()).as_bytes()).to_hex();
        Claim { kind, name: name.to_owned(), line, file: file.to_owned(), hash: hash.to_string() }
    }

    /// A program as a backend.
    pub fn of_command(name: &str, section: &CommandSection, file: &Path) -> Claim {
        let words = &section.argv.0;
        Claim::new(ClaimKind::Command, name, words.join(" "), &(words, &section.env), file)
    }

    /// An agent of the Agent Client Protocol as a backend.
    pub fn of_agent(name: &str, section: &AcpSection, file: &Path) -> Claim {
        let (words, own_port) = (&section.argv.0, section.own_port);
        let what = (words, &section.env, own_port);
        Claim::new(ClaimKind::Command, &format!("{PREFIX}{name}"), words.join(" "), &what, file)
    }

    /// A program that is asked before or after something.
    pub fn of_hook(hook: &Hook, file: &Path) -> Claim {
        let tools = format!("{:?}", hook.tools);
        Claim::new(ClaimKind::Hook, hook.moment.name(), hook.argv.join(" "), &(&hook.argv, tools), file)
    }

    pub fn of_server(server: &Declared) -> Claim {
        let Declared { name, config, file } = server;
        Claim::new(ClaimKind::Server, name, config.line(), config, file)
    }
}

/// All that the folder and the folders above it, up to the repository's root, want.
pub fn claims(folders: &Folders, settings: &Settings, types: &AgentTypes) -> Vec<Claim> {
    let found = config::find(&folders.working, folders.repository.as_deref());
    let mut claims: Vec<Claim> = found.servers.iter().map(Claim::of_server).collect();
    if let Some((path, file)) = &settings.project {
        claims.extend(of_settings(file, path));
        claims.extend(settings.wanted.hooks.iter().map(|hook| Claim::of_hook(hook, path)));
    }
    let place = super::place(folders);
    let of_types = inline_servers(types);
    let of_place = of_types.iter().map(|(_, server)| server).filter(|server| server.file.starts_with(place));
    claims.extend(of_place.map(Claim::of_server));
    claims
}

fn of_settings(file: &SettingsFile, path: &Path) -> Vec<Claim> {
    let servers = servers_of(file, path);
    let commands = file.commands.iter().map(|(name, section)| Claim::of_command(name, section, path));
    let agents = file.acp.iter().map(|(name, section)| Claim::of_agent(name, section, path));
    servers.iter().map(Claim::of_server).chain(commands).chain(agents).chain(rights(file, path)).collect()
}

/// Takes over the programs of the project that are trusted; its commands go before those of the user.
fn take_programs(settings: &mut Settings, trust: &Trust, file: &SettingsFile, path: &Path) {
    for (name, section) in &file.commands {
        if trust.has(&Claim::of_command(name, section, path))
            && let Some(command) = settings.wanted.commands.remove(name)
        {
            settings.commands.insert(name.clone(), command);
        }
    }
    for (name, section) in &file.acp {
        if trust.has(&Claim::of_agent(name, section, path))
            && let Some(agent) = settings.wanted.acp.remove(name)
        {
            settings.acp.insert(name.clone(), agent);
        }
    }
    let hooks = std::mem::take(&mut settings.wanted.hooks);
    let (trusted, wanted): (Vec<_>, Vec<_>) =
        hooks.into_iter().partition(|hook| trust.has(&Claim::of_hook(hook, path)));
    settings.wanted.hooks = wanted;
    settings.hooks.extend(trusted);
}

/// The servers that a settings file describes.
pub fn servers_of(file: &SettingsFile, path: &Path) -> Vec<Declared> {
    let declared = |(name, section): (&String, &McpSection)| Declared {
        name: name.clone(),
        config: section.clone().config(),
        file: path.to_owned(),
    };
    file.mcp.iter().map(declared).collect()
}

const SANDBOX: &str = "sandbox";
const WEB: &str = "web";
const HOSTS: &str = "hosts";

fn rights(file: &SettingsFile, path: &Path) -> Vec<Claim> {
    let right = |name: &str, what: String| {
        Claim::new(ClaimKind::Right, name, format!("{name} = {what}"), &what, path)
    };
    let open = file.sandbox == Some(ProfileName::Enforced(Profile::Full));
    let sandbox = open.then(|| right(SANDBOX, "full".to_owned()));
    let hosts = [(WEB, &file.web), (HOSTS, &file.hosts)].into_iter().filter(|(_, hosts)| !hosts.is_empty());
    sandbox.into_iter().chain(hosts.map(|(name, hosts)| right(name, hosts.to_string()))).collect()
}

/// Takes over the rights that the project's file asks for and is trusted with.
pub fn widen(settings: &mut Settings, trust: &Trust) {
    let Some((path, file)) = settings.project.clone() else { return };
    take_programs(settings, trust, &file, &path);
    for right in rights(&file, &path).iter().filter(|right| trust.has(right)) {
        match right.name.as_str() {
            SANDBOX => settings.sandbox = Some(Profile::Full),
            WEB => settings.web.0.extend(file.web.0.iter().cloned()),
            HOSTS => settings.hosts.0.extend(file.hosts.0.iter().cloned()),
            _ => {}
        }
    }
}

/// Servers that agent types describe themselves, and do not only name; with the type's name.
pub fn inline_servers(types: &AgentTypes) -> Vec<(String, Declared)> {
    let mut servers = Vec::new();
    for agent_type in types.iter() {
        let (Origin::File(file), Some(value)) = (&agent_type.origin, &agent_type.mcp_servers) else {
            continue;
        };
        for (name, config) in described(value) {
            servers.push((agent_type.name.clone(), Declared { name, config, file: file.clone() }));
        }
    }
    servers
}

/// `{name: {…}}`, or a list with such objects among the names.
fn described(value: &Value) -> Vec<(String, ServerConfig)> {
    match value {
        Value::Array(items) => items.iter().flat_map(described).collect(),
        Value::Object(members) => {
            let read = |(name, value): (&String, &Value)| {
                let described = value.as_object().is_some_and(|members| !members.is_empty());
                let config = serde_json::from_value(value.clone()).ok().filter(|_| described)?;
                Some((name.clone(), config))
            };
            members.iter().filter_map(read).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
