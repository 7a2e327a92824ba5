//! What file tools may touch.

use super::{Place, work::repository};
use baya_agents::sandbox::Profile;
use std::os::unix::fs::symlink;

/// Read and write, from the strongest profile to the weakest: full, workspace, read-only.
#[track_caller]
fn check(place: &Place, path: &str, read: &str, write: &str) {
    let path = path.replace("~", &place.path("home").display().to_string());
    let path = path.replace("@", &place.path("").display().to_string());
    for (at, profile) in [Profile::Full, Profile::Workspace, Profile::ReadOnly].into_iter().enumerate() {
        let sandbox = place.sandbox(profile);
        let may = |word: &str| word.as_bytes()[at] == b'y';
        assert_eq!(sandbox.may_read(path.as_ref()).is_ok(), may(read), "read {path} {profile:?}");
        assert_eq!(sandbox.may_write(path.as_ref()).is_ok(), may(write), "write {path} {profile:?}");
    }
}

#[test]
fn tools_stay_inside_and_follow_links() {
    let place = Place::new();
    let folder = place.folder();
    symlink(place.path("home/.ssh"), folder.join("keys")).unwrap();
    symlink(place.path("home/new"), folder.join("dangling")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    symlink(".", folder.join("here")).unwrap();
    symlink("/proc/self", folder.join("self")).unwrap();
    for (path, read, write) in [
        ("file", "yyy", "yyn"),
        ("not/there/yet", "yyy", "yyn"),
        ("here/here/file", "yyy", "yyn"),
        ("../work/file", "yyy", "yyn"),
        ("@/temporary/x", "yyy", "yyy"),
        ("/usr/bin/env", "yyy", "ynn"),
        ("../other", "ynn", "ynn"),
        ("~/other", "ynn", "ynn"),
        ("not/there/../../../other", "ynn", "ynn"),
        ("keys/id_ed25519", "ynn", "ynn"),
        ("dangling", "ynn", "ynn"),
        ("~/.ssh/id_ed25519", "ynn", "ynn"),
        ("~/.cargo/registry", "yyy", "ynn"),
        ("~/.cargo/credentials.toml", "ynn", "ynn"),
        ("~/.local/state/baya/journal.db", "ynn", "ynn"),
        ("/proc/self/environ", "ynn", "ynn"),
        ("self/environ", "ynn", "ynn"),
        ("/dev/null", "ynn", "ynn"),
        ("loop", "nnn", "nnn"),
    ] {
        check(&place, path, read, write);
    }
}

#[test]
fn a_folder_inside_of_what_is_hidden_is_open_and_its_siblings_are_not() {
    let place = Place::new();
    let mut sandbox = place.sandbox(Profile::Workspace);
    sandbox.hidden.push(place.path("home"));
    assert!(sandbox.may_write("x".as_ref()).is_ok());
    assert!(sandbox.may_read("../x".as_ref()).is_err());
    sandbox.hidden.push(place.folder().join("private"));
    assert!(sandbox.may_read("private/x".as_ref()).is_err());
}

#[test]
fn refusals_are_sentences() {
    let place = Place::new();
    let sandbox = place.sandbox(Profile::Workspace);
    let told = sandbox.may_write("/etc/x".as_ref()).unwrap_err().to_string();
    let folder = place.folder();
    assert_eq!(
        told,
        format!("`/etc/x` may not be written: this agent may write only inside of `{}`", folder.display())
    );
}

#[test]
fn a_git_folder_is_believed_only_if_it_points_back() {
    let place = Place::new();
    std::fs::remove_dir(place.folder()).unwrap();
    repository(&place.path("home"));
    let sandbox = place.sandbox(Profile::Workspace);
    let (git, entry) = (place.path("home/main/.git"), place.path("home/main/.git/worktrees/work"));
    assert!(sandbox.may_write(&git.join("objects/x")).is_ok());
    assert!(sandbox.may_write(&entry.join("index")).is_ok());
    for name in ["config", "hooks/post-checkout", "commondir", "info/attributes"] {
        assert!(sandbox.may_write(&git.join(name)).is_err(), "{name}");
    }
    assert!(sandbox.may_write(".git".as_ref()).is_err());
    // A folder dressed up as an entry, with somebody's own folder as the common one.
    let evil = place.path("home/evil/worktrees/work");
    std::fs::create_dir_all(&evil).unwrap();
    std::fs::write(place.folder().join(".git"), format!("gitdir: {}", evil.display())).unwrap();
    let sandbox = place.sandbox(Profile::Workspace);
    assert!(sandbox.may_write(&evil.join("x")).is_err());
    assert!(sandbox.may_write(&place.path("home/evil/objects/x")).is_err());
}
