//! What a person agreed to before: by folder and by the script's hash, imports included.
//!
//! It stands in a file per folder below the state folder, which no agent can read or write, and has an
//! end: the oldest go first. A file that cannot be read agrees to nothing.

use super::judge::Plan;
use crate::failure::Failure;
use baya_core::money::NanoUsd;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Scripts of one folder.
const SCRIPTS_MAX: usize = 200;
/// A larger file is none of ours.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Names of failures that one consent covers.
const FAILING_MAX: usize = 20;

/// What was shown when a person said yes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    pub agents: u64,
    pub cost: NanoUsd,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub steps: BTreeSet<String>,
    pub full_access: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub failing: BTreeSet<String>,
    /// There was no plan.
    pub unknown: bool,
}

impl Consent {
    /// This, and what the plan shows.
    #[must_use]
    pub fn and(mut self, plan: &Plan, now_ms: i64) -> Consent {
        self.at_ms = now_ms;
        self.agents = self.agents.max(plan.agents());
        self.cost = self.cost.max(plan.cost());
        self.steps.extend(plan.steps.iter().cloned());
        self.full_access |= plan.full_access;
        self.failing.extend(plan.failing().iter().map(super::judge::Failing::name));
        while self.failing.len() > FAILING_MAX {
            self.failing.pop_first();
        }
        self.unknown |= plan.trouble.is_some();
        self
    }
}

/// What was agreed to in one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agreed {
    folder: PathBuf,
    /// By the hash of the script.
    scripts: BTreeMap<String, Consent>,
}

impl Agreed {
    pub fn load(state: &Path, folder: &Path) -> Agreed {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let path = file_of(state, &folder);
        let is_ours = path.metadata().is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
        let known = is_ours.then(|| std::fs::read(&path).ok()).flatten();
        let known: Option<Agreed> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        known.filter(|known| known.folder == folder).unwrap_or(Agreed { folder, ..Agreed::default() })
    }

    /// To the script with this hash.
    pub fn to(&self, hash: &str) -> Option<&Consent> {
        self.scripts.get(hash)
    }

    /// Remembers it; others may have agreed to something else in this folder meanwhile.
    pub fn remember(state: &Path, folder: &Path, hash: &str, consent: Consent) -> Result<(), Failure> {
        let mut all = Agreed::load(state, folder);
        all.scripts.insert(hash.to_owned(), consent);
        while all.scripts.len() > SCRIPTS_MAX {
            let oldest = all.scripts.iter().min_by_key(|(_, consent)| consent.at_ms);
            let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) else { break };
            all.scripts.remove(&oldest);
        }
        all.save(state).map_err(|error| Failure::outside("cannot remember what was agreed to", error))
    }

    /// Writes the file anew, whole or not at all.
    fn save(&self, state: &Path) -> std::io::Result<()> {
        let path = file_of(state, &self.folder);
        let folder = path.parent().unwrap_or(state);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let text = serde_json::to_string(self)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
        std::fs::rename(&temporary, &path)
    }
}

fn file_of(state: &Path, folder: &Path) -> PathBuf {
    let hash = blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex();
    state.join("consent").join(format!("{}.json", &hash[..32]))
}
