//! Host steps of a script, done on this machine: commands, files, git, landing.
//!
//! Paths stay inside the working folder, also behind symbolic links. What may be run at all, and behind
//! which walls, is the binary's to say: it hands in a [`CommandRunner`].

use crate::git::{Git, Locks, Repository};
use crate::landing::{CheckRunner, Desk, Landed, Landing, LandingLog};
use baya_core::ids::RunId;
use baya_core::landing::{Fate, LandingOptions, LandingRecord, Piece};
use baya_core::step::{HostStep, StepOrder, StepOutcome};
use serde_json::{Value, json};
use std::future::Future;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most that is read of a file or kept of an output.
const TEXT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Paths that `baya.glob` gives.
const PATHS_MAX: usize = 100_000;
/// How long a command may take that does not say.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10 * 60);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Does host steps. Never panics on what the outside does.
pub trait HostSteps: Send + Sync {
    /// `desk` is the run, for a landing.
    fn perform(&self, order: StepOrder, desk: Desk) -> Boxed<'_, StepOutcome>;
}

/// Runs shell lines of scripts.
pub trait CommandRunner: Send + Sync {
    fn run<'a>(&'a self, line: &'a str, folder: &'a Path, limit: Duration) -> Boxed<'a, Result<Ran, String>>;
}

/// Asked before a step touches anything outside; answers why it may not. What holds for agents holds for
/// scripts, too.
pub trait StepGuard: Send + Sync {
    fn may(&self, name: &str, wish: Wish<'_>) -> Result<(), String>;
}

/// What a step is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    Run(&'a str),
    /// Behind all links.
    Read(&'a Path),
    Write(&'a Path),
}

/// What came of a shell line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// `None`: it was ended by a signal, or by us.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
}

/// The host of runs on this machine.
pub struct LocalHost {
    pub run: RunId,
    pub folder: PathBuf,
    pub state: PathBuf,
    /// Where outputs of checks stay.
    pub logs: PathBuf,
    pub git: Git,
    pub locks: Locks,
    pub guard: Arc<dyn StepGuard>,
    pub commands: Arc<dyn CommandRunner>,
    pub checks: Arc<dyn CheckRunner>,
    /// What earlier landings of the run have recorded.
    pub landings: Mutex<Vec<LandingRecord>>,
}

/// A host that does nothing, for embedders and tests.
pub struct NoHost;

impl HostSteps for NoHost {
    fn perform(&self, order: StepOrder, _desk: Desk) -> Boxed<'_, StepOutcome> {
        let said = format!("`{}` is not done here: nothing outside is touched", order.step.name());
        Box::pin(std::future::ready(StepOutcome::Failed(said)))
    }
}

impl HostSteps for LocalHost {
    fn perform(&self, order: StepOrder, desk: Desk) -> Boxed<'_, StepOutcome> {
        Box::pin(async move {
            let name = order.step.name();
            let done = self.done(order, desk).await;
            done.map_or_else(|why| StepOutcome::Failed(format!("{name}: {why}")), StepOutcome::Done)
        })
    }
}

impl LocalHost {
    async fn done(&self, order: StepOrder, desk: Desk) -> Result<Value, String> {
        let name = order.step.name();
        match order.step {
            HostStep::Exec { command, cwd, timeout_ms, .. } => {
                self.guard.may(name, Wish::Run(&command))?;
                self.exec(&command, cwd.as_deref(), timeout_ms).await
            }
            HostStep::ReadFile { path } => {
                let path = self.inside(&path)?;
                self.guard.may(name, Wish::Read(&path))?;
                on_disk(path, read_file).await
            }
            HostStep::WriteFile { path, text } => {
                let path = self.inside(&path)?;
                self.guard.may(name, Wish::Write(&path))?;
                on_disk(path, move |path| write_file(path, &text)).await
            }
            HostStep::Glob { pattern } => {
                on_disk(self.folder.clone(), move |base| glob(base, &pattern)).await
            }
            HostStep::ChangedFiles { base } => changed_files(&self.git, &self.folder, base.as_deref()).await,
            HostStep::Land { options, .. } => {
                if let Some(check) = &options.check {
                    self.guard.may(name, Wish::Run(check))?;
                }
                self.land(order.pieces, options, desk).await
            }
        }
    }

