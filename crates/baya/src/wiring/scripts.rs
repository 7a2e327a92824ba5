//! Where scripts come from: files, saved workflows, and what they import.

use crate::failure::Failure;
use crate::folders::Folders;
use crate::near;
use crate::views::{sanitise, words};
use baya_core::call::WorkflowTarget;
use baya_core::event::ScriptRecord;
use baya_core::script::{self, Checked, Diagnostic, Options, Severity, SourceFile};
use baya_engine::driver::WorkflowSource;
use baya_engine::loader::{LoadError, Loader, Loading, has_script_extension};
use baya_engine::registry::{Location, LookupError, MetaLine, Places, Registry, plugin_folders};
use std::path::Path;

/// All scripts this process can find.
pub struct Workflows {
    loader: Loader,
    places: Places,
    options: Options,
}

impl Workflows {
    pub fn new(folders: &Folders, options: Options) -> Result<Workflows, Failure> {
        let project = folders.repository.as_deref().unwrap_or(&folders.working);
        let loader = Loader::new(&folders.working, project, Some(&folders.home));
        let mut plugins = plugin_folders(&folders.home.join(".claude/plugins"));
        plugins.extend(plugin_folders(&folders.data.join("plugins")));
        let places = Places {
            working: folders.working.clone(),
            repository: folders.repository.clone(),
            home: Some(folders.home.clone()),
            data: folders.data.parent().map(Path::to_owned),
            plugins,
            built_in: Vec::new(),
        };
        Ok(Workflows { loader: loader.map_err(|error| of_load(&error))?, places, options })
    }

    pub fn registry(&self) -> Registry {
        Registry::read(&self.places, &read_meta)
    }

    /// The script that a person means by a path or a name.
    pub fn open(&self, target: &str) -> Result<Loading, Failure> {
        let open_file = || self.loader.open(target).map_err(|error| of_load(&error));
        if is_path(target) {
            return open_file();
        }
        match self.open_saved(target) {
            Ok(loading) => Ok(loading),
            // A file may lack the ending of a script.
            Err(_) if Path::new(target).exists() => open_file(),
            Err(failure) => Err(failure),
        }
    }

    fn open_saved(&self, name: &str) -> Result<Loading, Failure> {
        let registry = self.registry();
        let found = registry.find(name).map_err(|error| of_lookup(&error))?;
        self.open_location(&found.location).map_err(|error| of_load(&error))
    }

    fn open_location(&self, location: &Location) -> Result<Loading, LoadError> {
        match location {
            Location::File(path) => self.loader.open_file(path),
            Location::BuiltIn { file, text } => Ok(self.loader.open_text(file, (*text).to_owned())),
        }
    }

    /// Checks an opened script with everything it imports.
    pub fn check(&self, loading: &Loading) -> Result<Checked, Vec<Diagnostic>> {
        script::check(entry(loading), &self.options, &mut |importer, specifier| {
            import(loading, importer, specifier)
        })
    }

    /// One file out of an opened script and everything it imports.
    pub fn bundle(&self, loading: &Loading) -> Result<String, Vec<Diagnostic>> {
        script::bundle(entry(loading), &self.options, &mut |importer, specifier| {
            import(loading, importer, specifier)
        })
    }

    /// A script that shall run: opened and checked.
    pub fn load_to_run(&self, target: &str) -> Result<Checked, Failure> {
        let loading = self.open(target)?;
        self.check(&loading).map_err(|found| refusal(&loading.entry.name, &found))
    }
}

impl WorkflowSource for Workflows {
    fn load(&self, target: &WorkflowTarget, importer: &str) -> Result<ScriptRecord, String> {
        let loading = match target {
            WorkflowTarget::Path(path) => {
                self.loader.open_from(path, importer).map_err(|error| error.to_string())
            }
            WorkflowTarget::Name(name) => {
                let registry = self.registry();
                let found = registry.find(name).map_err(|error| error.to_string())?;
                self.open_location(&found.location).map_err(|error| error.to_string())
            }
        }?;
        let checked = self.check(&loading).map_err(|found| in_one_line(&found))?;
        Ok(checked.script)
    }
}

