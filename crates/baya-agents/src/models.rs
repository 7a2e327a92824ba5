//! Which model an agent gets (C28), pure: aliases, the default row of each provider, `provider/model`,
//! and the efforts that a model has.
//!
//! Rows and efforts are tables of today's names; the settings go before the rows, and an unknown
//! model gets no effort at all rather than a refused request.

use crate::api::ProviderKind;
use baya_core::agent::Effort;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The models of one provider by size, as aliases pick them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub small: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large: Option<String>,
    /// What `fable` and `best` mean; absent: `large`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
}

impl ModelRow {
    fn of(small: &str, medium: &str, large: &str) -> ModelRow {
        let own = |name: &str| Some(name.to_owned());
        ModelRow { small: own(small), medium: own(medium), large: own(large), best: None }
    }

    /// One model for every size.
    pub fn all(model: &str) -> ModelRow {
        ModelRow::of(model, model, model)
    }

    /// Its own names, then those of `fallback`. A row that names any model is filled from itself only:
    /// whoever names one model of a local server has no other there.
    #[must_use]
    pub fn or(self, fallback: ModelRow) -> ModelRow {
        if self == ModelRow::default() { fallback } else { self }
    }

    fn get(&self, size: Size) -> Option<&String> {
        let order = match size {
            Size::Small => [&self.small, &self.medium, &self.large, &self.best],
            Size::Medium => [&self.medium, &self.large, &self.small, &self.best],
            Size::Large => [&self.large, &self.medium, &self.best, &self.small],
            Size::Best => [&self.best, &self.large, &self.medium, &self.small],
        };
        order.into_iter().flatten().next()
    }
}

/// What the aliases mean where nothing is set.
pub fn default_row(kind: ProviderKind) -> ModelRow {
    match kind {
        ProviderKind::Anthropic => ModelRow {
            best: Some("claude-fable-5-1".to_owned()),
            ..ModelRow::of("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
        },
        ProviderKind::OpenAi | ProviderKind::OpenAiResponses => {
            ModelRow::of("gpt-5.6-luna", "gpt-5.6-terra", "gpt-5.6-sol")
        }
        ProviderKind::Gemini => {
            ModelRow::of("gemini-flash-lite-latest", "gemini-flash-latest", "gemini-pro-latest")
        }
        ProviderKind::OpenRouter => {
            ModelRow::of("anthropic/claude-haiku-4.5", "anthropic/claude-sonnet-5", "anthropic/claude-opus-5")
        }
        ProviderKind::OpenAiCompatible | ProviderKind::Ollama => ModelRow::default(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Small,
    Medium,
    Large,
    Best,
}

fn size_of(alias: &str) -> Option<Size> {
    match alias {
        "haiku" => Some(Size::Small),
        "sonnet" => Some(Size::Medium),
        "opus" => Some(Size::Large),
        "fable" | "best" => Some(Size::Best),
        _ => None,
    }
}

/// A provider as this table knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderModels {
    pub name: String,
    pub kind: ProviderKind,
    pub row: ModelRow,
}

/// Everything that turns a word into a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelTable {
    /// The first is the default one.
    pub providers: Vec<ProviderModels>,
    /// Settings: what an alias means, whatever the provider's row says; may say `provider/model`.
    pub aliases: BTreeMap<String, String>,
    /// What agents get that name no model; absent: `sonnet`.
    pub default_model: Option<String>,
}

/// The model of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Index into [`ModelTable::providers`].
    pub provider: usize,
    pub model: String,
}

/// No model can be found for the word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("the alias `{alias}` means no model at the provider `{provider}`")]
    NoRow { alias: String, provider: String },
    #[error("the model `{model}` names the provider `{provider}`, which is not set up")]
    NoProvider { model: String, provider: String },
    #[error("no provider is set up")]
    Empty,
}

impl Unresolved {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Unresolved::NoRow { provider, .. } => {
                format!(
                    "name models in the settings: `[providers.{provider}.models]` with `small`, `medium`, `large`"
                )
            }
            Unresolved::NoProvider { provider, .. } => {
                format!(
                    "give its key in the environment, or name it in the settings as `[providers.{provider}]`"
                )
            }
            Unresolved::Empty => {
                "give a key in the environment, or name a provider in the settings".to_owned()
            }
        }
    }
}

impl ModelTable {
    /// The model for what a script, a type or a flag says; `None` and `inherit` mean the default.
    pub fn choose(&self, asked: Option<&str>) -> Result<Chosen, Unresolved> {
        let default = self.default_model.as_deref().filter(|name| *name != "inherit").unwrap_or("sonnet");
        let word =
            asked.map(str::trim).filter(|word| !word.is_empty() && *word != "inherit").unwrap_or(default);
        match self.aliases.get(word) {
            Some(meaning) => self.at_provider(meaning),
            None => self.at_provider(word),
        }
    }

