//! Agents that are programs: on the search path, in which version, and how they come to a model. Which
//! there are, and what they need, is known where backends are made of them.
//!
//! A login is a file that is there or not; nobody opens it.

use super::probe::{self, Said};
use super::{Area, Finding, Patient, State};
use crate::failure::Failure;
use crate::settings::CommandSection;
use crate::wiring::clis::{self, PROGRAMS, Way};
use crate::wiring::{acp, bench};
use baya_agents::acp::{AcpProgram, PREFIX, PRESETS};
use baya_agents::api::{ProviderConfig, discover};
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// A program as it is looked for.
struct Agent<'a> {
    /// As it is shown.
    name: &'a str,
    /// As `--backend` names it.
    backend: String,
    /// What starts it.
    word: String,
    /// What a person types to get it.
    install: Option<&'static str>,
    way: Result<Asked, Failure>,
}

/// Whom a program asks.
struct Asked {
    who: String,
    /// In one line, for people.
    words: String,
}

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let providers = discover(&patient.environment, &patient.settings.providers);
    let agents: Vec<Agent<'_>> = clis(patient, &providers)
        .chain(presets(patient, &providers))
        .chain(own(patient, &providers))
        .collect();
    let mut findings = join_all(agents.iter().map(|agent| of_agent(agent, patient))).await;
    let commands = patient.settings.commands.iter();
    findings.extend(commands.map(|(name, section)| of_command(name, section, patient)));
    findings
}

/// `codex` and `claude`.
fn clis<'a>(patient: &'a Patient<'_>, providers: &'a [ProviderConfig]) -> impl Iterator<Item = Agent<'a>> {
    PROGRAMS.iter().map(move |program: &clis::Program| {
        let section = patient.settings.backends.get(program.name).cloned().unwrap_or_default();
        let way = program.way(&section, providers, &patient.environment, &patient.folders.home);
        let way = way.map(|way| match way {
            Way::Provider(provider) => Asked::through_gateway(&provider),
            Way::Login(file) => {
                Asked::by_login(format!("its own login ({}), passed through the gateway", file.display()))
            }
        });
        let word = program.word(&section).to_owned();
        Agent {
            name: program.name,
            backend: program.name.to_owned(),
            word,
            install: Some(program.install),
            way,
        }
    })
}

/// Agents of the Agent Client Protocol that are known by name.
fn presets<'a>(patient: &'a Patient<'_>, providers: &'a [ProviderConfig]) -> impl Iterator<Item = Agent<'a>> {
    let known = PRESETS.into_iter().filter(|preset| !patient.settings.acp.contains_key(preset.name));
    known.map(move |preset| of_protocol(preset.name, &AcpProgram::Preset(preset), patient, providers))
}

/// Those of the settings.
fn own<'a>(patient: &'a Patient<'_>, providers: &'a [ProviderConfig]) -> impl Iterator<Item = Agent<'a>> {
    let sections = patient.settings.acp.iter();
    sections.map(move |(name, section)| {
        of_protocol(name, &acp::own(section, &patient.environment), patient, providers)
    })
}

fn of_protocol<'a>(
    name: &'a str,
    program: &AcpProgram,
    patient: &Patient<'_>,
    providers: &[ProviderConfig],
) -> Agent<'a> {
    let backend = format!("{PREFIX}{name}");
    let provider = acp::reaches_model(&backend, program, providers, patient.settings.sandbox);
    let way = provider.map(|provider| match provider {
        Some(provider) => Asked::through_gateway(provider),
        None => Asked::by_login("its own login, which nobody looks at".to_owned()),
    });
    let word = program.argv().into_iter().next().unwrap_or_default();
    Agent { name, backend, word, install: program.install(), way }
}

impl Asked {
    fn through_gateway(provider: &ProviderConfig) -> Asked {
        let words = format!("asks `{}` through the gateway, which keeps the key", provider.name);
        Asked { who: provider.shown_address(), words }
    }

    fn by_login(words: String) -> Asked {
        Asked { who: "its own login".to_owned(), words }
    }
}

async fn of_agent(agent: &Agent<'_>, patient: &Patient<'_>) -> Finding {
    let found = |state, what| Finding::new(Area::Programs, agent.name, state, what);
    let Some(path) = probe::find(&agent.word, &patient.environment, &patient.folders.working) else {
        return match agent.install {
            Some(install) => found(State::Off, "not found on `PATH`".to_owned()).hint(install),
            None => found(State::Warn, format!("`{}` was not found", agent.word))
                .note(format!("`[acp.{}]` of the settings", agent.name))
                .hint("give its whole path, or put its folder on `PATH`"),
        };
    };
    let shown = path.display();
    let said = probe::ask(&path, &["--version"], &plain(patient)).await;
    let version = match said {
        Said::Line(line) => line,
        Said::Nothing => "it names no version".to_owned(),
        Said::Hung => {
            let seconds = probe::PATIENCE.as_secs();
            return found(State::Warn, format!("`--version` did not end within {seconds} s, {shown}"))
                .hint(format!("try it yourself: {} --version", agent.word));
        }
        Said::Failed(why) => {
            let finding = found(State::Warn, format!("`--version` failed: {why}, {shown}"));
            return match agent.install {
                Some(install) => finding.hint(format!("install it anew: {install}")),
                None => finding.hint(format!("try it yourself: {} --version", agent.word)),
            };
        }
    };
    let name = format!("`--backend {}`", agent.backend);
    match &agent.way {
        Ok(asked) => found(State::Ok, format!("{version}, {shown}"))
            .note(format!("{name}: {}", asked.words))
            .works_as(&agent.backend, Some(&asked.who)),
        Err(failure) => {
            let finding = found(State::Warn, format!("{version}, {shown}")).note(name);
            let finding = finding.note(failure.message.clone());
            failure.hints.iter().fold(finding, |finding, hint| finding.hint(hint.clone()))
        }
    }
}

fn of_command(name: &str, section: &CommandSection, patient: &Patient<'_>) -> Finding {
    let program = section.argv.0.first().map_or("", String::as_str);
    match probe::find(program, &patient.environment, &patient.folders.working) {
        Some(path) => Finding::new(Area::Programs, name, State::Ok, path.display().to_string())
            .note(format!("`[commands.{name}]` of the settings"))
            .works_as(name, None),
        None => Finding::new(Area::Programs, name, State::Warn, format!("`{program}` was not found"))
            .note(format!("`[commands.{name}]` of the settings"))
            .hint("give its whole path, or put its folder on `PATH`"),
    }
}

/// What a program sees of our environment: no key.
fn plain(patient: &Patient<'_>) -> BTreeMap<String, String> {
    let all = patient.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    bench::plain_environment(all)
}
