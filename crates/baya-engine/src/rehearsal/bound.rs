//! The most a run can take: what the text of the script says, and what the run is held to.

use super::job::{Given, Job, Purpose};
use super::reads::Reads;
use baya_core::budget::{Caps, phase_caps};
use baya_core::call::Program;
use baya_core::rehearsal::{Forecast, Report};
use baya_core::script::{ArgsKnown, Bounds, bounds};
use std::collections::BTreeMap;

/// Puts the bounds into a report.
pub fn bound(job: &Job, reads: &dyn Reads, report: &mut Report) {
    let own = bounds(&job.script.program, args(job));
    let static_total = with_children(&own, &job.script.path, reads, job.limits.script.depth_max);
    // Rehearsals that look for trouble leave caps aside, and show what a script wants.
    let is_held = job.purpose == Purpose::Forecast;
    let total = &mut report.total;
    let most = static_total.map(|most| most.min(job.limits.agents_cap().into()));
    total.agents.bound = most;
    if is_held {
        hold(total, &job.limits.caps);
    }
    total.tokens_out.cut(job.limits.budget_tokens);
    // No more agents in a row than there are.
    total.depth.bound = total.agents.bound;
    let phases: BTreeMap<String, Caps> = phase_caps(&job.script.meta).unwrap_or_default();
    let all = report.total.agents.bound;
    for (title, forecast) in &mut report.phases {
        let most = own.of_phase(title);
        forecast.agents.bound = least(most, all);
        forecast.depth.bound = all;
        let Some(caps) = phases.get(title) else { continue };
        forecast.agents.cut(caps.agents.map(u64::from));
        if is_held {
            hold(forecast, caps);
        }
    }
}

/// The arguments, if all runs that are meant have these.
fn args(job: &Job) -> ArgsKnown<'_> {
    if let Some(cassette) = &job.cassette {
        return cassette.args.as_ref().map_or(ArgsKnown::Absent, ArgsKnown::These);
    }
    match (&job.args, job.purpose) {
        (Some(Given(value)), _) => ArgsKnown::These(value),
        (None, Purpose::Forecast) => ArgsKnown::Absent,
        (None, Purpose::Everything) => ArgsKnown::Nothing,
    }
}

/// Those of the scripts it calls among them; deeper ones than may be called throw.
fn with_children(own: &Bounds, importer: &str, reads: &dyn Reads, depth_left: u32) -> Option<u64> {
    let mut all = own.own()?;
    if depth_left == 0 {
        return Some(all);
    }
    for child in own.children()? {
        let script = reads.workflow(&child.target, importer).ok()?;
        let each = of_child(&script.program, &script.path, reads, depth_left - 1)?;
        all = all.saturating_add(each.saturating_mul(child.times));
    }
    Some(all)
}

fn of_child(program: &Program, path: &str, reads: &dyn Reads, depth_left: u32) -> Option<u64> {
    with_children(&bounds(program, ArgsKnown::Nothing), path, reads, depth_left)
}

/// What caps leave of a forecast.
fn hold(forecast: &mut Forecast, caps: &Caps) {
    let Caps { tokens, input, output, cache, cost, agents, wall_ms: _ } = caps;
    forecast.agents.cut(agents.map(u64::from));
    forecast.tokens_out.cut(least(*output, *tokens));
    let sent = input.zip(*cache).map(|(input, cache)| input.saturating_add(cache));
    forecast.tokens_in.cut(least(sent, *tokens));
    forecast.cost.cut(cost.map(|cost| cost.0));
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
