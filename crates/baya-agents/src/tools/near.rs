//! What a model may have meant by a path that leads nowhere.

use super::ToolRoom;
use super::walk::walk;
use crate::sandbox::{Access, Reach};
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
    let folder = place.parent().and_then(|folder| room.sandbox.may_read(folder).ok());
    let Some(folder) = folder else { return Vec::new() };
    let reach = Reach::of(&room.sandbox);
    let wanted = name.to_string_lossy().to_lowercase();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let mut near: Vec<_> = entries
        .filter(|entry| reach.access(&entry.path()) >= Access::Read)
        .map(|entry| {
            (strsim::jaro_winkler(&wanted, &entry.file_name().to_string_lossy().to_lowercase()), entry)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.file_name().cmp(&other.file_name())));
    near.into_iter().take(NAMES_MAX).map(|(_, entry)| room.shown(&entry.path())).collect()
}

fn elsewhere(name: &OsStr, room: &ToolRoom) -> Vec<String> {
    let Ok(folder) = room.folder.canonicalize() else { return Vec::new() };
    let entries = walk(&folder, room).flatten().take(ENTRIES_MAX);
    let mut same: Vec<_> = entries
        .filter(|entry| entry.depth() > 0 && entry.file_name() == name)
        .map(|entry| room.shown(entry.path()))
        .collect();
    same.sort();
    same
}
