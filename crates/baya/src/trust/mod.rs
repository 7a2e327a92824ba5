//! Whether a folder may run something on this machine, or open something: asked once, remembered for
//! exactly what was shown.
//!
//! A folder is often somebody else's. What it wants ([`Claim`]s) is trusted one by one, by a hash of what
//! would run; a changed file asks again. The answers stand in a file per folder below the state folder,
//! which no agent can read or write.

mod ask;
mod claims;

pub use ask::{Asking, settle};
pub use claims::{Claim, ClaimKind, claims, inline_servers, servers_of, widen};

use crate::failure::Failure;
use crate::folders::Folders;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a person answered for one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trust {
    pub folder: PathBuf,
    /// Hashes of claims.
    trusted: BTreeSet<String>,
    /// Not to be asked for again.
    refused: BTreeSet<String>,
}

/// The folder that is trusted as a whole: the repository, or the working folder.
pub fn place(folders: &Folders) -> &Path {
    folders.repository.as_deref().unwrap_or(&folders.working)
}

impl Trust {
    /// What is remembered of this folder; a file that cannot be read trusts nothing.
    pub fn load(state: &Path, folder: &Path) -> Trust {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let known = std::fs::read(file_of(state, &folder)).ok();
        let known: Option<Trust> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        known.filter(|known| known.folder == folder).unwrap_or(Trust { folder, ..Trust::default() })
    }

    pub fn has(&self, claim: &Claim) -> bool {
        self.trusted.contains(&claim.hash)
    }

    pub fn has_refused(&self, claim: &Claim) -> bool {
        self.refused.contains(&claim.hash)
    }

    /// How many things are trusted.
    pub fn count(&self) -> usize {
        self.trusted.len()
    }

    pub fn grant(&mut self, claims: &[Claim]) {
        for claim in claims {
            self.refused.remove(&claim.hash);
            self.trusted.insert(claim.hash.clone());
        }
    }

    pub fn refuse(&mut self, claims: &[&Claim]) {
        self.refused.extend(claims.iter().map(|claim| claim.hash.clone()));
    }

    /// Writes the file anew, whole or not at all.
    pub fn save(&self, state: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::outside("cannot remember what is trusted", error);
        let path = file_of(state, &self.folder);
        let folder = path.parent().unwrap_or(state);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary).map_err(failed)?;
        let text = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&temporary, &path).map_err(failed)
    }
}

/// All folders of which something is trusted, in order.
pub fn all(state: &Path) -> Vec<Trust> {
    let entries = std::fs::read_dir(state.join("trust")).into_iter().flatten().flatten();
    let read = |path: PathBuf| serde_json::from_slice::<Trust>(&std::fs::read(path).ok()?).ok();
    let mut all: Vec<Trust> = entries.filter_map(|entry| read(entry.path())).collect();
    all.retain(|trust| trust.count() > 0);
    all.sort_by(|one, other| one.folder.cmp(&other.folder));
    all
}

/// Forgets a folder; false if nothing was known of it.
pub fn forget(state: &Path, folder: &Path) -> Result<bool, Failure> {
    // A folder that is gone is known by the path it had.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match std::fs::remove_file(file_of(state, &folder)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::outside("cannot forget what was trusted", error)),
    }
}

fn file_of(state: &Path, folder: &Path) -> PathBuf {
    let hash = blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex();
    state.join("trust").join(format!("{}.json", &hash[..32]))
}
