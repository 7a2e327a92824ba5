//! What an agent's process finds around it: an environment whose home is private, tools where the person
//! has them, and its own program's files.

use super::config::AcpConfig;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tools that look below the home if nothing names another place. Where the person has them there, a
/// process with another home is told.
const TOOLS: [(&str, &str); 11] = [
    ("CARGO_HOME", ".cargo"),
    ("RUSTUP_HOME", ".rustup"),
    ("GOPATH", "go"),
    ("NVM_DIR", ".nvm"),
    ("VOLTA_HOME", ".volta"),
    ("PYENV_ROOT", ".pyenv"),
    ("RBENV_ROOT", ".rbenv"),
    ("SDKMAN_DIR", ".sdkman"),
    ("BUN_INSTALL", ".bun"),
    ("PYTHONUSERBASE", ".local"),
    ("GIT_CONFIG_GLOBAL", ".gitconfig"),
];

const FOLDERS: [(&str, &str); 5] = [
    ("HOME", "home"),
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_DATA_HOME", "data"),
    ("XDG_CACHE_HOME", "cache"),
    ("XDG_STATE_HOME", "state"),
];

/// Whose home a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Private,
    /// For an agent that nothing is kept from and that works with its own login.
    Persons,
}

/// The whole environment of a process. What is set for the agent goes before what is passed on.
pub(super) fn environment(
    config: &AcpConfig,
    home: Home,
    private: &Path,
    own: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = config.environment.clone();
    if home == Home::Persons {
        all.extend(own);
        return all;
    }
    for (name, below) in TOOLS {
        let path = config.home.join(below);
        if !all.contains_key(name) && path.exists() {
            all.insert(name.to_owned(), path.display().to_string());
        }
    }
    for (name, below) in FOLDERS {
        all.insert(name.to_owned(), private.join(below).display().to_string());
    }
    all.extend(own);
    all
}

/// Where the program of these words lies, and what it needs of its own beside it.
pub(super) fn readable(argv: &[String], environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let path = environment.get("PATH").map(String::as_str).unwrap_or_default();
    let Some(program) = argv.first().and_then(|program| find(program, path)) else { return Vec::new() };
    let Ok(real) = program.canonicalize() else { return vec![program] };
    vec![package(&real).unwrap_or_else(|| real.clone()), program, real]
}

/// The program as a shell would find it.
pub(super) fn find(program: &str, path: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|program| program.is_file());
    }
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|program| program.is_file())
}

/// Programs of npm need the packages beside their own; the outermost folder of packages holds them all.
fn package(real: &Path) -> Option<PathBuf> {
    let is_packages = |path: &&Path| path.file_name().is_some_and(|name| name == "node_modules");
    real.ancestors().filter(is_packages).last().map(Path::to_owned)
}
