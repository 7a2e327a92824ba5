//! The folder of all runs, `<state>/runs`: one folder per run, named by its id (C60).
//!
//! A run's folder appears whole, with its journal and its first lease, and is never reused. What this
//! file knows of a run is its journal's head and lease; what happened in it is the journal's business.

use crate::journal::{
    Clock, Holder, JOURNAL_FILE, JournalError, Moment, Owner, Reader, SqliteJournal, Summary,
};
use baya_core::ids::RunId;
use baya_core::op::Op;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Ids that a message about an unknown run names.
const NEAR_MAX: usize = 3;

/// All runs of a user.
#[derive(Clone)]
pub struct RunStore {
    folder: PathBuf,
    owner: Owner,
    clock: Clock,
}

/// A run as lists show it.
#[derive(Debug, Clone)]
pub struct RunSummary {
    pub id: RunId,
    pub summary: Summary,
    /// Who drives it now, if anybody.
    pub driver: Option<Holder>,
}

/// What lies in the folder, newest first.
#[derive(Debug, Default)]
pub struct RunList {
    pub runs: Vec<RunSummary>,
    /// Journals that cannot be read, and why.
    pub unreadable: Vec<(RunId, JournalError)>,
}

/// Whether an order reaches anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpLeft {
    /// The driver will take it.
    ToDriver,
    /// Nobody drives the run; the order was not kept.
    NobodyDrives,
}

impl RunStore {
    /// The runs in `<state>/runs`; nothing is made before the first run.
    pub fn new(state: &Path) -> RunStore {
        RunStore { folder: Self::runs_of(state), owner: Owner::this_process(), clock: Moment::clock() }
    }

    /// The folder of all runs of a state folder.
    pub(crate) fn runs_of(state: &Path) -> PathBuf {
        state.join("runs")
    }

