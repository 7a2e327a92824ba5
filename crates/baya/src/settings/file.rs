//! The form of a settings file.

use super::budget::BudgetSection;
use super::guard::{Approvals, HeavySection, HooksSection};
use super::plan::PlanSection;
use super::programs::BackendSection;
use crate::failure::Failure;
use crate::near::did_you_mean;
use crate::quantity;
use crate::wiring::{bench, clis};
use baya_agents::api::ProviderSettings;
use baya_agents::egress::HostRules;
use baya_agents::mcp::config::ServerConfig;
use baya_agents::policy::PolicyFile;
use baya_agents::sandbox::Profile;
use baya_core::taint::TaintUse;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsFile {
    pub backend: Option<String>,
    pub model: Option<String>,
    pub concurrency: Option<Positive>,
    pub max_agents: Option<Positive>,
    /// Caps of a run.
    pub budget: BudgetSection,
    pub strict: Option<bool>,
    pub concurrency_by_model: BTreeMap<String, Positive>,
    pub script: ScriptSection,
    /// When a run is asked for before it begins.
    pub plan: PlanSection,
    pub requests: RequestsSection,
    pub providers: BTreeMap<String, ProviderSettings>,
    pub commands: BTreeMap<String, CommandSection>,
    pub backends: BTreeMap<String, BackendSection>,
    pub acp: BTreeMap<String, AcpSection>,
    pub models: BTreeMap<String, String>,
    pub rules: Option<String>,
    /// Whether agents see the project's memory files.
    pub memory_files: Option<bool>,
    /// What the tools of agents may do.
    pub sandbox: Option<ProfileName>,
    /// What agents may do, beyond their sandbox.
    pub policy: PolicyFile,
    /// Whether a person is waited for where the policy asks.
    pub approvals: Option<Approvals>,
    /// How long; then it is a denial.
    pub approval_timeout: Option<Duration>,
    /// Programs that are told what agents do, and may say no.
    pub hooks: HooksSection,
    /// Commands that share slots.
    pub heavy: HeavySection,
    /// What a process of an agent needs: `agent` for all, others by kind, as `claude`.
    pub memory: BTreeMap<String, Bytes>,
    /// What becomes of prompts that hold text of an agent in quarantine.
    pub taint: Option<TaintUse>,
    /// Servers of tools, as `.mcp.json` describes them.
    pub mcp: BTreeMap<String, McpSection>,
    /// Variables that descriptions of servers may name, beside the usual ones.
    pub mcp_env: Vec<String>,
    /// Hosts whose pages agents may fetch.
    pub web: HostRules,
    /// Hosts that commands of agents may reach.
    pub hosts: HostRules,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScriptSection {
    pub memory: Option<Bytes>,
    pub cpu: Option<Duration>,
    pub depth: Option<u32>,
}

/// Requests to model APIs: `[requests]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestsSection {
    /// To one provider at once, before anything is known of it.
    pub at_once_first: Option<Positive>,
    /// The same, whatever the provider takes.
    pub at_once_max: Option<Positive>,
    /// Whether one of several agents with the same beginning goes ahead and fills the provider's cache.
    pub stagger: Option<bool>,
    /// A pause the provider asks for is waited for in place up to here; a longer one parks the run.
    pub wait_in_place: Option<Duration>,
    /// A run that is parked until a limit is reset goes on by itself if that is no later.
    pub reset_wait: Option<DurationOrNever>,
}

impl RequestsSection {
    /// These, and the other's where nothing is said.
    pub fn or(self, other: RequestsSection) -> RequestsSection {
        RequestsSection {
            at_once_first: self.at_once_first.or(other.at_once_first),
            at_once_max: self.at_once_max.or(other.at_once_max),
            stagger: self.stagger.or(other.stagger),
            wait_in_place: self.wait_in_place.or(other.wait_in_place),
            reset_wait: self.reset_wait.or(other.reset_wait),
        }
    }
}

/// A server of tools: `[mcp.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpSection {
    pub command: Option<String>,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub url: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub timeout: Option<Duration>,
}

impl McpSection {
    pub fn config(self) -> ServerConfig {
        let McpSection { command, args, env, kind, url, headers, timeout } = self;
        let timeout = timeout.map(|time| time.0);
        ServerConfig { command, args, env, kind, url, headers, timeout }
    }
}

/// A program as a backend: `[commands.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSection {
    /// The program and its arguments; never a shell line.
    pub argv: Argv,
    #[serde(default)]
    pub input: CommandInput,
    #[serde(default)]
    pub output: CommandOutput,
    /// Environment variables it gets beside the usual ones: `NAME` is passed on, `NAME=value` is set.
    #[serde(default)]
    pub env: Vec<String>,
    pub timeout: Option<Duration>,
}

