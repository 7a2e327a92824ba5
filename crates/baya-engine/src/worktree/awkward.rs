//! Submodules: filled from what the user's own checkout has, without network.

use super::WorktreeError;
use super::record::Record;
use crate::git::Repository;
use std::path::Path;

/// Fills those submodules that the user's checkout has; the notes name the others.
pub(super) async fn fill_submodules(
    repository: &Repository,
    record: &Record,
) -> Result<Vec<String>, WorktreeError> {
    if !record.folder.join(".gitmodules").is_file() {
        return Ok(Vec::new());
    }
    let words = ["config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$"];
    let listed = repository.git.call(&record.folder, words).answers(1).output().await?.stdout;
    let mut notes = Vec::new();
    for entry in String::from_utf8_lossy(&listed).split('\0').filter(|entry| !entry.is_empty()) {
        let Some((key, path)) = entry.split_once('\n') else { continue };
        let name = key.strip_prefix("submodule.").and_then(|rest| rest.strip_suffix(".path"));
        let Some(name) = name else { continue };
        let own = repository.common.join("modules").join(name);
        if own.join("HEAD").is_file() {
            fill(repository, record, name, path, &own).await?;
        } else {
            notes.push(format!("the submodule `{path}` is empty: it is not checked out in your checkout"));
        }
    }
    Ok(notes)
}

async fn fill(
    repository: &Repository,
    record: &Record,
    name: &str,
    path: &str,
    own: &Path,
) -> Result<(), WorktreeError> {
    let words = ["submodule", "--quiet", "update", "--init", "--no-fetch", "--", path];
    let call = repository.git.call(&record.folder, words);
    // A copy of the user's own clone, whatever its address is; files are not a foreign protocol here.
    let call = call.setting(&format!("submodule.{name}.url"), &own.display().to_string());
    let call = call.setting("protocol.file.allow", "always");
    call.done()
        .await
        .map_err(|error| WorktreeError::Submodule { path: path.to_owned(), why: error.to_string() })
}
