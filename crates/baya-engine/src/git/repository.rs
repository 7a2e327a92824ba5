//! A repository as runs need it: where its parts are, what its HEAD is, and why it may be of no use.

use super::{Git, GitError};
use std::path::{Path, PathBuf};

/// The oldest git whose `merge-tree` merges without a checkout.
const VERSION_MIN: (u32, u32) = (2, 38);

/// A repository with a work tree.
#[derive(Debug, Clone)]
pub struct Repository {
    pub git: Git,
    /// The work tree's root.
    pub root: PathBuf,
    /// The git folder that all worktrees share.
    pub common: PathBuf,
}

/// Why no worktree can be made here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("`{}` is in no git repository", .0.display())]
    None(PathBuf),
    #[error("the repository `{}` is bare: it has no files to work on", .0.display())]
    Bare(PathBuf),
    #[error("the repository `{}` has no commit yet", .0.display())]
    NoCommit(PathBuf),
    #[error("git {}.{} is too old", .0.0, .0.1)]
    TooOld((u32, u32)),
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Unfit {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Unfit::None(_) => Some("run it in a repository, or make one: git init".to_owned()),
            Unfit::Bare(_) => Some("run it in a checkout: git worktree add, or git clone".to_owned()),
            Unfit::NoCommit(_) => Some("make a first commit: git add -A && git commit".to_owned()),
            Unfit::TooOld(_) => Some(format!("install git {}.{} or newer", VERSION_MIN.0, VERSION_MIN.1)),
            Unfit::Git(error) => error.hint().map(str::to_owned),
        }
    }
}

impl Repository {
    /// The repository around a folder.
    pub async fn find(git: &Git, folder: &Path) -> Result<Repository, Unfit> {
        let version = git.version().await?;
        if version < VERSION_MIN {
            return Err(Unfit::TooOld(version));
        }
        let asked = ["rev-parse", "--path-format=absolute", "--is-bare-repository", "--git-common-dir"];
        let said = match git.call(folder, asked).text().await {
            Ok(said) => said,
            Err(GitError::Failed { status: 128, .. }) => return Err(Unfit::None(folder.to_owned())),
            Err(error) => return Err(error.into()),
        };
        let (bare, common) =
            said.split_once('\n').ok_or_else(|| GitError::Unreadable { said: said.clone() })?;
        if bare == "true" {
            return Err(Unfit::Bare(folder.to_owned()));
        }
        let common = PathBuf::from(common);
        let root = git.call(folder, ["rev-parse", "--path-format=absolute", "--show-toplevel"]).text().await;
        let root = root.map_err(|_| Unfit::None(folder.to_owned()))?;
        Ok(Repository { git: git.clone(), root: PathBuf::from(root), common })
    }

    /// The commit that a name stands for; `None`: there is none.
    pub async fn commit(&self, name: &str) -> Result<Option<String>, GitError> {
        let asked = format!("{name}^{{commit}}");
        let call =
            self.git.call(&self.root, ["rev-parse", "--verify", "--quiet", "--end-of-options", &asked]);
        let output = call.answers(1).answers(128).output().await?;
        let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status == 0 && !found.is_empty()).then_some(found))
    }

    /// The commit that is checked out.
    pub async fn head(&self) -> Result<String, Unfit> {
        self.commit("HEAD").await?.ok_or_else(|| Unfit::NoCommit(self.root.clone()))
    }

    /// Sets a ref, whatever it was.
    pub async fn set_ref(&self, name: &str, commit: &str) -> Result<(), GitError> {
        self.git.call(&self.root, ["update-ref", "--no-deref", name, commit]).done().await
    }

    /// Removes a ref if it still is at this commit; false: it is elsewhere.
    pub async fn drop_ref(&self, name: &str, at: &str) -> Result<bool, GitError> {
        let call = self.git.call(&self.root, ["update-ref", "--no-deref", "-d", name, at]);
        match call.done().await {
            Ok(()) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
