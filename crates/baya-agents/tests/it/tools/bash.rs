//! `bash`: what a command writes, where it leaves the shell, and its certain end.

use super::Place;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

impl Place {
    async fn bash(&self, command: &str, expected: &str) {
        self.check("bash", json!({"command": command}), expected).await;
    }
}

#[tokio::test]
async fn a_command_answers_with_what_it_wrote() {
    let place = Place::new();
    for (command, expected) in [
        ("echo a; echo b >&2; echo c", "a\nb\nc\n(exit status 0)"),
        ("printf a", "a\n(exit status 0)"),
        ("true", "(no output, exit status 0)"),
        ("echo a; exit 3", "! a\n(exit status 3)"),
        ("kill -9 $$", "! (no output, ended by signal 9)"),
        ("no-such-program", "! …no-such-program…not found\n(exit status 127)"),
        ("cat", "(no output, exit status 0)"),
        ("printf 'caf\\351\\n\\0'", "caf\u{fffd}\n(exit status 0)"),
        ("printf '\\033[31mred\\033[0m \\033]0;title\\007end\\n'", "red end\n(exit status 0)"),
        ("printf '10%%\\r20%%\\r30%%\\n'", "30%\n(exit status 0)"),
        ("echo 'open", "! …\n(exit status …)"),
        ("echo $0 $#; cat <<X\nhere\nX", "…0\nhere\n(exit status 0)"),
        ("echo ${SECRET-none} $TMPDIR", "none TOP/temporary\n(exit status 0)"),
    ] {
        place.bash(command, expected).await;
    }
    place.check("bash", json!({"command": "echo \0"}), "! the shell cannot be started: …").await;
    place.check("bash", json!({}), "! the input is not usable: …").await;
}

#[tokio::test]
async fn the_folder_stays_between_calls() {
    let place = Place::new();
    place.put("sub/it's a \"$dir\"/file", "");
    place.bash("pwd; cd sub", "TOP/work\n(exit status 0)").await;
    place.bash("pwd; cd \"it's a \\\"\\$dir\\\"\"; exit 1", "! TOP/work/sub\n(exit status 1)").await;
    place.bash("ls; (cd /)", "file\n(exit status 0)").await;
    place.bash("pwd; cd ../..", "TOP/work/sub/it's a \"$dir\"\n(exit status 0)").await;
    place.bash("cd sub; rm -r ../sub", "(no output, exit status 0)").await;
    place.bash("pwd", "…TOP/work\n(exit status 0)…").await;
    assert_eq!(std::fs::read_dir(place.outside("temporary")).unwrap().count(), 0, "nothing of ours is left");
}

#[tokio::test]
async fn a_temporary_folder_with_an_odd_name_is_no_command() {
    let mut place = Place::new();
    let odd = place.outside("a'b\"c $(touch gone) `x`\\ d");
    std::fs::create_dir(&odd).unwrap();
    let mut sandbox = (*place.room.sandbox).clone();
    sandbox.temporary = odd;
    place.room.sandbox = std::sync::Arc::new(sandbox);
    place.put("sub/file", "");
    place.bash("cd sub", "(no output, exit status 0)").await;
    place.bash("ls", "file\n(exit status 0)").await;
}

#[tokio::test]
async fn a_flood_is_cut_in_the_middle_and_kept() {
    let place = Place::new();
    let cut = "1\n2\n…\n… (78…bytes cut) …\n…\n20000\n(exit status 0)\n\
               (all 108894 bytes are in `TOP/kept/command-1.txt`)";
    // In pieces that are larger than what is shown.
    place.bash("seq 1 20000 | dd bs=60000 iflag=fullblock 2>/dev/null", cut).await;
    let input = json!({"path": "../kept/command-1.txt", "offset": 10_000, "limit": 1});
    place
        .check("read", input, "10000\t10000\n(lines 10000–10000; the file goes on, read with offset 10001)")
        .await;
    let kept = std::fs::read_to_string(place.outside("kept/command-1.txt")).unwrap();
    assert_eq!(kept.lines().count(), 20_000);
    assert!(kept.starts_with("1\n2\n") && kept.ends_with("\n19999\n20000\n"));
    // More than is kept; memory holds no more than the two ends.
    let output = place.call("bash", json!({"command": "head -c 80000000 /dev/zero | tr '\\0' 'x'"})).await;
    assert!(output.text.len() < 31_000, "{} bytes", output.text.len());
    assert!(
        output.text.contains("its first 67108864 bytes are in"),
        "{}",
        &output.text[output.text.len() - 200..]
    );
    assert_eq!(std::fs::metadata(place.outside("kept/command-2.txt")).unwrap().len(), 64 * 1024 * 1024);
}

