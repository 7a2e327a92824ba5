//! Files to one script: imports are followed through a loader, and every name that one file takes from
//! another is found before anything runs (C09). Pure: the shell reads the files.

use super::diagnostic::Diagnostic;
use super::module::{ExportFrom, Taken};
use super::nearest::nearest;
use super::parse::{Parsed, Role, parse_file};
use super::source::SourceFile;
use super::{Loader, Options};
use crate::limits::SCRIPT_FILES_MAX;
use std::collections::BTreeMap;

/// All files of a script in evaluation order, the entry last.
pub struct Linked {
    pub(super) files: Vec<LinkedFile>,
}

pub(super) struct LinkedFile {
    pub parsed: Parsed,
    /// For each import, the index of the file it loads; smaller than this file's own.
    pub targets: Vec<usize>,
    /// What the file gives, by name; the value says from where.
    pub names: BTreeMap<String, Given>,
}

/// Where an exported name comes from, in the exporting file's own terms.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Local(String),
    Default,
    Import(usize, Taken),
}

/// Follows the imports of a parsed entry.
pub(super) fn link(
    entry: Parsed,
    options: &Options,
    load: &mut Loader<'_>,
) -> Result<Linked, Vec<Diagnostic>> {
    let mut linker = Linker {
        options,
        load,
        files: Vec::new(),
        done: BTreeMap::new(),
        open: Vec::new(),
        found: Vec::new(),
    };
    linker.add(entry);
    if linker.found.is_empty() { Ok(Linked { files: linker.files }) } else { Err(linker.found) }
}

struct Linker<'l, 'o, 'f> {
    options: &'o Options,
    load: &'l mut Loader<'f>,
    files: Vec<LinkedFile>,
    /// Finished files by name.
    done: BTreeMap<String, usize>,
    /// Names of the files being followed, outermost first.
    open: Vec<String>,
    found: Vec<Diagnostic>,
}

impl Linker<'_, '_, '_> {
    /// Adds a file after all that it imports; its index, unless something is wrong.
    fn add(&mut self, parsed: Parsed) -> Option<usize> {
        self.open.push(parsed.file.name.clone());
        let targets: Option<Vec<usize>> =
            (0..parsed.imports.len()).map(|import| self.follow(&parsed, import)).collect();
        self.open.pop();
        let targets = targets?;
        let names = self.names(&parsed, &targets);
        self.find_names(&parsed, &targets);
        self.done.insert(parsed.file.name.clone(), self.files.len());
        self.files.push(LinkedFile { parsed, targets, names });
        Some(self.files.len() - 1)
    }

    fn follow(&mut self, parsed: &Parsed, import: usize) -> Option<usize> {
        let specifier = &parsed.imports[import].specifier;
        let file = match (self.load)(&parsed.file.name, specifier) {
            Ok(file) => file,
            Err(why) => {
                let hint = "a path begins at the file it stands in, and stays inside the project";
                let message = format!("`{specifier}` cannot be imported: {why}");
                return self.refuse(parsed, import, message, Some(hint.to_owned()));
            }
        };
        if let Some(index) = self.done.get(&file.name) {
            return Some(*index);
        }
        if let Some(at) = self.open.iter().position(|name| *name == file.name) {
            let mut through = self.open[at..].to_vec();
            through.push(file.name.clone());
            let message = format!("files import each other in a circle: {}", through.join(" → "));
            let hint = "move what both need into a third file";
            return self.refuse(parsed, import, message, Some(hint.to_owned()));
        }
        if self.files.len() + self.open.len() >= SCRIPT_FILES_MAX {
            let message = format!("the script imports more than the {SCRIPT_FILES_MAX} files it may have");
            return self.refuse(parsed, import, message, None);
        }
        self.library(file)
    }

    fn library(&mut self, file: SourceFile) -> Option<usize> {
        match parse_file(file, Role::Library, self.options) {
            Ok(library) => self.add(library),
            Err(found) => {
                self.found.extend(found);
                None
            }
        }
    }

    fn refuse(
        &mut self,
        parsed: &Parsed,
        import: usize,
        message: String,
        hint: Option<String>,
    ) -> Option<usize> {
        let mut findings = parsed.findings();
        findings.error("import", parsed.imports[import].span.clone(), message, hint);
        self.found.append(&mut findings.found);
        None
    }

    fn names(&self, parsed: &Parsed, targets: &[usize]) -> BTreeMap<String, Given> {
        let mut names = BTreeMap::new();
        for star in &parsed.stars {
            let target = &self.files[targets[star.import]];
            for name in target.names.keys().filter(|name| *name != "default") {
                names.insert(name.clone(), Given::Import(star.import, Taken::Name(name.clone())));
            }
        }
        for export in &parsed.exports {
            let given = match &export.from {
                ExportFrom::Local(name) => Given::Local(name.clone()),
                ExportFrom::Default => Given::Default,
                ExportFrom::Import(import, taken) => Given::Import(*import, taken.clone()),
            };
            names.insert(export.name.clone(), given);
        }
        names
    }

    /// Every name taken from a file is one that it gives.
    fn find_names(&mut self, parsed: &Parsed, targets: &[usize]) {
        let mut findings = parsed.findings();
        let bindings = parsed.imports.iter().enumerate().flat_map(|(import, it)| {
            it.bindings.iter().map(move |binding| (import, &binding.taken, &binding.span))
        });
        let passed_on = parsed.exports.iter().filter_map(|export| match &export.from {
            ExportFrom::Import(import, taken) => Some((*import, taken, &export.span)),
            ExportFrom::Local(_) | ExportFrom::Default => None,
        });
        for (import, taken, span) in bindings.chain(passed_on) {
            let Taken::Name(name) = taken else { continue };
            let target = &self.files[targets[import]];
            if target.names.contains_key(name) {
                continue;
            }
            let message = match name.as_str() {
                "default" => format!("`{}` has no default export", target.parsed.file.name),
                name => format!("`{}` has no export `{name}`", target.parsed.file.name),
            };
            findings.error(
                "missing-export",
                span.clone(),
                message,
                export_hint(name, target, parsed.typescript),
            );
        }
        self.found.append(&mut findings.found);
    }
}

fn export_hint(name: &str, target: &LinkedFile, typescript: bool) -> Option<String> {
    let names = || target.names.keys().map(String::as_str);
    if let Some(near) = nearest(name, names()) {
        return Some(format!("did you mean `{near}`?"));
    }
    if typescript && target.parsed.typescript {
        return Some("if it is a type, write `import type`".to_owned());
    }
    let known: Vec<&str> = names().take(12).collect();
    if known.is_empty() {
        Some("it exports nothing".to_owned())
    } else {
        Some(format!("it exports `{}`", known.join("`, `")))
    }
}
