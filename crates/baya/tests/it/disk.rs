//! Disks that are full, folders that cannot be written, journals that are damaged or of a newer version: the
//! path is named, nothing new starts, and what is there stays.

use crate::harness::{Baya, Output, runs};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = "export const meta = { name: 'd', description: 'd' }
const kept = []
for (let i = 0; i < 12; i++) kept.push(await agent(`${i} ${'x'.repeat(60000)}`))
return kept.length
";

fn home() -> Baya {
    let baya = Baya::new();
    baya.write("d.js", SCRIPT).write("rules.json", r#"{"rules": [{"text": "answer {{n}}"}]}"#);
    baya
}

const RUN: &str = "run d.js --backend simulated --rules rules.json";

/// Where the journal of the only run is.
fn journal(baya: &Baya) -> PathBuf {
    let run = runs(&baya.home()).pop().expect("a run");
    baya.home().join(".local/state/baya/runs").join(run).join("journal.db")
}

/// A run that was interrupted in the middle: its first agents are finished, one is parked.
fn interrupted() -> Baya {
    let baya = home();
    baya.write("rules.json", r#"{"rules": [{"when": {"prompt": "^6 "}, "fault": "401"}]}"#);
    baya.line(RUN).run().exits(6);
    baya.write("rules.json", "{}");
    baya
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named_and_nothing_starts() {
    let baya = home();
    // A file stands where the folder would be: also root cannot write below it.
    for (state, place) in [("state", "state"), ("state2", "state2/baya/runs")] {
        baya.write(place, "a file");
        let folder = baya.work().join(state);
        let call = baya.line(&format!("{RUN} --json")).env("XDG_STATE_HOME", &folder.to_string_lossy());
        let output = call.run().exits(2).says("cannot be written").says("hint: ").says("`XDG_STATE_HOME`");
        let path = folder.join("baya/runs");
        let output = output.says(&path.display().to_string());
        let ended = output.run_ended();
        assert_eq!((&ended["run"], &ended["status"]), (&Value::Null, &json!("refused")));
        assert_eq!(output.stdout.lines().count(), 1, "nothing started");
    }
}

/// Says where and what, exits 2, and starts nothing.
#[track_caller]
fn refuses_to_open(baya: &Baya, said: &[&str]) {
    let path = journal(baya);
    for command in ["show", "resume"] {
        let output = named(baya, command).exits(2).prints("");
        for words in said.iter().copied().chain(["hint: ", &*path.to_string_lossy()]) {
            assert!(output.stderr.contains(words), "{command}: lacks {words:?}:\n{}", output.stderr);
        }
    }
    // One bad run does not hide the others.
    let other = baya.line("run other.js --backend simulated").run().exits(0);
    assert_eq!(other.stdout, "1\n");
    baya.line("runs").run().exits(0).prints_line("completed").says("cannot be read");
}

fn named(baya: &Baya, command: &str) -> Output {
    baya.args([command, &runs(&baya.home())[0]]).run()
}

fn damaged(harm: impl Fn(&Path)) -> Baya {
    let baya = interrupted();
    baya.write("other.js", "export const meta = { name: 'o', description: 'd' }\nreturn 1\n");
    harm(&journal(&baya));
    baya
}

#[test]
fn a_damaged_journal_is_named_and_nothing_of_it_runs() {
    let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("a file");
    refuses_to_open(&damaged(|path| write(path, b"")), &["is damaged"]);
    refuses_to_open(&damaged(|path| write(path, &[7; 50_000])), &["is damaged"]);
    refuses_to_open(
        &damaged(|path| write(path, &std::fs::read(path).expect("a file")[..5_000])),
        &["is damaged"],
    );
}

#[test]
fn a_journal_of_a_newer_version_asks_for_a_newer_program() {
    let baya = damaged(|path| {
        // The version that SQLite keeps for the program: bytes 60 to 63 of the file.
        let mut bytes = std::fs::read(path).expect("a file");
        let version = u32::from_be_bytes(bytes[60..64].try_into().expect("4 bytes"));
        assert!(version > 0, "the journal has a version");
        bytes[60..64].copy_from_slice(&(version + 1).to_be_bytes());
        std::fs::write(path, bytes).expect("a file");
    });
    refuses_to_open(&baya, &["was written by a newer baya", "upgrade baya"]);
}

/// A journal that is put back goes on where it was.
#[test]
fn c61_a_journal_that_was_saved_from_damage_goes_on() {
    let baya = interrupted();
    let path = journal(&baya);
    let saved = std::fs::read(&path).expect("a file");
    std::fs::write(&path, b"nonsense").expect("a file");
    named(&baya, "resume").exits(2);
    std::fs::write(&path, saved).expect("a file");
    let resumed = baya.line("resume last --json").run().exits(0);
    assert_eq!(resumed.run_ended()["result"], json!(12));
    assert_eq!(started(&resumed), 6);
}

fn started(output: &Output) -> usize {
    output.json_lines().iter().filter(|line| line["type"] == "agent_started").count()
}

/// A small file system of the test's own; whoever may not mount one sees the test skipped.
#[test]
fn c61_a_full_disk_interrupts_the_run_and_room_lets_it_go_on() {
    let baya = home();
    let program = env!("CARGO_BIN_EXE_baya");
    let state = baya.work().join("state");
    std::fs::create_dir(&state).expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size=500k none '{0}' || exit 77
         export XDG_STATE_HOME='{0}'
         '{program}' {RUN} --json > first.out 2> first.err; echo $? > first.code
         '{program}' resume last --json > full.out 2> full.err; echo $? > full.code
         mount -o remount,size=50m none '{0}' || exit 77
         '{program}' resume last --json > room.out 2> room.err; echo $? > room.code",
        state.display(),
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["-rm", "sh", "-c", &script]).current_dir(baya.work()).env_clear();
    unshare.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", baya.home()).stdin(Stdio::null());
    match unshare.output().map(|output| output.status.code()) {
        Ok(Some(0)) => {}
        _ => return eprintln!("skipped: this user may not mount a file system of its own"),
    }
    let read = |name: &str| std::fs::read_to_string(baya.work().join(name)).expect("a file");
    let outcome = |name: &str| Output {
        stdout: read(&format!("{name}.out")),
        stderr: read(&format!("{name}.err")),
        code: read(&format!("{name}.code")).trim().parse().ok(),
    };
    let path = state.join("baya/runs").display().to_string();
    let first = outcome("first").exits(130).says("no space left on the disk for").says(&path);
    let first = first.says("hint: free some space").says("baya resume wf_");
    let ended = first.run_ended();
    assert_eq!(ended["status"], "interrupted");
    let done = first.json_lines().iter().filter(|line| line["type"] == "agent_finished").count();
    assert!((1..12).contains(&done), "{done} agents are in the journal");
    let full = outcome("full").exits(130).says("no space left on the disk");
    assert_eq!(started(&full), 0, "nothing new starts on a full disk");
    let room = outcome("room").exits(0);
    assert_eq!((&room.run_ended()["result"], &room.run_ended()["run"]), (&json!(12), &ended["run"]));
    assert_eq!(started(&room), 12 - done, "nothing finished is asked again");
}
