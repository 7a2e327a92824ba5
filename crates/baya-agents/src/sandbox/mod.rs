//! What a command or a file tool of an agent may touch, and the means that enforce it.
//!
//! Two kinds of door, one policy: our own file tools ask [`Sandbox::may_read`] and
//! [`Sandbox::may_write`]; commands are started through [`Sandbox::command`], which makes our own program
//! apply the policy to itself (`apply`) before it becomes the command. Of all that the policy names the
//! deepest path decides, and what is hidden wins against what is readable at the same depth.
//!
//! What cannot be enforced is refused: a command is never started bare, unless `best_effort` says so.

pub mod apply;
mod describe;
mod environment;
mod reach;
mod refused;
mod repository;
mod resolve;
pub mod seatbelt;
mod secret_names;
mod toolchains;

pub use reach::{Access, Reach, Refusal};
pub use refused::{EXIT_NOT_FOUND, EXIT_NOT_RUNNABLE, EXIT_REFUSED};
pub(crate) use resolve::real;

use std::collections::BTreeMap;
use std::ffi::OsStr;
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
    /// Further folders that may be read, beyond the system's own.
    pub readable: Vec<PathBuf>,
    /// Further folders that may be written.
    pub writable: Vec<PathBuf>,
    /// Folders that may be written under every profile: a program's own settings and sessions.
    #[serde(default)]
    pub own: Vec<PathBuf>,
    /// Parts of what is writable that may only be read: the git folder of a checkout that is not ours.
    pub protected: Vec<PathBuf>,
    /// Folders and files that may not even be read: keys, logins, our own journal.
    pub hidden: Vec<PathBuf>,
    /// Files that are secret by their names may not be read either, wherever they are: `.env`, `id_rsa`.
    #[serde(default)]
    pub without_secrets: bool,
    /// A loopback port commands may connect to; all other network is refused.
    pub port: Option<u16>,
    /// The loopback port of the proxy that lets commands out to listed hosts.
    #[serde(default)]
    pub proxy: Option<u16>,
    /// A loopback port of the program's own, for one that talks to itself: it may listen there.
    #[serde(default)]
    pub own_port: Option<u16>,
    /// Runs commands with whatever of the policy this kernel can enforce, instead of refusing.
    pub best_effort: bool,
    /// The command waits for one byte on its standard input before it starts, and never starts at the end
    /// of it.
    #[serde(default)]
    pub gated: bool,
    /// The environment of commands, whole; `TMPDIR` is added.
    #[serde(skip)]
    pub environment: BTreeMap<String, String>,
    /// Our own program and the word that makes it apply a policy: `baya __sandbox`.
    #[serde(skip)]
    pub applier: Vec<String>,
}

/// The version of landlock that the running kernel offers; 0: none, and no sandbox on Linux.
pub fn kernel_offers() -> i64 {
    #[cfg(target_os = "linux")]
    return apply::landlock_version();
    #[cfg(not(target_os = "linux"))]
    return 0;
}

impl Sandbox {
    /// A policy for an agent in this folder, with what the git repository around it needs.
    /// Environment, applier and home are the caller's to add. Call it before the agent's first command:
    /// it believes what stands in the folder.
    pub fn new(profile: Profile, folder: &Path, temporary: &Path) -> Sandbox {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (folder, temporary) = (real(folder), real(temporary));
        let git = repository::around(&folder);
        Sandbox {
            profile,
            folder,
            temporary,
            readable: git.readable,
            writable: git.writable,
            protected: git.protected,
            hidden: toolchains::system_secrets(),
            ..Sandbox::default()
        }
    }

    /// Lets commands read the toolchains kept in this home, and hides its keys and logins.
    #[must_use]
    pub fn with_home(mut self, home: &Path) -> Sandbox {
        self.readable.extend(toolchains::readable(home));
        self.hidden.extend(toolchains::secrets(home));
        self
    }

    /// For an agent that must not be able to do harm: reads its folder and the system, writes nothing, and
    /// sees no file that is secret by its name.
    #[must_use]
    pub fn quarantined(mut self) -> Sandbox {
        self.profile = Profile::ReadOnly;
        self.readable.clear();
        self.writable.clear();
        self.port = None;
        self.proxy = None;
        self.without_secrets = true;
        self
    }

    /// Lets what is at these paths be read. What may be read already is not named again: a deeper name
    /// would take the right to write from the folder around it.
    pub fn let_read(&mut self, paths: &[PathBuf]) {
        for path in paths {
            let known = resolve::real(path).map(|real| Reach::of(self).access(&real));
            if matches!(known, Ok(Access::None)) {
                self.readable.push(path.clone());
            }
        }
    }

    /// Whether a file tool of ours may read this path; gives the path behind all symbolic links. A
    /// relative path starts at the agent's folder.
    pub fn may_read(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let real = self.resolve(path)?;
        match Reach::of(self).access(&real) {
            _ if self.profile == Profile::Full => Ok(real),
            // The files of the kernel tell of our own process when our process reads them.
            _ if reach::is_kernel(&real) => Err(Refusal::unreadable(&real)),
            reach::Access::None => Err(Refusal::unreadable(&real)),
            reach::Access::Read | reach::Access::Write => Ok(real),
        }
    }

    /// As [`Sandbox::may_read`], for a path that shall be made, changed or removed.
    pub fn may_write(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let real = self.resolve(path)?;
        match Reach::of(self).access(&real) {
            _ if self.profile == Profile::Full => Ok(real),
            reach::Access::Write if !reach::is_kernel(&real) => Ok(real),
            _ => Err(Refusal::unwritable(&real, self)),
        }
    }

    /// The ports that commands may connect to.
    fn ports(&self) -> impl Iterator<Item = u16> {
        self.port.into_iter().chain(self.proxy).chain(self.own_port)
    }

    fn resolve(&self, path: &Path) -> Result<PathBuf, Refusal> {
        resolve::real(&self.folder.join(path)).map_err(|error| Refusal::unresolved(path, &error))
    }

    /// A command under this policy, in a process group of its own, with no environment but the policy's.
    /// Whoever starts it sets the streams.
    pub fn command<S: AsRef<OsStr>>(&self, argv: &[S], cwd: &Path) -> tokio::process::Command {
        // Without an applier nothing starts: there is no program of this name.
        let (program, words) = match self.applier.split_first() {
            Some((program, words)) => (program.as_str(), words),
            None => ("/baya-applier-is-not-set", [].as_slice()),
        };
        let mut command = tokio::process::Command::new(program);
        command.args(words);
        // What cannot be told is no policy, which the applier refuses.
        let mut policy = self.clone();
        policy.readable.extend(environment::tool_folders(self));
        command.arg(serde_json::to_string(&policy).unwrap_or_default());
        command.args(argv);
        command.env_clear().envs(&self.environment).env("TMPDIR", &self.temporary);
        command.current_dir(cwd).process_group(0).kill_on_drop(true);
        command
    }
}
