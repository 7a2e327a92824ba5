//! The options of an `agent()` call, from what the script wrote to what a backend gets (C23, C24, C29).

use crate::agent::{AgentOptions, CacheUse, Effort, OnFailure};
use crate::call::{ThrowKind, Thrown};
use crate::event::Surroundings;
use crate::limits::LABEL_CHARS;
use serde_json::{Map, Value};

/// A call's options after the gate.
pub struct ParsedOptions {
    pub options: AgentOptions,
    pub label: String,
    pub phase: Option<String>,
    /// `(what it is about, the sentence)`; told once per run and subject.
    pub warnings: Vec<(String, String)>,
}

pub fn parse(
    prompt: &str,
    given: &Map<String, Value>,
    around: &Surroundings,
) -> Result<ParsedOptions, Thrown> {
    let mut parsed = ParsedOptions {
        options: AgentOptions::default(),
        label: default_label(prompt),
        phase: None,
        warnings: Vec::new(),
    };
    for (name, value) in given {
        if value.is_null() && name != "schema" {
            continue;
        }
        set(&mut parsed, name, value)?;
    }
    check_names(&parsed.options, around)?;
    check_quarantine(&parsed.options, around)?;
    check_folder(&mut parsed.options, around)?;
    check_model(&mut parsed, around);
    check_refused(&parsed.options, given, around)?;
    check_isolation(&mut parsed, around)?;
    Ok(parsed)
}

fn set(parsed: &mut ParsedOptions, name: &str, value: &Value) -> Result<(), Thrown> {
    let options = &mut parsed.options;
    match name {
        "label" => parsed.label = words(name, value)?,
        "phase" => parsed.phase = Some(words(name, value)?),
        "schema" => options.schema = Some(value.clone()),
        "model" => options.model = Some(text(name, value)?),
        "agentType" => options.agent_type = Some(text(name, value)?),
        "backend" => options.backend = Some(text(name, value)?),
        "stallMs" => options.stall_ms = Some(whole(name, value)?),
        "idleMs" => options.idle_ms = Some(whole(name, value)?),
        "timeoutMs" => options.timeout_ms = Some(whole(name, value)?),
        "retries" => options.retries = Some(small(name, value)?),
        "maxTurns" => options.max_turns = Some(small(name, value)?),
        "maxTokens" => options.max_tokens = Some(whole(name, value)?),
        "tools" => options.tools = Some(texts(name, value)?),
        "disallowedTools" => options.disallowed_tools = texts(name, value)?,
        "bashCommandClamp" => options.bash_command_clamp = Some(value.clone()),
        "base" => options.base = Some(text(name, value)?),
        "work" => {
            options.work =
                value.as_bool().ok_or_else(|| wrong(format!("option `{name}` must be true or false")))?
        }
        "effort" => match effort(value) {
            Some(effort) => options.effort = Some(effort),
            None => parsed.warnings.push(unknown_value(name, value, "low, medium, high, xhigh or max")),
        },
        "isolation" => match value.as_str() {
            Some("worktree") => options.worktree = true,
            _ => parsed.warnings.push(unknown_value(name, value, "'worktree'")),
        },
        "quarantine" => options.quarantine = yes(name, value)?,
        "cwd" => options.cwd = Some(text(name, value)?).filter(|cwd| !cwd.is_empty()),
        "cache" => options.cache = cache(value)?,
        "onFailure" => options.on_failure = on_failure(value)?,
        unknown => parsed
            .warnings
            .push((format!("option {unknown}"), format!("agent() has no option `{unknown}`; it is ignored"))),
    }
    Ok(())
}

