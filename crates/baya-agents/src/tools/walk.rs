//! The files below a folder that a search looks at: what git ignores is left out, links are not
//! followed, and what the sandbox hides is not entered.

use super::ToolRoom;
use ignore::{DirEntry, Walk, WalkBuilder};
use std::path::{Path, PathBuf};

/// All entries below, folders too, in the order of their paths.
pub(super) fn walk(root: &Path, room: &ToolRoom) -> Walk {
    let hidden = hidden(room);
    WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .follow_links(false)
        .sort_by_file_path(Ord::cmp)
        .filter_entry(move |entry| entry.depth() == 0 || is_open(entry, &hidden))
        .build()
}

/// Regular files only; links are none.
pub(super) fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

fn hidden(room: &ToolRoom) -> Vec<PathBuf> {
    let paths = room.sandbox.hidden.iter();
    paths.map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect()
}

fn is_open(entry: &DirEntry, hidden: &[PathBuf]) -> bool {
    entry.file_name() != ".git" && !hidden.iter().any(|path| entry.path().starts_with(path))
}
