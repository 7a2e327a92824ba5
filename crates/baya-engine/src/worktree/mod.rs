//! A git worktree per agent: made from a recorded commit, kept as a commit, and only then removed
//! (contract C70, C71).
//!
//! Worktrees stand below the state folder, not in the repository, so that editors and watchers do not see
//! them. A record beside each says what it is before it exists, so that whatever a crash leaves can be
//! found. Whatever an agent did to its folder, to its `.git` file or to its entry in the repository: its
//! files are committed to a ref of ours before anything is removed.

mod awkward;
pub mod dirty;
mod executables;
pub mod garbage;
mod include;
mod keep;
mod looks;
mod measure;
mod record;

pub use looks::{Looks, changes};
pub use record::{Record, leftovers};

use crate::git::{GitError, Locked, Locks, Repository};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::work::Work;
use executables::{Core, Executables};
use std::path::{Path, PathBuf};

/// The worktrees of one run.
#[derive(Debug, Clone)]
pub struct Worktrees {
    repository: Repository,
    locks: Locks,
    /// `<state>/worktrees/<run>`.
    folder: PathBuf,
    run: RunId,
    /// What the repository's configuration could run when the run was taken.
    known: Executables,
    core: Option<Core>,
}

/// One worktree, as an agent gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    pub record: Record,
    /// What is to be said about it.
    pub notes: Vec<String>,
}

/// Why there is no worktree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorktreeError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("there is no commit `{0}` to start from")]
    NoBase(String),
    #[error("the submodule `{path}` cannot be had without network: {why}")]
    Submodule { path: String, why: String },
    #[error("cannot {what} `{}`: {why}", .path.display())]
    Io { what: &'static str, path: PathBuf, why: String },
}

impl WorktreeError {
    pub(crate) fn io(what: &'static str, path: &Path, error: &std::io::Error) -> WorktreeError {
        WorktreeError::Io { what, path: path.to_owned(), why: error.to_string() }
    }
}

impl Worktrees {
    /// Those of a run, below this state folder.
    pub async fn new(
        repository: Repository,
        locks: Locks,
        state: &Path,
        run: &RunId,
    ) -> Result<Worktrees, GitError> {
        // What a process before us found: an agent may have planted something since.
        let earlier = leftovers(state).into_iter().find(|record| record.run == *run && record.ready);
        let (known, core) = match earlier {
            Some(record) => (record.programs, record.core),
            None => {
                let (known, core) = executables::read(&repository, &repository.common).await?;
                (known, Some(core))
            }
        };
        let folder = state.join("worktrees").join(run.as_str());
        Ok(Worktrees { repository, locks, folder, run: run.clone(), known, core })
    }

    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The worktree of this agent: the one it had, if it is still there, else a fresh one from `base`.
    pub async fn open(&self, agent: AgentNumber, base: &str) -> Result<Worktree, WorktreeError> {
        let record = Record::new(&self.repository, &self.folder, &self.run, agent, base);
        let own = self.locks.take(&record.folder).await?;
        let old = Record::read(&record.file())?;
        if let Some(old) = old.filter(Record::is_in_use) {
            old.unlock_index();
            return Ok(Worktree { record: old, notes: Vec::new() });
        }
        let base = self.repository.commit(base).await?;
        let base = base.ok_or_else(|| WorktreeError::NoBase(record.base.clone()))?;
        let record = Record { base, programs: self.known.clone(), core: self.core.clone(), ..record };
        let made = self.make(record.clone(), &own).await;
        if made.is_err() {
            // There is no work in it yet. What cannot be removed either is left to `baya gc`.
            let _ = self.unmake(&record).await;
        }
        made
    }

    async fn make(&self, record: Record, own: &Locked) -> Result<Worktree, WorktreeError> {
        record.write()?;
        self.add(&record).await?;
        let mut notes = self.check_out(&record, own).await?;
        notes.extend(include::copy(&self.repository, &record.folder).await?);
        let record = Record { ready: true, ..record };
        record.write()?;
        Ok(Worktree { record, notes })
    }

    /// Removes what was never made whole.
    async fn unmake(&self, record: &Record) -> Result<(), WorktreeError> {
        let _turn = self.locks.take(&self.repository.common).await?;
        record.remove_folder()?;
        record.forget_entry()?;
        self.repository.drop_ref(&format!("refs/heads/{}", record.branch), &record.base).await?;
        self.locks.forget(&record.folder);
        record.forget()
    }

    /// The entry in the repository, without files: only this is done one at a time.
    async fn add(&self, record: &Record) -> Result<(), WorktreeError> {
        let turn = self.locks.take(&self.repository.common).await?;
        // What a crash left half made.
        record.remove_folder()?;
        record.forget_entry()?;
        // What an earlier attempt left, if its folder is gone, is where this one goes on.
        let kept = self.repository.commit(&record.kept_as()).await?;
        let from = kept.as_ref().unwrap_or(&record.base);
        let reason = format!("baya {} agent {}", record.run, record.agent.0);
        let folder = record.folder.display().to_string();
        let words = ["worktree", "add", "--quiet", "--no-checkout", "--force", "--lock", "--reason", &reason];
        let call = self.repository.git.call(&self.repository.root, words);
        call.also(["-B", &record.branch, &folder, from]).holding(&turn).done().await?;
        Ok(())
    }

    async fn check_out(&self, record: &Record, own: &Locked) -> Result<Vec<String>, WorktreeError> {
        let call = self.repository.git.call(&record.folder, ["reset", "--hard", "--quiet"]);
        call.holding(own).done().await?;
        awkward::fill_submodules(&self.repository, record).await
    }

    /// Commits all that is in the worktree to a ref of ours. The worktree stays as it is.
    pub async fn keep(&self, record: &Record) -> Result<Work, WorktreeError> {
        let own = self.locks.take(&record.folder).await?;
        self.keep_held(record, &own).await
    }

    async fn keep_held(&self, record: &Record, own: &Locked) -> Result<Work, WorktreeError> {
        let head = keep::commit(&self.repository, record, own).await?;
        if head != record.base {
            self.repository.set_ref(&record.kept_as(), &head).await?;
        }
        measure::work(&self.repository, record, head).await
    }

    /// Removes a worktree after everything in it was kept; its branch goes, too, if nothing was changed.
    pub async fn remove(&self, record: &Record) -> Result<Work, WorktreeError> {
        let own = self.locks.take(&record.folder).await?;
        let work = self.keep_held(record, &own).await?;
        let _turn = self.locks.take(&self.repository.common).await?;
        record.remove_folder()?;
        record.forget_entry()?;
        let branch = format!("refs/heads/{}", record.branch);
        if work.is_empty() {
            self.repository.drop_ref(&branch, &record.base).await?;
        } else if self.repository.commit(&branch).await?.as_deref() != Some(&work.head) {
            self.repository.set_ref(&branch, &work.head).await?;
        }
        self.locks.forget(&record.folder);
        record.forget()?;
        Ok(work)
    }
}
