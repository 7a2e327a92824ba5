//! Which model an agent gets (C28), pure: aliases, the default row of each provider, `provider/model`.
//!
//! Rows are tables of today's names; the settings go before them. What each model can do stands in
//! [`limits`].

mod limits;

pub use limits::{
    clamp_effort, clamp_tokens, context_tokens, effort_name, known_beginnings, output_tokens, thinks_unasked,
};

use crate::api::ProviderKind;
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
