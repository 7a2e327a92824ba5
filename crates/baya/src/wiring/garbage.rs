//! What `baya gc` may remove: found in the records of worktrees, in the journals of runs and in their
//! repositories. A run that is being driven is left alone, and so is work that has not landed.

use super::host;
use crate::failure::Failure;
use baya_core::ids::RunId;
use baya_core::landing::Fate;
use baya_core::view::RunView;
use baya_engine::driver::now_ms;
use baya_engine::git::{Locks, Repository};
use baya_engine::journal::{JournalError, RunState};
use baya_engine::runs::{RunStore, RunSummary};
use baya_engine::worktree::garbage::{
    Keeps, OwnRef, is_in_a_branch, landing_room, own_refs, remove_all, remove_landing_room,
};
use baya_engine::worktree::{Record, Worktrees, leftovers};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One thing that may go.
pub struct Garbage {
    pub run: RunId,
    pub why: String,
    thing: Thing,
}

enum Thing {
    Worktree(Repository, Box<Record>),
    LandingRoom(Repository, PathBuf),
    Ref(Repository, OwnRef),
    Folder(PathBuf),
}

/// What is to be removed, in this order.
#[derive(Default)]
pub struct Plan {
    pub garbage: Vec<Garbage>,
    /// Refs and branches of work that has not landed.
    pub kept: usize,
    /// What could not be looked at.
    pub troubles: Vec<String>,
}

/// Everything that is known of what lies around.
pub struct Pile<'a> {
    state: &'a Path,
    store: &'a RunStore,
    runs: BTreeMap<RunId, RunSummary>,
}

impl Garbage {
    pub fn kind(&self) -> &'static str {
        match &self.thing {
            Thing::Worktree(..) | Thing::LandingRoom(..) => "worktree",
            Thing::Ref(_, own) if own.name.starts_with("refs/heads/") => "branch",
            Thing::Ref(..) => "ref",
            Thing::Folder(_) => "folder",
        }
    }

    pub fn what(&self) -> String {
        match &self.thing {
            Thing::Worktree(_, record) => record.folder.display().to_string(),
            Thing::LandingRoom(_, folder) | Thing::Folder(folder) => folder.display().to_string(),
            Thing::Ref(_, own) => own.name.strip_prefix("refs/heads/").unwrap_or(&own.name).to_owned(),
        }
    }

    /// Removes it, with the run in our hands meanwhile.
    pub async fn remove(&self, state: &Path, store: &RunStore) -> Result<(), String> {
        let _lease = match store.drive(&self.run) {
            Ok(journal) => Some(journal),
            Err(JournalError::UnknownRun { .. }) => None,
            Err(error) => return Err(error.to_string()),
        };
        host::end_left(state, &self.run).await;
        if let (Thing::Worktree(..) | Thing::LandingRoom(..), Some(pid)) =
            (&self.thing, worker_in(Path::new(&self.what())))
        {
            return Err(format!("process {pid} works in it still; end it, or `baya resume` the run"));
        }
        let locks = Locks::new(state);
        match &self.thing {
            Thing::Worktree(repository, record) => {
                let worktrees = Worktrees::new(repository.clone(), locks, state, &self.run).await;
                let worktrees = worktrees.map_err(|error| error.to_string())?;
                worktrees.clear(record).await.map_err(|error| error.to_string())
            }
            Thing::LandingRoom(repository, folder) => {
                remove_landing_room(repository, &locks, folder).await.map_err(|error| error.to_string())
            }
            Thing::Ref(repository, own) => {
                let dropped = repository.drop_ref(&own.name, &own.commit).await;
                match dropped.map_err(|error| error.to_string())? {
                    true => Ok(()),
                    false => Err("it was changed meanwhile".to_owned()),
                }
            }
            Thing::Folder(folder) => remove_all(folder).map_err(|error| error.to_string()),
        }
    }
}

