//! The second look at a file: the text that will really run, with scopes and references. Finds what
//! only scopes can tell (a name declared twice, a global that is not there) and asks the lints.

use super::Options;
use super::diagnostic::{Diagnostic, Findings, Range};
use super::emit::Emitted;
use super::link::{Given, LinkedFile};
use super::lint;
use super::parse::lower_first;
use super::step_use::StepUse;
use crate::call::Unit;
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_semantic::{Semantic, SemanticBuilder};
use oxc_span::SourceType;
use std::collections::BTreeSet;

/// What was found in a file.
#[derive(Default)]
pub(super) struct Examined {
    pub found: Vec<Diagnostic>,
    pub steps: Vec<StepUse>,
}

impl Examined {
    fn broken(findings: Findings<'_>) -> Examined {
        Examined { found: findings.found, steps: Vec::new() }
    }
}

pub(super) fn examine(file: &LinkedFile, emitted: &Emitted, options: &Options) -> Examined {
    let parsed = &file.parsed;
    let mut findings = Findings::new(&parsed.file.name, &parsed.text, &emitted.text, emitted.shift as u32);
    let allocator = Allocator::default();
    let tree = Parser::new(&allocator, &emitted.text, SourceType::script()).parse();
    syntax(tree.diagnostics.errors(), emitted, &mut findings);
    if findings.has_errors() || tree.panicked {
        return Examined::broken(findings);
    }
    let built =
        SemanticBuilder::new().with_build_nodes(true).with_check_syntax_error(true).build(&tree.program);
    syntax(built.diagnostics.errors(), emitted, &mut findings);
    if findings.has_errors() {
        return Examined::broken(findings);
    }
    undeclared_exports(file, &built.semantic, emitted, &mut findings);
    lint::lint(&built.semantic, emitted.body.clone(), parsed, options, &mut findings);
    let mut found = findings.found;
    found.sort_by_key(|finding| (finding.line, finding.column, finding.severity));
    let mut uses = Findings::new(&parsed.file.name, &parsed.text, &emitted.text, emitted.shift as u32);
    lint::step_uses(&built.semantic, emitted.body.clone(), &mut uses);
    let mut steps: Vec<StepUse> = uses.found.into_iter().map(StepUse::of).collect();
    steps.sort_by_key(|used| (used.line, used.column));
    Examined { found, steps }
}

/// The lints of a unit as it was emitted.
pub(super) fn unit(unit: &Unit) -> Vec<Diagnostic> {
    let mut findings = Findings::new(&unit.file, &unit.text, &unit.text, unit.shift);
    let allocator = Allocator::default();
    let tree = Parser::new(&allocator, &unit.text, SourceType::script()).parse();
    if tree.panicked || tree.diagnostics.has_errors() {
        return Vec::new();
    }
    let built = SemanticBuilder::new().with_build_nodes(true).build(&tree.program);
    lint::lint_text(&built.semantic, 0..unit.text.len(), &mut findings);
    findings.found
}

fn syntax<'d>(
    errors: impl Iterator<Item = &'d oxc_diagnostics::OxcDiagnostic>,
    emitted: &Emitted,
    findings: &mut Findings<'_>,
) {
    for error in errors {
        let spans = error.labels.iter().map(|label| {
            let start = label.offset() as usize;
            start..start + label.len() as usize
        });
        // Of two places, as of a name declared twice, the later one is the mistake.
        let own = spans.filter(|span| emitted.body.contains(&span.start)).max_by_key(|span| span.start);
        let span = own.unwrap_or(emitted.body.start..emitted.body.start);
        findings.error("syntax", span, lower_first(&error.message), error.help.as_deref().map(lower_first));
    }
}

/// `export { name }` for a name that the file does not have.
fn undeclared_exports(
    file: &LinkedFile,
    semantic: &Semantic<'_>,
    emitted: &Emitted,
    findings: &mut Findings<'_>,
) {
    let parsed = &file.parsed;
    let mut at_user = parsed.findings();
    let unresolved = semantic.scoping().root_unresolved_references().iter();
    let missing: BTreeSet<&str> = unresolved
        .filter(|(_, ids)| ids.iter().any(|id| is_after(semantic, *id, &emitted.body)))
        .map(|(name, _)| name.as_str())
        .collect();
    for export in &parsed.exports {
        let Some(Given::Local(local)) = file.names.get(&export.name) else { continue };
        if missing.contains(local.as_str()) {
            let hint = parsed.typescript.then(|| "if it is a type, write `export type`".to_owned());
            let message = format!("`{local}` is exported and not declared");
            at_user.error("missing-export", export.span.clone(), message, hint);
        }
    }
    findings.found.append(&mut at_user.found);
}

fn is_after(semantic: &Semantic<'_>, id: oxc_semantic::ReferenceId, body: &Range) -> bool {
    semantic.reference_span(semantic.scoping().get_reference(id)).start as usize >= body.end
}
