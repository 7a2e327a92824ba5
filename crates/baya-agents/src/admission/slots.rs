//! Slots for commands that keep many cores or much memory busy, shared by all agents of all runs of the
//! user: builds and test suites of a fan-out would starve the machine, and each other's time limits.
//!
//! A slot is a place among this process's commands and, if there is a folder for it, a lock on a file
//! there, which the kernel lets go whenever we end. It is held while the command runs; what the command
//! leaves in the background holds none.

use crate::policy::CommandPattern;
use crate::policy::command::Commands;
use baya_core::agent::Wait;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often the slots that other processes hold are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Commands that are heavy unless the settings say otherwise.
pub const HEAVY: [&str; 34] = [
    "cargo",
    "make",
    "ninja",
    "cmake --build",
    "bazel",
    "mvn",
    "gradle",
    "gradlew",
    "go build",
    "go test",
    "go vet",
    "npm test",
    "npm run",
    "npm ci",
    "npm install",
    "pnpm test",
    "pnpm run",
    "pnpm install",
    "yarn test",
    "yarn run",
    "yarn install",
    "npx tsc",
    "tsc",
    "jest",
    "vitest",
    "pytest",
    "python -m pytest",
    "python3 -m pytest",
    "tox",
    "dotnet build",
    "dotnet test",
    "swift build",
    "swift test",
    "xcodebuild",
];

/// What shares slots, and how many there are.
#[derive(Debug, Clone)]
pub struct SlotSettings {
    pub heavy: Vec<CommandPattern>,
    pub count: usize,
    /// Where the locks of all processes lie; none: only this process shares.
    pub folder: Option<PathBuf>,
}

impl Default for SlotSettings {
    fn default() -> SlotSettings {
        let heavy = HEAVY.iter().filter_map(|text| CommandPattern::try_from((*text).to_owned()).ok());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        SlotSettings { heavy: heavy.collect(), count: (cores / 2).max(1), folder: None }
    }
}

/// The slots of one process.
#[derive(Debug)]
pub struct Slots {
    settings: SlotSettings,
    places: Arc<Semaphore>,
}

/// A slot that is held; dropped, it is free.
#[derive(Debug)]
pub struct Slot {
    // Before the place: whoever gets that looks for a lock at once.
    _lock: Option<File>,
    _place: OwnedSemaphorePermit,
}

impl Slots {
    pub fn new(settings: SlotSettings) -> Arc<Slots> {
        let places = Arc::new(Semaphore::new(settings.count.max(1)));
        Arc::new(Slots { settings, places })
    }

    /// Whether this shell line has to have a slot.
    pub fn is_heavy(&self, line: &str) -> bool {
        let commands = Commands::of(line);
        commands.outer.iter().chain(&commands.inner).any(|command| {
            let forms = command.plain_forms();
            self.settings.heavy.iter().any(|heavy| forms.iter().any(|form| heavy.matches(form)))
        })
    }

    /// A slot for this line, if it needs one, once one is free; `waiting` hears when it has to wait.
    pub async fn enter(&self, line: &str, waiting: &(dyn Fn(Wait) + Send + Sync)) -> Option<Slot> {
        if !self.is_heavy(line) {
            return None;
        }
        let mut told = Some(|| waiting(Wait::Slot { command: line.to_owned() }));
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                told.take().into_iter().for_each(|tell| tell());
                // The semaphore is never closed.
                self.places.clone().acquire_owned().await.ok()?
            }
        };
        let Some(folder) = &self.settings.folder else { return Some(Slot { _lock: None, _place: place }) };
        loop {
            match self.lock(folder) {
                Locked::Yes(lock) => return Some(Slot { _lock: Some(lock), _place: place }),
                // Where no lock can be had at all, this process shares with itself.
                Locked::Never => return Some(Slot { _lock: None, _place: place }),
                Locked::NotYet => {
                    told.take().into_iter().for_each(|tell| tell());
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    fn lock(&self, folder: &Path) -> Locked {
        if DirBuilder::new().recursive(true).mode(0o700).create(folder).is_err() {
            return Locked::Never;
        }
        let mut opened = false;
        for number in 0..self.settings.count.max(1) {
            let path = folder.join(format!("slot-{number}"));
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
            let Ok(file) = file else { continue };
            opened = true;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Locked::Yes(file);
            }
        }
        if opened { Locked::NotYet } else { Locked::Never }
    }
}

enum Locked {
    Yes(File),
    NotYet,
    Never,
}
