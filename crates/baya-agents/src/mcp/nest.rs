//! Where the programs of servers work, and the notes that let a later process of ours end what an earlier
//! one left.

use crate::egress::Pass;
use crate::program::end_survivor;
use crate::sandbox::Sandbox;
use baya_core::agent::AgentProcess;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the servers of one run work.
#[derive(Clone)]
pub struct Nest {
    pub folder: PathBuf,
    pub sandbox: Sandbox,
    /// What every server sees of the environment.
    pub environment: BTreeMap<String, String>,
    /// Private to us and to this run.
    pub notes: PathBuf,
    /// The way out, if there is one; it lasts as long as this.
    pub pass: Option<Arc<Pass>>,
}

/// The note on one process.
pub(super) struct Noted(PathBuf);

impl Nest {
    pub(super) fn note(&self, server: &str) -> Noted {
        let name = blake3::hash(server.as_bytes()).to_hex();
        Noted(self.notes.join(format!("server-{}.json", &name[..16])))
    }
}

impl Noted {
    /// On disk before the program is at work.
    pub fn write(&self, process: &AgentProcess) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("its process cannot be noted: {error}");
        let folder = self.0.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&self.0).map_err(failed)?;
        let text = serde_json::to_string(process).map_err(|error| failed(error.into()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }

    pub fn forget(&self) {
        // One that stays names a process that is over: ending it again does nothing.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Ends the servers that an earlier process of ours left at work for a run; `notes` as in [`Nest`].
pub fn end_left(notes: &Path) {
    for entry in std::fs::read_dir(notes).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_note = entry.file_name().to_string_lossy().starts_with("server-");
        let process = std::fs::read(&path).ok().filter(|_| is_note);
        if let Some(process) = process.and_then(|bytes| serde_json::from_slice::<AgentProcess>(&bytes).ok()) {
            end_survivor(&process);
            Noted(path).forget();
        }
    }
}
