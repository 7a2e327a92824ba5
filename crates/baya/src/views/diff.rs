//! `baya show RUN AGENT --diff`: the patch of an agent. On a terminal it is coloured, cleaned of control
//! characters and paged; everywhere else it is the patch as `git apply` takes it.

use super::palette::Palette;
use super::sanitise;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use baya_core::view::AgentStory;
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

/// Tells the patch of an agent.
pub fn tell(story: &AgentStory, as_json: bool) -> Result<(), Failure> {
    let agent = story.agent;
    let no_worktree = || {
        Failure::usage(format!("agent {agent} did not work in a worktree: there is no patch of it"))
            .hint("agents do with the option `isolation: 'worktree'`")
    };
    let work = story.work.as_ref().ok_or_else(no_worktree)?;
    if as_json {
        let value = json!({"type": "agent_diff", "agent": agent, "label": story.label, "work": work});
        output::data(&sanitise::json(&value.to_string()));
        return Ok(());
    }
    if work.is_empty() {
        output::talk(&format!("agent {agent} changed nothing"));
        return Ok(());
    }
    let Some(patch) = &work.patch else {
        let message = format!("the patch of agent {agent} is not in the journal: it is too long, or no text");
        return Err(Failure::new(Exit::ScriptFailed, message)
            .hint(format!("git diff --binary {} {}", work.base, work.head)));
    };
    let palette = Palette::of_stdout();
    match output::stdout_is_terminal() || palette.colour {
        true => page(&lines(patch, palette)),
        false => output::data_raw(patch),
    }
    Ok(())
}

/// The patch for eyes.
fn lines(patch: &str, palette: Palette) -> String {
    let mut in_hunk = false;
    let mut text = String::new();
    for line in patch.lines() {
        let shown = sanitise::line(line);
        in_hunk = line.starts_with("@@") || (in_hunk && !line.starts_with("diff --git "));
        text.push_str(&match line.bytes().next() {
            Some(b'@') => palette.dim(&shown),
            Some(b'+') if in_hunk => palette.good(&shown),
            Some(b'-') if in_hunk => palette.bad(&shown),
            _ if in_hunk => shown,
            _ => palette.bold(&shown),
        });
        text.push('\n');
    }
    text
}

/// Through `$PAGER`, if there is one and a terminal to page on.
fn page(text: &str) {
    let pager = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let Some(pager) = pager.filter(|_| output::stdout_is_terminal()) else {
        return output::data_raw(text);
    };
    let mut command = Command::new("sh");
    command.args(["-c", &pager]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // As git does it: colours as they are, and no paging of what fits.
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else { return output::data_raw(text) };
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever leaves the pager early has seen enough.
        let _ = stdin.write_all(text.as_bytes());
    }
    let _ = child.wait();
}
