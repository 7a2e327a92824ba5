//! What one agent of the protocol is, and what its processes are given.

use super::presets::{Models, PRESETS, Place, Preset, SetUp, preset};
use crate::agent_types::AgentTypes;
use crate::backend::Attempt;
use crate::gateway::{Dialect, Gateway};
use crate::models::ModelTable;
use crate::sandbox::{Profile, Sandbox};
use crate::{api::ProviderKind, models::ProviderModels};
use baya_core::agent::AgentTask;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands before an agent's name in `--backend`.
pub const PREFIX: &str = "acp:";

/// The policy of a process that works for this attempt, and may write this folder of its own.
pub type OpenSandbox =
    Arc<dyn Fn(&AgentTask, &Attempt, Profile, &Path) -> Result<Sandbox, String> + Send + Sync>;

/// The gateway of this process of ours, started by the first who needs it.
pub type OpenGateway = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<Gateway>, String>> + Send + Sync>;

/// An agent and all that its processes are given.
#[derive(Clone)]
pub struct AcpConfig {
    /// As `--backend` names it: `acp:opencode`.
    pub name: String,
    pub program: AcpProgram,
    /// What every process gets; home and what the agent itself needs are added.
    pub environment: BTreeMap<String, String>,
    /// The person's.
    pub home: PathBuf,
    /// Private folders of processes stand below it, by run.
    pub state: PathBuf,
    /// Our own program and the word that makes it the tool for a structured answer.
    pub answer: Vec<String>,
    pub open: OpenSandbox,
    /// The most that any agent may do.
    pub profile: Profile,
    /// Where models are; none: the agent asks whomever its own configuration names.
    pub gateway: Option<OpenGateway>,
    /// The gateway's providers and what names of models mean.
    pub models: ModelTable,
    pub types: Arc<AgentTypes>,
    /// The longest the first answer after a start may take.
    pub start_ms: u64,
    /// No sign of life for so long: stalled. `stallMs` and `idleMs` of a call go before it.
    pub stall_ms: u64,
}

/// What is started.
#[derive(Debug, Clone)]
pub enum AcpProgram {
    Preset(&'static Preset),
    Own(OwnProgram),
}

/// A program that the settings name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnProgram {
    pub argv: Vec<String>,
    /// In values, `{openai}`, `{anthropic}`, `{key}` and `{model}` stand for what the gateway gives.
    pub environment: BTreeMap<String, String>,
    pub has_own_port: bool,
}

/// There is no agent of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no agent `{name}` behind `{PREFIX}`")]
pub struct UnknownAgent {
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
}

impl AcpProgram {
    /// The preset of a name behind the prefix.
    pub fn preset(name: &str) -> Result<AcpProgram, UnknownAgent> {
        let unknown = || UnknownAgent {
            name: name.to_owned(),
            known: PRESETS.iter().map(|preset| format!("{PREFIX}{}", preset.name)).collect(),
        };
        preset(name).map(AcpProgram::Preset).ok_or_else(unknown)
    }

    /// The longest its first answer may take, unless the settings say otherwise.
    pub fn start_ms(&self) -> u64 {
        match self {
            AcpProgram::Preset(preset) => preset.start_ms,
            AcpProgram::Own(_) => 60_000,
        }
    }

    /// The words that start it.
    pub fn argv(&self) -> Vec<String> {
        match self {
            AcpProgram::Preset(preset) => preset.argv.iter().map(|word| (*word).to_owned()).collect(),
            AcpProgram::Own(own) => own.argv.clone(),
        }
    }

