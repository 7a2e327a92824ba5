//! Commits all that an agent left in its folder: tracked or not, but not what the repository ignores.
//!
//! Only plumbing is used, with the repository's own entry and an index of ours: whatever the agent did to
//! its `.git` file, its index, its branch or a rebase in progress has no say.

use super::WorktreeError;
use super::executables::{Executables, without};
use super::record::Record;
use crate::git::{Call, Repository};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Who commits what an agent left.
pub(super) const COMMITTER: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "baya"),
    ("GIT_AUTHOR_EMAIL", "baya@localhost"),
    ("GIT_COMMITTER_NAME", "baya"),
    ("GIT_COMMITTER_EMAIL", "baya@localhost"),
];

/// The commit that holds everything; the agent's own head if it left nothing uncommitted.
pub(super) async fn commit(
    repository: &Repository,
    record: &Record,
    known: &Executables,
) -> Result<String, WorktreeError> {
    if !record.folder.is_dir() {
        return already_kept(repository, record).await;
    }
    let place = Place::of(repository, record, known).await?;
    let parent = place.head(repository, record).await?;
    let tree = place.tree(&parent).await?;
    let of_parent = place.call(["rev-parse", &format!("{parent}^{{tree}}")]).text().await?;
    if tree == of_parent {
        return Ok(parent);
    }
    // Kept before, and nothing came of it since: whoever noted that commit shall find it again.
    if let Some(kept) = repository.commit(&record.kept_as()).await?
        && place.is_made_of(&kept, &tree, &parent).await?
    {
        return Ok(kept);
    }
    let message = format!("baya: what agent {} of {} left", record.agent.0, record.run);
    let call = place.call(["commit-tree", &tree, "-p", &parent, "-m", &message]);
    let call = COMMITTER.into_iter().fold(call, |call, (name, value)| call.set(name, value));
    Ok(call.text().await?)
}

/// The folder is gone: what was kept of it before it went.
async fn already_kept(repository: &Repository, record: &Record) -> Result<String, WorktreeError> {
    let kept = repository.commit(&record.kept_as()).await?;
    Ok(kept.unwrap_or_else(|| record.base.clone()))
}

/// The worktree as our own calls see it.
struct Place<'a> {
    repository: &'a Repository,
    folder: &'a Path,
    git_dir: PathBuf,
    index: Index,
    switched_off: Vec<String>,
}

/// Removed when dropped.
struct Index(PathBuf);

impl Drop for Index {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl<'a> Place<'a> {
    async fn of(
        repository: &'a Repository,
        record: &'a Record,
        known: &Executables,
    ) -> Result<Place<'a>, WorktreeError> {
        // An agent can remove its own entry; its files are there still.
        let whole = record.entry.join("HEAD").is_file() && record.entry.join("commondir").is_file();
        let git_dir = if whole { record.entry.clone() } else { repository.common.clone() };
        let now = Executables::read(repository, &git_dir).await?;
        let index = Index(record.folder.with_added_extension("index"));
        let _ = std::fs::remove_file(&index.0);
        let switched_off = known.added_in(&now);
        Ok(Place { repository, folder: &record.folder, git_dir, index, switched_off })
    }

    fn call<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Call {
        let call = self.repository.git.call(self.folder, words);
        let call = call.git_dir(&self.git_dir).work_tree(self.folder).index(&self.index.0);
        without(&self.switched_off, call)
    }

    /// Whether a commit has this tree and this only parent.
    async fn is_made_of(&self, commit: &str, tree: &str, parent: &str) -> Result<bool, WorktreeError> {
        let words = ["rev-parse".to_owned(), format!("{commit}^{{tree}}"), format!("{commit}^@")];
        Ok(self.call(words).text().await? == format!("{tree}\n{parent}"))
    }

