//! Brings what has landed into a branch of the user's: only forward, or by a merge they asked for, and
//! never under the feet of a checkout with changes in it.

use super::merge::signed_by_us;
use crate::git::{GitError, Locks, Repository};

/// How a branch of the user's was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Into {
    /// It had nothing of its own since.
    Forwarded {
        from: String,
        to: String,
    },
    Merged {
        from: String,
        to: String,
    },
    AlreadyThere,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntoError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("there is no branch `{0}`")]
    NoBranch(String),
    #[error("`{branch}` is checked out in `{folder}`, and files there are changed")]
    Dirty { branch: String, folder: String },
    #[error("`{branch}` has commits of its own and the landed work is in conflict with it in {}", .files.join(", "))]
    Conflict { branch: String, files: Vec<String> },
    #[error("`{0}` was moved while it was merged into")]
    Moved(String),
}

impl IntoError {
    /// The command to run by hand.
    pub fn hint(&self, landed: &str) -> Option<String> {
        let landed = landed.strip_prefix("refs/heads/").unwrap_or(landed);
        match self {
            IntoError::Dirty { .. } => Some(format!("commit or stash them, then: git merge {landed}")),
            IntoError::Conflict { branch, .. } => {
                Some(format!("merge by hand: git switch {branch} && git merge {landed}"))
            }
            IntoError::NoBranch(_) => Some("git branch --list shows the branches".to_owned()),
            IntoError::Moved(_) => Some("land again".to_owned()),
            IntoError::Git(error) => error.hint().map(str::to_owned),
        }
    }
}

/// Merges `landed` into a local branch.
pub async fn bring_into(
    repository: &Repository,
    locks: &Locks,
    branch: &str,
    landed: &str,
) -> Result<Into, IntoError> {
    let _turn = locks.take(&repository.common).await?;
    let name = format!("refs/heads/{branch}");
    let no_branch = || IntoError::NoBranch(branch.to_owned());
    let from = repository.commit(&name).await?.ok_or_else(no_branch)?;
    if is_in(repository, landed, &from).await? {
        return Ok(Into::AlreadyThere);
    }
    let forward = is_in(repository, &from, landed).await?;
    let to = if forward { landed.to_owned() } else { joined(repository, branch, &from, landed).await? };
    match checked_out_in(repository, &name).await? {
        Some(folder) => move_checkout(repository, branch, &folder, &to).await?,
        None => {
            let words = ["update-ref", "--no-deref", &name, &to, &from];
            let moved = repository.git.call(&repository.root, words).done().await;
            moved.map_err(|_| IntoError::Moved(branch.to_owned()))?;
        }
    }
    Ok(if forward { Into::Forwarded { from, to } } else { Into::Merged { from, to } })
}

async fn is_in(repository: &Repository, commit: &str, of: &str) -> Result<bool, GitError> {
    let words = ["merge-base", "--is-ancestor", commit, of];
    Ok(repository.git.call(&repository.root, words).answers(1).output().await?.status == 0)
}

/// A merge commit of both.
async fn joined(
    repository: &Repository,
    branch: &str,
    ours: &str,
    theirs: &str,
) -> Result<String, IntoError> {
    let words = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs];
    let output = repository.git.call(&repository.root, words).answers(1).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.split('\0').filter(|part| !part.is_empty());
    let tree = parts.next().unwrap_or_default();
    if output.status == 1 {
        let files = parts.map(str::to_owned).collect();
        return Err(IntoError::Conflict { branch: branch.to_owned(), files });
    }
    let call = repository.git.call(&repository.root, ["commit-tree", tree, "-p", ours, "-p", theirs]);
    Ok(signed_by_us(call).input(format!("Merge landed work into {branch}\n")).text().await?)
}

/// The folder in which a branch is checked out, if it is.
async fn checked_out_in(repository: &Repository, name: &str) -> Result<Option<String>, GitError> {
    let words = ["worktree", "list", "--porcelain", "-z"];
    let listed = repository.git.call(&repository.root, words).output().await?.stdout;
    let text = String::from_utf8_lossy(&listed).into_owned();
    let mut folder = None;
    for line in text.split('\0') {
        if let Some(path) = line.strip_prefix("worktree ") {
            folder = Some(path.to_owned());
        }
        if line.strip_prefix("branch ") == Some(name) {
            return Ok(folder);
        }
    }
    Ok(None)
}

/// Files and branch together, as `git merge --ff-only` does; only in a clean tree.
async fn move_checkout(
    repository: &Repository,
    branch: &str,
    folder: &str,
    to: &str,
) -> Result<(), IntoError> {
    let place = std::path::Path::new(folder);
    let status = repository.git.call(place, ["status", "--porcelain", "--untracked-files=no"]).text().await?;
    if !status.is_empty() {
        return Err(IntoError::Dirty { branch: branch.to_owned(), folder: folder.to_owned() });
    }
    Ok(repository.git.call(place, ["merge", "--ff-only", "--quiet", to]).done().await?)
}
