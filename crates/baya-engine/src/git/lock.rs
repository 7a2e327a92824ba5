//! One at a time for what changes the shared part of a repository: worktree entries, refs, the config.
//!
//! Git locks single files, and two `git worktree add` at once can still fail. So all processes of ours
//! take turns per repository: within a process through a queue, across processes through a file lock,
//! which the kernel gives back when its holder dies.

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

/// Given back when dropped.
#[derive(Debug)]
pub struct Locked {
    _file: File,
    _turn: OwnedMutexGuard<()>,
}

impl Locks {
    pub fn new(state: &Path) -> Locks {
        Locks { folder: state.join("locks"), queues: Arc::default() }
    }

    /// Waits for the turn at this repository, named by its common git folder.
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
                Ok(()) => return Ok(Locked { _file: file, _turn: turn }),
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
        let name = blake3::hash(common.as_os_str().as_encoded_bytes()).to_hex();
        let path = self.folder.join(format!("git-{}", &name[..16]));
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        opened.map_err(|error| GitError::io("open", &path, &error))
    }
}