impl<'a> Pile<'a> {
    pub fn new(state: &'a Path, store: &'a RunStore, runs: Vec<RunSummary>) -> Pile<'a> {
        let runs = runs.into_iter().map(|run| (run.id.clone(), run)).collect();
        Pile { state, store, runs }
    }

    /// `older_than` is an age in milliseconds.
    pub async fn plan(&self, older_than: Option<u64>) -> Result<Plan, Failure> {
        let mut plan = Plan::default();
        let records = leftovers(self.state);
        let repositories = self.repositories(&records, &mut plan).await;
        for record in records.into_iter().filter(|record| !self.is_driven(&record.run)) {
            let Some(repository) = repositories.get(&record.common) else {
                plan.troubles.push(format!(
                    "`{}` stays: its repository `{}` cannot be found, so nothing in it can be kept",
                    record.folder.display(),
                    record.root.display()
                ));
                continue;
            };
            let why = format!("left by a crash; what is in it is kept as {} first", record.kept_as());
            let why =
                if record.ready { why } else { "left by a crash, before anything was done in it".to_owned() };
            let thing = Thing::Worktree(repository.clone(), Box::new(record.clone()));
            plan.garbage.push(Garbage { run: record.run, why, thing });
        }
        for repository in repositories.values() {
            self.add_rooms(repository, &mut plan);
            self.add_refs(repository, older_than, &mut plan).await.map_err(|error| {
                Failure::outside(
                    format!("cannot look at the repository `{}`", repository.root.display()),
                    error,
                )
            })?;
        }
        self.add_folders(&mut plan);
        Ok(plan)
    }

    fn is_driven(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|run| run.driver.is_some())
    }

    /// Those that records and journals name and that are still there, by their git folders.
    async fn repositories(&self, records: &[Record], plan: &mut Plan) -> BTreeMap<PathBuf, Repository> {
        let of_records = records.iter().map(|record| record.root.clone());
        let of_runs = self.runs.values().map(|run| PathBuf::from(&run.summary.folder));
        let mut places: Vec<PathBuf> = of_records.chain(of_runs).filter(|place| place.is_dir()).collect();
        places.sort();
        places.dedup();
        let git = host::git();
        let mut found = BTreeMap::new();
        for place in places {
            match Repository::find(&git, &place).await {
                Ok(repository) => drop(found.insert(repository.common.clone(), repository)),
                Err(baya_engine::git::Unfit::None(_) | baya_engine::git::Unfit::Bare(_)) => {}
                Err(unfit) => plan.troubles.push(unfit.to_string()),
            }
        }
        found
    }

    /// Worktrees of landings that were killed.
    fn add_rooms(&self, repository: &Repository, plan: &mut Plan) {
        for run in self.runs.keys().filter(|run| !self.is_driven(run)) {
            let folder = landing_room(self.state, run);
            let entry = folder.file_name().map(|name| repository.common.join("worktrees").join(name));
            if entry.is_some_and(|entry| entry.exists()) {
                let why = "left by a landing that was killed; the landing goes on without it".to_owned();
                let thing = Thing::LandingRoom(repository.clone(), folder);
                plan.garbage.push(Garbage { run: run.clone(), why, thing });
            }
        }
    }

    async fn add_refs(
        &self,
        repository: &Repository,
        older_than: Option<u64>,
        plan: &mut Plan,
    ) -> Result<(), baya_engine::git::GitError> {
        let mut views: BTreeMap<RunId, Option<RunView>> = BTreeMap::new();
        for own in own_refs(repository).await? {
            if self.is_driven(&own.run) {
                continue;
            }
            if own.keeps == Keeps::Base {
                self.add_base(repository, own, plan);
                continue;
            }
            let view = views.entry(own.run.clone()).or_insert_with(|| self.view(&own.run));
            let landed = has_landed(repository, &own, view.as_ref()).await?;
            let last_ms = view.as_ref().map_or(own.date_s.saturating_mul(1_000), |view| view.last_ms);
            let age_ms = u64::try_from(now_ms() - last_ms).unwrap_or(0);
            let why = match older_than {
                _ if landed => "its work has landed".to_owned(),
                Some(limit) if age_ms >= limit => {
                    format!("not landed, and {} days old", age_ms / 86_400_000)
                }
                Some(_) | None => {
                    plan.kept += 1;
                    continue;
                }
            };
            let run = own.run.clone();
            plan.garbage.push(Garbage { run, why, thing: Thing::Ref(repository.clone(), own) });
        }
        Ok(())
    }

    /// A run that is not over starts further worktrees from it.
    fn add_base(&self, repository: &Repository, own: OwnRef, plan: &mut Plan) {
        let why = match self.runs.get(&own.run) {
            Some(run) if !has_ended(run) => return,
            Some(_) => "its run has ended",
            None => "its run is gone",
        };
        let (run, why) = (own.run.clone(), why.to_owned());
        plan.garbage.push(Garbage { run, why, thing: Thing::Ref(repository.clone(), own) });
    }

    fn view(&self, run: &RunId) -> Option<RunView> {
        let reader = self.store.read(run).ok()?;
        Some(RunView::of(&reader.prefix().events))
    }

    /// What only a run that goes on needs.
    fn add_folders(&self, plan: &mut Plan) {
        for (run, known) in self.runs.iter().filter(|(run, _)| !self.is_driven(run)) {
            let folders = ["agents", "steps"].map(|kind| self.state.join(kind).join(run.as_str()));
            for folder in folders.into_iter().filter(|folder| has_ended(known) && folder.is_dir()) {
                let why = "its run has ended".to_owned();
                plan.garbage.push(Garbage { run: run.clone(), why, thing: Thing::Folder(folder) });
            }
        }
    }
}

fn has_ended(run: &RunSummary) -> bool {
    matches!(run.summary.state, RunState::Ended(_))
}

/// A process that works in this folder: one that outlived the run it belonged to.
fn worker_in(folder: &Path) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.find(|pid| {
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place.starts_with(folder))
    })
}

/// The work that a ref keeps is in a branch, as it is or as it was landed.
async fn has_landed(
    repository: &Repository,
    own: &OwnRef,
    view: Option<&RunView>,
) -> Result<bool, baya_engine::git::GitError> {
    if is_in_a_branch(repository, &own.commit).await? {
        return Ok(true);
    }
    let (Some(view), Keeps::Work(agent)) = (view, own.keeps) else { return Ok(false) };
    let landed = match view.fates.get(&agent) {
        Some(Fate::Landed { commit, .. }) => commit,
        Some(
            Fate::Conflict { .. } | Fate::CheckFailed { .. } | Fate::Rejected { .. } | Fate::Skipped { .. },
        )
        | None => {
            return Ok(false);
        }
    };
    let work = view.agents.get(&agent).and_then(|agent| agent.work.as_ref());
    // Whoever has added to the branch since then has not landed that.
    let is_the_work = work.is_some_and(|work| work.head == own.commit);
    Ok(is_the_work && is_in_a_branch(repository, landed).await?)
}
