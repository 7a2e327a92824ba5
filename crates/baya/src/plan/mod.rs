//! Before a run: what it would take, and whether a person wants that.
//!
//! A short rehearsal of the script gives a plan. It is shown, and asked about where it matters: above the
//! thresholds of the settings, for what the script does to this machine, and for a script that is new in
//! this folder. What was agreed to is remembered for exactly that script and folder. Nothing is asked, and
//! nothing rehearsed, where nobody is paid.

mod consent;
mod forecast;
mod judge;
mod words;

pub use consent::{Agreed, Consent};
pub use forecast::{Subject, forecast, is_needed};
pub use judge::{Failing, Plan, Reason};
pub use words::{line, phases, reason};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::output;
use crate::question;
use crate::settings::Thresholds;
use crate::trust;
use crate::views::palette::Palette;
use crate::views::sanitise;
use baya_core::event::ScriptRecord;
use baya_core::money::NanoUsd;
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
    pub extent: Extent,
    /// We are in the background: the process that started us passes on what we print before the run's id.
    pub background: bool,
}

/// How much of a script is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// So much of it was done before.
    Rest {
        agents: u64,
        cost: NanoUsd,
    },
}

/// Shows the plan and asks about it; an error if it shall not run.
pub async fn settle(plan: &Plan, around: &Around<'_>) -> Result<(), Failure> {
    if around.extent == Extent::Whole {
        around.tell(&words::line(plan));
    }
    let Around { folders, script, asking, .. } = around;
    let place = trust::place(folders);
    let agreed = Agreed::load(&folders.state, place);
    let agreed = agreed.to(&script.hash);
    let reasons = around.reasons(plan, agreed);
    match asking {
        _ if reasons.is_empty() => return Ok(()),
        Asking::Granted => {}
        Asking::Person if question::is_person_there() => {
            lines(plan, &reasons, around).iter().for_each(|line| around.tell(line));
            match question::line(around.question()).await.as_deref() {
                Some("y" | "Y" | "yes" | "Yes" | "YES") => {}
                // Anything else, silence too.
                Some(_) | None => return Err(around.declined()),
            }
        }
        Asking::Person | Asking::Nobody => return around.without_a_person(&reasons),
    }
    let consent = agreed.cloned().unwrap_or_default().and(plan, now_ms());
    Agreed::remember(&folders.state, place, &script.hash, consent)
}

/// The plan alone: on stdout, for a person or a program.
pub fn print(plan: &Plan, around: &Around<'_>, json: bool) {
    let agreed = Agreed::load(&around.folders.state, trust::place(around.folders));
    let reasons = around.reasons(plan, agreed.to(&around.script.hash));
    if json {
        let line = words::json(plan, &reasons, &around.thresholds).to_string();
        return output::data(&sanitise::json(&line));
    }
    output::data(&sanitise::line(&words::line(plan)));
    for line in lines(plan, &reasons, around) {
        output::data(&sanitise::line(&line));
    }
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

impl Around<'_> {
    /// What a person is asked about, given what was agreed to before.
    fn reasons(&self, plan: &Plan, agreed: Option<&Consent>) -> Vec<Reason> {
        match self.extent {
            Extent::Whole => plan.reasons(&self.thresholds, agreed),
            Extent::Rest { agents, cost } => {
                let none = Consent::default();
                plan.clone().after(agents, cost).excess(&self.thresholds, agreed.unwrap_or(&none))
            }
        }
    }

    fn tell(&self, line: &str) {
        let line = sanitise::line(line);
        if self.background {
            return output::data(&line);
        }
        let palette = Palette::of_stderr();
        output::talk(&match line.strip_prefix("plan:") {
            Some(rest) => format!("{}{rest}", palette.bold("plan:")),
            None => line,
        });
    }

    fn question(&self) -> &'static str {
        match self.extent {
            Extent::Whole => "Run it? Nothing was spent so far. [y/N]",
            Extent::Rest { .. } => "Go on with it? Nothing was spent since it stopped. [y/N]",
        }
    }

    fn declined(&self) -> Failure {
        let name = &self.script.name;
        match self.extent {
            Extent::Whole => Failure::usage(format!("`{name}` was not run, and nothing was spent"))
                .hint("`--plan` shows the plan alone; `--yes` runs without the question"),
            Extent::Rest { .. } => Failure::usage(format!("`{name}` does not go on, and nothing was spent"))
                .hint("`--yes` goes on without the question"),
        }
    }

    /// Where nobody can be asked, what is above the thresholds does not run.
    fn without_a_person(&self, reasons: &[Reason]) -> Result<(), Failure> {
        let (stops, others): (Vec<_>, Vec<_>) = reasons.iter().partition(|reason| reason.stops());
        if stops.is_empty() {
            for reason in others.iter().filter(|reason| matches!(reason, Reason::Fails(_))) {
                self.tell(&format!("note: {}", words::reason(reason)));
                replay(reason, self).iter().for_each(|command| self.tell(&format!("  see it: {command}")));
            }
            return Ok(());
        }
        let why: Vec<String> = stops.iter().map(|reason| words::reason(reason)).collect();
        let message = format!("`{}` needs a yes before it runs: {}", self.script.name, why.join("; "));
        let failure = stops.iter().fold(Failure::new(Exit::NeedsPerson, message), |failure, stop| {
            let see = replay(stop, self).map(|command| format!("see it: {command}"));
            failure.hint_if_some(see).hint_if_some(words::remedy(stop))
        });
        Err(failure.hint("`--yes` says yes; `[plan]` in your settings has the thresholds"))
    }
}
