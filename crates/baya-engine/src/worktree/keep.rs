//! Commits all that an agent left in its folder: tracked or not, but not what the repository ignores.
//!
//! Only plumbing is used, with the repository's own entry and an index of ours: whatever the agent did to
//! its `.git` file, its index, its branch or a rebase in progress has no say.

use super::WorktreeError;
use super::executables::{self, with};
use super::record::{Record, is_folder};
use crate::git::{Call, Locked, Repository};
use std::ffi::OsStr;
use std::fs::FileType;
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
    own: &Locked,
) -> Result<String, WorktreeError> {
    if !is_folder(&record.folder) {
        return already_kept(repository, record).await;
    }
    let place = Place::of(repository, record, Some(own), "index").await?;
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
pub(super) struct Place<'a> {
    repository: &'a Repository,
    folder: &'a Path,
    own: Option<&'a Locked>,
    git_dir: PathBuf,
    index: Index,
    /// What an agent changed of the repository's, set back.
    settings: Vec<(String, String)>,
}

/// Removed when dropped.
struct Index(PathBuf);

impl Drop for Index {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl<'a> Place<'a> {
    /// For a look at files that an agent is working on: nothing is kept.
    pub async fn looked_at(
        repository: &'a Repository,
        record: &'a Record,
    ) -> Result<Place<'a>, WorktreeError> {
        // Others may look at the same time.
        Place::of(repository, record, None, &format!("look-{}", std::process::id())).await
    }

    async fn of(
        repository: &'a Repository,
        record: &'a Record,
        own: Option<&'a Locked>,
        index: &str,
    ) -> Result<Place<'a>, WorktreeError> {
        // An agent can remove its own entry; its files are there still.
        let whole = record.entry.join("HEAD").is_file() && record.entry.join("commondir").is_file();
        let git_dir = if whole { record.entry.clone() } else { repository.common.clone() };
        let (programs, core) = executables::read(repository, &git_dir).await?;
        let index = Index(record.folder.with_added_extension(index));
        let _ = std::fs::remove_file(&index.0);
        let mut settings = record.programs.added_in(&programs);
        settings.extend(record.core.iter().flat_map(|before| before.changed_in(&core, repository)));
        Ok(Place { repository, folder: &record.folder, own, git_dir, index, settings })
    }

    pub fn index(&self) -> &Path {
        &self.index.0
    }

    pub fn call<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Call {
        let call = self.repository.git.call(self.folder, words);
        let call = call.git_dir(&self.git_dir).work_tree(self.folder).index(&self.index.0);
        let call = self.own.into_iter().fold(call, |call, own| call.holding(own));
        with(&self.settings, call)
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
        if let Err(error) = self.add_all(&nested).await {
            // A pipe in the place of a file: git adds nothing at all then.
            let special = walk(self.folder, &|kind| !kind.is_file() && !kind.is_symlink())?;
            if special.is_empty() {
                return Err(error);
            }
            let special: Vec<&Path> =
                special.iter().map(|path| path.strip_prefix(self.folder).unwrap_or(path)).collect();
            self.forget(&special).await?;
            self.add_all(&special.into_iter().chain(nested.iter().map(PathBuf::as_path)).collect::<Vec<_>>())
                .await?;
        }
        for path in &nested {
            self.add_nested(path).await?;
        }
        Ok(self.call(["write-tree"]).text().await?)
    }

    /// All but these.
    async fn add_all<P: AsRef<Path>>(&self, but: &[P]) -> Result<(), WorktreeError> {
        let call =
            self.call(["add", "--all", "--", "."]).also(but.iter().map(|path| exclusion(path.as_ref())));
        let call = call.setting("advice.addEmbeddedRepo", "false").setting("core.safecrlf", "false");
        Ok(call.done().await?)
    }

    /// Their files are no more.
    async fn forget(&self, paths: &[&Path]) -> Result<(), WorktreeError> {
        let names: Vec<u8> =
            paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        Ok(self.call(["update-index", "--force-remove", "-z", "--stdin"]).input(names).done().await?)
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
        let files = walk(&self.folder.join(path), &|kind| kind.is_file() || kind.is_symlink())?;
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

/// What is of some kind in a folder but its git folders; nothing is followed.
fn walk(folder: &Path, wanted: &dyn Fn(FileType) -> bool) -> Result<Vec<PathBuf>, WorktreeError> {
    let cannot = |error: std::io::Error| WorktreeError::io("list", folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let kind = entry.file_type().map_err(cannot)?;
        if entry.file_name() == ".git" {
            continue;
        }
        if kind.is_dir() {
            found.extend(walk(&entry.path(), wanted)?);
        } else if wanted(kind) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
