//! What earlier runs of a script say of its agents: gathered from their journals, newest first.
//!
//! A journal is read once: what it says stands beside it afterwards, as long as the journal does not
//! change. How many runs are looked at and how much is read anew has limits, so a gathering is quick
//! however much lies around; it is a help and never a reason to fail. Runs that are not over, that asked
//! no model, or whose journals are damaged do not count.

mod digest;

pub use digest::{Digest, Fold};

use crate::journal::{JOURNAL_FILE, JournalError, Reader, RunState};
use crate::runs::RunStore;
use baya_core::event::ScriptRecord;
use baya_core::history::{ANSWERS_MAX, History, LabelHistory, SAMPLES_MAX};
use baya_core::ids::RunId;
use serde::{Deserialize, Serialize};
use std::fs::{Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file beside a journal.
const DIGEST_FILE: &str = "history.json";
/// Of what the file holds; another one is read anew.
const DIGEST_VERSION: u32 = 1;
/// A larger file is none of ours.
const DIGEST_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Events read at once.
const EVENTS_AT_ONCE: u64 = 500;
/// Kinds of labels of all runs together.
const KINDS_MAX: usize = digest::KINDS_MAX;

/// Whose history is wanted: runs of this name with this file, or of this very text from wherever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `meta.name`.
    pub name: String,
    pub file: PathBuf,
    pub hash: String,
}

/// How far a gathering goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Runs that count, the newest.
    pub runs: u32,
    /// Runs of any script that are looked at.
    pub looked_at: usize,
    /// Journals read anew, together.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { runs: 20, looked_at: 400, bytes: 16 * 1024 * 1024 }
    }
}

impl Wanted {
    /// A script as it would run in this folder.
    pub fn new(script: &ScriptRecord, working: &Path) -> Wanted {
        let file = digest::file_of(script, working);
        Wanted { name: script.name.clone(), file, hash: script.hash.clone() }
    }

    fn is_met_by(&self, run: &Digest) -> bool {
        run.name == self.name && (run.file == self.file || run.hash == self.hash)
    }
}

/// What the runs in `<state>/runs` say.
pub fn gather(state: &Path, wanted: &Wanted, bounds: Bounds) -> History {
    let mut history = History::default();
    let mut bytes_left = bounds.bytes;
    for journal in newest_first(state, bounds.looked_at) {
        if history.runs >= bounds.runs {
            break;
        }
        let Some(digest) = journal.digest(&wanted.name, &mut bytes_left) else { continue };
        if wanted.is_met_by(&digest) && !digest.labels.is_empty() {
            history.runs += 1;
            add(&mut history, digest);
        }
    }
    history
}

/// Takes over what one run says.
fn add(history: &mut History, run: Digest) {
    for (kind, label) in run.labels {
        if history.labels.len() >= KINDS_MAX && !history.labels.contains_key(&kind) {
            continue;
        }
        let LabelHistory { agents, failed, samples, answers } = label;
        let all = history.labels.entry(kind).or_default();
        (all.agents, all.failed) = (all.agents.saturating_add(agents), all.failed.saturating_add(failed));
        all.samples.extend(samples);
        all.samples.truncate(SAMPLES_MAX);
        all.answers.extend(answers);
        all.answers.truncate(ANSWERS_MAX);
    }
}

/// The journal of one run.
struct Journal {
    folder: PathBuf,
    stamp: Stamp,
}

/// Changes with every write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
struct Stamp {
    changed_s: i64,
    changed_ns: i64,
    bytes: u64,
    log_bytes: u64,
}

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    stamp: Stamp,
    said: Said,
}

/// What is known of a run that is over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Damaged,
    /// Nobody has asked for runs of this name yet.
    Name(String),
    All(Digest),
}

