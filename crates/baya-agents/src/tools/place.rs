//! Paths as models write them, and files opened by them.
//!
//! The sandbox answers with a path without symbolic links. Between its answer and our opening, a
//! command of the agent may put a link there; so every part of the path is opened on its own, and none
//! of them may be a link. Only regular files are opened: nothing here waits for a pipe or a device.

use super::ToolRoom;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Folders of the kernel: what stands there is no file, and some of it is about our own process.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl ToolRoom {
    /// The place a model means: relative paths start in the agent's folder.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Where a path really leads, if it may be read.
    pub(super) fn readable(&self, path: &str) -> Result<PathBuf, String> {
        let place = self.place(path);
        refuse_kernel(&place, path)?;
        let resolved = self.sandbox.may_read(&place).map_err(|refusal| refusal.to_string())?;
        refuse_kernel(&resolved, path)?;
        Ok(resolved)
    }

    /// Where a path really leads, if it may be written.
    pub(super) fn writable(&self, path: &str) -> Result<PathBuf, String> {
        let resolved = self.sandbox.may_write(&self.place(path)).map_err(|refusal| refusal.to_string())?;
        refuse_kernel(&resolved, path)?;
        Ok(resolved)
    }

    /// A path as it is shown: from the agent's folder on, and on one line.
    pub(super) fn shown(&self, path: &Path) -> String {
        let folder = self.folder.canonicalize();
        let relative = path.strip_prefix(&self.folder).ok();
        let relative = relative.or_else(|| path.strip_prefix(folder.as_ref().ok()?).ok());
        one_line(relative.filter(|path| !path.as_os_str().is_empty()).unwrap_or(path))
    }
}

/// A path with what is no plain text in it escaped.
pub(super) fn one_line(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}

fn refuse_kernel(place: &Path, path: &str) -> Result<(), String> {
    match KERNEL.into_iter().find(|folder| place.starts_with(folder)) {
        Some(folder) => Err(format!("`{path}` is in `{folder}`, where there are no files to work on")),
        None => Ok(()),
    }
}

/// Opens a regular file, found by a path without symbolic links, for reading.
pub(super) fn open(resolved: &Path) -> std::io::Result<File> {
    let (folder, name) = parent(resolved, Missing::Fails)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(&folder, name, flags, Mode::empty())?);
    match kind_unless_regular(&file.metadata()?) {
        None => Ok(file),
        Some(kind) => Err(std::io::Error::other(format!("it is {kind}"))),
    }
}

/// What something is that is no regular file.
pub(super) fn kind_unless_regular(metadata: &Metadata) -> Option<&'static str> {
    let mode = metadata.permissions().mode();
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a folder"),
        FileType::Fifo => Some("a pipe"),
        FileType::Socket => Some("a socket"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => Some("a device"),
    }
}

/// Puts a whole file in place at once, with the mode of the one it replaces; folders on the way to it
/// are made.
pub(super) fn put(resolved: &Path, bytes: &[u8], mode: Option<u32>) -> std::io::Result<()> {
    let (folder, name) = parent(resolved, Missing::IsMade)?;
    if let Ok(stat) = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
        && FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
    {
        return Err(std::io::Error::other("something that is no regular file is there"));
    }
    let temporary = temporary_name();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&folder, &temporary, flags, Mode::from_raw_mode(0o666))?);
    let filled = file.write_all(bytes).and_then(|()| match mode {
        Some(mode) => file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777)),
        None => Ok(()),
    });
    let placed = filled.and_then(|()| Ok(rustix::fs::renameat(&folder, &temporary, &folder, name)?));
    if placed.is_err() {
        // What could not be finished is not left behind; if even that fails there is nothing more to do.
        let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
    }
    placed
}

fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(".baya-{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[derive(Clone, Copy)]
enum Missing {
    Fails,
    IsMade,
}

/// The folder of a file, reached without following a link, and the name in it.
fn parent(resolved: &Path, missing: Missing) -> std::io::Result<(OwnedFd, &OsStr)> {
    let odd = || std::io::Error::other("it names no file");
    let (Some(folder), Some(name)) = (resolved.parent(), resolved.file_name()) else { return Err(odd()) };
    let mut reached = rustix::fs::open("/", FOLDER, Mode::empty())?;
    for part in folder.components() {
        match part {
            Component::RootDir => {}
            Component::Normal(part) => reached = step(&reached, part, missing)?,
            Component::CurDir | Component::ParentDir | Component::Prefix(_) => return Err(odd()),
        }
    }
    Ok((reached, name))
}

fn step(from: &OwnedFd, name: &OsStr, missing: Missing) -> std::io::Result<OwnedFd> {
    match (rustix::fs::openat(from, name, FOLDER, Mode::empty()), missing) {
        (Err(Errno::NOENT), Missing::IsMade) => {
            match rustix::fs::mkdirat(from, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(rustix::fs::openat(from, name, FOLDER, Mode::empty())?)
        }
        (opened, _) => Ok(opened?),
    }
}
