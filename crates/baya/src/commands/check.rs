//! `baya check FILE…`: what is wrong with scripts, without running them.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::views::{sanitise, words};
use crate::wiring::scripts::{Workflows, rendered};
use baya_core::script::{Diagnostic, Options, Severity, StepUse};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scripts: files, or names of saved workflows
    #[arg(value_name = "FILE", required = true)]
    pub targets: Vec<String>,
    /// Warn about all that the original would not run
    #[arg(long)]
    pub portable: bool,
    /// One JSON line per script
    #[arg(long)]
    pub json: bool,
    /// The scripts are TypeScript, whatever their files' names
    #[arg(long)]
    pub ts: bool,
}

/// What was found in one script.
struct Found {
    target: String,
    findings: Vec<Diagnostic>,
    steps: Vec<StepUse>,
    failure: Option<Failure>,
}

pub fn execute(args: &Args) -> Result<Exit, Failure> {
    let folders = Folders::find()?;
    let options = Options { typescript: args.ts, portable: args.portable };
    let workflows = Workflows::new(&folders, options)?;
    let mut exit = Exit::Done;
    for target in &args.targets {
        let found = check(&workflows, target);
        if found.is_broken() {
            exit = Exit::Usage;
        }
        match args.json {
            true => output::data(&sanitise::json(&found.to_json().to_string())),
            false => found.tell(),
        }
    }
    Ok(exit)
}

fn check(workflows: &Workflows, target: &str) -> Found {
    let (findings, steps, failure) = match workflows.open(target) {
        Err(failure) => (Vec::new(), Vec::new(), Some(failure)),
        Ok(loading) => match workflows.check(&loading) {
            Ok(checked) => (checked.warnings, checked.steps, None),
            Err(findings) => (findings, Vec::new(), None),
        },
    };
    Found { target: target.to_owned(), findings, steps, failure }
}

impl Found {
    fn count(&self, severity: Severity) -> u64 {
        self.findings.iter().filter(|finding| finding.severity == severity).count() as u64
    }

    fn is_broken(&self) -> bool {
        self.failure.is_some() || self.count(Severity::Error) > 0
    }

    fn tell(&self) {
        if !self.findings.is_empty() {
            output::data(&rendered(&self.findings));
        }
        let target = sanitise::line(&self.target);
        if let Some(failure) = &self.failure {
            output::data(&sanitise::line(&format!("{target}: {}", failure.message)));
            failure.hints.iter().for_each(|hint| output::data(&sanitise::line(&format!("hint: {hint}"))));
            return;
        }
        let parts = [(self.count(Severity::Error), "error"), (self.count(Severity::Warning), "warning")];
        let counted = parts.iter().filter(|(count, _)| *count > 0);
        let text: Vec<String> =
            counted.map(|(count, name)| words::plural(*count, name, &format!("{name}s"))).collect();
        output::data(&format!(
            "{target}: {}",
            if text.is_empty() { "ok".to_owned() } else { text.join(", ") }
        ));
        step_lines(&self.steps).iter().for_each(|line| output::data(&sanitise::line(line)));
    }

    fn to_json(&self) -> serde_json::Value {
        json!({"type": "checked", "target": self.target, "ok": !self.is_broken(), "findings": self.findings,
            "steps": self.steps, "error": self.failure.as_ref().map(Failure::to_json)})
    }
}

/// What the script does itself when it runs, by kind, with the places.
fn step_lines(steps: &[StepUse]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (kind, names) in KINDS {
        let of_kind = steps.iter().filter(|used| names.contains(&used.step));
        let uses: Vec<String> = of_kind.map(in_words).collect();
        if !uses.is_empty() {
            lines.push(format!("  this script {kind}: {}", uses.join(", ")));
        }
    }
    lines
}

const KINDS: [(&str, &[&str]); 5] = [
    ("runs commands", &["baya.exec"]),
    ("writes files", &["baya.writeFile"]),
    ("reads files", &["baya.readFile", "baya.glob", "baya.git.changedFiles"]),
    ("lands works", &["baya.land"]),
    ("uses `baya` in a way that is not followed", &["baya"]),
];

fn in_words(used: &StepUse) -> String {
    let place = format!("{}:{}:{}", used.file, used.line, used.column);
    if used.about.is_empty() { place } else { format!("`{}` ({place})", used.about) }
}
