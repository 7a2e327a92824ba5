//! What ordinary work needs goes on working.

use super::{Place, run, said, skip};
use baya_agents::sandbox::{EXIT_NOT_FOUND, EXIT_REFUSED, Profile};
use std::path::Path;
use std::process::Command;

async fn works(place: &Place, profile: Profile, script: &str) {
    let output = run(&place.sandbox(profile), &place.folder(), &["sh", "-ec", script]).await;
    assert!(output.status.success(), "{profile:?}: {script}\n{}", said(&output));
}

#[tokio::test]
async fn shells_and_programs_work() {
    let place = Place::new();
    for profile in [Profile::ReadOnly, Profile::Workspace, Profile::Full] {
        works(&place, profile, "ls -l . && cat /etc/passwd | sort > /dev/null && echo x > \"$TMPDIR/x\"")
            .await;
        works(&place, profile, "id; date; head -c 4 /dev/urandom > /dev/null; sleep 0 & wait").await;
    }
    works(
        &place,
        Profile::Workspace,
        "mkdir -p a/b && echo x > a/b/c && mv a/b/c a/c && ln a/c a/d && rm -r a",
    )
    .await;
    works(&place, Profile::Workspace, "ln -s a b; chmod 700 .; touch -d @0 new; mkfifo pipe; true > new")
        .await;
}

#[tokio::test]
async fn git_works_in_a_new_repository() {
    let place = Place::new();
    let script = "git init -q . && git config user.name A && git config user.email a@b.c && echo x > x \
        && git add x && git commit -qm x && git log --oneline | grep x";
    works(&place, Profile::Workspace, script).await;
}

/// A repository with a worktree beside it, made outside of any sandbox.
pub fn repository(at: &Path) {
    let script = "git init -q main && cd main && git config user.name A && git config user.email a@b.c \
        && echo x > x && git add x && git commit -qm first && git worktree add -q --detach ../work";
    let mut git = Command::new("sh");
    git.args(["-ec", script])
        .current_dir(at)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", at);
    let output = git.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[tokio::test]
async fn a_worktree_commits() {
    let place = Place::new();
    std::fs::remove_dir(place.folder()).unwrap();
    repository(&place.path("home"));
    works(&place, Profile::Workspace, "echo y > y && git add y && git commit -qm second && git status -s")
        .await;
    works(&place, Profile::Workspace, "git switch -qc topic && echo z > x && git commit -qam third").await;
    let output =
        run(&place.sandbox(Profile::Workspace), &place.folder(), &["git", "config", "a.b", "c"]).await;
    assert!(!output.status.success(), "{}", said(&output));
}

#[tokio::test]
async fn a_checkout_of_ones_own_is_worked_in_and_its_git_folder_kept() {
    let place = Place::new();
    let script = "git init -q . && git -c user.name=A -c user.email=a@b.c commit -q --allow-empty -m first";
    works(&place, Profile::Full, script).await;
    works(&place, Profile::Workspace, "git status && git log").await;
    let sandbox = place.sandbox(Profile::Workspace);
    let made =
        run(&sandbox, &place.folder(), &["sh", "-ec", "mkdir sub && echo x > new && mv new sub/new"]).await;
    if !made.status.success() {
        skip("new files in a checkout", "this system gives no mounts of one's own");
    }
    for script in
        ["echo x > .git/hooks/post-checkout", "git config a.b c", "mv .git moved", "echo x > .git/commondir"]
    {
        let output = run(&sandbox, &place.folder(), &["sh", "-ec", script]).await;
        assert!(!output.status.success(), "{script}: {}", said(&output));
    }
}

#[tokio::test]
async fn toolchains_work() {
    let place = Place::new();
    works(
        &place,
        Profile::Workspace,
        "if command -v node; then node -e 'require(\"child_process\").execSync(\"true\")'; fi",
    )
    .await;
    works(&place, Profile::Workspace, "if command -v npm; then npm --version; npm init -y >/dev/null; fi")
        .await;
    let python = "import json,subprocess,tempfile,hashlib; open(\"x\",\"w\").write(\"x\"); subprocess.run([\"true\"],check=True)";
    works(&place, Profile::Workspace, &format!("if command -v python3; then python3 -c '{python}'; fi"))
        .await;
}

/// The cargo that runs this test builds a crate inside.
#[tokio::test]
async fn cargo_builds() {
    let place = Place::new();
    let cargo = Path::new(env!("CARGO"));
    let (Some(bin), Some(toolchain)) = (cargo.parent(), cargo.parent().and_then(Path::parent)) else {
        return;
    };
    let mut sandbox = place.sandbox(Profile::Workspace);
    sandbox.readable.push(toolchain.to_owned());
    sandbox.environment.insert("PATH".to_owned(), format!("{}:/usr/bin:/bin", bin.display()));
    let script = "cargo init -q --vcs none --name tiny . && cargo build -q --offline && ./target/debug/tiny";
    let output = run(&sandbox, &place.folder(), &["sh", "-ec", script]).await;
    assert!(output.status.success(), "{}", said(&output));
}

#[tokio::test]
async fn what_cannot_be_run_is_told() {
    let place = Place::new();
    let sandbox = place.sandbox(Profile::Workspace);
    let output = run(&sandbox, &place.folder(), &["no-such-program"]).await;
    assert_eq!(output.status.code(), Some(EXIT_NOT_FOUND), "{}", said(&output));
    let output = run(&sandbox, &place.folder(), &["sh", "-c", "exit 7"]).await;
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    let mut none = std::process::Command::new(env!("CARGO_BIN_EXE_sandbox"));
    let output = none.args(["__sandbox", "{}", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(EXIT_REFUSED), "{}", said(&output));
}
