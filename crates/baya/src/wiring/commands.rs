//! Programs of the settings as backends, and the end of those an earlier driver left at work.

use super::backends::{API, SIMULATED};
use crate::failure::Failure;
use crate::settings::{CommandSection, Settings, TextForm};
use baya_agents::api::ProviderKind;
use baya_agents::backend::Backend;
use baya_agents::command::{Command, CommandConfig, ENVIRONMENT, InputForm, OutputForm, end_survivor};
use baya_core::agent::AgentProcess;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One backend for each `[commands.NAME]`.
pub fn build(
    settings: &Settings,
    env: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Arc<dyn Backend>>, Failure> {
    let mut backends: BTreeMap<String, Arc<dyn Backend>> = BTreeMap::new();
    for (name, section) in &settings.commands {
        check_name(name, settings)?;
        if section.argv.first().is_none_or(String::is_empty) {
            let failure = Failure::usage(format!("settings: `argv` of `[commands.{name}]` names no program"));
            return Err(failure.hint("argv = [\"program\", \"argument\"]"));
        }
        backends.insert(name.clone(), Arc::new(Command::new(config(name, section), env)));
    }
    Ok(backends)
}

/// A name means one backend.
fn check_name(name: &str, settings: &Settings) -> Result<(), Failure> {
    let ours = [SIMULATED, API].contains(&name) || ProviderKind::parse(name).is_some();
    if ours || settings.providers.contains_key(name) {
        return Err(Failure::usage(format!(
            "settings: `[commands.{name}]`: there is a backend `{name}` already"
        ))
        .hint("give the command another name"));
    }
    Ok(())
}

fn config(name: &str, section: &CommandSection) -> CommandConfig {
    CommandConfig {
        input: match section.input {
            TextForm::Text => InputForm::Prompt,
            TextForm::Json => InputForm::Json,
        },
        output: match section.output {
            None => OutputForm::Auto,
            Some(TextForm::Text) => OutputForm::Text,
            Some(TextForm::Json) => OutputForm::Json,
        },
        pass: ENVIRONMENT.map(str::to_owned).into_iter().chain(section.env.clone()).collect(),
        timeout_ms: section.timeout.map(|timeout| timeout.0),
        ..CommandConfig::new(name, section.argv.clone())
    }
}

/// Ends processes that an earlier driver left at work, all at once; returns when they are gone.
pub fn end_survivors(processes: &[AgentProcess]) {
    std::thread::scope(|scope| {
        for process in processes {
            scope.spawn(|| end_survivor(process));
        }
    });
}
