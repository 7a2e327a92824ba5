//! The sandbox, through the real applier: what must not work, what must, and what file tools are told.

#[cfg(target_os = "linux")]
mod attempts;
mod paths;
mod quarantine;
mod seatbelt;
mod work;

use baya_agents::sandbox::{Profile, Sandbox};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// A home with secrets, a folder for the agent, and nothing of this machine.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Place {
        let root = tempfile::tempdir().unwrap();
        let place = Place { root };
        for folder in ["home/.ssh", "home/.config/gh", "home/.local/state/baya", "home/work", "temporary"] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        for file in [
            "home/.ssh/id_ed25519",
            "home/.config/gh/hosts.yml",
            "home/.local/state/baya/journal.db",
            "home/other",
        ] {
            std::fs::write(place.path(file), "secret").unwrap();
        }
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        std::fs::canonicalize(self.root.path()).unwrap().join(path)
    }

    fn folder(&self) -> PathBuf {
        self.path("home/work")
    }

    fn sandbox(&self, profile: Profile) -> Sandbox {
        let mut sandbox =
            Sandbox::new(profile, &self.folder(), &self.path("temporary")).with_home(&self.path("home"));
        sandbox.applier = vec![env!("CARGO_BIN_EXE_sandbox").to_owned(), "__sandbox".to_owned()];
        // The applier tries the attempts itself.
        sandbox.readable.push(PathBuf::from(env!("CARGO_BIN_EXE_sandbox")));
        sandbox.environment.insert("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
        sandbox.environment.insert("HOME".to_owned(), self.path("home").display().to_string());
        sandbox
    }
}

async fn run(sandbox: &Sandbox, cwd: &Path, argv: &[&str]) -> Output {
    sandbox.command(argv, cwd).stdin(std::process::Stdio::null()).output().await.unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Names a row that this kernel cannot enforce, for the count of what was skipped.
fn skip(name: &str, why: &str) {
    use std::io::Write;
    let line = format!("opt-in sandbox/{name}: {why}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("BAYA_SKIP_FILE") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
