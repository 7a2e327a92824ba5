//! Before a run: what it would take, and whether a person wants that.
//!
//! A short rehearsal of the script gives a plan. It is shown, and asked about where it matters: above the
//! thresholds of the settings, for what the script does to this machine, and for a script that is new in
//! this folder. What was agreed to is remembered for exactly that script and folder. Nothing is asked, and
//! nothing rehearsed, where nobody is paid.

mod ask;
mod consent;
mod judge;
mod words;

pub use consent::{Agreed, Consent};
pub use judge::{Failing, Plan, Reason};
pub use words::{line, reason};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::settings::Thresholds;
use crate::trust;
use crate::views::palette::Palette;
use crate::views::sanitise;
use ask::Answer;
use baya_core::event::ScriptRecord;
use baya_engine::driver::now_ms;

/// How a plan may be agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A flag says yes.
    Granted,
    /// By whoever sits at the terminal, if somebody does.
    Person,
    /// By nobody.
    Nobody,
}

/// What a plan is for.
pub struct Around<'a> {
    pub folders: &'a Folders,
    pub thresholds: Thresholds,
    pub script: &'a ScriptRecord,
    /// As it was named on the command line.
    pub target: &'a str,
    pub asking: Asking,
}

/// Shows the plan and asks about it; an error if it shall not run.
pub async fn settle(plan: &Plan, around: &Around<'_>) -> Result<(), Failure> {
    tell(&words::line(plan));
    let Around { folders, thresholds, script, asking, .. } = around;
    let place = trust::place(folders);
    let agreed = Agreed::load(&folders.state, place);
    let agreed = agreed.to(&script.hash);
    let reasons = plan.reasons(thresholds, agreed);
    match asking {
        _ if reasons.is_empty() => return Ok(()),
        Asking::Granted => {}
        Asking::Person if ask::is_person_there() => {
            tell_all(plan, &reasons, around);
            match ask::ask("Run it? Nothing was spent so far. [y/N]").await {
                Answer::Yes => {}
                Answer::No => return Err(declined(script)),
            }
        }
        Asking::Person | Asking::Nobody => return without_a_person(plan, agreed, &reasons, around),
    }
    let consent = agreed.cloned().unwrap_or_default().and(plan, now_ms());
    Agreed::remember(&folders.state, place, &script.hash, consent)
}

/// The plan alone: on stdout, for a person or a program.
pub fn print(plan: &Plan, around: &Around<'_>, json: bool) {
    let agreed = Agreed::load(&around.folders.state, trust::place(around.folders));
    let reasons = plan.reasons(&around.thresholds, agreed.to(&around.script.hash));
    if json {
        let line = words::json(plan, &reasons, &around.thresholds).to_string();
        return output::data(&sanitise::json(&line));
    }
    output::data(&sanitise::line(&words::line(plan)));
    for line in lines(plan, &reasons, around) {
        output::data(&sanitise::line(&line));
    }
}

fn tell(line: &str) {
    let line = sanitise::line(line);
    let palette = Palette::of_stderr();
    output::talk(&match line.strip_prefix("plan:") {
        Some(rest) => format!("{}{rest}", palette.bold("plan:")),
        None => line,
    });
}

fn tell_all(plan: &Plan, reasons: &[Reason], around: &Around<'_>) {
    lines(plan, reasons, around).iter().for_each(|line| tell(line));
}

/// Phases, reasons and what to look at.
fn lines(plan: &Plan, reasons: &[Reason], around: &Around<'_>) -> Vec<String> {
    let mut lines = words::phases(plan);
    for reason in reasons {
        lines.push(format!("  {}", words::reason(reason)));
        lines.extend(replay(reason, around).map(|command| format!("    see it: {command}")));
    }
    lines
}

/// The command that shows a failure again.
fn replay(reason: &Reason, around: &Around<'_>) -> Option<String> {
    let Reason::Fails(failing) = reason else { return None };
    let case = serde_json::to_string(failing.finding.case.as_ref()?).ok()?;
    Some(format!("baya rehearse {} --case '{}'", around.target, case.replace('\'', "'\\''")))
}

fn declined(script: &ScriptRecord) -> Failure {
    Failure::usage(format!("`{}` was not run, and nothing was spent", script.name))
        .hint("`--plan` shows the plan alone; `--yes` runs without the question")
}

/// Where nobody can be asked, what is above the thresholds does not run.
fn without_a_person(
    plan: &Plan,
    agreed: Option<&Consent>,
    reasons: &[Reason],
    around: &Around<'_>,
) -> Result<(), Failure> {
    let stops = plan.stops(&around.thresholds, agreed);
    if stops.is_empty() {
        let notes = reasons.iter().filter(|reason| matches!(reason, Reason::Fails(_)));
        let notes: Vec<Reason> = notes.cloned().collect();
        for line in lines(&Plan::default(), &notes, around) {
            tell(&format!("note: {}", line.trim_start()));
        }
        return Ok(());
    }
    let why: Vec<String> = stops.iter().map(words::reason).collect();
    let message = format!("`{}` needs a yes before it runs: {}", around.script.name, why.join("; "));
    let mut failure = Failure::new(Exit::NeedsPerson, message);
    for stop in &stops {
        failure = failure.hint_if_some(replay(stop, around).map(|command| format!("see it: {command}")));
        failure = failure.hint_if_some(match stop {
            Reason::Agents { threshold, .. } => {
                Some(format!("`--max-agents {threshold}` caps the agents, and it runs"))
            }
            Reason::Cost { threshold, .. } => {
                Some(format!("`--budget-usd {}` caps the dollars, and it runs", threshold.to_dollars()))
            }
            Reason::New | Reason::Steps(_) | Reason::FullAccess | Reason::Fails(_) | Reason::Unknown(_) => {
                None
            }
        });
    }
    Err(failure.hint("`--yes` says yes; `[plan]` in your settings has the thresholds"))
}