fn newest_first(state: &Path, most: usize) -> Vec<Journal> {
    let runs = RunStore::runs_of(state);
    let entries = std::fs::read_dir(&runs).into_iter().flatten().flatten();
    let is_run = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| RunId::parse(name).is_ok());
    let folders = entries.filter(|entry| is_run(&entry.file_name())).map(|entry| entry.path());
    let mut journals: Vec<Journal> =
        folders.filter_map(|folder| Some(Journal { stamp: Stamp::of(&folder)?, folder })).collect();
    journals.sort_by(|one, other| (other.stamp, &other.folder).cmp(&(one.stamp, &one.folder)));
    journals.truncate(most);
    journals
}

impl Stamp {
    fn of(folder: &Path) -> Option<Stamp> {
        let path = folder.join(JOURNAL_FILE);
        let journal = path.metadata().ok().filter(Metadata::is_file)?;
        // What is committed and not in the file yet; one that is empty says nothing.
        let log = path.with_extension("db-wal").metadata().ok().filter(|log| log.len() > 0);
        let log_time = log.as_ref().map_or((0, 0), |log| (log.mtime(), log.mtime_nsec()));
        let (changed_s, changed_ns) = log_time.max((journal.mtime(), journal.mtime_nsec()));
        let log_bytes = log.map_or(0, |log| log.len());
        Some(Stamp { changed_s, changed_ns, bytes: journal.len(), log_bytes })
    }
}

impl Journal {
    /// What it says, if it is of this name: as it is kept, or read anew as far as there are bytes left.
    fn digest(&self, name: &str, bytes_left: &mut u64) -> Option<Digest> {
        match self.kept() {
            Some(Said::All(digest)) => return Some(digest),
            Some(Said::Damaged) => return None,
            Some(Said::Name(other)) if other != name => return None,
            Some(Said::Name(_)) | None => {}
        }
        let reader = Reader::open(&self.folder).ok()?;
        let summary = reader.summary().ok()?;
        // One that goes on will say more.
        let RunState::Ended(_) = summary.state else { return None };
        if summary.name != name {
            self.keep(Said::Name(summary.name));
            return None;
        }
        *bytes_left = bytes_left.checked_sub(self.stamp.bytes + self.stamp.log_bytes)?;
        match read(&reader) {
            Ok(digest) => {
                self.keep(Said::All(digest.clone()));
                Some(digest)
            }
            Err(JournalError::Damaged { .. }) => {
                self.keep(Said::Damaged);
                None
            }
            Err(_) => None,
        }
    }

    fn kept(&self) -> Option<Said> {
        let path = self.folder.join(DIGEST_FILE);
        let is_ours = path.metadata().ok()?.len() <= DIGEST_BYTES_MAX;
        let text = is_ours.then(|| std::fs::read(&path).ok()).flatten()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        (kept.version == DIGEST_VERSION && kept.stamp == self.stamp).then_some(kept.said)
    }

    /// Whole or not at all; without it the journal is read again.
    fn keep(&self, said: Said) {
        let path = self.folder.join(DIGEST_FILE);
        let unfinished = path.with_extension(format!("json.{}", std::process::id()));
        let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
        let kept = Kept { version: DIGEST_VERSION, stamp: self.stamp, said };
        let Ok(text) = serde_json::to_string(&kept) else { return };
        let written = options.open(&unfinished).and_then(|mut file| file.write_all(text.as_bytes()));
        if written.and_then(|()| std::fs::rename(&unfinished, &path)).is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
    }
}

/// All of it, or nothing if any of it is damaged.
fn read(reader: &Reader) -> Result<Digest, JournalError> {
    let (mut fold, mut seq) = (Fold::default(), 0);
    loop {
        let events = reader.since(seq, EVENTS_AT_ONCE)?;
        events.iter().for_each(|event| fold.apply(event));
        match events.last() {
            Some(last) if events.len() as u64 == EVENTS_AT_ONCE => seq = last.seq,
            Some(_) | None => return Ok(fold.digest()),
        }
    }
}
