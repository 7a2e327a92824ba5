//! The agents that tests drive: OpenCode, codex and codex-acp, and the TypeScript compiler that landings of tests
//! are checked with; pinned by the lock file in [`PINNED`] and installed by npm below the build folder, once for
//! each state of that file.
//!
//! No script of any package runs, and nothing of them is shipped. What cannot be had here is a skip.

use crate::shell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the versions are pinned.
const PINNED: &str = "crates/baya/tests/agents";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Tells tests where the programs are.
pub const FOLDER_VARIABLE: &str = "BAYA_TEST_AGENTS";

/// What must be there after an installation: the program's name, and the files it may be, best first.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("opencode", &["opencode-linux-x64-baseline/bin/opencode"]),
    ("codex", &[".bin/codex"]),
    ("codex-acp", &[".bin/codex-acp"]),
    ("tsc", &["@typescript/typescript-linux-x64/lib/tsc"]),
];

/// What there is to drive.
pub struct Agents {
    /// Holds a link for each program.
    pub programs: PathBuf,
    /// Each program that is not there, and why.
    pub missing: Vec<(String, String)>,
}

/// Installs what is not installed yet.
pub fn install() -> Result<Agents, String> {
    let folder = target().join("agents");
    let why = match is_current(&folder) {
        true => None,
        false => fill(&folder)?,
    };
    let programs = folder.join("bin");
    let mut missing = Vec::new();
    for (name, _) in PROGRAMS {
        // Asks through the link: a program that went away is not there.
        if !programs.join(name).exists() {
            let why = why.clone().unwrap_or_else(|| "there is no pinned build for this system".to_owned());
            missing.push((name.to_owned(), why));
        }
    }
    Ok(Agents { programs, missing })
}

/// The chore: installs, and says what is there.
pub fn report() -> Result<(), String> {
    let agents = install()?;
    println!("agents for tests: {}", agents.programs.display());
    for (name, why) in &agents.missing {
        println!("missing {name}: {why}");
    }
    if agents.missing.is_empty() { Ok(()) } else { Err("some agents are missing".to_owned()) }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), PathBuf::from)
}

/// Whether this very state of the pinned versions was installed to its end.
fn is_current(folder: &Path) -> bool {
    let pinned = shell::root().join(PINNED);
    FILES.iter().all(|file| {
        let same = std::fs::read(pinned.join(file)).ok();
        same.is_some() && same == std::fs::read(folder.join("installed").join(file)).ok()
    })
}

/// Fills the folder anew. Gives the reason if npm could not.
fn fill(folder: &Path) -> Result<Option<String>, String> {
    for part in ["installed", "bin", "node_modules"] {
        remove(&folder.join(part)).map_err(failed(part))?;
    }
    let marks = folder.join("installed");
    std::fs::create_dir_all(folder).map_err(failed("agents"))?;
    let pinned = shell::root().join(PINNED);
    for file in FILES {
        std::fs::copy(pinned.join(file), folder.join(file)).map_err(failed(file))?;
    }
    if let Err(why) = npm(folder) {
        return Ok(Some(why));
    }
    link(folder).map_err(failed("bin"))?;
    // Last: what was broken off in the middle is not taken for whole.
    std::fs::create_dir_all(&marks).map_err(failed("installed"))?;
    for file in FILES {
        std::fs::copy(pinned.join(file), marks.join(file)).map_err(failed(file))?;
    }
    Ok(None)
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("agents for tests: `{what}`: {error}")
}

fn npm(folder: &Path) -> Result<(), String> {
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    command.current_dir(folder).stdin(Stdio::null());
    println!("── {} in {}", shell::show(&command), folder.display());
    shell::run(command)
}

fn link(folder: &Path) -> std::io::Result<()> {
    let links = folder.join("bin");
    std::fs::create_dir_all(&links)?;
    for (name, places) in PROGRAMS {
        let found = places.iter().map(|place| folder.join("node_modules").join(place)).find(|at| at.exists());
        if let Some(program) = found {
            std::os::unix::fs::symlink(program, links.join(name))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
