//! `baya gc`: what goes, what stays, and that it says so first.

use crate::harness::{runs, wait_for};
use crate::killed_process::Driver;
use crate::land::Repo;
use baya_core::ids::RunId;
use baya_engine::runs::RunStore;
use serde_json::{Value, json};

fn kinds(lines: &[Value]) -> Vec<(String, String)> {
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let garbage = lines.iter().filter(|line| line["type"] == "garbage");
    garbage.map(|line| (text(line, "kind"), text(line, "what"))).collect()
}

#[test]
fn c71_gc_removes_what_has_landed_and_nothing_else() {
    let repo = Repo::new();
    let run = repo.run(&[("one", "echo one > a.txt"), ("two", "echo two > a.txt")]);
    repo.baya.line("gc --yes").run().exits(0).says("there is nothing to remove").says("kept");
    repo.land(&[]).exits(3);
    let before = repo.refs();
    let listed = repo.baya.line("gc --dry-run --json").run().exits(0).json_lines();
    let (reference, branch) = (format!("refs/baya/{run}/1"), format!("baya-work/{run}/1"));
    assert_eq!(listed.last(), Some(&json!({"type": "gc_ended", "removed": 0, "kept": 2})));
    let mut found = kinds(&listed);
    found.retain(|(kind, _)| kind != "folder");
    found.sort();
    assert_eq!(found, [("branch".to_owned(), branch.clone()), ("ref".to_owned(), reference.clone())]);
    repo.baya.line("gc").run().exits(2).says("nobody is there to say yes").says("baya gc --yes");
    assert_eq!(repo.refs(), before, "nothing is removed before somebody said so");
    repo.baya.line("gc --yes").run().exits(0).prints_line(&reference).says("removed");
    let after = repo.refs();
    assert!(!after.contains(&reference) && !after.contains(&branch), "{after}");
    for kept in [format!("refs/baya/{run}/2"), format!("baya-work/{run}/2"), format!("heads/baya/{run}")] {
        assert!(after.contains(&kept), "{kept} is not in {after}");
    }
    let steps = repo.state().join("steps").join(&run);
    assert!(!steps.exists(), "folders of ended runs go");
    repo.baya.line("gc --yes --older-than 1h").run().exits(0).says("there is nothing to remove");
    repo.baya.line("gc --yes --older-than 14").run().exits(2).says("14d");
    repo.baya.line("gc --yes --older-than 0s").run().exits(0).prints_line("not landed, and 0 days old");
    assert!(!repo.refs().contains("refs/baya/"), "{}", repo.refs());
    repo.land(&[]).exits(3).prints_line("1 of 2 pieces landed");
}

#[test]
fn landed_work_stays_while_no_branch_has_it() {
    let repo = Repo::new();
    let run = repo.run(&[("one", "echo one > a.txt")]);
    repo.land(&[]).exits(0);
    repo.git(&["branch", "-D", &format!("baya/{run}")]);
    repo.baya.line("gc --yes").run().exits(0);
    assert!(repo.refs().contains(&format!("refs/baya/{run}/1")), "{}", repo.refs());
}

#[test]
fn c71_what_a_crash_left_is_kept_as_a_commit_before_its_worktree_goes() {
    let repo = Repo::new();
    let script = "export const meta = { name: 'x', description: 'd' }
        await agent('echo new > new.txt; sleep 600', { isolation: 'worktree' })\n";
    std::fs::write(repo.baya.home().join("x.js"), script).expect("a script");
    let line = format!("run {}", repo.baya.home().join("x.js").display());
    let driver = Driver::start(&repo.baya.line(&line));
    let worktrees = repo.state().join("worktrees");
    let standing = || {
        let run = runs(&repo.baya.home()).pop()?;
        let folder = worktrees.join(&run).join(format!("{run}.1"));
        folder.join("new.txt").exists().then_some((run, folder))
    };
    wait_for("the agent", || standing().is_some());
    let (run, folder) = standing().expect("a worktree");
    repo.baya.line("gc --yes").run().exits(0).says("there is nothing to remove");
    assert!(folder.exists(), "a run that is being driven is left alone");
    driver.kill();
    repo.baya.line("work last").run().exits(0).prints_line(&format!("stands: {}", folder.display()));
    let gone = || repo.baya.line("gc --yes").run().code == Some(0) && !folder.exists();
    // The agent may outlive its run for a moment; its worktree stays as long as it works there.
    end_workers(&folder);
    wait_for("the end of the agent", gone);
    assert_eq!(repo.git(&["show", &format!("refs/baya/{run}/1:new.txt")]), "new");
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 1);
    assert!(!worktrees.join(&run).exists());
}