    /// With another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> RunStore {
        self.clock = clock;
        self
    }

    /// As another process, for tests.
    #[must_use]
    pub fn with_owner(mut self, owner: Owner) -> RunStore {
        self.owner = owner;
        self
    }

    /// Where a run lies, or would lie.
    pub fn run_folder(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    /// Makes a run and takes its lease. It survives the process from now on, a power loss from its first
    /// durable append on.
    pub fn create(&self, run: &RunId) -> Result<SqliteJournal, JournalError> {
        let folder = self.run_folder(run);
        let exists = || JournalError::RunExists { run: run.to_string() };
        if folder.exists() {
            return Err(exists());
        }
        make_folder(&self.folder)?;
        let unfinished = self.folder.join(format!(".new-{run}-{}", std::process::id()));
        make_folder(&unfinished)?;
        let made = SqliteJournal::create(&unfinished, run, &self.owner, (self.clock)()).and_then(|()| {
            std::fs::rename(&unfinished, &folder).map_err(|error| match error.kind() {
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => exists(),
                _ => JournalError::io(&folder, &error),
            })
        });
        if let Err(error) = made {
            let _ = std::fs::remove_dir_all(&unfinished);
            return Err(error);
        }
        let synced = std::fs::File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| JournalError::io(&self.folder, &error))?;
        SqliteJournal::open_created(&folder, self.clock.clone())
    }

    /// Takes the lease of a run that nobody alive drives.
    pub fn drive(&self, run: &RunId) -> Result<SqliteJournal, JournalError> {
        SqliteJournal::acquire(&self.known(run)?, &self.owner, self.clock.clone())
    }

    /// Opens a run for reading, driven or not.
    pub fn read(&self, run: &RunId) -> Result<Reader, JournalError> {
        Reader::open(&self.known(run)?)
    }

    /// A run at a glance.
    pub fn summary(&self, run: &RunId) -> Result<RunSummary, JournalError> {
        let reader = self.read(run)?;
        Ok(RunSummary { id: run.clone(), summary: reader.summary()?, driver: self.driver(&reader)? })
    }

    /// All runs; reads one row of each.
    pub fn list(&self) -> Result<RunList, JournalError> {
        let mut list = RunList::default();
        for id in self.ids()? {
            match self.summary(&id) {
                Ok(run) => list.runs.push(run),
                Err(error) => list.unreadable.push((id, error)),
            }
        }
        list.runs.sort_by_key(|run| (std::cmp::Reverse(run.summary.started_ms), run.id.clone()));
        Ok(list)
    }

    /// The run meant by an id, the beginning of one (with or without `wf_`), or `last`.
    pub fn find(&self, wanted: &str) -> Result<RunId, JournalError> {
        if wanted == "last" {
            return self.last();
        }
        let ids = self.ids()?;
        let full = if wanted.starts_with("wf_") { wanted.to_owned() } else { format!("wf_{wanted}") };
        if let Some(id) = ids.iter().find(|id| id.as_str() == full) {
            return Ok(id.clone());
        }
        let mut matching: Vec<&RunId> = ids.iter().filter(|id| id.as_str().starts_with(&full)).collect();
        match matching.len() {
            0 => Err(self.unknown(wanted, &ids)),
            1 => Ok(matching.remove(0).clone()),
            _ if full == "wf_" => Err(self.unknown(wanted, &ids)),
            _ => Err(JournalError::AmbiguousRun {
                wanted: wanted.to_owned(),
                runs: matching.into_iter().map(RunId::to_string).collect(),
            }),
        }
    }

    /// Leaves an order for the process that drives the run.
    pub fn leave_op(&self, run: &RunId, op: &Op) -> Result<OpLeft, JournalError> {
        let folder = self.known(run)?;
        if self.driver(&Reader::open(&folder)?)?.is_none() {
            return Ok(OpLeft::NobodyDrives);
        }
        crate::journal::leave_op(&folder, op).map(|()| OpLeft::ToDriver)
    }

    /// Removes a run that nobody drives, with all it holds.
    pub fn delete(&self, run: &RunId) -> Result<(), JournalError> {
        let folder = self.known(run)?;
        // Whoever drives it keeps it; a journal that cannot even be opened may go.
        match self.drive(run) {
            Ok(journal) => drop(journal),
            Err(held @ JournalError::Held { .. }) => return Err(held),
            Err(_) => {}
        }
        let doomed = self.folder.join(format!(".deleted-{run}-{}", std::process::id()));
        std::fs::rename(&folder, &doomed)
            .and_then(|()| std::fs::remove_dir_all(&doomed))
            .map_err(|error| JournalError::io(&folder, &error))
    }

    fn driver(&self, reader: &Reader) -> Result<Option<Holder>, JournalError> {
        Ok(reader.holder()?.filter(|holder| holder.drives(&self.owner, (self.clock)())))
    }

    fn last(&self) -> Result<RunId, JournalError> {
        match self.list()?.runs.into_iter().next() {
            Some(run) => Ok(run.id),
            None => Err(self.unknown("last", &[])),
        }
    }

    fn known(&self, run: &RunId) -> Result<PathBuf, JournalError> {
        let folder = self.run_folder(run);
        if folder.join(JOURNAL_FILE).exists() {
            return Ok(folder);
        }
        Err(self.unknown(run.as_str(), &self.ids()?))
    }

    /// Sorted; none if the folder is not there yet.
    fn ids(&self) -> Result<Vec<RunId>, JournalError> {
        let unreadable = |error: std::io::Error| JournalError::io(&self.folder, &error).for_reader();
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            ids.extend(name.to_str().and_then(|name| RunId::parse(name).ok()));
        }
        ids.sort();
        Ok(ids)
    }

    /// Names the runs whose ids look most like what was asked for (C64).
    fn unknown(&self, wanted: &str, ids: &[RunId]) -> JournalError {
        let full = if wanted.starts_with("wf_") { wanted.to_owned() } else { format!("wf_{wanted}") };
        let mut near: Vec<&RunId> = ids.iter().filter(|id| id.as_str() != full).collect();
        near.sort_by_key(|id| strsim::levenshtein(id.as_str(), &full));
        JournalError::UnknownRun {
            wanted: wanted.to_owned(),
            path: self.folder.clone(),
            near: near.into_iter().take(NEAR_MAX).map(RunId::to_string).collect(),
        }
    }
}

/// For the user alone.
fn make_folder(path: &Path) -> Result<(), JournalError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| JournalError::io(path, &error))
}
