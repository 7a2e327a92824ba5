//! What a model may have meant by a path that leads nowhere.

use super::ToolRoom;
use ignore::WalkBuilder;
use std::ffi::OsStr;
use std::path::Path;

/// Names that are told.
const NAMES_MAX: usize = 4;
/// Entries that are looked at in search of the same name elsewhere.
const ENTRIES_MAX: usize = 5_000;
/// How like it a name must be, of 1.
const LIKENESS: f64 = 0.75;

/// The error for a path that leads nowhere, with what is near it.
pub(super) fn no_such_file(path: &str, room: &ToolRoom) -> String {
    let place = room.place(path);
    let Some(name) = place.file_name() else { return format!("there is no file `{path}`") };
    let mut names = siblings(&place, name, room);
    names.extend(elsewhere(name, room));
    names.dedup();
    names.truncate(NAMES_MAX);
    match names.as_slice() {
        [] => format!("there is no file `{path}`"),
        names => format!("there is no file `{path}`\nhint: there is `{}`", names.join("`, `")),
    }
}

fn siblings(place: &Path, name: &OsStr, room: &ToolRoom) -> Vec<String> {
    let Some(folder) = place.parent().filter(|folder| room.sandbox.may_read(folder).is_ok()) else {
        return Vec::new();
    };
    let wanted = name.to_string_lossy().to_lowercase();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let mut near: Vec<_> = entries
        .map(|entry| {
            (strsim::jaro_winkler(&wanted, &entry.file_name().to_string_lossy().to_lowercase()), entry)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.file_name().cmp(&other.file_name())));
    near.into_iter().take(NAMES_MAX).map(|(_, entry)| room.shown(&entry.path())).collect()
}

fn elsewhere(name: &OsStr, room: &ToolRoom) -> Vec<String> {
    let walk = WalkBuilder::new(&room.folder).require_git(false).git_global(false).build();
    let entries = walk.flatten().take(ENTRIES_MAX);
    let mut same: Vec<_> = entries
        .filter(|entry| entry.depth() > 0 && entry.file_name() == name)
        .map(|entry| room.shown(entry.path()))
        .collect();
    same.sort();
    same
}
