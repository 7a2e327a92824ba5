//! `baya doctor`: which backends work here, what seals agents in, what else runs need, and what to do
//! about what does not work. Exit 0 if a run could start, else 6.

use crate::doctor::{self, Area, Finding, Patient, State};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::views::palette::Palette;
use crate::views::screen::size;
use crate::views::{sanitise, words};
use crate::wiring::backends;
use serde_json::json;

/// Columns before a name and after it.
const INDENT: usize = 9;
/// For what was found, however narrow the terminal is.
const COLUMNS_MIN: usize = 30;
const HINT: &str = "hint: ";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ask the providers, too: whether they answer and take their keys
    #[arg(long)]
    pub online: bool,
    /// One JSON line per finding; the last one says whether a run could start
    #[arg(long)]
    pub json: bool,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let settings = Settings::load(&folders)?;
    let environment = backends::environment();
    let patient = Patient { folders: &folders, settings: &settings, environment, online: args.online };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::outside("cannot start", error))?;
    let findings = runtime.block_on(doctor::examine(&patient));
    // A probe that hangs in the kernel holds nobody up.
    runtime.shutdown_background();
    let starts = findings.iter().all(|finding| finding.state != State::Bad);
    if args.json {
        for finding in &findings {
            let mut line = json!(finding);
            line["type"] = json!("finding");
            output::data(&sanitise::json(&line.to_string()));
        }
        output::data(&json!({"type": "doctor", "run_could_start": starts}).to_string());
    } else {
        let columns = if output::stdout_is_terminal() { size().0 } else { usize::MAX };
        let lines = shown(&findings, columns, Palette::of_stdout());
        lines.iter().for_each(|line| output::data(line));
    }
    Ok(if starts { Exit::Done } else { Exit::NoBackend })
}

fn shown(findings: &[Finding], columns: usize, palette: Palette) -> Vec<String> {
    let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for area in [Area::Models, Area::Programs, Area::Sandbox, Area::Machine] {
        lines.push(palette.bold(area.title()));
        for finding in findings.iter().filter(|finding| finding.area == area) {
            lines.extend(entry(finding, width, columns, palette));
        }
        lines.push(String::new());
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    lines.push(match bad {
        0 => palette.good("a run could start"),
        1 => palette.bad("no run could start: mend what is `bad`"),
        _ => palette.bad(&format!("no run could start: mend the {bad} that are `bad`")),
    });
    lines
}

/// What was found, and what follows from it below; broken into the terminal's columns, if there is one.
fn entry(finding: &Finding, width: usize, columns: usize, palette: Palette) -> Vec<String> {
    let word = format!("{:<4}", finding.state.word());
    let word = match finding.state {
        State::Ok => palette.good(&word),
        State::Off => palette.dim(&word),
        State::Warn => palette.warn(&word),
        State::Bad => palette.bad(&word),
    };
    let room = columns.saturating_sub(width + INDENT).max(COLUMNS_MIN);
    let parts = |text: &str| broken(&sanitise::line(text), room);
    let mut lines = Vec::new();
    if finding.state == State::Off {
        let what = std::iter::once(&finding.what).chain(&finding.hints).cloned().collect::<Vec<_>>();
        lines.extend(parts(&what.join(": ")).iter().map(|part| palette.dim(part)));
    } else {
        lines.extend(parts(&finding.what));
        let notes = finding.notes.iter().flat_map(|note| parts(note));
        lines.extend(notes.map(|part| palette.dim(&part)));
        for hint in &finding.hints {
            let hint = parts(&format!("{HINT}{hint}")).join("\n");
            let hint = hint.replacen(HINT.trim_end(), &palette.bold(HINT.trim_end()), 1);
            lines.extend(hint.lines().map(str::to_owned));
        }
    }
    let name = sanitise::line(&finding.name);
    let margin = " ".repeat(width + INDENT);
    let first = format!("  {word} {name:<width$}  ");
    let heads = std::iter::once(first).chain(std::iter::repeat(margin));
    heads.zip(lines).map(|(head, line)| head + &line).collect()
}

/// Broken at spaces; a word that is too long stays whole, so that it can be copied.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if words::width(line) + 1 + words::width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
