//! Which tools an agent has: ours, narrowed by lists of names as agent types and scripts write them.
//!
//! Names are ours (`read`) or those that scripts for other engines use (`Read`, `MultiEdit`, `LS`);
//! `Bash(git:*)` allows or denies single commands. A name that we do not have gives nothing and a note.

use super::clamp::Clamp;
use super::{Tool, bash, edit, glob, grep, read, todo, write};
use crate::mcp::PREFIX;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the call, its agent type and the policy say about tools.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `None`: all there are.
    pub allow: Option<Vec<String>>,
    pub deny: Vec<String>,
    /// Only tools that change nothing: no `write`, no `edit`, no `bash`.
    pub read_only: bool,
    pub clamp: Option<Clamp>,
    /// Names of tools beside ours, which the lists may name without a note.
    pub others: Vec<String>,
}

/// The tools of one agent, and what is to be said about the lists they were chosen by.
pub struct ToolSet {
    pub tools: Vec<Arc<dyn Tool>>,
    pub notes: Vec<String>,
}

/// Every tool there is, in the order models are told of them.
pub const NAMES: [&str; 7] = ["read", "write", "edit", "glob", "grep", "bash", "todo"];

/// Chooses the tools of an agent.
pub fn set(filter: &Filter) -> ToolSet {
    let mut notes = Vec::new();
    let mut clamp = filter.clamp.clone().unwrap_or_default();
    let mut names: BTreeSet<&str> = match &filter.allow {
        None => NAMES.into(),
        Some(list) => allowed(list, &filter.others, &mut clamp, &mut notes),
    };
    for entry in &filter.deny {
        deny(entry, &mut names, &mut clamp);
    }
    let tools = NAMES.into_iter().filter(|name| names.contains(name)).filter_map(|name| tool(name, &clamp));
    let tools = tools.filter(|tool| !filter.read_only || tool.only_reads()).collect();
    ToolSet { tools, notes }
}

fn tool(name: &str, clamp: &Clamp) -> Option<Arc<dyn Tool>> {
    Some(match name {
        "read" => Arc::new(read::ReadTool),
        "write" => Arc::new(write::WriteTool),
        "edit" => Arc::new(edit::EditTool),
        "glob" => Arc::new(glob::GlobTool),
        "grep" => Arc::new(grep::GrepTool),
        "bash" => Arc::new(bash::BashTool { clamp: clamp.clone() }),
        "todo" => Arc::new(todo::TodoTool),
        _ => return None,
    })
}

fn allowed(
    list: &[String],
    others: &[String],
    clamp: &mut Clamp,
    notes: &mut Vec<String>,
) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let entries: Vec<Entry<'_>> = list.iter().map(|entry| Entry::of(entry)).collect();
    for entry in &entries {
        if entry.name == "*" {
            names.extend(NAMES);
        } else if let Some(name) = ours(entry.name) {
            names.insert(name);
        } else if !others.iter().any(|name| meets(entry.name, name)) {
            notes.push(format!("there is no tool `{}`; this agent works without it", entry.name));
        }
    }
    // `Bash` beside `Bash(git:*)` allows every command.
    let all_commands = entries.iter().any(|entry| entry.pattern.is_none() && gives_bash(entry.name));
    for entry in entries.iter().filter(|entry| ours(entry.name) == Some("bash") && !all_commands) {
        entry.pattern.into_iter().for_each(|pattern| clamp.also_allow(pattern));
    }
    names
}

/// Which tools beside ours an agent is to have: those that every list of its type and its call allows, and
/// none denies. A list may name a tool, a server (`mcp__server`), or the beginning of names (`mcp__x__get_*`).
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    pub allow: Vec<&'a [String]>,
    pub deny: Vec<&'a [String]>,
    /// Only tools that change nothing.
    pub read_only: bool,
}

impl Wanted<'_> {
    pub fn wants(&self, name: &str, only_reads: bool) -> bool {
        let meets_one = |list: &&[String]| list.iter().any(|entry| meets(Entry::of(entry).name, name));
        (only_reads || !self.read_only)
            && self.allow.iter().all(meets_one)
            && !self.deny.iter().any(meets_one)
    }

    /// Whether any tool whose name begins with this server's may be wanted.
    pub fn may_want(&self, server: &str) -> bool {
        let touches = |entry: &String| {
            let entry = beside_ours(Entry::of(entry).name);
            let start = entry.strip_suffix('*').unwrap_or(&entry);
            start.starts_with(server) || server.starts_with(start) && entry.ends_with('*')
        };
        let covers = |entry: &String| meets(Entry::of(entry).name, &format!("{server}__"));
        self.allow.iter().all(|list| list.iter().any(touches))
            && !self.deny.iter().any(|list| list.iter().any(covers))
    }
}

/// Whether an entry of a list means this tool, which is none of ours.
fn meets(entry: &str, name: &str) -> bool {
    let entry = beside_ours(entry);
    match entry.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => {
            let rest = name.strip_prefix(entry.as_str()).filter(|_| entry.starts_with(PREFIX));
            entry == name || rest.is_some_and(|rest| rest.starts_with("__"))
        }
    }
}

/// The name as we write it: names of servers hold only what providers take.
fn beside_ours(name: &str) -> String {
    let usual = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*') { c } else { '_' };
    match name {
        "WebFetch" => "web_fetch".to_owned(),
        name if name.starts_with(PREFIX) => name.chars().map(usual).collect(),
        name => name.to_owned(),
    }
}

/// A denied name that we do not have is denied already.
fn deny(entry: &str, names: &mut BTreeSet<&str>, clamp: &mut Clamp) {
    let entry = Entry::of(entry);
    match (ours(entry.name), entry.pattern) {
        (Some("bash"), Some(pattern)) => clamp.also_deny(pattern),
        // A path in parentheses cannot be judged here; denying the whole tool never widens.
        (Some(name), _) => {
            names.remove(name);
        }
        (None, _) if entry.name == "*" => names.clear(),
        (None, _) => {}
    }
}

fn gives_bash(name: &str) -> bool {
    name == "*" || ours(name) == Some("bash")
}

/// `Bash(git:*)`, taken apart. `Bash(*)` and `Bash()` are the whole tool.
struct Entry<'e> {
    name: &'e str,
    pattern: Option<&'e str>,
}

impl Entry<'_> {
    fn of(entry: &str) -> Entry<'_> {
        let entry = entry.trim();
        match entry.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((name, pattern)) => {
                let pattern = Some(pattern.trim()).filter(|pattern| !matches!(*pattern, "" | "*" | ":*"));
                Entry { name: name.trim(), pattern }
            }
            None => Entry { name: entry, pattern: None },
        }
    }
}

/// Our name for a tool that is called so elsewhere.
pub(crate) fn ours(name: &str) -> Option<&'static str> {
    match name {
        "Read" | "LS" | "NotebookRead" => Some("read"),
        "Write" => Some("write"),
        "Edit" | "MultiEdit" => Some("edit"),
        "Glob" => Some("glob"),
        "Grep" => Some("grep"),
        "Bash" => Some("bash"),
        "TodoWrite" => Some("todo"),
        other => NAMES.into_iter().find(|name| *name == other),
    }
}
