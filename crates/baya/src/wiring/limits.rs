//! The file in which one process leaves for the next how many requests at once each provider took:
//! `limits.json` in the state folder. It may be lost or damaged at any time: then all is found out anew.

use baya_agents::governor::{Governor, Remembered};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE: &str = "limits.json";
/// Lanes in the file.
const LANES_MAX: usize = 256;

/// The limits of this process and the file they go back to.
pub struct LimitsFile {
    path: PathBuf,
    governor: Arc<Governor>,
    /// As they were read.
    before: Remembered,
}

impl LimitsFile {
    /// Reads what is there into the governor.
    pub fn open(state: &Path, governor: Arc<Governor>) -> LimitsFile {
        let path = state.join(FILE);
        let before = read(&path);
        governor.remember(before.clone());
        LimitsFile { path, governor, before }
    }

    /// Writes what was found out since; other processes may have written meanwhile.
    pub fn save(&self) {
        let mut found = self.governor.remembered();
        found.lanes.retain(|name, limit| self.before.lanes.get(name) != Some(limit));
        if found.lanes.is_empty() {
            return;
        }
        let mut all = read(&self.path);
        if all.lanes.len() + found.lanes.len() > LANES_MAX {
            all.lanes.clear();
        }
        all.lanes.extend(found.lanes);
        // The next process begins anew, then.
        let _ = write(&self.path, &all);
    }
}

fn read(path: &Path) -> Remembered {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Whole or not at all.
fn write(path: &Path, remembered: &Remembered) -> std::io::Result<()> {
    let unfinished = path.with_extension(format!("json.{}", std::process::id()));
    let options = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
    let text = serde_json::to_string(remembered)?;
    let written = options.open(&unfinished).and_then(|mut file| file.write_all(text.as_bytes()));
    let moved = written.and_then(|()| std::fs::rename(&unfinished, path));
    if moved.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    moved
}
