//! The front end: a script's text to what the isolate evaluates, or to findings that say what is wrong,
//! where, and what to write instead.
//!
//! Order of a check: [`parse`] looks at one file on its own (text, syntax, `meta`, what is refused),
//! linking follows imports, [`check`] looks at the text that will really run and lints it. Everything is
//! pure; the shell reads files for the loader. Positions are those of the user's files throughout: code
//! stays in place, and what is removed leaves blanks.
//!
//! The only user of oxc, and nothing of oxc leaves it.

mod args_use;
mod around;
mod bound;
mod bundle;
mod depth;
mod diagnostic;
mod edit;
mod emit;
mod examine;
mod link;
mod lint;
mod meta;
mod module;
mod nearest;
mod parse;
mod refuse;
mod source;
mod step_use;
mod typescript;
mod watch;

pub use args_use::args_schema;
pub use bound::{ArgsKnown, Bounds, Child, bounds, called};
pub use diagnostic::{Diagnostic, Severity, render};
pub use link::Linked;
pub use meta::{Meta, PhaseMeta};
pub use parse::{ImportRequest, Parsed};
pub use source::SourceFile;
pub use step_use::StepUse;
pub use watch::{OWN_UNIT, Point, Sight, Watched, What, watch, watch_with};

use crate::call::{Program, Unit};
use crate::event::ScriptRecord;
use emit::Emitted;
use parse::Role;

/// How scripts are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Every file is TypeScript, whatever its name (`--ts`).
    pub typescript: bool,
    /// Warn about all that the original would not run (`--portable`).
    pub portable: bool,
}

/// Reads the file that `importer` names by `specifier`. The name of what it returns tells files apart;
/// a refusal (no such file, outside the project) is told at the import.
pub type Loader<'l> = dyn FnMut(&str, &str) -> Result<SourceFile, String> + 'l;

/// A script that may run.
#[derive(Debug, Clone)]
pub struct Checked {
    pub script: ScriptRecord,
    pub warnings: Vec<Diagnostic>,
    pub meta: Meta,
    /// What it has its host do, imports included.
    pub steps: Vec<StepUse>,
}

/// One file on its own: everything that needs no other file.
pub fn parse(entry: SourceFile, options: &Options) -> Result<Parsed, Vec<Diagnostic>> {
    depth::with_stack(|| parse::parse_file(entry, Role::Entry, options))
}

/// Follows the imports of a parsed entry.
pub fn link(entry: Parsed, options: &Options, load: &mut Loader<'_>) -> Result<Linked, Vec<Diagnostic>> {
    depth::with_stack(|| link::link(entry, options, load))
}

/// Everything in one go. The findings of an error contain the warnings found so far.
pub fn check(
    entry: SourceFile,
    options: &Options,
    load: &mut Loader<'_>,
) -> Result<Checked, Vec<Diagnostic>> {
    depth::with_stack(|| {
        let linked = link::link(parse::parse_file(entry, Role::Entry, options)?, options, load)?;
        let units: Vec<Emitted> = linked.files.iter().map(emit::unit).collect();
        let (mut found, mut steps) = (Vec::new(), Vec::new());
        for (file, unit) in linked.files.iter().zip(&units) {
            let examined = examine::examine(file, unit, options);
            found.extend(examined.found);
            steps.extend(examined.steps);
        }
        if found.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(found);
        }
        Ok(Checked { steps, ..record(linked, units, found)? })
    })
}

/// One self-contained script in plain JavaScript: no imports, no types, `meta` first. Positions are not
/// kept.
pub fn bundle(
    entry: SourceFile,
    options: &Options,
    load: &mut Loader<'_>,
) -> Result<String, Vec<Diagnostic>> {
    depth::with_stack(|| {
        let linked = link::link(parse::parse_file(entry, Role::Entry, options)?, options, load)?;
        let broken: Vec<Diagnostic> = linked
            .files
            .iter()
            .flat_map(|file| examine::examine(file, &emit::unit(file), options).found)
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        if broken.is_empty() { Ok(bundle::bundle(&linked)) } else { Err(broken) }
    })
}

/// The warnings for a program that was checked before, without those about its file.
pub fn lint(program: &Program) -> Vec<Diagnostic> {
    depth::with_stack(|| program.units.iter().flat_map(examine::unit).collect())
}

fn record(
    linked: Linked,
    units: Vec<Emitted>,
    warnings: Vec<Diagnostic>,
) -> Result<Checked, Vec<Diagnostic>> {
    let hash = hash(&linked);
    let entry = linked.files.last().map(|file| &file.parsed);
    let Some((meta, path)) = entry.and_then(|entry| Some((entry.meta.clone()?, entry.file.name.clone())))
    else {
        return Err(warnings);
    };
    let units = units.into_iter().zip(&linked.files).map(|(unit, file)| Unit {
        file: file.parsed.file.name.clone(),
        text: unit.text,
        shift: unit.shift as u32,
        imports: file.targets.clone(),
    });
    let script = ScriptRecord {
        name: meta.name.clone(),
        path,
        hash,
        meta: meta.value.clone(),
        program: Program { units: units.collect() },
        sources: linked
            .files
            .into_iter()
            .map(|file| (file.parsed.file.name, file.parsed.file.text))
            .collect(),
    };
    Ok(Checked { script, warnings, meta, steps: Vec::new() })
}

/// Over the texts and who imports whom; where files are stored is no part of a script's identity.
fn hash(linked: &Linked) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in &linked.files {
        let text = file.parsed.file.text.as_bytes();
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text);
        hasher.update(&(file.targets.len() as u64).to_le_bytes());
        for target in &file.targets {
            hasher.update(&(*target as u64).to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}
