//! Where agents work: the folder of the run, or a worktree of their own.

use crate::git::Locks;
use crate::git::{Git, Repository};
use crate::worktree::{Looks, Record, Worktree, WorktreeError, Worktrees, leftovers};
use baya_core::agent::{AgentTask, Cause, CauseKind};
use baya_core::ids::{AgentNumber, RunId};
use baya_core::work::{Changes, Work};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, OnceCell};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens the place of an attempt, keeps what was left there, and clears it when the agent is over.
pub trait Workspace: Send + Sync {
    fn open<'a>(&'a self, task: &'a AgentTask) -> Boxed<'a, Result<Opened, Cause>>;

    /// After every attempt, however it ended; what is kept is durable before this returns.
    fn keep<'a>(&'a self, agent: AgentNumber) -> Boxed<'a, Kept>;

    /// The agent is over, and its end is durable.
    fn clear<'a>(&'a self, agent: AgentNumber) -> Boxed<'a, ()>;

    /// Tells how much the agent has changed so far, whenever that is news, until the attempt has ended.
    fn watch<'a>(&'a self, _agent: AgentNumber, _signs: &'a Signs, _tell: Tell<'a>) -> Boxed<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Hears how much is changed.
pub type Tell<'a> = &'a (dyn Fn(Changes) + Send + Sync);

/// What an attempt lets its watcher know.
#[derive(Debug, Default)]
pub struct Signs {
    /// It has done something: a look is worth its while.
    pub acted: Notify,
    pub ended: Notify,
}

/// A place to work in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub folder: PathBuf,
    /// What the agent has to know of it; empty: nothing.
    pub rule: String,
    /// What is to be said about it.
    pub notes: Vec<String>,
}

/// What became of what an agent left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    pub work: Option<Work>,
    /// What could not be kept, and where it stays.
    pub notes: Vec<String>,
}

/// Agents work in the folder of the run itself.
pub struct InPlace {
    pub folder: PathBuf,
}

impl Workspace for InPlace {
    fn open<'a>(&'a self, task: &'a AgentTask) -> Boxed<'a, Result<Opened, Cause>> {
        let folder = folder_of(&self.folder, task.options.cwd.as_deref());
        let opened = folder.map(|folder| Opened { folder, rule: String::new(), notes: Vec::new() });
        Box::pin(std::future::ready(opened))
    }

    fn keep<'a>(&'a self, _agent: AgentNumber) -> Boxed<'a, Kept> {
        Box::pin(std::future::ready(Kept::default()))
    }

    fn clear<'a>(&'a self, _agent: AgentNumber) -> Boxed<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Agents that ask for it work in git worktrees; the others in the folder of the run.
pub struct GitWorktrees {
    pub git: Git,
    pub locks: Locks,
    /// The folder of the run; worktrees are of the repository around it.
    pub folder: PathBuf,
    pub state: PathBuf,
    pub run: RunId,
    /// The commit at which worktrees start that say nothing else.
    pub base: Option<String>,
    worktrees: OnceCell<Worktrees>,
    looks: Looks,
    open: Mutex<BTreeMap<AgentNumber, Record>>,
}

impl GitWorktrees {
    pub fn new(git: Git, folder: PathBuf, state: PathBuf, run: RunId, base: Option<String>) -> GitWorktrees {
        let (locks, worktrees, open) = (Locks::new(&state), OnceCell::new(), Mutex::default());
        GitWorktrees { git, locks, folder, state, run, base, worktrees, looks: Looks::default(), open }
    }

    async fn worktrees(&self) -> Result<&Worktrees, Cause> {
        let made = self.worktrees.get_or_try_init(|| async {
            let repository = Repository::find(&self.git, &self.folder).await.map_err(|unfit| {
                let cause = Cause::new(CauseKind::Program, format!("no worktree: {unfit}"));
                unfit.hint().into_iter().fold(cause, |cause, hint| cause.hint(hint))
            })?;
            let worktrees = Worktrees::new(repository, self.locks.clone(), &self.state, &self.run).await;
            worktrees.map_err(|error| cause_of(&WorktreeError::Git(error)))
        });
        made.await
    }

    async fn open_worktree(&self, task: &AgentTask) -> Result<Opened, Cause> {
        let worktrees = self.worktrees().await?;
        let base = task.options.base.as_deref().or(self.base.as_deref()).unwrap_or("HEAD");
        let Worktree { record, notes } =
            worktrees.open(task.agent, base).await.map_err(|error| cause_of(&error))?;
        let folder = self.below(worktrees.repository(), &record, task.options.cwd.as_deref());
        let rule = rule(&record, &worktrees.repository().root);
        self.known().insert(task.agent, record);
        Ok(Opened { folder, rule, notes })
    }

