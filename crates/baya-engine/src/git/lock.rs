//! One at a time for what changes the shared part of a repository: worktree entries, refs, the config.
//!
//! Git locks single files, and two `git worktree add` at once can still fail. So all processes of ours
//! take turns per repository: within a process through a queue, across processes through a file lock,
//! which the kernel gives back when its holder dies. A git that was called meanwhile may outlive us: it
//! holds the lock, too, by its standard input, so that whoever comes next waits for its end.

use super::GitError;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The locks of all repositories; below the state folder.
#[derive(Debug, Clone)]
pub struct Locks {
    folder: PathBuf,
    queues: Arc<Mutex<BTreeMap<PathBuf, Queue>>>,
}

/// Given back when dropped, and when every program that holds it has ended.
#[derive(Debug)]
pub struct Locked {
    file: Arc<File>,
    _turn: OwnedMutexGuard<()>,
}

impl Locked {
    /// The file that is locked: empty, and locked as long as anybody has it open.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

impl Locks {
    pub fn new(state: &Path) -> Locks {
        Locks { folder: state.join("locks"), queues: Arc::default() }
    }

    /// Waits for the turn at this repository, named by its common git folder, or at one worktree of it.
    pub async fn take(&self, common: &Path) -> Result<Locked, GitError> {
        let busy = || GitError::Busy { repository: common.to_owned(), seconds: PATIENCE.as_secs() };
        let deadline = Instant::now() + PATIENCE;
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.entry(common.to_owned()).or_default().clone()
        };
        let turn = tokio::time::timeout_at(deadline, queue.lock_owned()).await.map_err(|_| busy())?;
        let file = self.file(common)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { file: Arc::new(file), _turn: turn }),
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(std::fs::TryLockError::WouldBlock) => return Err(busy()),
                Err(std::fs::TryLockError::Error(error)) => return Err(GitError::io("lock", common, &error)),
            }
        }
    }

    fn file(&self, common: &Path) -> Result<File, GitError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| GitError::io("make the folder", &self.folder, &error))?;
        let path = self.path(common);
        let mut options = OpenOptions::new();
        let opened = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        opened.map_err(|error| GitError::io("open", &path, &error))
    }

    fn path(&self, common: &Path) -> PathBuf {
        let name = blake3::hash(common.as_os_str().as_encoded_bytes()).to_hex();
        self.folder.join(format!("git-{}", &name[..16]))
    }

    /// What was locked is no more, and nobody will ask for its turn again.
    pub fn forget(&self, common: &Path) {
        let _ = std::fs::remove_file(self.path(common));
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).remove(common);
    }
}