fn entry(loading: &Loading) -> SourceFile {
    SourceFile { name: loading.entry.name.clone(), text: loading.entry.text.clone() }
}

fn import(loading: &Loading, importer: &str, specifier: &str) -> Result<SourceFile, String> {
    let file = loading.import(importer, specifier).map_err(|error| error.to_string())?;
    Ok(SourceFile { name: file.name, text: file.text })
}

fn is_path(target: &str) -> bool {
    target.contains('/') || target.starts_with('~') || has_script_extension(Path::new(target))
}

fn read_meta(name: &str, text: &str) -> Result<MetaLine, String> {
    let file = SourceFile { name: name.to_owned(), text: text.to_owned() };
    let parsed = script::parse(file, &Options::default()).map_err(|found| in_one_line(&found))?;
    let meta = parsed.meta().ok_or("it has no `meta`")?;
    Ok(MetaLine {
        name: meta.name.clone(),
        description: meta.description.clone(),
        when_to_use: meta.when_to_use.clone(),
    })
}

/// The first error with its place.
fn in_one_line(found: &[Diagnostic]) -> String {
    let first = found.iter().find(|finding| finding.severity == Severity::Error).or(found.first());
    first.map_or_else(String::new, |finding| format!("{} ({})", finding.message, finding.place()))
}

/// Findings with source lines and carets, harmless for a terminal: clear without colours.
pub fn rendered(found: &[Diagnostic]) -> String {
    sanitise::block(&script::render(found, false))
}

/// The script does not run.
pub fn refusal(name: &str, found: &[Diagnostic]) -> Failure {
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error).count();
    let errors = words::plural(errors as u64, "error", "errors");
    Failure::usage(format!("`{name}` does not run: {errors}")).excerpt(rendered(found))
}

fn of_load(error: &LoadError) -> Failure {
    let failure = Failure::usage(error.to_string()).hint_if_some(error.hint().map(str::to_owned));
    match error {
        LoadError::NotFound { path } => failure.hint_if_some(what_is_there(path)),
        LoadError::NotAFile { path } => failure.hint_if_some(scripts_in(path)),
        LoadError::NotFoundIn { .. }
        | LoadError::Unreadable { .. }
        | LoadError::TooLarge { .. }
        | LoadError::NotUtf8 { .. }
        | LoadError::NotRelative { .. }
        | LoadError::NotAScript { .. }
        | LoadError::Outside { .. }
        | LoadError::NoHome { .. } => failure,
    }
}

/// For a path that leads nowhere: the script it may have meant.
fn what_is_there(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    if !folder.is_dir() {
        return Some(format!("there is no folder `{}` either", folder.display()));
    }
    let wanted = path.file_name()?.to_string_lossy();
    let names = script_names(folder);
    near::did_you_mean(&wanted, names.iter().map(String::as_str)).or_else(|| scripts_in(folder))
}

fn scripts_in(folder: &Path) -> Option<String> {
    let names = script_names(folder);
    let listed = near::listed(names.iter().map(String::as_str), 8);
    (!names.is_empty()).then(|| format!("the scripts in `{}` are {listed}", folder.display()))
}

fn script_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let scripts =
        entries.map(|entry| entry.path()).filter(|path| has_script_extension(path) && path.is_file());
    let mut names: Vec<String> =
        scripts.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

fn of_lookup(error: &LookupError) -> Failure {
    match error {
        LookupError::Unknown { wanted, near, names } => {
            let did_you_mean = near.first().map(|name| format!("did you mean `{name}`?"));
            let failure = Failure::usage(format!("there is no saved workflow `{wanted}`"));
            let failure = failure.hint_if_some(did_you_mean);
            if names.is_empty() {
                return failure.hint("to run a file, give its path: baya run ./FILE.js");
            }
            failure.hint(format!("there is {}", near::listed(names.iter().map(String::as_str), 12)))
        }
        LookupError::Broken { .. } | LookupError::Conflict { .. } => {
            Failure::usage(error.to_string()).hint("baya list shows all saved workflows")
        }
    }
}
