//! What a command or a file tool of an agent may touch, and the means that enforce it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How much an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Reads; writes nothing but its private temporary folder.
    ReadOnly,
    /// Writes its own folder.
    #[default]
    Workspace,
    /// As the person who started it.
    Full,
}

/// A policy and the program that applies it before it becomes the command.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Sandbox {
    pub profile: Profile,
    /// The agent's folder.
    pub folder: PathBuf,
    /// The agent's private temporary folder; `TMPDIR` of its commands.
    pub temporary: PathBuf,
    /// Further folders that may be written.
    pub writable: Vec<PathBuf>,
    /// Folders and files that may not even be read: keys, logins, our own journal.
    pub hidden: Vec<PathBuf>,
    /// A loopback port commands may connect to; all other network is refused.
    pub port: Option<u16>,
    /// The environment of commands, whole.
    pub environment: BTreeMap<String, String>,
    /// Our own program and the word that makes it apply a policy: `baya __sandbox`.
    pub applier: Vec<String>,
}

impl Sandbox {
    /// Whether the policy lets a tool of ours read this path; the path with symbolic links resolved.
    pub fn may_read(&self, path: &Path) -> Result<PathBuf, String> {
        let resolved = resolve(path)?;
        if self.hidden.iter().any(|hidden| resolved.starts_with(hidden)) {
            return Err(format!("`{}` may not be read", path.display()));
        }
        Ok(resolved)
    }

    /// Whether the policy lets a tool of ours write this path; the path with symbolic links resolved.
    pub fn may_write(&self, path: &Path) -> Result<PathBuf, String> {
        let resolved = resolve(path)?;
        let allowed = match self.profile {
            Profile::ReadOnly => vec![&self.temporary],
            Profile::Workspace => [&self.temporary, &self.folder].into_iter().chain(&self.writable).collect(),
            Profile::Full => return Ok(resolved),
        };
        if allowed.iter().any(|folder| folder.canonicalize().is_ok_and(|folder| resolved.starts_with(folder)))
        {
            return Ok(resolved);
        }
        Err(format!("`{}` may not be written: it is outside of the agent's folder", path.display()))
    }

    /// A command under this policy, in a process group of its own.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, argv: &[S], cwd: &Path) -> tokio::process::Command {
        let (program, words) = match self.applier.split_first() {
            Some((program, words)) => (program.as_str(), words),
            None => ("/baya-applier-is-not-set", [].as_slice()),
        };
        let mut command = tokio::process::Command::new(program);
        command.args(words).arg("{}").args(argv);
        command.env_clear().envs(&self.environment).env("TMPDIR", &self.temporary);
        command.current_dir(cwd).process_group(0).kill_on_drop(true);
        command
    }
}

/// The path with symbolic links resolved; what does not exist yet hangs on what does.
fn resolve(path: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("`{}` cannot be resolved: {error}", path.display());
    match path.canonicalize() {
        Ok(resolved) => Ok(resolved),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(failed(error));
            };
            Ok(resolve(parent)?.join(name))
        }
        Err(error) => Err(failed(error)),
    }
}