/// Ends what a killed run left at work in a folder.
fn end_workers(folder: &std::path::Path) {
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if std::fs::read_link(entry.path().join("cwd")).is_ok_and(|place| place.starts_with(folder)) {
            let pid = rustix::process::Pid::from_raw(pid).expect("a process");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

#[test]
fn the_worktree_of_a_killed_landing_goes() {
    let repo = Repo::new();
    let run = repo.run(&[("one", "echo one > a.txt")]);
    let hold = repo.baya.home().join("hold");
    std::fs::write(&hold, "").expect("a file");
    let line = "touch begun; while test -e ../../../../../../hold; do sleep 0.02; done";
    let driver = Driver::start(&repo.baya.args(["land", "last", "--check", line]));
    let folder = repo.state().join("worktrees").join(&run).join(format!("{run}.landing"));
    wait_for("the check", || folder.join("begun").exists());
    driver.kill();
    std::fs::remove_file(&hold).expect("removed");
    wait_for("the end of the check", || repo.baya.line("gc --yes").run().code == Some(0) && !folder.exists());
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 1);
    repo.land(&[]).exits(0);
}

/// The commit is in no branch and in no reflog, and git removes all that nobody refers to.
#[test]
fn c70_the_commit_that_worktrees_start_from_outlives_its_branch_while_the_run_is_parked() {
    let repo = Repo::new();
    let base = repo.git(&["rev-parse", "HEAD"]);
    let script = "export const meta = { name: 'x', description: 'd' }
        return await agent('cat a.txt\\nexit 0', { isolation: 'worktree' })\n";
    std::fs::write(repo.baya.home().join("x.js"), script).expect("a script");
    let line = format!("run {} --max-time 1ms --on-budget pause", repo.baya.home().join("x.js").display());
    repo.baya.line(&line).run().exits(5);
    let kept = format!("refs/baya/{}/base", repo.last());
    repo.baya.write("a.txt", "other\n");
    repo.git(&["commit", "-q", "--amend", "-a", "-m", "instead"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.baya.line("gc --yes").run().exits(0).says("there is nothing to remove");
    repo.git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(repo.git(&["rev-parse", &kept]), base);
    repo.baya.line("resume last --max-time 5m").run().exits(0).prints_line("a");
    assert!(!repo.refs().contains(&kept), "it goes with the run's end: {}", repo.refs());
    // We died between the end of the run and that of its ref.
    repo.git(&["update-ref", &kept, &base]);
    repo.baya.line("gc --yes").run().exits(0).prints_line(&kept);
    assert!(!repo.refs().contains(&kept), "{}", repo.refs());
}

#[test]
fn a_run_that_somebody_drives_is_not_touched() {
    let repo = Repo::new();
    let run = repo.run(&[("one", "echo one > a.txt")]);
    repo.land(&[]).exits(0);
    let store = RunStore::new(&repo.state());
    let held = store.drive(&RunId::parse(&run).expect("an id")).expect("the lease");
    repo.baya.line("gc --yes --older-than 0s").run().exits(0).says("there is nothing to remove");
    drop(held);
    repo.baya.line("gc --yes").run().exits(0).prints_line("its work has landed");
}