    /// The small model of a provider, for work that needs no better one.
    pub fn small(&self, provider: usize) -> Option<String> {
        self.providers.get(provider)?.row.get(Size::Small).cloned()
    }

    fn at_provider(&self, word: &str) -> Result<Chosen, Unresolved> {
        let first = self.providers.first().ok_or(Unresolved::Empty)?;
        let Some((head, tail)) = word.split_once('/') else { return self.named(0, word) };
        match self.providers.iter().position(|provider| provider.name == head) {
            Some(provider) => self.named(provider, tail),
            None if first.kind.has_plain_ids() && ProviderKind::parse(head).is_some() => {
                Err(Unresolved::NoProvider { model: word.to_owned(), provider: head.to_owned() })
            }
            None => self.named(0, word),
        }
    }

    fn named(&self, provider: usize, word: &str) -> Result<Chosen, Unresolved> {
        let models = self.providers.get(provider).ok_or(Unresolved::Empty)?;
        let model = match size_of(word) {
            None => word.to_owned(),
            Some(size) => models
                .row
                .get(size)
                .cloned()
                .ok_or_else(|| Unresolved::NoRow { alias: word.to_owned(), provider: models.name.clone() })?,
        };
        Ok(Chosen { provider, model })
    }
}

/// The effort a model is asked for, and what there is to tell about it.
pub fn clamp_effort(model: &str, asked: Effort) -> (Option<Effort>, Option<String>) {
    let levels = efforts(model);
    let name = effort_name(asked);
    match levels.iter().rev().find(|level| **level <= asked) {
        Some(level) if *level == asked => (Some(asked), None),
        Some(level) => (
            Some(*level),
            Some(format!("effort `{name}` became `{}`: `{model}` has no more", effort_name(*level))),
        ),
        None => (None, Some(format!("effort `{name}` was left out: none is known for `{model}`"))),
    }
}

/// As options and settings write it.
pub fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

const TO_HIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const TO_XHIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh];
const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh, Effort::Max];
const NO_XHIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];

/// Prefixes of model ids without their provider; the first that fits counts.
const EFFORTS: &[(&str, &[Effort])] = &[
    ("claude-opus-4-5", TO_HIGH),
    ("claude-opus-4-6", NO_XHIGH),
    ("claude-opus-4-7", ALL),
    ("claude-opus-4-8", ALL),
    ("claude-opus-5", ALL),
    ("claude-sonnet-4-6", NO_XHIGH),
    ("claude-sonnet-5", ALL),
    ("claude-haiku-5", ALL),
    ("claude-fable", ALL),
    ("claude-mythos", ALL),
    ("gpt-5.6", ALL),
    ("gpt-5.1-codex-max", TO_XHIGH),
    ("gpt-5.1", TO_HIGH),
    ("gpt-5.", TO_XHIGH),
    ("gpt-5-chat", &[]),
    ("gpt-5", TO_HIGH),
    ("gpt-6", ALL),
    ("gpt-oss", TO_HIGH),
    ("o1-preview", &[]),
    ("o1-mini", &[]),
    ("o1", TO_HIGH),
    ("o3", TO_HIGH),
    ("o4", TO_HIGH),
    ("gemini-2.5", TO_HIGH),
    ("gemini-3", TO_HIGH),
    ("gemini-4", TO_HIGH),
];

fn efforts(model: &str) -> &'static [Effort] {
    let id = plain_id(model);
    EFFORTS.iter().find(|(prefix, _)| id.starts_with(prefix)).map_or(&[], |(_, levels)| levels)
}

/// Models that think unless told not to: a tool cannot be forced on them.
pub fn thinks_unasked(model: &str) -> bool {
    const PREFIXES: &[&str] =
        &["claude-opus-5", "claude-sonnet-5", "claude-haiku-5", "claude-fable", "claude-mythos"];
    let id = plain_id(model);
    PREFIXES.iter().any(|prefix| id.starts_with(prefix))
}

/// Tokens the context of a model holds, where that is known: prefixes of ids, the first that fits counts.
pub fn context_tokens(model: &str) -> Option<u64> {
    const WINDOWS: &[(&str, u64)] = &[
        ("claude", 200_000),
        ("gpt-4o", 128_000),
        ("gpt-5", 272_000),
        ("o3", 200_000),
        ("o4", 200_000),
        ("gemini", 1_000_000),
    ];
    let id = plain_id(model);
    WINDOWS.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, tokens)| *tokens)
}

/// Without a provider in front; Claude's versions with dashes, as its own API writes them.
fn plain_id(model: &str) -> String {
    let id = model.rsplit('/').next().unwrap_or(model).to_lowercase();
    if id.starts_with("claude") { id.replace('.', "-") } else { id }
}