    async fn exec(&self, line: &str, cwd: Option<&str>, timeout_ms: Option<u64>) -> Result<Value, String> {
        let folder = cwd.map_or_else(|| Ok(self.folder.clone()), |cwd| self.inside(cwd))?;
        let limit = timeout_ms.map_or(COMMAND_PATIENCE, Duration::from_millis);
        let ran = self.commands.run(line, &folder, limit).await?;
        Ok(json!({"code": ran.code, "stdout": ran.stdout, "stderr": ran.stderr, "timedOut": ran.timed_out}))
    }

    /// A path below the working folder, whatever links say.
    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let outside = || format!("`{path}` is outside of the working folder `{}`", self.folder.display());
        let whole = self.folder.join(path);
        let mut real = std::fs::canonicalize(&self.folder).map_err(|error| error.to_string())?;
        let relative = whole.strip_prefix(&self.folder).map_err(|_| outside())?;
        for part in relative.components() {
            match part {
                Component::Normal(name) => real.push(name),
                Component::CurDir => continue,
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
            if std::fs::symlink_metadata(&real).is_ok_and(|about| about.is_symlink()) {
                real = std::fs::canonicalize(&real).map_err(|error| format!("`{path}`: {error}"))?;
                if !std::fs::canonicalize(&self.folder).is_ok_and(|base| real.starts_with(base)) {
                    return Err(outside());
                }
            }
        }
        let git = real.components().any(|part| part.as_os_str() == ".git");
        if git { Err(format!("`{path}` belongs to git")) } else { Ok(real) }
    }

    async fn repository(&self) -> Result<Repository, String> {
        repository(&self.git, &self.folder).await
    }

    async fn land(&self, pieces: Vec<Piece>, options: LandingOptions, desk: Desk) -> Result<Value, String> {
        let repository = self.repository().await?;
        let start = repository.head().await.map_err(|unfit| unfit.to_string())?;
        let past = self.landings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let start = first_base(&pieces).unwrap_or(start);
        let landing = Landing {
            repository: &repository,
            locks: &self.locks,
            state: &self.state,
            logs: &self.logs,
            run: &self.run,
            runner: &*self.checks,
            errands: &desk,
        };
        let mut log = Kept { desk: desk.clone(), kept: &self.landings };
        let landed = landing.land(pieces, options, &start, now_s(), &past, &mut log).await;
        landed.map(|landed| to_script(&landed)).map_err(|error| error.to_string())
    }
}

/// What a step gives that only looks at names: files by a pattern, files that changed. None: it does more.
pub async fn look(git: &Git, folder: &Path, step: &HostStep) -> Option<StepOutcome> {
    let seen = match step {
        HostStep::Glob { pattern } => {
            let pattern = pattern.clone();
            on_disk(folder.to_owned(), move |base| glob(base, &pattern)).await
        }
        HostStep::ChangedFiles { base } => changed_files(git, folder, base.as_deref()).await,
        HostStep::Exec { .. }
        | HostStep::ReadFile { .. }
        | HostStep::WriteFile { .. }
        | HostStep::Land { .. } => return None,
    };
    Some(seen.map_or_else(StepOutcome::Failed, StepOutcome::Done))
}

async fn repository(git: &Git, folder: &Path) -> Result<Repository, String> {
    Repository::find(git, folder).await.map_err(|unfit| match unfit.hint() {
        Some(hint) => format!("{unfit}; hint: {hint}"),
        None => unfit.to_string(),
    })
}

