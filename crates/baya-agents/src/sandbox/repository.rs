//! What an agent needs of the git repository it works in.
//!
//! A worktree of ours gets of the common folder exactly what a commit writes; never `hooks` or `config`,
//! which would run as the person who uses git next. A checkout that is somebody's own keeps its `.git` as
//! it is: there is no way to write its index that does not also write its hooks.

use std::path::{Path, PathBuf};

/// What a commit from a linked worktree writes in the common folder.
const WRITTEN_BY_COMMITS: [&str; 3] = ["objects", "refs", "logs"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Git {
    pub readable: Vec<PathBuf>,
    pub writable: Vec<PathBuf>,
    pub protected: Vec<PathBuf>,
}

/// The repository whose work tree this folder is or lies in.
pub(super) fn around(folder: &Path) -> Git {
    let Some(root) = folder.ancestors().find(|above| above.join(".git").exists()) else {
        return Git::default();
    };
    let git = root.join(".git");
    let mut found =
        Git { readable: vec![root.to_owned(), git.clone()], protected: vec![git.clone()], ..Git::default() };
    if let Some(linked) = Linked::of(&git) {
        found.readable.push(linked.common.clone());
        found.writable.extend(WRITTEN_BY_COMMITS.iter().map(|name| linked.common.join(name)));
        found.writable.push(linked.entry);
    }
    found
}

/// A worktree beside the main one.
struct Linked {
    common: PathBuf,
    entry: PathBuf,
}

impl Linked {
    /// Believes a `.git` file only if the entry it names points back at it: an agent can write the file,
    /// but not the entry of a repository that is not its own.
    fn of(git: &Path) -> Option<Linked> {
        let text = std::fs::read_to_string(git).ok()?;
        let named = text.strip_prefix("gitdir:")?.trim();
        let entry = std::fs::canonicalize(git.parent()?.join(named)).ok()?;
        let back = std::fs::read_to_string(entry.join("gitdir")).ok()?;
        let back = std::fs::canonicalize(entry.join(back.trim())).ok()?;
        if back != std::fs::canonicalize(git).ok()? {
            return None;
        }
        let worktrees =
            entry.parent().filter(|parent| parent.file_name().is_some_and(|n| n == "worktrees"))?;
        let common = worktrees.parent()?.to_owned();
        common.join("HEAD").is_file().then_some(Linked { common, entry })
    }
}
