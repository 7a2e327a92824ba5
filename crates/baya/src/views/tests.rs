//! What tests of workflows came to.

use super::palette::Palette;
use super::sanitise;
use super::words;
use crate::failure::Failure;
use crate::testing::file::Test;
use crate::testing::judge::Difference;
use crate::testing::play::Outcome;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use std::path::Path;

/// Lines of a comparison that are shown; `--json` has all.
const DIFF_LINES_MAX: usize = 40;

/// One test.
pub struct Told<'a> {
    pub path: &'a Path,
    pub played: &'a Result<(Test, Outcome), Failure>,
    pub is_updated: bool,
}

/// `ok    review.test.json: 12 agents, 3 steps`, and what differs below.
pub fn lines(told: &Told<'_>) -> Vec<String> {
    let palette = Palette::of_stdout();
    let path = sanitise::line(&told.path.display().to_string());
    let (_, outcome) = match told.played {
        Ok(played) => played,
        Err(failure) => return broken(&path, failure, palette),
    };
    let found = &outcome.found;
    let mut took = words::plural(found.calls.len() as u64, "agent", "agents");
    if !found.steps.is_empty() {
        took.push_str(&format!(", {}", words::plural(found.steps.len() as u64, "step", "steps")));
    }
    let word = match (outcome.differences.is_empty(), told.is_updated) {
        (true, _) => palette.good("ok    "),
        (false, true) => palette.bold("new   "),
        (false, false) => palette.bad("FAILED"),
    };
    let mut lines = vec![format!("{word} {path}: {took}")];
    for difference in &outcome.differences {
        lines.extend(difference_lines(difference, palette).into_iter().map(|line| format!("       {line}")));
    }
    if !outcome.differences.is_empty() && !told.is_updated {
        lines.push(format!(
            "       {} baya test --update {path}   takes this as expected",
            palette.bold("hint:")
        ));
    }
    lines
}

fn broken(path: &str, failure: &Failure, palette: Palette) -> Vec<String> {
    let mut lines = vec![format!("{} {path}: {}", palette.bad("FAILED"), sanitise::block(&failure.message))];
    let excerpt = failure.excerpt.iter().flat_map(|text| text.lines());
    lines.extend(excerpt.map(|line| format!("       {line}")));
    let hints =
        failure.hints.iter().map(|hint| format!("       {} {}", palette.bold("hint:"), sanitise::line(hint)));
    lines.extend(hints);
    lines
}

/// `2 tests: 1 held, 1 failed`
pub fn total(held: usize, failed: usize, updated: usize) -> String {
    let all = words::plural((held + failed + updated) as u64, "test", "tests");
    let mut parts = vec![format!("{held} held"), format!("{failed} failed")];
    if updated > 0 {
        parts.push(format!("{updated} updated"));
    }
    format!("{all}: {}", parts.join(", "))
}

/// One line of JSON.
pub fn json(told: &Told<'_>) -> Value {
    let path = told.path.display().to_string();
    match told.played {
        Ok((test, outcome)) => json!({
            "type": "test", "path": path, "name": test.name(), "script": test.script,
            "holds": outcome.differences.is_empty(), "updated": told.is_updated,
            "differences": outcome.differences, "found": outcome.found,
        }),
        Err(failure) => json!({"type": "test", "path": path, "holds": false, "error": failure.to_json()}),
    }
}

fn difference_lines(difference: &Difference, palette: Palette) -> Vec<String> {
    let clean = |text: &str| sanitise::line(text);
    match difference {
        Difference::Status { expected, found, error } => {
            let why = error.as_ref().map(|error| format!(": {}", clean(error))).unwrap_or_default();
            vec![format!("ended as `{found}` instead of `{expected}`{why}")]
        }
        Difference::Error { expected, found } => match found {
            Some(found) => vec![format!("its error does not say `{}`: {}", clean(expected), clean(found))],
            None => vec![format!("no error; expected one that says `{}`", clean(expected))],
        },
        Difference::Result { expected, found } => {
            titled("another result", changes(&pretty(expected), &pretty(found), palette))
        }
        Difference::Calls { expected, found } => {
            titled("other agents", changes(&expected.join("\n"), &found.join("\n"), palette))
        }
        Difference::Steps { expected, found } => {
            titled("other host steps", changes(&expected.join("\n"), &found.join("\n"), palette))
        }
        Difference::Failures { expected, found } => {
            vec![format!("{found} agents gave nothing instead of {expected}")]
        }
        Difference::Prompt { label, expected, found } => titled(
            &format!("agent `{}` is asked something else", clean(label)),
            changes(expected, found, palette),
        ),
        Difference::Unfit { label, why } => {
            vec![format!(
                "agent `{}`: the fixtures give what is no answer of it: {}",
                clean(label),
                clean(why)
            )]
        }
        Difference::Options { label } => {
            vec![format!("agent `{}` is asked the same with other options", clean(label))]
        }
        Difference::NotRecorded { what } => vec![format!("{}: the cassette has no answer", clean(what))],
        Difference::NotAsked { label } => {
            vec![format!("agent `{}` is recorded and not asked for", clean(label))]
        }
        Difference::Ceiling { name, most, found } => vec![format!("{name}: {found}, at most {most}")],
    }
}

fn titled(title: &str, lines: Vec<String>) -> Vec<String> {
    [format!("{title}:")].into_iter().chain(lines).collect()
}

fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Line by line, with two lines around each change.
fn changes(expected: &str, found: &str, palette: Palette) -> Vec<String> {
    let diff = TextDiff::from_lines(expected, found);
    let mut lines = Vec::new();
    for (place, group) in diff.grouped_ops(2).iter().enumerate() {
        if place > 0 {
            lines.push("  …".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = sanitise::line(change.value().trim_end_matches('\n'));
            lines.push(match change.tag() {
                ChangeTag::Delete => palette.bad(&format!("- {text}")),
                ChangeTag::Insert => palette.good(&format!("+ {text}")),
                ChangeTag::Equal => format!("  {text}"),
            });
        }
    }
    let more = lines.len().saturating_sub(DIFF_LINES_MAX);
    if more > 0 {
        lines.truncate(DIFF_LINES_MAX);
        lines.push(format!("  … {more} more lines; --json has all"));
    }
    lines
}
