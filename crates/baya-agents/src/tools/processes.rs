//! The processes that an agent's commands start, and their certain end ([`crate::program::tree`]).

use crate::program::tree::Tree;
use rustix::process::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long processes may take to end after TERM.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long readers may take once nobody writes any more.
const READER_GRACE: Duration = Duration::from_millis(500);

/// Ends whatever carries the mark of this agent; false if something withstands.
pub async fn end_all(mark: &str) -> bool {
    Tree::of_agent(mark, PATIENCE).end().await
}

/// The processes of one command.
pub(super) fn of_command(leader: u32, mark: &str) -> Tree {
    Tree::of_command(leader, mark, PATIENCE)
}

/// Kills when it is dropped before it was over: the caller has lost interest.
pub(super) struct Guard {
    pub tree: Tree,
    pub over: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.over {
            self.tree.signal(Signal::KILL);
        }
    }
}

/// What commands left in the background, and the tasks that read what it writes.
#[derive(Clone)]
pub(super) struct Background {
    left: Arc<Left>,
}

struct Left {
    readers: Mutex<JoinSet<()>>,
    mark: String,
    /// A command was started since the last end.
    is_used: AtomicBool,
}

impl Background {
    pub fn new(mark: &str) -> Background {
        let left = Left { readers: Mutex::default(), mark: mark.to_owned(), is_used: AtomicBool::new(false) };
        Background { left: Arc::new(left) }
    }

    pub fn starts(&self) {
        self.left.is_used.store(true, Ordering::Relaxed);
    }

    pub fn read(&self, reader: impl Future<Output = ()> + Send + 'static) {
        let mut readers = self.left.readers.lock().unwrap_or_else(PoisonError::into_inner);
        while readers.try_join_next().is_some() {}
        readers.spawn(reader);
    }

    /// False if something withstands.
    pub async fn end(&self) -> bool {
        let over = end_all(&self.left.mark).await;
        self.left.is_used.store(!over, Ordering::Relaxed);
        let readers = &self.left.readers;
        let mut readers = std::mem::take(&mut *readers.lock().unwrap_or_else(PoisonError::into_inner));
        // What is still open then is held by somebody else; dropping the readers closes our end.
        let _ =
            tokio::time::timeout(READER_GRACE, async { while readers.join_next().await.is_some() {} }).await;
        over
    }
}

/// A room that was given up without an end leaves nothing at work either.
impl Drop for Left {
    fn drop(&mut self) {
        if *self.is_used.get_mut() {
            Tree::of_agent(&self.mark, PATIENCE).signal(Signal::KILL);
        }
    }
}