#[tokio::test]
async fn what_is_kept_goes_into_no_file_of_others() {
    let place = Place::new();
    std::fs::create_dir(place.outside("kept")).unwrap();
    super::link(place.outside("outside/target"), place.outside("kept/command-1.txt"));
    place.bash("seq 1 20000", "1\n…").await;
    assert!(!place.outside("outside/target").exists());
}

/// Whether a process runs whose pid stands in the file.
fn runs(pid_file: &Path) -> bool {
    let pid = std::fs::read_to_string(pid_file).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn a_background_child_holds_up_no_call_and_ends_with_the_agent() {
    let place = Place::new();
    let note = "started\n(exit status 0)\n(something still runs; it writes to `TOP/kept/command-1.txt`)";
    let server = "(echo $BASHPID >pid; read line <fifo; echo later; exec sleep 1000)";
    place.bash(&format!("mkfifo fifo; {server} & until [ -s pid ]; do :; done; echo started"), note).await;
    assert!(runs(&place.path("pid")));
    // It goes on writing after the call.
    place
        .bash("echo go >fifo; until grep later ../kept/command-1.txt; do :; done", "later\n(exit status 0)")
        .await;
    assert!(runs(&place.path("pid")));
    assert!(place.room.end().await);
    assert!(!runs(&place.path("pid")));
    assert!(place.room.end().await, "ending twice is fine");
}

#[tokio::test]
async fn a_daemon_that_left_the_group_ends_with_the_agent() {
    let place = Place::new();
    let daemon = "trap \"\" TERM HUP; echo $$ >pid; while :; do sleep 1; done";
    let command = format!("setsid sh -c '{daemon}' >/dev/null 2>&1 & until [ -s pid ]; do :; done");
    place.bash(&command, "(no output, exit status 0)").await;
    assert!(runs(&place.path("pid")));
    let other = Place::new();
    assert!(other.room.end().await);
    assert!(runs(&place.path("pid")), "another agent's end is not its end");
    assert!(place.room.end().await);
    assert!(!runs(&place.path("pid")));
}

#[tokio::test]
async fn a_time_out_ends_the_whole_group() {
    let place = Place::new();
    let command = "sh -c 'echo $$ >pid; trap \"\" TERM; while :; do sleep 1; done' & echo begun; wait";
    let input = json!({"command": command, "timeout": 1});
    place.check("bash", input, "! begun\n(timed out after 1 s and was ended)").await;
    assert!(!runs(&place.path("pid")));
    // What an earlier command left behind is another matter.
    place.bash("sleep 1000 >/dev/null 2>&1 & echo $! >pid", "(no output, exit status 0)").await;
    place.check("bash", json!({"command": "sleep 1000", "timeout": 1}), "! (no output, timed out…").await;
    assert!(runs(&place.path("pid")));
    assert!(place.room.end().await);
}

#[tokio::test]
async fn a_stopped_agent_ends_its_command() {
    let place = Place::new();
    let command = json!({"command": "echo $$ >pid; echo begun; sleep 1000"});
    let stop = async {
        until(|| std::fs::read(place.path("pid")).is_ok_and(|pid| pid.ends_with(b"\n"))).await;
        place.room.cancel.cancel();
    };
    let ((), ()) = tokio::join!(stop, place.check("bash", command, "! …(…ended: the agent was stopped)"));
    assert!(!runs(&place.path("pid")));
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_its_command() {
    let place = Place::new();
    let mut call = Box::pin(place.call("bash", json!({"command": "echo $$ >pid; sleep 1000"})));
    let begun = until(|| std::fs::read(place.path("pid")).is_ok_and(|pid| pid.ends_with(b"\n")));
    tokio::select! {
        output = &mut call => panic!("it ended by itself: {output:?}"),
        () = begun => {}
    }
    drop(call);
    until(|| !runs(&place.path("pid"))).await;
}

async fn until(holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap();
}