async fn changed_files(git: &Git, folder: &Path, base: Option<&str>) -> Result<Value, String> {
    let repository = repository(git, folder).await?;
    let base = base.unwrap_or("HEAD");
    let commit = repository.commit(base).await.map_err(|error| error.to_string())?;
    let commit = commit.ok_or_else(|| format!("there is no commit `{base}`"))?;
    let diff = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--relative", &commit];
    let others = ["ls-files", "--others", "--exclude-standard", "-z"];
    let mut files = Vec::new();
    for call in [git.call(folder, diff), git.call(folder, others)] {
        let output = call.output().await.map_err(|error| error.to_string())?;
        let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        files.extend(names.map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    files.sort();
    files.dedup();
    Ok(json!(files))
}

/// All works of a run start at the run's base, unless they say otherwise.
fn first_base(pieces: &[Piece]) -> Option<String> {
    pieces.first().map(|piece| piece.base.clone())
}

pub(crate) fn to_script(landed: &Landed) -> Value {
    let pieces = landed.fates.iter().map(|(agent, fate)| {
        let mut piece = json!({"agent": agent, "fate": fate.word(), "words": fate.words()});
        match fate {
            Fate::Landed { commit, resolved_by } => {
                piece["commit"] = json!(commit);
                piece["resolvedBy"] = json!(resolved_by);
            }
            Fate::Conflict { files, why } => {
                piece["files"] = json!(files);
                piece["why"] = json!(why);
            }
            Fate::Rejected { by, why } => {
                piece["by"] = json!(by);
                piece["why"] = json!(why);
            }
            Fate::CheckFailed { said, .. } => piece["said"] = json!(said),
            Fate::Skipped { why } => piece["why"] = json!(why),
        }
        piece
    });
    let branch = landed.branch.strip_prefix("refs/heads/").unwrap_or(&landed.branch);
    json!({
        "branch": branch, "tip": landed.tip, "pieces": pieces.collect::<Vec<Value>>(),
        "landed": landed.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Landed { .. })).count(),
        "stopped": landed.stopped,
    })
}

/// The journal of the run that is being driven; landings after this one know what it recorded.
struct Kept<'a> {
    desk: Desk,
    kept: &'a Mutex<Vec<LandingRecord>>,
}

impl LandingLog for Kept<'_> {
    fn write<'a>(&'a mut self, records: Vec<LandingRecord>) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            self.desk.write(records.clone()).await?;
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).extend(records);
            Ok(())
        })
    }
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

async fn on_disk<T: Send + 'static>(
    path: T,
    work: impl FnOnce(&T) -> Result<Value, String> + Send + 'static,
) -> Result<Value, String> {
    let worked = tokio::task::spawn_blocking(move || work(&path)).await;
    worked.unwrap_or_else(|error| Err(format!("the step itself broke: {error}")))
}

fn read_file(path: &PathBuf) -> Result<Value, String> {
    let cannot = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    let about = std::fs::metadata(path).map_err(cannot)?;
    if !about.is_file() {
        return Err(format!("`{}` is no file", path.display()));
    }
    if about.len() > TEXT_BYTES_MAX {
        return Err(format!("`{}` is longer than {TEXT_BYTES_MAX} bytes", path.display()));
    }
    let bytes = std::fs::read(path).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{}` is no UTF-8 text", path.display()))?;
    Ok(Value::String(text))
}

/// Whole or not at all.
fn write_file(path: &Path, text: &str) -> Result<Value, String> {
    let cannot = |error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
    let above = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(above).map_err(cannot)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = above.join(format!(".{name}.baya-{}", std::process::id()));
    let written = std::fs::write(&unfinished, text).and_then(|()| {
        if let Ok(about) = std::fs::metadata(path) {
            std::fs::set_permissions(&unfinished, about.permissions())?;
        }
        std::fs::rename(&unfinished, path)
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&unfinished);
        return Err(cannot(error));
    }
    Ok(Value::Null)
}

/// Paths from the working folder, sorted; what git ignores is not among them.
fn glob(base: &PathBuf, pattern: &str) -> Result<Value, String> {
    let built = globset::GlobBuilder::new(pattern).literal_separator(true).build();
    let matcher = built.map_err(|error| format!("`{pattern}`: {error}"))?.compile_matcher();
    let mut found = Vec::new();
    let walk = ignore::WalkBuilder::new(base)
        .hidden(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk.flatten() {
        let Ok(path) = entry.path().strip_prefix(base) else { continue };
        if entry.file_type().is_some_and(|kind| kind.is_file()) && matcher.is_match(path) {
            found.push(path.to_string_lossy().into_owned());
        }
        if found.len() > PATHS_MAX {
            return Err(format!("`{pattern}` matches more than {PATHS_MAX} files"));
        }
    }
    found.sort();
    Ok(json!(found))
}