    /// The same folder of the repository that the run itself is in.
    fn below(&self, repository: &Repository, record: &Record, cwd: Option<&str>) -> PathBuf {
        let own = std::fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let root = std::fs::canonicalize(&repository.root).unwrap_or_else(|_| repository.root.clone());
        let below = own.strip_prefix(root).unwrap_or(Path::new(""));
        let wanted = record.folder.join(below).join(cwd.unwrap_or_default());
        if wanted.is_dir() { wanted } else { record.folder.clone() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<AgentNumber, Record>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clears what an earlier process of ours left of agents that are over: their work is in the journal.
    pub async fn clear_left(&self, is_over: impl Fn(AgentNumber) -> bool) {
        let left = leftovers(&self.state).into_iter();
        let left: Vec<Record> =
            left.filter(|record| record.run == self.run && is_over(record.agent)).collect();
        if left.is_empty() {
            return;
        }
        let Ok(worktrees) = self.worktrees().await else { return };
        for record in left {
            // One that cannot be removed stays for `baya gc`, which says why.
            let _ = worktrees.remove(&record).await;
        }
    }
}

impl Workspace for GitWorktrees {
    fn open<'a>(&'a self, task: &'a AgentTask) -> Boxed<'a, Result<Opened, Cause>> {
        Box::pin(async move {
            if task.options.worktree {
                return self.open_worktree(task).await;
            }
            let folder = folder_of(&self.folder, task.options.cwd.as_deref())?;
            Ok(Opened { folder, rule: String::new(), notes: Vec::new() })
        })
    }

    fn keep<'a>(&'a self, agent: AgentNumber) -> Boxed<'a, Kept> {
        Box::pin(async move {
            let Some(record) = self.known().get(&agent).cloned() else { return Kept::default() };
            let Some(worktrees) = self.worktrees.get() else { return Kept::default() };
            match worktrees.keep(&record).await {
                Ok(work) => Kept { work: Some(work), notes: Vec::new() },
                Err(error) => {
                    let place = record.folder.display();
                    let note =
                        format!("what it left could not be committed ({error}); it stays in `{place}`");
                    Kept { work: None, notes: vec![note] }
                }
            }
        })
    }

    fn clear<'a>(&'a self, agent: AgentNumber) -> Boxed<'a, ()> {
        Box::pin(async move {
            let Some(record) = self.known().remove(&agent) else { return };
            let Some(worktrees) = self.worktrees.get() else { return };
            // What cannot be committed is not removed: `remove` keeps first.
            let _ = worktrees.remove(&record).await;
        })
    }

    fn watch<'a>(&'a self, agent: AgentNumber, signs: &'a Signs, tell: Tell<'a>) -> Boxed<'a, ()> {
        Box::pin(async move {
            let Some(record) = self.known().get(&agent).cloned() else { return };
            let Some(worktrees) = self.worktrees.get() else { return };
            self.looks.watch(worktrees.repository(), &record, signs, tell).await;
        })
    }
}

/// Where an agent works: a folder below the run's, behind all links.
pub fn folder_of(root: &Path, cwd: Option<&str>) -> Result<PathBuf, Cause> {
    let Some(cwd) = cwd else { return Ok(root.to_owned()) };
    let unusable = |why: &str| {
        let message = format!("`cwd` `{cwd}` {why}");
        Cause::new(CauseKind::Program, message).hint("`cwd` names a folder below the working folder")
    };
    let real = |path: &Path| path.canonicalize().map_err(|_| unusable("is not there"));
    let (top, folder) = (real(root)?, real(&root.join(cwd))?);
    match folder.starts_with(&top) {
        false => Err(unusable("leads out of the working folder")),
        true if folder.is_dir() => Ok(folder),
        true => Err(unusable("is no folder")),
    }
}

/// What the agent is told of its place (C70).
fn rule(record: &Record, root: &Path) -> String {
    format!(
        "You work in a git worktree of your own, `{}`, on the branch `{}`, which starts at the commit {}. The \
         checkout `{}` belongs to somebody else: do not read or change anything there. You need not commit; all \
         that you leave is kept.",
        record.folder.display(),
        record.branch,
        record.base,
        root.display()
    )
}

fn cause_of(error: &WorktreeError) -> Cause {
    let cause = Cause::new(CauseKind::Program, format!("no worktree: {error}"));
    let hint = match error {
        WorktreeError::Git(error) => error.hint().map(str::to_owned),
        WorktreeError::NoBase(_) => Some("`base` names a commit, a branch or a tag".to_owned()),
        WorktreeError::Submodule { path, .. } => Some(format!("git submodule update --init {path}")),
        WorktreeError::Io { .. } => None,
    };
    hint.into_iter().fold(cause, Cause::hint)
}
