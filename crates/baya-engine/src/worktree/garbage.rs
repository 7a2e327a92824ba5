//! What runs leave in a repository and beside it: found, judged, and removed one by one (contract C71).
//!
//! Only names of ours are looked at, each is removed only while it still is what was judged, and git is
//! never asked to prune: what it would take along is not ours.

use super::record::{Record, make_removable};
use super::{WorktreeError, Worktrees};
use crate::git::{GitError, Locks, Repository};
use baya_core::ids::{AgentNumber, RunId};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A ref or a branch of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRef {
    /// As `refs/baya/wf_…/3`.
    pub name: String,
    pub commit: String,
    pub run: RunId,
    pub keeps: Keeps,
    /// When the commit was made, in seconds since the Unix epoch.
    pub date_s: i64,
}

/// What a ref of ours keeps from being collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// What this agent left.
    Work(AgentNumber),
    /// What the user had not committed.
    Snapshot,
    /// The commit at which worktrees of the run start: only a run that goes on needs it.
    Base,
}

/// The ref that keeps the commit at which worktrees of a run start, whatever the user does to the branch
/// that had it.
pub fn base_kept_as(run: &RunId) -> String {
    format!("refs/baya/{run}/base")
}

/// All refs and branches of ours that keep the work of agents; branches that work was landed on are the
/// user's.
pub async fn own_refs(repository: &Repository) -> Result<Vec<OwnRef>, GitError> {
    let format = "--format=%(refname)%00%(objectname)%00%(committerdate:unix)";
    let words = ["for-each-ref", format, "refs/baya/", "refs/heads/baya-work/"];
    let listed = repository.git.call(&repository.root, words).text().await?;
    Ok(listed.lines().filter_map(own_ref).collect())
}

fn own_ref(line: &str) -> Option<OwnRef> {
    let mut parts = line.split('\0');
    let (name, commit, date) = (parts.next()?, parts.next()?, parts.next()?);
    let rest = name.strip_prefix("refs/baya/").or_else(|| name.strip_prefix("refs/heads/baya-work/"))?;
    let (run, last) = rest.split_once('/')?;
    let keeps = match last {
        "snapshot" => Keeps::Snapshot,
        "base" => Keeps::Base,
        number => Keeps::Work(AgentNumber(number.parse().ok()?)),
    };
    let run = RunId::parse(run).ok()?;
    let (name, commit) = (name.to_owned(), commit.to_owned());
    Some(OwnRef { name, commit, run, keeps, date_s: date.parse().unwrap_or(i64::MAX) })
}

/// Whether a branch has this commit: one of the user's, one of a remote, or one that work landed on.
pub async fn is_in_a_branch(repository: &Repository, commit: &str) -> Result<bool, GitError> {
    let words = ["for-each-ref", "--contains", commit, "--format=%(refname)", "refs/heads/", "refs/remotes/"];
    // A commit that is not there is in no branch.
    let output = repository.git.call(&repository.root, words).answers(128).answers(129).output().await?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(output.status == 0 && names.lines().any(|name| !name.starts_with("refs/heads/baya-work/")))
}

/// Where the checks of a run's landings are run; only there after a crash.
pub fn landing_room(state: &Path, run: &RunId) -> PathBuf {
    state.join("worktrees").join(run.as_str()).join(format!("{run}.landing"))
}

/// Removes the worktree of a landing that was killed; nothing in it is anybody's work.
pub async fn remove_landing_room(
    repository: &Repository,
    locks: &Locks,
    folder: &Path,
) -> Result<(), WorktreeError> {
    let _turn = locks.take(&repository.common).await?;
    remove_all(folder)?;
    if let Some(name) = folder.file_name() {
        remove_all(&repository.common.join("worktrees").join(name))?;
    }
    forget_above(folder);
    Ok(())
}

impl Worktrees {
    /// Removes what a crash left, after everything in it was kept. What was never made whole has no work
    /// in it.
    pub async fn clear(&self, record: &Record) -> Result<(), WorktreeError> {
        if record.ready {
            return self.remove(record).await.map(drop);
        }
        let _own = self.locks.take(&record.folder).await?;
        self.unmake(record).await
    }
}

/// A folder with all that is in it; none is as good.
pub fn remove_all(folder: &Path) -> Result<(), WorktreeError> {
    let removed = std::fs::remove_dir_all(folder).or_else(|error| match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => {
            make_removable(folder);
            std::fs::remove_dir_all(folder)
        }
    });
    removed.map_err(|error| WorktreeError::io("remove", folder, &error))
}

/// The run's folder goes with its last worktree.
fn forget_above(folder: &Path) {
    if let Some(above) = folder.parent() {
        let _ = std::fs::remove_dir(above);
    }
}
