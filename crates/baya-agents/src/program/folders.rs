//! What a program needs to read of itself.

use std::path::{Path, PathBuf};

/// Packages of node lie beside each other below this.
const PACKAGES: &str = "node_modules";

/// The program with this name or path: a name is looked up in `PATH`.
pub fn find(name: &str, path: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(is_program);
    }
    std::env::split_paths(path).map(|folder| folder.join(name)).find(is_program)
}

/// The files it was installed as: itself and what a link to it means; for a package of node, all packages
/// it may need.
pub fn folders_of(program: &Path) -> Vec<PathBuf> {
    let Ok(real) = program.canonicalize() else { return Vec::new() };
    let is_packages = |above: &&Path| above.file_name().is_some_and(|name| name == PACKAGES);
    let packages = real.ancestors().filter(is_packages).last().map(Path::to_owned);
    vec![packages.unwrap_or(real), program.to_owned()]
}
