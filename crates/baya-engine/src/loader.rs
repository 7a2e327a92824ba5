//! Script files and what they import, from the disk (C01, C09).
//!
//! An import stays inside the folder tree of the script or inside the project, also when symbolic links
//! lead elsewhere: what counts is where a file really lies. Names are those that errors show: relative to
//! the working folder where a file lies in it, else absolute; two files never have the same one.

use baya_core::limits::SCRIPT_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How the name of a script file ends.
pub const EXTENSIONS: [&str; 4] = ["js", "mjs", "ts", "mts"];

/// A file that may become part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFile {
    /// As errors show it; tells files apart.
    pub name: String,
    pub text: String,
}

/// Why a file does not become part of a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("there is no file `{}`", path.display())]
    NotFound { path: PathBuf },
    #[error("there is no file `{wanted}` in {}", folders(tried))]
    NotFoundIn { wanted: String, tried: Vec<PathBuf> },
    #[error("`{}` cannot be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("`{}` is not a file", path.display())]
    NotAFile { path: PathBuf },
    #[error("`{}` is larger than {limit} bytes, the limit of a script", path.display())]
    TooLarge { path: PathBuf, limit: usize },
    #[error("`{}` is not UTF-8: byte {at} does not belong to any character", path.display())]
    NotUtf8 { path: PathBuf, at: usize },
    #[error("`{specifier}` is not a relative path")]
    NotRelative { specifier: String },
    #[error("`{specifier}` does not name a script file")]
    NotAScript { specifier: String },
    #[error("`{specifier}` lies outside {}", folders(inside))]
    Outside { specifier: String, inside: Vec<PathBuf> },
    #[error("`{path}` begins with `~`, but the home folder is not known")]
    NoHome { path: String },
}

impl LoadError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            LoadError::NotFound { .. } | LoadError::NotFoundIn { .. } => None,
            LoadError::Unreadable { .. } | LoadError::NotAFile { .. } => None,
            LoadError::TooLarge { .. } => Some("give large data to the script as `args`"),
            LoadError::NotUtf8 { .. } => Some("save the file as UTF-8"),
            LoadError::NotRelative { .. } => Some("an import begins with `./` or `../`"),
            LoadError::NotAScript { .. } => Some("an import names its file in full, as `./lib.js`"),
            LoadError::Outside { .. } => Some("copy the file into the script's folder"),
            LoadError::NoHome { .. } => Some("give the path without `~`"),
        }
    }
}

/// Where scripts are looked for; no path of the environment but these.
#[derive(Debug, Clone)]
pub struct Loader {
    working: PathBuf,
    project: PathBuf,
    home: Option<PathBuf>,
}

/// A script whose imports are being followed.
#[derive(Debug, Clone)]
pub struct Loading {
    pub entry: ScriptFile,
    loader: Loader,
    /// Where imports may lie; empty for a script that is not a file.
    inside: Vec<PathBuf>,
}

impl Loader {
    /// `project` is the repository's root, or the working folder.
    pub fn new(working: &Path, project: &Path, home: Option<&Path>) -> Result<Loader, LoadError> {
        Ok(Loader { working: real(working)?, project: real(project)?, home: home.map(Path::to_owned) })
    }

    /// Opens a script by a path of the user's, from the working folder; `~` expands.
    pub fn open(&self, path: &str) -> Result<Loading, LoadError> {
        self.open_file(&self.working.join(self.expand(path)?))
    }

    /// Opens what a script calls `{scriptPath}` (C53): from the working folder, else from the folder of
    /// the script that asks, given by its name.
    pub fn open_from(&self, path: &str, caller: &str) -> Result<Loading, LoadError> {
        let expanded = self.expand(path)?;
        let beside_caller = self.working.join(caller).parent().map(Path::to_owned);
        let mut tried: Vec<PathBuf> = Vec::new();
        for folder in std::iter::once(self.working.clone()).chain(beside_caller) {
            let candidate = folder.join(&expanded);
            if candidate.exists() {
                return self.open_file(&candidate);
            }
            if !tried.contains(&folder) {
                tried.push(folder);
            }
        }
        if expanded.is_absolute() {
            return Err(LoadError::NotFound { path: expanded });
        }
        Err(LoadError::NotFoundIn { wanted: path.to_owned(), tried })
    }

