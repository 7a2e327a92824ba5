//! Saved workflows, found by `meta.name` (C80).
//!
//! Folders count nearest first: of the project from the working folder up, of the user, of plugins, built
//! in. The first file with a name has it; the same name further away is shadowed. Two files in one folder
//! with one name are a conflict, and the name does not run. What cannot be read is listed with the reason.

use crate::loader::{self, LoadError, has_script_extension};
use baya_core::limits::SCRIPT_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Folders of saved workflows in a project, nearest first.
const PROJECT_FOLDERS: [&str; 2] = [".baya/workflows", ".claude/workflows"];
/// Names that a message about an unknown workflow proposes.
const NEAR_MAX: usize = 3;
/// Files looked at in one folder.
const FILES_PER_FOLDER_MAX: usize = 2_000;

/// Where workflows may lie.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub working: PathBuf,
    /// The root of the repository around the working folder.
    pub repository: Option<PathBuf>,
    /// `~/.claude/workflows` is looked at in it.
    pub home: Option<PathBuf>,
    /// The XDG data folder; `baya/workflows` is looked at in it.
    pub data: Option<PathBuf>,
    /// Folders of plugins, each a folder with `workflows` in it; its name is the plugin's.
    pub plugins: Vec<PathBuf>,
    pub built_in: Vec<BuiltIn>,
}

/// A workflow that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    pub file: &'static str,
    pub text: &'static str,
}

/// What a list says of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetaLine {
    pub name: String,
    pub description: String,
    pub when_to_use: Option<String>,
}

/// Reads `meta` of a file, given its name and text; or why it cannot be read.
pub type ReadMeta<'a> = dyn Fn(&str, &str) -> Result<MetaLine, String> + 'a;

/// Whose workflow it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Project,
    User,
    Plugin(String),
    BuiltIn,
}

/// Where a workflow's text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    File(PathBuf),
    BuiltIn { file: &'static str, text: &'static str },
}

/// Whether a workflow runs under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Usable,
    /// A nearer one has the name.
    Shadowed {
        by: Location,
    },
    /// Others in the same folder have the name too.
    Conflict {
        with: Vec<Location>,
    },
}

/// A workflow with a readable `meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// As it is called: `meta.name`, of a plugin `plugin:name`.
    pub name: String,
    pub meta: MetaLine,
    pub origin: Origin,
    pub location: Location,
    pub standing: Standing,
}

/// A file or folder that is no use, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub path: PathBuf,
    pub reason: String,
}

/// All that was found, nearest first, in a folder by file name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    pub workflows: Vec<Workflow>,
    pub broken: Vec<Broken>,
}

/// Why a name does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("there is no workflow `{wanted}`; {}", have(near, names))]
    Unknown { wanted: String, near: Vec<String>, names: Vec<String> },
    #[error("`{wanted}` is `{}`, which cannot run: {reason}", path.display())]
    Broken { wanted: String, path: PathBuf, reason: String },
    #[error("several files have the name `{wanted}`: {}", quoted(paths).join(" and "))]
    Conflict { wanted: String, paths: Vec<String> },
}

impl Registry {
    /// Looks at every place once.
    pub fn read(places: &Places, read_meta: &ReadMeta) -> Registry {
        let mut search = Search { read_meta, seen: BTreeSet::new(), found: Registry::default() };
        for folder in project_folders(places) {
            search.folder(&folder, &Origin::Project);
        }
        for folder in user_folders(places) {
            search.folder(&folder, &Origin::User);
        }
        for plugin in &places.plugins {
            let name = plugin.file_name().unwrap_or_default().to_string_lossy().into_owned();
            search.folder(&plugin.join("workflows"), &Origin::Plugin(name));
        }
        for built_in in &places.built_in {
            search.built_in(built_in);
        }
        search.found.give_names();
        search.found
    }

