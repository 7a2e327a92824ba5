//! `.worktreeinclude`: files that git ignores and an agent needs all the same (`.env.test`, say).
//!
//! Patterns as in `.gitignore`. Copied is only what matches *and* is ignored; no symbolic link, and never
//! over something that is there.

use super::WorktreeError;
use crate::git::Repository;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const FILE: &str = ".worktreeinclude";
/// More files than this are not copied into every worktree.
const FILES_MAX: usize = 2_000;

/// Copies into a fresh worktree; the notes say what was not.
pub(super) async fn copy(repository: &Repository, worktree: &Path) -> Result<Vec<String>, WorktreeError> {
    let patterns = repository.root.join(FILE);
    if !patterns.is_file() {
        return Ok(Vec::new());
    }
    let words = ["ls-files", "--others", "--ignored", "-z"].map(str::to_owned);
    let from = format!("--exclude-from={}", patterns.display());
    let matching = repository.git.call(&repository.root, words).also([from]).output().await?.stdout;
    if matching.is_empty() {
        return Ok(Vec::new());
    }
    let call = repository.git.call(&repository.root, ["check-ignore", "-z", "--stdin"]);
    let ignored = call.input(matching).answers(1).output().await?.stdout;
    let paths: Vec<&[u8]> = ignored.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
    if paths.len() > FILES_MAX {
        let count = paths.len();
        return Ok(vec![format!("`{FILE}` matches {count} files; more than {FILES_MAX} are not copied")]);
    }
    let mut notes = Vec::new();
    for path in paths {
        let path = Path::new(OsStr::from_bytes(path));
        if let Err(error) = copy_one(&repository.root.join(path), &worktree.join(path)) {
            notes.push(format!("`{}` of `{FILE}` was not copied: {error}", path.display()));
        }
    }
    Ok(notes)
}

fn copy_one(from: &Path, to: &Path) -> std::io::Result<()> {
    let about = std::fs::symlink_metadata(from)?;
    if !about.is_file() {
        return Err(std::io::Error::other("it is no plain file"));
    }
    if std::fs::symlink_metadata(to).is_ok() {
        return Ok(());
    }
    if let Some(above) = to.parent() {
        std::fs::create_dir_all(above)?;
    }
    match std::fs::copy(from, to) {
        Ok(_) => Ok(()),
        // It went while we looked.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
