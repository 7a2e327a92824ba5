//! What runs need of this machine: git, room on the disk, a state folder that can be written, and node
//! where an installed agent is written for it.

use super::probe::{self, Said};
use super::{Area, Finding, Patient, State};
use crate::quantity;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// The oldest git whose merges need no checkout.
const GIT_LEAST: (u32, u32) = (2, 38);
/// Below the first a run may break off, below the second it will.
const DISK_WARN: u64 = 1024 * 1024 * 1024;
const DISK_BAD: u64 = 50 * 1024 * 1024;
/// Programs that are scripts of node's, if they were installed by npm.
const OF_NODE: [&str; 6] = ["claude", "codex", "codex-acp", "claude-agent-acp", "qwen", "gemini"];

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let (git, node) = tokio::join!(git(patient), node(patient));
    [vec![state_folder(patient), git], node.into_iter().collect()].concat()
}

fn state_folder(patient: &Patient<'_>) -> Finding {
    let folder = &patient.folders.state;
    let shown = folder.display();
    let finding = |state, what: String| Finding::new(Area::Machine, "state", state, what);
    if let Err(error) = try_to_write(folder) {
        return finding(State::Bad, format!("`{shown}` cannot be written: {error}"))
            .hint("export XDG_STATE_HOME=/a/folder/of/yours");
    }
    let Ok(disk) = rustix::fs::statvfs(folder.as_path()) else {
        return finding(State::Ok, format!("{shown}"));
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let what = format!("{shown}, {} free", quantity::bytes_shown(free));
    match free {
        ..DISK_BAD => finding(State::Bad, what).hint("make room on this disk"),
        DISK_BAD..DISK_WARN => finding(State::Warn, what).hint("make room on this disk"),
        DISK_WARN.. => finding(State::Ok, what),
    }
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, "x")?;
    std::fs::remove_file(probe)
}

async fn git(patient: &Patient<'_>) -> Finding {
    let finding = |state, what: String| Finding::new(Area::Machine, "git", state, what);
    let (major, minor) = GIT_LEAST;
    let hint = format!("install git {major}.{minor} or newer");
    let Some(path) = probe::find("git", &patient.environment, &patient.folders.working) else {
        return finding(State::Warn, "not found on `PATH`".to_owned())
            .note("agents with a worktree of their own need it")
            .hint(hint);
    };
    match probe::ask(&path, &["--version"], &patient.environment).await {
        Said::Line(line) => match version(&line) {
            Some(found) if found < GIT_LEAST => {
                finding(State::Warn, line).note(format!("worktrees need git {major}.{minor}")).hint(hint)
            }
            Some(_) => finding(State::Ok, line),
            None => finding(State::Warn, format!("`{line}` names no version")).hint(hint),
        },
        Said::Nothing => finding(State::Warn, "it names no version".to_owned()).hint(hint),
        Said::Hung => finding(State::Warn, "`git --version` does not end".to_owned()).hint(hint),
        Said::Failed(why) => finding(State::Warn, format!("`git --version` failed: {why}")).hint(hint),
    }
}

/// The first two numbers of a version in a line.
fn version(line: &str) -> Option<(u32, u32)> {
    let word = line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = word.split('.').map_while(|part| part.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// Looked at only if somebody needs it.
async fn node(patient: &Patient<'_>) -> Option<Finding> {
    let (environment, working) = (&patient.environment, &patient.folders.working);
    let needs: Vec<&str> = OF_NODE
        .into_iter()
        .filter(|name| probe::find(name, environment, working).is_some_and(|path| is_of_node(&path)))
        .collect();
    if needs.is_empty() {
        return None;
    }
    let finding = |state, what: String| Finding::new(Area::Machine, "node", state, what);
    let needed = format!("needed by {}", needs.join(", "));
    let Some(path) = probe::find("node", environment, working) else {
        let finding = finding(State::Warn, "not found on `PATH`".to_owned());
        return Some(finding.note(needed).hint("install node"));
    };
    Some(match probe::ask(&path, &["--version"], environment).await {
        Said::Line(line) => finding(State::Ok, line).note(needed),
        Said::Nothing | Said::Hung | Said::Failed(_) => {
            finding(State::Warn, "`node --version` does not work".to_owned())
                .note(needed)
                .hint("install node anew")
        }
    })
}

fn is_of_node(program: &Path) -> bool {
    let mut start = [0; 64];
    let read = std::fs::File::open(program).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let line = String::from_utf8_lossy(&start[..read]);
    line.starts_with("#!") && line.lines().next().is_some_and(|line| line.contains("node"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git_are_compared_as_numbers() {
        for (line, expected) in [
            ("git version 2.51.0", Some((2, 51))),
            ("git version 2.9.5", Some((2, 9))),
            ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
            ("git version unknown", None),
        ] {
            assert_eq!(version(line), expected, "{line}");
        }
        assert!((2, 9) < GIT_LEAST);
    }
}
