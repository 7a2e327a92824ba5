//! What the user has not committed yet, as a commit to start worktrees from: with an index of ours, so that
//! their own index and files stay as they are (contract C70).

use super::WorktreeError;
use super::keep::{COMMITTER, exclusion};
use crate::git::{Call, GitError, Repository};
use baya_core::ids::RunId;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The user's state as a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub commit: String,
    /// What is not in it.
    pub notes: Vec<String>,
}

/// The ref that keeps the snapshot of a run.
pub fn kept_as(run: &RunId) -> String {
    format!("refs/baya/{run}/snapshot")
}

/// Whether the checkout differs from its commit; what git ignores does not count.
pub async fn is_dirty(repository: &Repository) -> Result<bool, GitError> {
    let call = repository.git.call(&repository.root, ["status", "--porcelain", "-z"]);
    // Not even the times in the user's index are written anew.
    let status = call.set("GIT_OPTIONAL_LOCKS", "0").output().await?;
    Ok(!status.stdout.is_empty())
}

/// Commits tracked and untracked files to a ref of ours; `None`: there is nothing that is not committed.
pub async fn snapshot(
    repository: &Repository,
    state: &Path,
    run: &RunId,
) -> Result<Option<Snapshot>, WorktreeError> {
    let head = repository.commit("HEAD").await?.ok_or_else(|| WorktreeError::NoBase("HEAD".to_owned()))?;
    let place = Place { repository, index: Index::new(state, run)? };
    let (tree, nested) = place.write_tree(&head).await?;
    if tree == place.call(["rev-parse", &format!("{head}^{{tree}}")]).text().await? {
        return Ok(None);
    }
    let message = format!("baya: what was not committed when {run} began");
    let call = place.call(["commit-tree", &tree, "-p", &head, "-m", &message]);
    let call = COMMITTER.into_iter().fold(call, |call, (name, value)| call.set(name, value));
    let commit = call.text().await?;
    repository.set_ref(&kept_as(run), &commit).await?;
    let note = |path: &PathBuf| format!("`{}` is a repository of its own: it is not in it", path.display());
    Ok(Some(Snapshot { commit, notes: nested.iter().map(note).collect() }))
}

/// The state of all files that git does not ignore, as the id of a tree; `None` where a repository of its
/// own lies inside, whose files it would not tell of.
pub async fn tree(
    repository: &Repository,
    state: &Path,
    run: &RunId,
) -> Result<Option<String>, WorktreeError> {
    let head = repository.commit("HEAD").await?.ok_or_else(|| WorktreeError::NoBase("HEAD".to_owned()))?;
    let place = Place { repository, index: Index::new(state, run)? };
    let (tree, nested) = place.write_tree(&head).await?;
    Ok(nested.is_empty().then_some(tree))
}

/// The user's checkout with another index.
struct Place<'a> {
    repository: &'a Repository,
    index: Index,
}

/// Removed when dropped.
struct Index(PathBuf);

impl Index {
    fn new(state: &Path, run: &RunId) -> Result<Index, WorktreeError> {
        let folder = state.join("worktrees");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| WorktreeError::io("make the folder", &folder, &error))?;
        Ok(Index(folder.join(format!("{run}.snapshot-index"))))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Place<'_> {
    fn call<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Call {
        self.repository.git.call(&self.repository.root, words).index(&self.index.0)
    }

    /// The tree of all that is there, and what is not in it.
    async fn write_tree(&self, head: &str) -> Result<(String, Vec<PathBuf>), WorktreeError> {
        self.fill_index(head).await?;
        let nested = self.nested().await?;
        let call = self.call(["add", "--all", "--", "."]).also(nested.iter().map(|path| exclusion(path)));
        call.setting("advice.addEmbeddedRepo", "false").setting("core.safecrlf", "false").done().await?;
        Ok((self.call(["write-tree"]).text().await?, nested))
    }

    /// A copy of the user's own: it knows what they added although it is ignored, and which files a sparse
    /// checkout leaves out.
    async fn fill_index(&self, head: &str) -> Result<(), WorktreeError> {
        let words = ["rev-parse", "--path-format=absolute", "--git-path", "index"];
        let own = PathBuf::from(self.repository.git.call(&self.repository.root, words).text().await?);
        match copy_with_time(&own, &self.index.0) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(self.call(["read-tree", head]).done().await?)
            }
            Err(error) => Err(WorktreeError::io("copy", &own, &error)),
        }
    }

    /// Untracked repositories inside of the checkout: git would note their commit and not their files.
    async fn nested(&self) -> Result<Vec<PathBuf>, WorktreeError> {
        let output = self.call(["ls-files", "--others", "--exclude-standard", "-z"]).output().await?;
        let paths = output.stdout.split(|byte| *byte == 0).filter(|path| path.ends_with(b"/"));
        Ok(paths.map(|path| PathBuf::from(OsStr::from_bytes(&path[..path.len() - 1]))).collect())
    }
}

/// Git tells by an index's own time which of its entries may have changed since: a younger copy would hide
/// changes.
pub(super) fn copy_with_time(from: &Path, to: &Path) -> std::io::Result<()> {
    let modified = std::fs::metadata(from)?.modified()?;
    std::fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(modified)
}