    /// The workflow that runs under this name.
    pub fn find(&self, wanted: &str) -> Result<&Workflow, LookupError> {
        let mut named = self.workflows.iter().filter(|workflow| workflow.name == wanted);
        match named.next() {
            Some(workflow) => workflow.usable(),
            None => Err(self.unknown(wanted)),
        }
    }

    /// Names that run.
    pub fn names(&self) -> Vec<String> {
        let usable = self.workflows.iter().filter(|workflow| workflow.standing == Standing::Usable);
        usable.map(|workflow| workflow.name.clone()).collect()
    }

    fn unknown(&self, wanted: &str) -> LookupError {
        let file =
            self.broken.iter().find(|broken| broken.path.file_stem().is_some_and(|stem| stem == wanted));
        if let Some(Broken { path, reason }) = file {
            return LookupError::Broken {
                wanted: wanted.to_owned(),
                path: path.clone(),
                reason: reason.clone(),
            };
        }
        let names = self.names();
        let mut near: Vec<(usize, &String)> =
            names.iter().map(|name| (strsim::damerau_levenshtein(name, wanted), name)).collect();
        near.retain(|(distance, name)| *distance <= 2.max(name.chars().count() / 3));
        near.sort();
        let near = near.into_iter().take(NEAR_MAX).map(|(_, name)| name.clone()).collect();
        LookupError::Unknown { wanted: wanted.to_owned(), near, names }
    }

    /// Whoever is first has a name, unless another file of its folder has it too.
    fn give_names(&mut self) {
        let mut first: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for index in 0..self.workflows.len() {
            let workflow = &self.workflows[index];
            let holders = first.entry(workflow.name.clone()).or_default();
            match holders.first().map(|holder| &self.workflows[*holder]) {
                Some(holder) if !holder.is_beside(workflow) => {
                    let by = holder.location.clone();
                    self.workflows[index].standing = Standing::Shadowed { by };
                }
                Some(_) | None => holders.push(index),
            }
        }
        for holders in first.into_values().filter(|holders| holders.len() > 1) {
            for holder in &holders {
                let others = holders.iter().filter(|other| *other != holder);
                let with = others.map(|other| self.workflows[*other].location.clone()).collect();
                self.workflows[*holder].standing = Standing::Conflict { with };
            }
        }
    }
}

impl Workflow {
    fn usable(&self) -> Result<&Workflow, LookupError> {
        match &self.standing {
            Standing::Usable | Standing::Shadowed { .. } => Ok(self),
            Standing::Conflict { with } => Err(LookupError::Conflict {
                wanted: self.name.clone(),
                paths: std::iter::once(&self.location).chain(with).map(Location::to_string).collect(),
            }),
        }
    }

    fn is_beside(&self, other: &Workflow) -> bool {
        match (&self.location, &other.location) {
            (Location::File(a), Location::File(b)) => a.parent() == b.parent(),
            (Location::BuiltIn { .. }, Location::BuiltIn { .. }) => true,
            (Location::File(_), Location::BuiltIn { .. }) | (Location::BuiltIn { .. }, Location::File(_)) => {
                false
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => write!(f, "{}", path.display()),
            Location::BuiltIn { file, .. } => write!(f, "built in: {file}"),
        }
    }
}

/// The root of the git repository around a folder, if there is one.
pub fn repository_root(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|ancestor| ancestor.join(".git").exists()).map(Path::to_owned)
}

/// The plugins of a folder of plugins, by name.
pub fn plugin_folders(plugins: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(plugins).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// From the working folder up to the repository's root; without a repository the working folder alone.
fn project_folders(places: &Places) -> Vec<PathBuf> {
    let root = places.repository.as_deref().filter(|root| places.working.starts_with(root));
    let root = root.unwrap_or(&places.working);
    let ancestors = places.working.ancestors().take_while(|folder| folder.starts_with(root));
    ancestors.flat_map(|folder| PROJECT_FOLDERS.map(|name| folder.join(name))).collect()
}

fn user_folders(places: &Places) -> Vec<PathBuf> {
    let claude = places.home.as_ref().map(|home| home.join(".claude/workflows"));
    let data = places.data.as_ref().map(|data| data.join("baya/workflows"));
    claude.into_iter().chain(data).collect()
}

struct Search<'a> {
    read_meta: &'a ReadMeta<'a>,
    /// Real places of folders and files; what is reached twice counts where it was reached first.
    seen: BTreeSet<PathBuf>,
    found: Registry,
}

