//! Makes the protected parts of a writable folder read-only for this process alone.
//!
//! Landlock cannot take back below a folder what it gave for the folder. A private view of the mounts can,
//! but not every system lets everybody have one; [`super::files`] then gives less instead.
//!
//! Unsafe, because these are plain libc calls; each takes no pointer that outlives the call.
#![allow(unsafe_code)]

use super::super::{Profile, Sandbox};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

/// Whether the protected paths are kept by a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    ByMounts,
    No,
}

pub(super) fn protect(sandbox: &Sandbox) -> Kept {
    let exists = |path: &&PathBuf| path.exists();
    let paths: Vec<&PathBuf> = sandbox.protected.iter().filter(exists).collect();
    if sandbox.profile != Profile::Workspace || paths.is_empty() {
        return Kept::No;
    }
    if !own_mounts() {
        return Kept::No;
    }
    if paths.iter().all(|path| make_read_only(path)) { Kept::ByMounts } else { Kept::No }
}

/// A view of the mounts of our own, if need be as a user of our own with the same ids.
fn own_mounts() -> bool {
    // SAFETY: no pointers; the ids are read before they would change.
    let (user, group, alone) =
        unsafe { (libc::geteuid(), libc::getegid(), libc::unshare(libc::CLONE_NEWNS) == 0) };
    if !alone {
        // SAFETY: no pointers; the process has one thread.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } != 0 {
            return false;
        }
        let mapped = std::fs::write("/proc/self/setgroups", "deny")
            .and_then(|()| std::fs::write("/proc/self/uid_map", format!("{user} {user} 1")))
            .and_then(|()| std::fs::write("/proc/self/gid_map", format!("{group} {group} 1")));
        if mapped.is_err() {
            return false;
        }
    }
    mount(None, c"/", libc::MS_REC | libc::MS_PRIVATE)
}

/// Mounts the path on itself, which also keeps it from being moved away, and makes that read-only.
fn make_read_only(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    if !mount(Some(&path), &path, libc::MS_BIND | libc::MS_REC) {
        return false;
    }
    let change =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let size = size_of::<libc::mount_attr>();
    // SAFETY: path and attributes are valid for the length of the call.
    unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &change,
            size,
        ) == 0
    }
}

fn mount(source: Option<&CStr>, target: &CStr, flags: libc::c_ulong) -> bool {
    let source = source.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the strings are valid for the length of the call; type and data are not needed here.
    unsafe { libc::mount(source, target.as_ptr(), ptr::null(), flags, ptr::null()) == 0 }
}
