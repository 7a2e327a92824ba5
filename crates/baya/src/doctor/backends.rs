//! Model APIs: which have a key, where it comes from, and which one a run would take.

use super::{Area, Finding, Patient, State};
use crate::exit::Exit;
use crate::wiring::backends::{self, Choice};
use crate::wiring::confines::Confines;
use baya_agents::api::{
    ProviderConfig, ProviderKind, ProviderSettings, Reached, discover, ollama_models, reach, select,
    variables,
};
use futures_util::future::join_all;
use std::time::Duration;

/// For a provider of the network; for one on this machine.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_HERE: Duration = Duration::from_millis(400);

/// The usual providers, in the order in which they are taken.
const KINDS: [ProviderKind; 4] =
    [ProviderKind::Anthropic, ProviderKind::OpenAi, ProviderKind::Gemini, ProviderKind::OpenRouter];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let found = discover(&patient.environment, &patient.settings.providers);
    let usual = KINDS.into_iter().filter(|kind| !patient.settings.providers.contains_key(kind.name()));
    let usual: Vec<Finding> = usual.map(|kind| of_environment(kind, &found)).collect();
    let set = patient.settings.providers.iter();
    let set: Vec<Finding> = set.map(|(name, settings)| of_settings(name, settings, &found)).collect();
    let mut findings = usual;
    findings.extend(set);
    findings.push(ollama(patient).await);
    if patient.online {
        ask_all(&mut findings, &found).await;
    }
    findings.push(simulated());
    findings.push(taken(patient).await);
    findings
}

fn of_environment(kind: ProviderKind, found: &[ProviderConfig]) -> Finding {
    let (key, _) = variables(kind).unwrap_or_default();
    match found.iter().find(|provider| provider.name == kind.name()) {
        Some(provider) => known(provider, key),
        None => Finding::new(Area::Models, kind.name(), State::Off, format!("`{key}` is not set"))
            .hint(format!("export {key}=…")),
    }
}

fn of_settings(name: &str, settings: &ProviderSettings, found: &[ProviderConfig]) -> Finding {
    let usual = variables(settings.kind).map(|(key, _)| key).filter(|_| settings.base_url.is_none());
    let key = settings.key_env.as_deref().or(usual).unwrap_or_default();
    match found.iter().find(|provider| provider.name == name) {
        Some(provider) => known(provider, key).note(format!("named by `[providers.{name}]` of the settings")),
        None => Finding::new(Area::Models, name, State::Warn, format!("`{key}` is not set"))
            .note(format!("`[providers.{name}]` of the settings asks for it"))
            .hint(format!("export {key}=…")),
    }
}

fn known(provider: &ProviderConfig, variable: &str) -> Finding {
    let address = provider.shown_address();
    let what = match &provider.key {
        Some(_) => format!("key from `{variable}`, {address}"),
        None => format!("no key, {address}"),
    };
    Finding::new(Area::Models, provider.name.clone(), State::Ok, what)
        .works_as(&provider.name, Some(&address))
}

async fn ollama(patient: &Patient<'_>) -> Finding {
    let name = ProviderKind::Ollama.name();
    let off = |what: String| Finding::new(Area::Models, name, State::Off, what);
    let providers = select(name, &patient.environment, &patient.settings.providers).unwrap_or_default();
    let Some(provider) = providers.first() else { return off("not looked for".to_owned()) };
    let address = provider.shown_address();
    match ollama_models(&provider.base_url, PATIENCE_HERE).await {
        None => off(format!("nothing answers at {address}")).hint("ollama serve"),
        Some(models) if models.is_empty() => off(format!("no models at {address}")).hint("ollama pull qwen3"),
        Some(models) => {
            let some =
                if models.len() == 1 { "1 model".to_owned() } else { format!("{} models", models.len()) };
            Finding::new(Area::Models, name, State::Ok, format!("{some}, {address}"))
                .works_as(name, Some(&address))
        }
    }
}

async fn ask_all(findings: &mut [Finding], found: &[ProviderConfig]) {
    let answers = join_all(found.iter().map(|provider| reach(provider, PATIENCE))).await;
    for (provider, answer) in found.iter().zip(answers) {
        for finding in findings.iter_mut().filter(|finding| finding.name == provider.name) {
            let (state, what, hint) = match &answer {
                Reached::Yes => (State::Ok, "reachable".to_owned(), None),
                Reached::KeyRefused => {
                    (State::Warn, "it refuses the key".to_owned(), Some("use a key that is still valid"))
                }
                Reached::Status(status) => (
                    State::Warn,
                    format!("it answers with status {status}"),
                    Some("look at the address, with or without its version"),
                ),
                Reached::No(why) => (
                    State::Warn,
                    format!("not reachable: {why}"),
                    Some("look at the network and the address"),
                ),
            };
            finding.state = state;
            finding.what = format!("{}; {what}", finding.what);
            finding.hints.extend(hint.map(str::to_owned));
        }
    }
}

fn simulated() -> Finding {
    Finding::new(Area::Models, backends::SIMULATED, State::Ok, "asks no model: `--backend simulated`")
}

/// What a run without flags would do: asked of the very code that a run asks.
async fn taken(patient: &Patient<'_>) -> Finding {
    let settings = patient.settings;
    let choice = Choice {
        backend: settings.backend.clone(),
        model: settings.model.clone(),
        rules: settings.rules.clone(),
        sandbox: settings.sandbox,
        ..Choice::default()
    };
    let built = async {
        let confines = Confines::new(patient.folders, settings, &backends::environment()).await?;
        backends::build(choice, patient.folders, settings, &confines).await
    };
    match built.await {
        Ok(built) => {
            let name = built.surroundings(patient.folders).backend;
            Finding::new(Area::Models, "default", State::Ok, format!("`baya run` takes `{name}`"))
        }
        Err(failure) => {
            let finding = Finding::of_failure(Area::Models, "default", &failure);
            match failure.exit {
                Exit::NoBackend => finding.note("`baya run` has nobody to ask"),
                _ => finding.note("`baya run` refuses the settings"),
            }
        }
    }
}
