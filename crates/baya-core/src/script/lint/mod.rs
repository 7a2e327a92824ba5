//! Findings about a text that would run. Every warning has a stable code and a section of that name in
//! `docs/lints.md`; a lint that is not sure says nothing.

mod calls;
mod code_from_text;
mod fan_out;
mod globals;
mod host_steps;
mod loops;
mod missing_await;
mod options;
mod places;
mod portable;
mod results;
mod swallowed;
mod thunks;

use super::Options;
use super::diagnostic::{Findings, Range};
use super::parse::Parsed;
use calls::View;
use oxc_semantic::Semantic;

pub(super) fn lint(
    semantic: &Semantic<'_>,
    body: Range,
    parsed: &Parsed,
    options: &Options,
    findings: &mut Findings<'_>,
) {
    globals::globals(semantic, &body, findings);
    code_from_text::code_from_text(semantic, findings);
    lint_text(semantic, body.clone(), findings);
    if options.portable {
        portable::file(parsed, findings);
        portable::body(&View::new(semantic, body), findings);
    }
}

/// The lints that need the text alone.
pub(super) fn lint_text(semantic: &Semantic<'_>, body: Range, findings: &mut Findings<'_>) {
    let view = View::new(semantic, body);
    missing_await::missing_await(&view, findings);
    thunks::called_thunks(&view, findings);
    results::parsed_results(&view, findings);
    results::null_results(&view, findings);
    fan_out::uncapped_fan_out(&view, findings);
    loops::endless_loops(&view, findings);
    options::agent_options(&view, findings);
    swallowed::swallowed_errors(&view, findings);
    places::index_after_filter(&view, findings);
    places::shared_index(&view, findings);
}

/// What the script has its host do; see [`super::StepUse`].
pub(super) fn step_uses(semantic: &Semantic<'_>, body: Range, uses: &mut Findings<'_>) {
    host_steps::host_steps(&View::new(semantic, body), uses);
}