fn check_names(options: &AgentOptions, around: &Surroundings) -> Result<(), Thrown> {
    if let Some(agent_type) = &options.agent_type
        && !around.agent_types.contains(agent_type)
    {
        let known = around.agent_types.join(", ");
        let message = format!(
            "there is no agent type `{agent_type}`; there are: {known}; \
             hint: `.baya/agents` and `.claude/agents` hold others, a Markdown file each"
        );
        return Err(Thrown { kind: ThrowKind::AgentType, message });
    }
    if let Some(backend) = &options.backend
        && !around.backends.contains(backend)
    {
        let known = around.backends.join(", ");
        return Err(wrong(format!("there is no backend `{backend}`; there are: {known}")));
    }
    let backend = options.backend.as_ref().unwrap_or(&around.backend);
    if options.tools.is_some() && around.backends_with_tools.contains(backend) {
        let message = format!("the option `tools` for agents of backend `{backend}` is not in this version");
        return Err(wrong(message));
    }
    Ok(())
}

/// Who reads what nobody vouches for must be held to reading, or it does not start.
fn check_quarantine(options: &AgentOptions, around: &Surroundings) -> Result<(), Thrown> {
    if !options.quarantine {
        return Ok(());
    }
    let backend = options.backend.as_ref().unwrap_or(&around.backend);
    if !around.backends_with_quarantine.contains(backend) {
        let others = match around.backends_with_quarantine.as_slice() {
            [] => "no backend here can".to_owned(),
            others => format!("those that can: {}", others.join(", ")),
        };
        return Err(wrong(format!(
            "quarantine: true: agents of backend `{backend}` bring tools of their own, which baya cannot take \
             from them; {others}"
        )));
    }
    if options.schema.is_none() {
        return Err(wrong(
            "quarantine: true needs a `schema`: what such an agent returns has to have a form that was fixed \
             before it read anything"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The folder as a path below the run's own, without detours.
fn check_folder(options: &mut AgentOptions, around: &Surroundings) -> Result<(), Thrown> {
    let Some(cwd) = &options.cwd else { return Ok(()) };
    let outside = || {
        let folder = &around.folder;
        wrong(format!("the option `cwd` of agent(): `{cwd}` is outside of the working folder `{folder}`"))
    };
    let below = match cwd.strip_prefix('/') {
        None => cwd.as_str(),
        Some(_) => {
            let rest = cwd.strip_prefix(around.folder.trim_end_matches('/')).ok_or_else(outside)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return Err(outside());
            }
            rest
        }
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in below.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(outside)?;
            }
            part => parts.push(part),
        }
    }
    options.cwd = Some(parts.join("/")).filter(|path| !path.is_empty());
    Ok(())
}

/// A model that nobody knows may be new, or a slip of the pen: the provider is asked, and the run says so.
fn check_model(parsed: &mut ParsedOptions, around: &Surroundings) {
    let Some(model) = parsed.options.model.as_deref().or(around.model.as_deref()) else { return };
    let backend = parsed.options.backend.as_ref().unwrap_or(&around.backend);
    let id = match model.split_once('/') {
        None => model,
        Some((provider, id)) if provider == backend.as_str() => id,
        Some(_) => return,
    };
    let known = |id: &str| around.models_known.iter().any(|start| id.starts_with(start.as_str()));
    if around.models_known.is_empty() || *backend != around.backend || known(&id.to_lowercase()) {
        return;
    }
    let text = format!(
        "model `{model}` is none that is known of `{backend}`: it is asked for as it is, its limits are unknown"
    );
    parsed.warnings.push((format!("model {model}"), text));
}

/// The tool changes nothing, runs nothing and reaches nobody.
pub fn only_looks(tool: &str) -> bool {
    const NAMES: [&str; 11] = [
        "read",
        "glob",
        "grep",
        "todo",
        "Read",
        "LS",
        "NotebookRead",
        "Glob",
        "Grep",
        "TodoWrite",
        "StructuredOutput",
    ];
    let name = tool.trim().split('(').next().unwrap_or_default();
    NAMES.contains(&name.trim())
}

/// What a backend cannot be held to is refused before anything is spent, never ignored.
fn check_refused(
    options: &AgentOptions,
    given: &Map<String, Value>,
    around: &Surroundings,
) -> Result<(), Thrown> {
    let backend = options.backend.as_ref().unwrap_or(&around.backend);
    let refused = around.options_refused.get(backend).map(Vec::as_slice).unwrap_or_default();
    let is_given = |name: &&String| given.get(name.as_str()).is_some_and(|value| !value.is_null());
    match refused.iter().find(is_given) {
        None => Ok(()),
        Some(name) => Err(wrong(format!(
            "agents of backend `{backend}` cannot be held to the option `{name}`; leave it out, or choose \
             another `backend`"
        ))),
    }
}

fn check_isolation(parsed: &mut ParsedOptions, around: &Surroundings) -> Result<(), Thrown> {
    let of_type = parsed.options.agent_type.as_ref();
    parsed.options.worktree |= of_type.is_some_and(|name| around.agent_types_isolated.contains(name));
    if !parsed.options.worktree {
        let needs = [("work", parsed.options.work), ("base", parsed.options.base.is_some())];
        let without = needs.into_iter().find(|(_, said)| *said);
        return without.map_or(Ok(()), |(name, _)| {
            Err(wrong(format!("the option `{name}` of agent() goes with `isolation: 'worktree'`")))
        });
    }
    let isolation = |message: String| Thrown { kind: ThrowKind::Isolation, message };
    if !around.in_git_repository {
        let folder = &around.folder;
        return Err(isolation(format!(
            "isolation: 'worktree' needs a git repository; `{folder}` is in none"
        )));
    }
    Ok(())
}

/// The first characters of the prompt, white space folded (C23).
fn default_label(prompt: &str) -> String {
    let head: String = prompt.chars().take(LABEL_CHARS).collect();
    head.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn wrong(message: String) -> Thrown {
    Thrown { kind: ThrowKind::Option, message }
}

fn unknown_value(name: &str, value: &Value, known: &str) -> (String, String) {
    (
        format!("{name} {value}"),
        format!("agent() does not know `{name}: {value}`; it is ignored; known: {known}"),
    )
}

fn text(name: &str, value: &Value) -> Result<String, Thrown> {
    let string = value.as_str().map(str::to_owned);
    string.ok_or_else(|| wrong(format!("the option `{name}` of agent() is a string, not `{value}`")))
}

/// Display text: any plain value will do.
fn words(name: &str, value: &Value) -> Result<String, Thrown> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => text(name, value),
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, Thrown> {
    let items = value.as_array();
    let items = items.ok_or_else(|| {
        wrong(format!("the option `{name}` of agent() is a list of strings, not `{value}`"))
    })?;
    items.iter().map(|item| text(name, item)).collect()
}

fn whole(name: &str, value: &Value) -> Result<u64, Thrown> {
    let number = value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        (0.0..9e15).contains(&float).then_some(float as u64)
    });
    number.ok_or_else(|| wrong(format!("the option `{name}` of agent() is a number from 0, not `{value}`")))
}

fn yes(name: &str, value: &Value) -> Result<bool, Thrown> {
    let yes = value.as_bool();
    yes.ok_or_else(|| wrong(format!("the option `{name}` of agent() is true or false, not `{value}`")))
}

fn small(name: &str, value: &Value) -> Result<u32, Thrown> {
    Ok(u32::try_from(whole(name, value)?).unwrap_or(u32::MAX))
}

fn effort(value: &Value) -> Option<Effort> {
    serde_json::from_value(value.clone()).ok()
}

fn cache(value: &Value) -> Result<CacheUse, Thrown> {
    match value.as_str() {
        Some("never") => Ok(CacheUse::Never),
        Some("shared") => Ok(CacheUse::Shared),
        _ => Err(wrong(format!("the option `cache` of agent() is 'never' or 'shared', not `{value}`"))),
    }
}

fn on_failure(value: &Value) -> Result<OnFailure, Thrown> {
    match value.as_str() {
        Some("null") => Ok(OnFailure::Null),
        Some("throw") => Ok(OnFailure::Throw),
        _ => Err(wrong(format!("the option `onFailure` of agent() is 'null' or 'throw', not `{value}`"))),
    }
}
