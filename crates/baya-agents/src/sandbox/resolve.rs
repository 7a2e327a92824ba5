//! The path behind all symbolic links, also of what does not exist yet.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

/// As the kernel's own limit.
const LINKS_MAX: usize = 40;

/// Follows every link of an absolute path, the last one and dangling ones too. Parts that do not exist are
/// kept as they are.
pub(crate) fn real(path: &Path) -> Result<PathBuf> {
    let mut rest: VecDeque<OsString> = parts(path);
    let mut real = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            real.pop();
            continue;
        }
        real.push(&part);
        let Some(target) = link(&real)? else { continue };
        links += 1;
        if links > LINKS_MAX {
            return Err(Error::new(ErrorKind::InvalidInput, "too many symbolic links"));
        }
        real.pop();
        if target.is_absolute() {
            real = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(real)
}

/// Where a link leads; nothing if it is none or not there.
fn link(path: &Path) -> Result<Option<PathBuf>> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_symlink() => std::fs::read_link(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let named = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(named).collect()
}
