//! `baya run NAME --help`: what a workflow is for and which `args` it takes, from its `meta`.

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::views::sanitise;
use baya_core::script::Checked;
use clap::CommandFactory;
use serde_json::Value;

/// Help for the command itself.
pub fn tell_command() -> Result<Exit, Failure> {
    let mut cli = Cli::command();
    cli.build();
    if let Some(run) = cli.find_subcommand_mut("run") {
        output::data_raw(&run.render_long_help().to_string());
    }
    Ok(Exit::Done)
}

/// Help for one workflow.
pub fn tell(target: &str, checked: &Checked) -> Result<Exit, Failure> {
    let meta = &checked.script.meta;
    let mut lines = vec![format!("{}: {}", checked.script.name, text(meta, "description"))];
    let when = text(meta, "whenToUse");
    if !when.is_empty() {
        lines.push(format!("use it: {when}"));
    }
    lines.push(String::new());
    lines.push(format!("usage: baya run {target} [ARGS…] [--arg KEY=VALUE]… [--args JSON]"));
    lines.extend(args_lines(meta.get("args")));
    lines.extend(phase_lines(meta.get("phases")));
    lines.push(String::new());
    lines.push("baya run --help lists the options of every run".to_owned());
    lines.iter().for_each(|line| output::data(&sanitise::line(line)));
    Ok(Exit::Done)
}

fn args_lines(schema: Option<&Value>) -> Vec<String> {
    let Some(schema) = schema else {
        return vec![String::new(), "args: not described by the workflow; any value is taken".to_owned()];
    };
    let head = format!("args: {}  {}", type_words(schema), text(schema, "description"));
    let mut lines = vec![String::new(), head.trim_end().to_owned()];
    let required = schema.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let need = if required.contains(&name.as_str()) { ", required" } else { "" };
        let default = member.get("default").map(|value| format!(", default {value}")).unwrap_or_default();
        let about = text(member, "description");
        lines.push(format!("  {name}: {}{default}{need}  {about}", type_words(member)).trim_end().to_owned());
    }
    lines
}

/// `string`, `array of string`, `one of "a", "b"`
fn type_words(schema: &Value) -> String {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values.iter().map(Value::to_string).collect();
        return format!("one of {}", values.join(", "));
    }
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any value".to_owned(),
    };
    match schema.get("items") {
        Some(items) if name == "array" => format!("array of {}", type_words(items)),
        _ => name,
    }
}

fn phase_lines(phases: Option<&Value>) -> Vec<String> {
    let phases = phases.and_then(Value::as_array).filter(|phases| !phases.is_empty());
    let Some(phases) = phases else { return Vec::new() };
    let mut lines = vec![String::new(), "phases:".to_owned()];
    for phase in phases {
        let title = phase.as_str().map_or_else(|| text(phase, "title"), str::to_owned);
        lines.push(format!("  {title}  {}", text(phase, "detail")).trim_end().to_owned());
    }
    lines
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
