//! What is written down of a worktree before it is made, and the names that follow from it.

use super::WorktreeError;
use super::executables::{Core, Executables};
use crate::git::Repository;
use baya_core::ids::{AgentNumber, RunId};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// One worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub run: RunId,
    pub agent: AgentNumber,
    /// The root of the user's own checkout.
    pub root: PathBuf,
    /// The git folder all worktrees share.
    pub common: PathBuf,
    /// The worktree itself.
    pub folder: PathBuf,
    /// Its entry in the git folder.
    pub entry: PathBuf,
    /// The commit it starts from.
    pub base: String,
    pub branch: String,
    /// What the repository's configuration could run before any agent of the run had a worktree.
    #[serde(default)]
    pub(super) programs: Executables,
    /// Its settings that decide which bytes are kept, as they were then.
    #[serde(default)]
    pub(super) core: Option<Core>,
    /// It was made whole: from here on its files are an agent's work.
    pub ready: bool,
}

impl Record {
    pub(super) fn new(
        repository: &Repository,
        folder: &Path,
        run: &RunId,
        agent: AgentNumber,
        base: &str,
    ) -> Record {
        // Git names the entry after the folder: so it is known before, and no other run has it.
        let name = format!("{run}.{}", agent.0);
        Record {
            run: run.clone(),
            agent,
            root: repository.root.clone(),
            common: repository.common.clone(),
            folder: folder.join(&name),
            entry: repository.common.join("worktrees").join(&name),
            base: base.to_owned(),
            branch: format!("baya-work/{run}/{}", agent.0),
            programs: Executables::default(),
            core: None,
            ready: false,
        }
    }

    /// The ref that keeps what the agent did.
    pub fn kept_as(&self) -> String {
        format!("refs/baya/{}/{}", self.run, self.agent.0)
    }

    /// Where the record itself is.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.with_added_extension("json")
    }

    /// The record in this file; `None`: there is none, or it was never finished.
    pub(super) fn read(file: &Path) -> Result<Option<Record>, WorktreeError> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(WorktreeError::io("read", file, &error)),
        }
    }

    pub(super) fn write(&self) -> Result<(), WorktreeError> {
        let (file, unfinished) = (self.file(), self.folder.with_added_extension("new"));
        let above = self.folder.parent().unwrap_or(Path::new("/"));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(above);
        made.map_err(|error| WorktreeError::io("make the folder", above, &error))?;
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut options = OpenOptions::new();
        let opened = options.create(true).truncate(true).write(true).mode(0o600).open(&unfinished);
        let written = opened.and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written
            .and_then(|()| std::fs::rename(&unfinished, &file))
            .map_err(|error| WorktreeError::io("write", &file, &error))
    }

    /// There is an agent's work in it, whatever the agent did to its entry.
    pub(super) fn is_in_use(&self) -> bool {
        self.ready && is_folder(&self.folder)
    }

    /// A git that was killed leaves its lock.
    pub(super) fn unlock_index(&self) {
        let _ = std::fs::remove_file(self.entry.join("index.lock"));
    }

    /// Removes the folder with all that is in it; nothing outside is followed.
    pub(super) fn remove_folder(&self) -> Result<(), WorktreeError> {
        let removed = match std::fs::symlink_metadata(&self.folder) {
            // What an agent put into its place.
            Ok(about) if !about.is_dir() => std::fs::remove_file(&self.folder),
            Ok(_) => std::fs::remove_dir_all(&self.folder).or_else(|_| {
                make_removable(&self.folder);
                std::fs::remove_dir_all(&self.folder)
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| WorktreeError::io("remove", &self.folder, &error))
    }

    /// Removes this entry of the repository and no other.
    pub(super) fn forget_entry(&self) -> Result<(), WorktreeError> {
        match std::fs::remove_dir_all(&self.entry) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(WorktreeError::io("remove", &self.entry, &error)),
        }
    }

    /// Removes the record; the last step.
    pub(super) fn forget(&self) -> Result<(), WorktreeError> {
        let file = self.file();
        match std::fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(WorktreeError::io("remove", &file, &error)),
        }
        // The run's folder goes with its last worktree.
        if let Some(above) = file.parent() {
            let _ = std::fs::remove_dir(above);
        }
        Ok(())
    }
}

/// A folder itself, and no link to one: an agent can replace its own.
pub(super) fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

/// Folders that may not be listed or changed by their owner cannot be removed.
pub(super) fn make_removable(folder: &Path) {
    if !is_folder(folder) {
        return;
    }
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_removable(&entry.path());
        }
    }
}

/// All worktrees that stand below a state folder, of whatever run.
pub fn leftovers(state: &Path) -> Vec<Record> {
    let entries = |folder: &Path| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    let files = entries(&state.join("worktrees")).into_iter().flat_map(|run| entries(&run));
    let records = files.filter(|file| file.extension().is_some_and(|ending| ending == "json"));
    let mut found: Vec<Record> = records.filter_map(|file| Record::read(&file).ok().flatten()).collect();
    found.sort_by(|one, other| (&one.run, one.agent).cmp(&(&other.run, other.agent)));
    found
}
