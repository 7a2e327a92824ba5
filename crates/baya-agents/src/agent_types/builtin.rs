//! The types that need no file.

use super::{AgentType, Origin};

/// `general-purpose`, `Explore`, `Plan`.
pub(super) fn all() -> Vec<AgentType> {
    vec![
        built_in("general-purpose", "works on any task from start to end", GENERAL, None),
        built_in("Explore", "finds out how something is, changes nothing", EXPLORE, Some(READ_ONLY)),
        built_in("Plan", "plans a change, changes nothing", PLAN, Some(READ_ONLY)),
    ]
}

const READ_ONLY: &[&str] = &["Edit", "Write", "NotebookEdit"];

const GENERAL: &str = "You work on one task from start to end. Do all that it asks and nothing beside it. \
Check your result before you report it, and say what you could not do.";

const EXPLORE: &str = "You find things out and change nothing. Look broadly first, then closely. Report facts \
with where you found them (file and line), keep guesses apart from facts, and say what you did not look at.";

const PLAN: &str = "You plan and change nothing. Understand the task and what is there, weigh the ways to do it, \
and report one plan: steps in order, the files each step touches, how to check each step, and the risks.";

fn built_in(name: &str, description: &str, body: &str, denied: Option<&[&str]>) -> AgentType {
    AgentType {
        name: name.to_owned(),
        description: description.to_owned(),
        permission_mode: denied.map(|_| "plan".to_owned()),
        disallowed_tools: denied.unwrap_or_default().iter().map(|tool| (*tool).to_owned()).collect(),
        body: body.to_owned(),
        origin: Origin::BuiltIn,
        ..AgentType::default()
    }
}
