//! `baya doctor`: which backends work here, what seals agents in, what else runs need, and what to do
//! about what does not work. Exit 0 if a run could start, else 6.

use crate::doctor::{self, Area, Finding, Patient, State};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Settings;
use crate::views::palette::Palette;
use crate::views::sanitise;
use crate::wiring::backends;
use serde_json::json;

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
        let lines = shown(&findings, Palette::of_stdout());
        lines.iter().for_each(|line| output::data(line));
    }
    Ok(if starts { Exit::Done } else { Exit::NoBackend })
}

fn shown(findings: &[Finding], palette: Palette) -> Vec<String> {
    let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for area in [Area::Models, Area::Programs, Area::Sandbox, Area::Machine] {
        lines.push(palette.bold(area.title()));
        for finding in findings.iter().filter(|finding| finding.area == area) {
            lines.extend(entry(finding, width, palette));
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

/// A line for what was found, and further ones below it.
fn entry(finding: &Finding, width: usize, palette: Palette) -> Vec<String> {
    let word = format!("{:<4}", finding.state.word());
    let word = match finding.state {
        State::Ok => palette.good(&word),
        State::Off => palette.dim(&word),
        State::Warn => palette.warn(&word),
        State::Bad => palette.bad(&word),
    };
    let (name, what) = (sanitise::line(&finding.name), sanitise::line(&finding.what));
    let indent = " ".repeat(width + 9);
    if finding.state == State::Off {
        let hints: Vec<String> = finding.hints.iter().map(|hint| sanitise::line(hint)).collect();
        let what = std::iter::once(what).chain(hints).collect::<Vec<_>>().join(": ");
        return vec![format!("  {word} {name:<width$}  {}", palette.dim(&what))];
    }
    let mut lines = vec![format!("  {word} {name:<width$}  {what}")];
    let notes = finding.notes.iter().map(|note| format!("{indent}{}", palette.dim(&sanitise::line(note))));
    lines.extend(notes);
    let hints = finding.hints.iter();
    lines.extend(hints.map(|hint| format!("{indent}{} {}", palette.bold("hint:"), sanitise::line(hint))));
    lines
}
