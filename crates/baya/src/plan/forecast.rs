//! The short rehearsal behind a plan.

use super::judge::Plan;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::wiring::rehearsals::{self, Asked, Cast};
use baya_agents::sandbox::Profile;
use baya_core::event::{ScriptRecord, Surroundings};
use baya_core::limits::Limits;
use baya_core::rehearsal::Report;
use baya_core::script::StepUse;
use baya_engine::driver::WorkflowSource;
use baya_engine::rehearsal::{Fixtures, Job, Purpose, Rehearsals};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Rehearsals of a plan.
const REHEARSALS: u32 = 32;
/// The same for the same script and history.
const SEED: u64 = 0;
/// After this time no further rehearsal begins.
const ENOUGH: Duration = Duration::from_millis(800);
/// The longest a run waits for its plan.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is planned.
pub struct Subject<'a> {
    pub script: &'a ScriptRecord,
    /// Host steps in its text.
    pub steps: &'a [StepUse],
    pub args: Option<&'a Value>,
    pub limits: &'a Limits,
    pub profile: Profile,
}

/// Whether there is anything to plan: with simulated agents alone nobody is paid.
pub fn is_needed(script: &ScriptRecord, surroundings: &Surroundings) -> bool {
    let names_backends = || script.sources.iter().any(|(_, text)| text.contains("backend"));
    !surroundings.simulated || names_backends()
}

/// Rehearses it; what goes wrong is part of the plan.
pub async fn forecast(
    subject: &Subject<'_>,
    cast: &Cast,
    workflows: Arc<dyn WorkflowSource>,
    folders: &Folders,
) -> Result<Plan, Failure> {
    let Subject { script, steps, args, limits, profile } = subject;
    // Made for tests, but better than made up; a file that cannot be read is no reason not to run.
    let (fixtures, _) = rehearsals::fixtures(script, None, folders).unwrap_or_default();
    let asked = Asked {
        args: args.cloned(),
        purpose: Purpose::Forecast,
        runs: REHEARSALS,
        seed: SEED,
        limits: (*limits).clone(),
        fixtures,
    };
    let mut job = cast.job(script, asked, folders);
    if job.history.runs > 0 {
        job.fixtures = Fixtures::default();
    }
    let (report, trouble) = match rehearse(&cast.rehearsals(workflows, folders)?, &job).await {
        Ok(report) => (Some(report), None),
        Err(why) => (None, Some(why)),
    };
    let rehearsed = report.iter().flat_map(|report| report.host_steps.iter().map(|(kind, _)| kind.clone()));
    let steps: BTreeSet<String> = steps.iter().map(|used| used.step.to_owned()).chain(rehearsed).collect();
    let is_free = cast.surroundings.simulated && report.as_ref().is_some_and(is_unpaid);
    let full_access = *profile == Profile::Full;
    let plan = Plan { report, trouble, steps, names_agents: names_agents(script), full_access, is_free };
    Ok(plan.within(limits))
}

fn names_agents(script: &ScriptRecord) -> bool {
    let starts = |text: &String| ["agent", "workflow"].iter().any(|name| text.contains(name));
    script.sources.iter().any(|(_, text)| starts(text))
}

fn is_unpaid(report: &Report) -> bool {
    report.total.cost.worst == 0 && report.unpriced.is_empty()
}

/// As many rehearsals as there is time for; or why there is none.
async fn rehearse(rehearsals: &Rehearsals, job: &Job) -> Result<Report, String> {
    let (stop, enough) = watch::channel(false);
    let stopping = async {
        tokio::time::sleep(ENOUGH).await;
        // Nobody hears it who is done.
        let _ = stop.send(true);
        std::future::pending::<()>().await;
    };
    let rehearsing = tokio::time::timeout(PATIENCE, rehearsals.rehearse(job, enough));
    let report = tokio::select! {
        report = rehearsing => report.map_err(|_| format!("it took longer than {} s", PATIENCE.as_secs()))?,
        () = stopping => return Err("it was not waited for".to_owned()),
    };
    let report = report.map_err(|error| error.to_string())?;
    if report.runs > 0 {
        return Ok(report);
    }
    let why = report.findings.into_iter().next().map(|finding| finding.message);
    Err(why.unwrap_or_else(|| "no rehearsal came to its end".to_owned()))
}