impl Search<'_> {
    fn folder(&mut self, folder: &Path, origin: &Origin) {
        match self.script_files(folder) {
            Ok(files) => files.iter().for_each(|file| self.file(file, origin)),
            Err(LoadError::NotFound { .. }) => {}
            Err(error) => self.broken(folder, error.to_string()),
        }
    }

    /// Sorted by name; a folder that was seen before has none.
    fn script_files(&mut self, folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let unreadable =
            |error: std::io::Error| LoadError::Unreadable { path: folder.to_owned(), why: error.to_string() };
        // A link that leads nowhere is worth a word, a folder that is not there is not.
        if !self.seen.insert(loader::real(folder).or_else(|error| dangling(folder, error))?) {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if has_script_extension(&path) {
                files.push(path);
            }
        }
        files.sort();
        if files.len() > FILES_PER_FOLDER_MAX {
            let left = files.split_off(FILES_PER_FOLDER_MAX).len();
            self.broken(
                folder,
                format!("{left} files above the limit of {FILES_PER_FOLDER_MAX} were left out"),
            );
        }
        Ok(files)
    }

    fn file(&mut self, path: &Path, origin: &Origin) {
        match loader::real(path).or_else(|error| dangling(path, error)) {
            // Not a file: a folder may be called `lib.js` too.
            Ok(real) if real.is_dir() => {}
            Ok(real) => {
                if self.seen.insert(real.clone()) {
                    let text = loader::read(&real).map_err(|error| error.to_string());
                    self.script(text, origin, Location::File(path.to_owned()));
                }
            }
            Err(error) => self.broken(path, error.to_string()),
        }
    }

    fn built_in(&mut self, built_in: &BuiltIn) {
        let BuiltIn { file, text } = *built_in;
        debug_assert!(text.len() <= SCRIPT_BYTES_MAX);
        self.script(Ok(text.to_owned()), &Origin::BuiltIn, Location::BuiltIn { file, text });
    }

    fn script(&mut self, text: Result<String, String>, origin: &Origin, location: Location) {
        let shown = match &location {
            Location::File(path) => path.clone(),
            Location::BuiltIn { file, .. } => PathBuf::from(file),
        };
        match text.and_then(|text| (self.read_meta)(&shown.to_string_lossy(), &text)) {
            Ok(meta) => {
                let name = match origin {
                    Origin::Plugin(plugin) => format!("{plugin}:{}", meta.name),
                    Origin::Project | Origin::User | Origin::BuiltIn => meta.name.clone(),
                };
                let (origin, standing) = (origin.clone(), Standing::Usable);
                self.found.workflows.push(Workflow { name, meta, origin, location, standing });
            }
            Err(reason) => self.broken(&shown, reason),
        }
    }

    fn broken(&mut self, path: &Path, reason: String) {
        self.found.broken.push(Broken { path: path.to_owned(), reason });
    }
}

/// Tells a link that leads nowhere from a path that is not there.
fn dangling(path: &Path, error: LoadError) -> Result<PathBuf, LoadError> {
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    match error {
        LoadError::NotFound { path } if is_link => {
            Err(LoadError::Unreadable { path, why: "the symbolic link leads nowhere".to_owned() })
        }
        other => Err(other),
    }
}

fn have(near: &[String], names: &[String]) -> String {
    match (near, names) {
        (_, []) => "there are no saved workflows".to_owned(),
        ([], names) => format!("there are {}", quoted(names).join(", ")),
        (near, names) => {
            format!("near it: {}; there are {}", quoted(near).join(", "), quoted(names).join(", "))
        }
    }
}

fn quoted(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}
