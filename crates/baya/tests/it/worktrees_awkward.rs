//! Worktrees where the disk is full, and where the base is rewritten while a run is at work.

use crate::harness::{Output, wait_for};
use crate::repository::{RUN, git, only_run, repository, worktrees, write_script};
use serde_json::json;
use std::process::{Command, Stdio};

/// Git has no room for what an agent left: it stays where it is, and is kept as soon as there is room.
#[test]
fn c71_work_that_a_full_disk_cannot_take_stays_until_there_is_room() {
    let agent = "head -c 4000000 /dev/urandom > big.bin; echo more >> a.txt; echo done";
    let baya = repository(&[("a.txt", "a\n")], agent);
    write_script(&baya, "return await agent('grow', {isolation: 'worktree'})");
    let (program, place) = (env!("CARGO_BIN_EXE_baya"), baya.work().display().to_string());
    let script = format!(
        "cp -r .git/objects '{out}/objects'
         mount -t tmpfs -o size=1m none .git/objects && cp -r '{out}/objects/.' .git/objects || exit 77
         '{program}' {run} > '{out}/full.out' 2> '{out}/full.err'; echo $? > '{out}/full.code'
         '{program}' gc --yes > '{out}/still.out' 2> '{out}/still.err'; echo $? > '{out}/still.code'
         mount -o remount,size=50m .git/objects || exit 77
         '{program}' gc --yes > '{out}/room.out' 2> '{out}/room.err'; echo $? > '{out}/room.code'
         git for-each-ref --format='%(refname)' refs/baya > '{out}/refs'
         git cat-file -s \"$(cat '{out}/refs'):big.bin\" > '{out}/size'",
        out = baya.home().display(),
        run = RUN.join(" "),
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["-rm", "sh", "-c", &script]).current_dir(place).env_clear();
    unshare.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", baya.home()).stdin(Stdio::null());
    match unshare.output().map(|output| output.status.code()) {
        Ok(Some(77)) | Err(_) => {
            return eprintln!("skipped: this user may not mount a file system of its own");
        }
        Ok(_) => {}
    }
    let read = |name: &str| std::fs::read_to_string(baya.home().join(name)).expect("a file");
    let outcome = |name: &str| Output {
        stdout: read(&format!("{name}.out")),
        stderr: read(&format!("{name}.err")),
        code: read(&format!("{name}.code")).trim().parse().ok(),
    };
    let full = outcome("full");
    let said = format!("{}{}", full.stdout, full.stderr);
    assert!(said.contains("could not be committed") && said.contains("it stays in"), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    let still = outcome("still");
    assert!(still.stderr.contains("No space left on device"), "{}", still.stderr);
    outcome("room").exits(0);
    assert_eq!(read("size").trim(), "4000000", "all of it is kept: {}", read("refs"));
}

/// The person amends the commit that the run began with, and has git collect garbage.
#[test]
fn c70_a_base_that_is_rewritten_meanwhile_is_still_where_the_run_works() {
    let agent = r#"name=$(echo "$1" | head -n 1); echo "by $name" > "$name.txt"; echo did"#;
    let baya = repository(&[("a.txt", "a\n")], agent);
    let base = git(&baya, &["rev-parse", "HEAD"]);
    write_script(
        &baya,
        "const one = await agent('one', {isolation: 'worktree', work: true})
         await baya.exec('touch here; while [ ! -e go ]; do sleep 0.02; done', {retry: 'safe'})
         const two = await agent('two', {isolation: 'worktree', work: true})
         const landed = await baya.land([one, two])
         return [two.work.base, landed.landed, landed.branch]",
    );
    let child = baya.args(RUN).spawn();
    wait_for("the step between", || baya.work().join("here").exists());
    git(&baya, &["commit", "-q", "--amend", "-m", "another beginning"]);
    git(&baya, &["gc", "-q"]);
    baya.write("go", "");
    let ended = Output::of(child).exits(0).run_ended();
    let branch = format!("baya/{}", only_run(&baya));
    assert_eq!(ended["result"], json!([base, 2, branch]));
    assert_eq!(git(&baya, &["show", &format!("{branch}:two.txt")]), "by two");
    assert_ne!(git(&baya, &["rev-parse", "HEAD"]), base, "and what the person did stays");
    assert_eq!(worktrees(&baya), 0);
}