    /// Opens a script at this place.
    pub fn open_file(&self, path: &Path) -> Result<Loading, LoadError> {
        let path = real(path)?;
        let text = read(&path)?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let project = self.project.clone();
        let inside = if folder.starts_with(&project) { vec![project] } else { vec![folder, project] };
        let entry = ScriptFile { name: self.name_of(&path), text };
        Ok(Loading { entry, loader: self.clone(), inside })
    }

    /// A script that is not a file: from standard input, or built in. It imports nothing.
    pub fn open_text(&self, name: &str, text: String) -> Loading {
        let entry = ScriptFile { name: name.to_owned(), text };
        Loading { entry, loader: self.clone(), inside: Vec::new() }
    }

    fn expand(&self, path: &str) -> Result<PathBuf, LoadError> {
        let rest = match path.strip_prefix('~') {
            Some("") => "",
            Some(rest) if rest.starts_with('/') => &rest[1..],
            Some(_) | None => return Ok(PathBuf::from(path)),
        };
        let home = self.home.as_ref().ok_or_else(|| LoadError::NoHome { path: path.to_owned() })?;
        Ok(home.join(rest))
    }

    fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.working).unwrap_or(path).display().to_string()
    }
}

impl Loading {
    /// The file that `importer`, a name given out earlier, names by `specifier`.
    pub fn import(&self, importer: &str, specifier: &str) -> Result<ScriptFile, LoadError> {
        if !specifier.starts_with("./") && !specifier.starts_with("../") {
            return Err(LoadError::NotRelative { specifier: specifier.to_owned() });
        }
        if !has_script_extension(Path::new(specifier)) {
            return Err(LoadError::NotAScript { specifier: specifier.to_owned() });
        }
        let importer = self.loader.working.join(importer);
        let wanted = fold_dots(&importer.parent().unwrap_or(Path::new("/")).join(specifier));
        let outside = || LoadError::Outside { specifier: specifier.to_owned(), inside: self.inside.clone() };
        // Before the disk is asked, so that nobody learns what exists elsewhere.
        if !self.is_inside(&wanted) {
            return Err(outside());
        }
        let path = real(&wanted)?;
        if !self.is_inside(&path) || !has_script_extension(&path) {
            return Err(outside());
        }
        Ok(ScriptFile { name: self.loader.name_of(&path), text: read(&path)? })
    }

    fn is_inside(&self, path: &Path) -> bool {
        self.inside.iter().any(|folder| path.starts_with(folder))
    }
}

/// Whether a file is a script by its name.
pub fn has_script_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// Reads a script's text, whole or not at all. The path's last part is no symbolic link.
pub(crate) fn read(path: &Path) -> Result<String, LoadError> {
    // A pipe without a writer must not hold us up, and a link that has just been put there is not followed.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| failed(path, &error))?;
    if !file.metadata().map_err(|error| failed(path, &error))?.is_file() {
        return Err(LoadError::NotAFile { path: path.to_owned() });
    }
    let bytes = read_limited(&file).map_err(|error| failed(path, &error))?;
    if bytes.len() > SCRIPT_BYTES_MAX {
        return Err(LoadError::TooLarge { path: path.to_owned(), limit: SCRIPT_BYTES_MAX });
    }
    String::from_utf8(bytes)
        .map_err(|error| LoadError::NotUtf8 { path: path.to_owned(), at: error.utf8_error().valid_up_to() })
}

fn read_limited(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(SCRIPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where a path really leads.
pub(crate) fn real(path: &Path) -> Result<PathBuf, LoadError> {
    std::fs::canonicalize(path).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::NotFound { path: path.to_owned() },
        _ => LoadError::Unreadable { path: path.to_owned(), why: error.to_string() },
    }
}

/// Takes `.` and `..` out of a path by its text alone, as module names are resolved.
fn fold_dots(path: &Path) -> PathBuf {
    let mut folded = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(folded.pop()),
            std::path::Component::CurDir => {}
            std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::Normal(_) => folded.push(part),
        }
    }
    folded
}

fn folders(folders: &[PathBuf]) -> String {
    let quoted: Vec<String> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
    if quoted.is_empty() {
        "what a script without a file may import".to_owned()
    } else {
        quoted.join(" and ")
    }
}