    /// What a person types to get it.
    pub fn install(&self) -> Option<&'static str> {
        match self {
            AcpProgram::Preset(preset) => Some(preset.install),
            AcpProgram::Own(_) => None,
        }
    }

    /// The program's file, if it is there.
    pub fn find(&self, path: &str) -> Option<PathBuf> {
        super::surroundings::find(self.argv().first()?, path)
    }

    /// Whether it can be told of models of such a provider.
    pub fn speaks_with(&self, kind: ProviderKind) -> bool {
        self.dialect_with(kind).is_some()
    }

    /// What a person can give so that it reaches a model.
    pub fn wanted_keys(&self) -> String {
        let variables = |dialect: &Dialect| match dialect {
            Dialect::Anthropic => "`ANTHROPIC_API_KEY`",
            Dialect::OpenAiChat | Dialect::OpenAiResponses => "`OPENAI_API_KEY`",
        };
        let mut names: Vec<&str> = self.dialects().iter().map(variables).collect();
        names.dedup();
        match names.is_empty() {
            true => "it works with its own login only".to_owned(),
            false => format!("give a key in {}", names.join(" or ")),
        }
    }

    /// What it speaks with models of this provider.
    fn dialect_with(&self, kind: ProviderKind) -> Option<Dialect> {
        let speaks = |dialect: &Dialect| match kind {
            ProviderKind::Anthropic => *dialect == Dialect::Anthropic,
            ProviderKind::OpenAi
            | ProviderKind::OpenAiResponses
            | ProviderKind::OpenAiCompatible
            | ProviderKind::OpenRouter
            | ProviderKind::Ollama => *dialect != Dialect::Anthropic,
            ProviderKind::Gemini => false,
        };
        self.dialects().iter().copied().find(speaks)
    }

    fn dialects(&self) -> &[Dialect] {
        match self {
            AcpProgram::Preset(preset) => preset.dialects,
            AcpProgram::Own(own) => match (own.names("{anthropic}"), own.names("{openai}")) {
                (true, true) => &[Dialect::Anthropic, Dialect::OpenAiChat],
                (true, false) => &[Dialect::Anthropic],
                (false, true) => &[Dialect::OpenAiChat],
                (false, false) => &[],
            },
        }
    }
}

impl OwnProgram {
    fn names(&self, place: &str) -> bool {
        self.environment.values().any(|value| value.contains(place))
    }
}

impl AcpConfig {
    /// What it speaks with models of this provider.
    pub(super) fn dialect_with(&self, kind: ProviderKind) -> Option<Dialect> {
        self.program.dialect_with(kind)
    }

    /// The providers it can speak with.
    pub(super) fn table(&self) -> ModelTable {
        let fits = |provider: &&ProviderModels| self.dialect_with(provider.kind).is_some();
        let providers = self.models.providers.iter().filter(fits).cloned().collect();
        ModelTable { providers, ..self.models.clone() }
    }

    pub(super) fn argv(&self) -> Vec<String> {
        self.program.argv()
    }

    pub(super) fn install(&self) -> Option<&'static str> {
        self.program.install()
    }

    pub(super) fn has_own_port(&self) -> bool {
        match &self.program {
            AcpProgram::Preset(preset) => preset.has_own_port,
            AcpProgram::Own(own) => own.has_own_port,
        }
    }

    pub(super) fn set_up(&self, place: &Place<'_>) -> SetUp {
        match &self.program {
            AcpProgram::Preset(preset) => (preset.set_up)(place),
            AcpProgram::Own(own) => SetUp { environment: filled(own, place), ..SetUp::default() },
        }
    }

    /// A model as sessions name it.
    pub(super) fn model_name(&self, model: &str) -> String {
        match &self.program {
            AcpProgram::Preset(preset) => (preset.model)(model),
            AcpProgram::Own(_) => model.to_owned(),
        }
    }

    pub(super) fn meta(&self, schema: Option<&Value>) -> Option<Map<String, Value>> {
        match &self.program {
            AcpProgram::Preset(preset) => (preset.meta)(schema),
            AcpProgram::Own(_) => None,
        }
    }

    pub(super) fn is_native(&self) -> bool {
        match &self.program {
            AcpProgram::Preset(preset) => preset.is_native,
            AcpProgram::Own(_) => false,
        }
    }
}

fn filled(own: &OwnProgram, place: &Place<'_>) -> BTreeMap<String, String> {
    let fill = |value: &str, models: &Models| {
        // What belongs to the other wire is left out.
        let other = if models.dialect == Dialect::Anthropic { "{openai}" } else { "{anthropic}" };
        let address = ["{anthropic}", "{openai}"]
            .iter()
            .fold(value.to_owned(), |value, name| value.replace(name, &models.base_url));
        let filled = address.replace("{key}", &models.key).replace("{model}", &models.model);
        (!value.contains(other)).then_some(filled)
    };
    let value = |value: &String| match place.models {
        None => Some(value.clone()),
        Some(models) => fill(value, models),
    };
    own.environment.iter().filter_map(|(name, set)| Some((name.clone(), value(set)?))).collect()
}