/// An agent of the Agent Client Protocol as a backend: `[acp.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcpSection {
    pub argv: Argv,
    /// As for a command; in values, `{openai}`, `{anthropic}`, `{key}` and `{model}` stand for what the
    /// gateway gives.
    #[serde(default)]
    pub env: Vec<String>,
    /// It talks to itself over a port.
    #[serde(default)]
    pub own_port: bool,
    /// The longest its first answer may take.
    pub start_timeout: Option<Duration>,
}

/// At least the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argv(pub Vec<String>);

/// What goes to a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandInput {
    /// The prompt.
    #[default]
    Text,
    Json,
}

/// What comes from a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandOutput {
    Text,
    Json,
    /// The one or the other, as it looks.
    #[default]
    Auto,
}

/// `500k` or 500000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positive(pub u32);
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);
/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(pub u64);

/// Milliseconds; `never` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationOrNever(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ProfileName {
    Enforced(Profile),
    /// As `workspace`, and where the kernel cannot enforce it, with what it can.
    BestEffort,
}

impl ProfileName {
    /// What may be had without trust in whoever wrote the file.
    pub fn without_trust(self) -> Option<Profile> {
        match self {
            ProfileName::Enforced(Profile::Full) => None,
            ProfileName::Enforced(profile) => Some(profile),
            ProfileName::BestEffort => Some(Profile::Workspace),
        }
    }
}

impl TryFrom<String> for ProfileName {
    type Error = String;
    fn try_from(name: String) -> Result<ProfileName, String> {
        match name.as_str() {
            bench::BEST_EFFORT => Ok(ProfileName::BestEffort),
            name => bench::profile(name).map(ProfileName::Enforced),
        }
    }
}

/// A number, or a text that says one.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number, or a text such as `500k`")]
enum NumberOrText {
    Number(u64),
    Text(String),
}

fn read<'de, D: Deserializer<'de>, T>(input: D, parse: fn(&str) -> Result<T, String>) -> Result<T, D::Error> {
    let text = match NumberOrText::deserialize(input)? {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    };
    parse(&text).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Argv, D::Error> {
        let words = Vec::<String>::deserialize(input)?;
        let has_program = words.first().is_some_and(|program| !program.is_empty());
        has_program.then_some(Argv(words)).ok_or_else(|| D::Error::custom("`argv` names no program"))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Count, D::Error> {
        read(input, quantity::count).map(Count)
    }
}

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Positive, D::Error> {
        read(input, quantity::positive).map(Positive)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Bytes, D::Error> {
        read(input, quantity::bytes).map(Bytes)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        read(input, quantity::duration_ms).map(Duration)
    }
}

impl<'de> Deserialize<'de> for DurationOrNever {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<DurationOrNever, D::Error> {
        let parse = |text: &str| if text == "never" { Ok(0) } else { quantity::duration_ms(text) };
        read(input, parse).map(DurationOrNever)
    }
}

impl SettingsFile {
    pub fn parse(text: &str, path: &Path) -> Result<SettingsFile, Failure> {
        let file: SettingsFile =
            toml::from_str(text).map_err(|error| refusal("settings", &error, text, path))?;
        match file.backends.keys().find(|name| !clis::names().any(|known| known == *name)) {
            Some(name) => Err(unknown_backend(name, path)),
            None => Ok(file),
        }
    }
}

fn unknown_backend(name: &str, path: &Path) -> Failure {
    let known: Vec<&str> = clis::names().collect();
    Failure::usage(format!("settings `{}`: there is no program `[backends.{name}]`", path.display()))
        .hint(
            did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("there is {}", known.join(", "))),
        )
        .hint("any other program is a command: `[commands.NAME]` with `argv = [\"…\"]`")
}

/// Why a file of the user cannot be taken, and where; `what` is the kind of file.
pub fn refusal(what: &str, error: &toml::de::Error, text: &str, path: &Path) -> Failure {
    let place = error.span().map(|span| place_of(text, span.start)).unwrap_or_default();
    let message = error.message().lines().next().unwrap_or_default();
    let mut failure = Failure::usage(format!("{what} `{}`{place}: {}", path.display(), first_part(message)));
    if message.starts_with("unknown ") {
        let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        if let Some((wrong, known)) = names.split_first() {
            let hint = did_you_mean(wrong, known.iter().copied());
            failure = failure.hint(hint.unwrap_or_else(|| format!("there is {}", known.join(", "))));
        }
    }
    failure
}

/// The candidates that serde lists go into the hint.
fn first_part(message: &str) -> &str {
    match message.starts_with("unknown ") {
        true => message.split(", expected ").next().unwrap_or(message),
        false => message,
    }
}

/// ` line 3, column 5`
fn place_of(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" line {line}, column {column}")
}
