//! The commands in a shell line, each as rules look at it.

use crate::tools::clamp::line::{Line, Simple};

/// Programs that run the text they are given.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "eval"];
/// How deep a text for a shell may stand in another.
const DEPTH_MAX: u32 = 4;

/// A line, taken apart.
pub(crate) struct Commands {
    /// As they stand in the line.
    pub outer: Vec<Simple>,
    /// Those in texts that are handed to another shell.
    pub inner: Vec<Simple>,
    /// Something in the line cannot be judged.
    pub is_odd: bool,
}

impl Commands {
    pub fn of(text: &str) -> Commands {
        let line = Line::of(text);
        let mut inner = Vec::new();
        for command in &line.commands {
            look_inside(command, 0, &mut inner);
        }
        Commands { is_odd: line.odd.is_some(), outer: line.commands, inner }
    }
}

/// `bash -c 'git push && x'` holds two commands more.
fn look_inside(command: &Simple, depth: u32, found: &mut Vec<Simple>) {
    let forms = command.plain_forms();
    let first = |form: &String| form.split(' ').next().map(str::to_owned).unwrap_or_default();
    let shell = forms.iter().find(|form| SHELLS.contains(&first(form).as_str()));
    let Some((_, text)) = shell.and_then(|form| form.split_once(' ')) else { return };
    if depth == DEPTH_MAX {
        return;
    }
    let text = text.split_once("-c ").map_or(text, |(_, text)| text);
    for inner in Line::of(text).commands {
        look_inside(&inner, depth + 1, found);
        found.push(inner);
    }
}
