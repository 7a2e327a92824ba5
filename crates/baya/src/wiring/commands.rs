//! Programs of the settings as backends.

use crate::settings::{CommandInput, CommandOutput, CommandSection};
use baya_agents::command::{Command, CommandConfig, InputForm, OutputForm};
use std::collections::BTreeMap;

/// The backend of `[commands.NAME]`.
pub fn build(name: &str, section: &CommandSection, environment: &BTreeMap<String, String>) -> Command {
    let mut config = CommandConfig::new(name, section.argv.0.clone());
    config.input = match section.input {
        CommandInput::Text => InputForm::Prompt,
        CommandInput::Json => InputForm::Json,
    };
    config.output = match section.output {
        CommandOutput::Text => OutputForm::Text,
        CommandOutput::Json => OutputForm::Json,
        CommandOutput::Auto => OutputForm::Auto,
    };
    for variable in &section.env {
        match variable.split_once('=') {
            Some((name, value)) => drop(config.set.insert(name.to_owned(), value.to_owned())),
            None => config.pass.push(variable.clone()),
        }
    }
    config.timeout_ms = section.timeout.map(|time| time.0);
    Command::new(config, environment)
}
