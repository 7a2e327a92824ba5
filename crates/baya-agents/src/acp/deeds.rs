//! What an agent asks permission for, as our policy names it.
//!
//! Agents name their tools differently; the kind says what a call does, so rules hold for every agent.
//! Our own tool is always allowed, and nothing that only looks like it.

use super::told::{Question, Reply, ToolKind, ToolStep};
use crate::api::STRUCTURED_OUTPUT;
use crate::backend::{Action, Deed, Gatekeeper, Permission};
use crate::mcp::answer::SERVER;
use crate::sandbox::Profile;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Answers a question; `call` is all that is known of the tool call it is about.
pub(super) async fn answer(
    question: Question,
    call: ToolStep,
    gate: &dyn Gatekeeper,
    profile: Profile,
    folder: &Path,
) {
    let reply = match is_own_tool(&call) {
        true => Reply::Allow,
        false => judge(&call, gate, profile, folder).await,
    };
    // Nobody may wait for it any more.
    let _ = question.reply.send(reply);
}

async fn judge(call: &ToolStep, gate: &dyn Gatekeeper, profile: Profile, folder: &Path) -> Reply {
    let actions = actions(call, folder);
    let writes = |action: &Action| matches!(action.what, Deed::Write(_));
    if profile == Profile::ReadOnly && actions.iter().any(writes) {
        return Reply::Reject;
    }
    for action in &actions {
        match gate.may(action).await {
            Permission::Allowed => {}
            Permission::Denied(_) => return Reply::Reject,
        }
    }
    Reply::Allow
}

/// Everything that a call does.
fn actions(call: &ToolStep, folder: &Path) -> Vec<Action> {
    let title = call.title.clone().unwrap_or_default();
    let other = || Deed::Other(title.clone());
    let paths = paths(call, folder);
    let (tool, deeds) = match call.kind.unwrap_or(ToolKind::Other) {
        ToolKind::Execute => {
            ("bash", vec![Deed::Command(command(call.input.as_ref()).unwrap_or_else(|| title.clone()))])
        }
        ToolKind::Edit | ToolKind::Delete | ToolKind::Move => ("edit", of_paths(paths, Deed::Write, other)),
        ToolKind::Read => ("read", of_paths(paths, Deed::Read, other)),
        ToolKind::Search => ("grep", of_paths(paths, Deed::Read, other)),
        ToolKind::Fetch => ("web_fetch", vec![host(call.input.as_ref()).map_or_else(other, Deed::Host)]),
        ToolKind::Think | ToolKind::Other => match command(call.input.as_ref()) {
            // A kind is only a hint.
            Some(command) => ("bash", vec![Deed::Command(command)]),
            None => ("", vec![other()]),
        },
    };
    let own = call.name.clone().unwrap_or_else(|| title.clone());
    let tool = if tool.is_empty() { own } else { tool.to_owned() };
    deeds.into_iter().map(|what| Action { tool: tool.clone(), what }).collect()
}

fn of_paths(paths: Vec<PathBuf>, deed: fn(PathBuf) -> Deed, other: impl Fn() -> Deed) -> Vec<Deed> {
    match paths.is_empty() {
        // A write is one even where it does not say of what.
        true => match deed(PathBuf::new()) {
            Deed::Write(_) => vec![deed(PathBuf::from("."))],
            _ => vec![other()],
        },
        false => paths.into_iter().map(deed).collect(),
    }
}

fn paths(call: &ToolStep, folder: &Path) -> Vec<PathBuf> {
    const KEYS: [&str; 6] = ["file_path", "filePath", "filepath", "path", "abs_path", "notebook_path"];
    let named = KEYS.iter().filter_map(|key| Some(PathBuf::from(call.input.as_ref()?.get(key)?.as_str()?)));
    let mut paths: Vec<PathBuf> =
        call.paths.iter().cloned().chain(named).map(|path| folder.join(path)).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn command(input: Option<&Value>) -> Option<String> {
    match ["command", "cmd"].iter().find_map(|key| input?.get(key))? {
        Value::String(command) => Some(command.clone()),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn host(input: Option<&Value>) -> Option<String> {
    let url = reqwest::Url::parse(input?.get("url")?.as_str()?).ok()?;
    url.host_str().map(str::to_owned)
}

/// Names as agents make them of server and tool: `baya_StructuredOutput`, `mcp__baya__StructuredOutput`,
/// `StructuredOutput (baya MCP Server)`.
pub(super) fn is_own_tool(call: &ToolStep) -> bool {
    // Codex says what is called beside the title, and calls it execution.
    let named =
        |key: &str, word: &str| call.input.as_ref().and_then(|input| input.get(key)?.as_str()) == Some(word);
    if named("server", SERVER) && named("tool", STRUCTURED_OUTPUT) {
        return command(call.input.as_ref()).is_none();
    }
    const FILLERS: [&str; 9] = ["mcp", SERVER, "server", "tool", "call", "approve", "use", "run", "from"];
    let harmless = matches!(call.kind, None | Some(ToolKind::Other | ToolKind::Think));
    let title = call.name.as_ref().or(call.title.as_ref());
    let Some(title) = title.filter(|_| harmless && command(call.input.as_ref()).is_none()) else {
        return false;
    };
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let telling: Vec<&str> =
        words.filter(|word| !FILLERS.contains(&word.to_ascii_lowercase().as_str())).collect();
    telling == [STRUCTURED_OUTPUT]
}
