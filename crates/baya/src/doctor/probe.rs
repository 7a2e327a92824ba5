//! Programs that are asked one thing: found on the search path, started without a terminal, ended with
//! everything they started when their time is over.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// The longest a program may think about its version.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Of what it says.
const BYTES_MAX: u64 = 4096;
const LINE_CHARS_MAX: usize = 60;

/// What a program said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The first line it wrote.
    Line(String),
    Nothing,
    /// It did not end in time.
    Hung,
    Failed(String),
}

/// Where a shell would find the program; a name with a slash is a path.
pub fn find(name: &str, environment: &BTreeMap<String, String>, working: &Path) -> Option<PathBuf> {
    let runs = |path: &PathBuf| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(working.join(name)).filter(runs);
    }
    let path = environment.get("PATH")?;
    std::env::split_paths(path).map(|folder| working.join(folder).join(name)).find(runs)
}

/// Runs it, and gives the first line of what it writes.
pub async fn ask(program: &Path, words: &[&str], environment: &BTreeMap<String, String>) -> Said {
    let mut command = Command::new(program);
    command.args(words).env_clear().envs(environment).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Said::Failed(error.to_string()),
    };
    let group = child.id();
    let mut text = Vec::new();
    let reads = async {
        if let Some(stdout) = child.stdout.take() {
            // What cannot be read was not said.
            let _ = stdout.take(BYTES_MAX).read_to_end(&mut text).await;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(PATIENCE, reads).await;
    end_group(group);
    match ended {
        Err(_) => Said::Hung,
        Ok(Err(error)) => Said::Failed(error.to_string()),
        Ok(Ok(status)) if !status.success() => Said::Failed(status.to_string()),
        Ok(Ok(_)) => first_line(&text).map_or(Said::Nothing, Said::Line),
    }
}

/// It may have started others.
fn end_group(group: Option<u32>) {
    let group = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // Mostly nobody is left.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

fn first_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(LINE_CHARS_MAX).collect())
}
