//! Findings about scripts that would run.

mod code_from_text;
mod globals;

use super::Options;
use super::diagnostic::{Findings, Range};
use super::parse::Parsed;
use oxc_semantic::Semantic;

pub(super) fn lint(
    semantic: &Semantic<'_>,
    body: Range,
    parsed: &Parsed,
    options: &Options,
    findings: &mut Findings<'_>,
) {
    let _ = (parsed, options);
    globals::globals(semantic, &body, findings);
    code_from_text::code_from_text(semantic, findings);
}
