//! How far a policy reaches: for every path, whether it may be read or written.
//!
//! Pure but for looking up what the named paths are: links in them are followed once, here.

use super::{Profile, Sandbox, resolve, secret_names, toolchains};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// What may be done with a path and all below it. The order is that of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    None,
    Read,
    Write,
}

/// Every path that a policy names; the deepest one above a path decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub(super) named: BTreeMap<PathBuf, Access>,
    without_secrets: bool,
}

impl Reach {
    pub fn of(sandbox: &Sandbox) -> Reach {
        let mut reach = Reach { named: BTreeMap::new(), without_secrets: sandbox.without_secrets };
        if sandbox.profile == Profile::Full {
            reach.grant(Path::new("/"), Access::Write);
            return reach;
        }
        let written = match sandbox.profile {
            Profile::ReadOnly => Access::Read,
            Profile::Workspace | Profile::Full => Access::Write,
        };
        let system = toolchains::SYSTEM.iter().map(Path::new);
        system.chain(sandbox.readable.iter().map(PathBuf::as_path)).for_each(|path| {
            reach.grant(path, Access::Read);
        });
        toolchains::DEVICES.iter().for_each(|path| reach.grant(Path::new(path), Access::Write));
        reach.grant(&sandbox.folder, written);
        sandbox.writable.iter().for_each(|path| reach.grant(path, written));
        reach.grant(&sandbox.temporary, Access::Write);
        sandbox.own.iter().for_each(|path| reach.grant(path, Access::Write));
        sandbox.protected.iter().for_each(|path| reach.limit(path, Access::Read));
        sandbox.hidden.iter().for_each(|path| reach.limit(path, Access::None));
        reach
    }

    /// What the policy says of this path, which holds no links.
    pub fn access(&self, path: &Path) -> Access {
        if self.without_secrets && secret_names::is_secret(path) {
            return Access::None;
        }
        path.ancestors().find_map(|above| self.named.get(above).copied()).unwrap_or(Access::None)
    }

    /// The paths below this one that may less than `own`.
    pub(super) fn holes(&self, path: &Path, own: Access) -> impl Iterator<Item = (&Path, Access)> {
        self.named
            .range::<Path, _>((Bound::Excluded(path), Bound::Unbounded))
            .take_while(move |(below, _)| below.starts_with(path))
            .filter(move |(_, access)| **access < own)
            .map(|(below, access)| (below.as_path(), *access))
    }

    fn grant(&mut self, path: &Path, access: Access) {
        let Ok(real) = resolve::real(path) else { return };
        let known = self.named.entry(real).or_insert(access);
        *known = access.max(*known);
    }

    fn limit(&mut self, path: &Path, access: Access) {
        // The link itself is limited too, in case somebody replaces it.
        for path in [resolve::real(path).unwrap_or_else(|_| path.to_owned()), path.to_owned()] {
            let known = self.named.entry(path).or_insert(access);
            *known = access.min(*known);
        }
    }
}

/// Files that the kernel makes up for the one who reads them, and devices, which never end.
pub(super) fn is_kernel(path: &Path) -> bool {
    ["/proc", "/sys", "/dev"].iter().any(|folder| path.starts_with(folder))
}

/// Why a file tool may not touch a path, for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    pub(super) fn unreadable(path: &Path) -> Refusal {
        Refusal(format!("`{}` may not be read: it is outside of what this agent may see", path.display()))
    }

    pub(super) fn unwritable(path: &Path, sandbox: &Sandbox) -> Refusal {
        let shown = path.display();
        let below = |folder: &PathBuf| path.starts_with(folder);
        Refusal(match sandbox.profile {
            Profile::ReadOnly => format!("`{shown}` may not be written: this agent may only read"),
            Profile::Workspace | Profile::Full if sandbox.protected.iter().any(below) => {
                format!("`{shown}` may not be written: the git folder is kept as it is")
            }
            Profile::Workspace | Profile::Full => {
                let folder = sandbox.folder.display();
                format!("`{shown}` may not be written: this agent may write only inside of `{folder}`")
            }
        })
    }

    pub(super) fn unresolved(path: &Path, error: &std::io::Error) -> Refusal {
        Refusal(format!("`{}` cannot be looked up: {error}", path.display()))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}
