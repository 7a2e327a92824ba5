//! Folders that a command's environment names, and that it must be able to read to find its tools.

use super::Sandbox;
use std::path::{Path, PathBuf};

/// Variables that name one folder of tools.
const TOOL_FOLDERS: [&str; 9] = [
    "CARGO_HOME",
    "RUSTUP_HOME",
    "GOROOT",
    "JAVA_HOME",
    "NVM_DIR",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "VIRTUAL_ENV",
    "SDKROOT",
];

/// Those that hold nothing the policy hides; a home in `PATH` does not open the home.
pub(super) fn tool_folders(sandbox: &Sandbox) -> Vec<PathBuf> {
    let value = |name: &str| sandbox.environment.get(name).map(PathBuf::from);
    let searched = value("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_else(Vec::new);
    let named = TOOL_FOLDERS.iter().filter_map(|name| value(name));
    searched.into_iter().chain(named).filter(|folder| is_harmless(sandbox, folder)).collect()
}

fn is_harmless(sandbox: &Sandbox, folder: &Path) -> bool {
    let Ok(real) = std::fs::canonicalize(folder) else { return false };
    let opens = |hidden: &PathBuf| hidden.starts_with(&real) || hidden.starts_with(folder);
    // A login in a folder of tools is cut out by the policy itself.
    let is_login = |hidden: &PathBuf| {
        hidden.file_name().is_some_and(|name| name.to_string_lossy().contains("credentials"))
    };
    let kernel = ["/proc", "/sys", "/dev"].iter().any(|kernel| real.starts_with(kernel));
    folder.is_absolute() && !kernel && !sandbox.hidden.iter().any(|hidden| opens(hidden) && !is_login(hidden))
}
