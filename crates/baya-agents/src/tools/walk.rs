//! The files below a folder that a search looks at: what git ignores is left out, links are not
//! followed, and what the sandbox hides or the policy keeps is not entered.

use super::ToolRoom;
use crate::sandbox::{Access, Reach};
use ignore::{DirEntry, Walk, WalkBuilder};
use std::path::Path;

/// All entries below, folders too, in the order of their paths.
pub(super) fn walk(root: &Path, room: &ToolRoom) -> Walk {
    let (reach, gate) = (Reach::of(&room.sandbox), room.gate.clone());
    WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .follow_links(false)
        .sort_by_file_path(Ord::cmp)
        .filter_entry(move |entry| entry.depth() == 0 || is_open(entry, &reach) && gate.sees(entry.path()))
        .build()
}

/// Regular files only; links are none.
pub(super) fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

fn is_open(entry: &DirEntry, reach: &Reach) -> bool {
    entry.file_name() != ".git" && reach.access(entry.path()) >= Access::Read
}