    /// Where the agent's own commits ended.
    async fn head(&self, repository: &Repository, record: &Record) -> Result<String, WorktreeError> {
        if self.git_dir == repository.common {
            return already_kept(repository, record).await;
        }
        let call = self.call(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
        let output = call.answers(1).answers(128).output().await?;
        let head = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status == 0 && !head.is_empty() {
            return Ok(head);
        }
        already_kept(repository, record).await
    }

    /// All files as a tree.
    async fn tree(&self, parent: &str) -> Result<String, WorktreeError> {
        self.fill_index(parent).await?;
        let nested = self.nested().await?;
        let call = self.call(["add", "--all", "--", "."]);
        let call = call.also(nested.iter().map(|path| exclusion(path)));
        call.setting("advice.addEmbeddedRepo", "false").setting("core.safecrlf", "false").done().await?;
        for path in &nested {
            self.add_nested(path).await?;
        }
        Ok(self.call(["write-tree"]).text().await?)
    }

    /// An index of ours: the agent's own may hide changes. A sparse checkout is known by its index alone.
    async fn fill_index(&self, parent: &str) -> Result<(), WorktreeError> {
        let sparse = self.call(["config", "--type=bool", "--get", "core.sparseCheckout"]).answers(1);
        if String::from_utf8_lossy(&sparse.output().await?.stdout).trim() == "true" {
            let own = self.git_dir.join("index");
            std::fs::copy(&own, &self.index.0).map_err(|error| WorktreeError::io("read", &own, &error))?;
            return Ok(());
        }
        Ok(self.call(["read-tree", parent]).done().await?)
    }

    /// Repositories inside of the worktree that it does not track: git would note their commit and lose
    /// their files.
    async fn nested(&self) -> Result<Vec<PathBuf>, WorktreeError> {
        let call = self.call(["ls-files", "--others", "--exclude-standard", "-z"]);
        let output = call.output().await?;
        let paths = output.stdout.split(|byte| *byte == 0).filter(|path| path.ends_with(b"/"));
        Ok(paths.map(|path| PathBuf::from(OsStr::from_bytes(&path[..path.len() - 1]))).collect())
    }

    /// Adds the files of a nested repository as files.
    async fn add_nested(&self, path: &Path) -> Result<(), WorktreeError> {
        let mut files = Vec::new();
        walk(&self.folder.join(path), &mut files)?;
        let mut lines = Vec::new();
        for file in files {
            let (mode, blob) = self.hash(&file).await?;
            let name = file.strip_prefix(self.folder).unwrap_or(&file);
            lines.extend(format!("{mode} {blob}\t").into_bytes());
            lines.extend(name.as_os_str().as_bytes());
            lines.push(0);
        }
        if lines.is_empty() {
            return Ok(());
        }
        Ok(self.call(["update-index", "-z", "--index-info"]).input(lines).done().await?)
    }

    async fn hash(&self, file: &Path) -> Result<(&'static str, String), WorktreeError> {
        let cannot = |error: std::io::Error| WorktreeError::io("read", file, &error);
        let about = std::fs::symlink_metadata(file).map_err(cannot)?;
        if about.is_symlink() {
            let target = std::fs::read_link(file).map_err(cannot)?;
            let call = self.call(["hash-object", "-w", "--stdin"]).input(target.into_os_string().into_vec());
            return Ok(("120000", call.text().await?));
        }
        let mode = if about.permissions().mode() & 0o100 != 0 { "100755" } else { "100644" };
        let words =
            [OsStr::new("hash-object"), OsStr::new("-w"), OsStr::new("--no-filters"), OsStr::new("--")];
        Ok((mode, self.call(words).also([file]).text().await?))
    }
}

pub(super) fn exclusion(path: &Path) -> std::ffi::OsString {
    let mut words = std::ffi::OsString::from(":(exclude,literal)");
    words.push(path);
    words
}

/// Files and links of a folder but its git folders; nothing is followed.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), WorktreeError> {
    let cannot = |error: std::io::Error| WorktreeError::io("list", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let kind = entry.file_type().map_err(cannot)?;
        if entry.file_name() == ".git" {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() || kind.is_symlink() {
            files.push(entry.path());
        }
    }
    Ok(())
}
