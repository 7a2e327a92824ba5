//! What left its process group is found and ended.

use super::Place;
use baya_agents::sandbox::{Profile, end_strays};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn a_daemon_that_left_its_group_is_ended() {
    let place = Place::new();
    let sandbox = place.sandbox(Profile::Workspace);
    let script = "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!";
    let mut command = sandbox.command(&["sh", "-c", script], &place.folder());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    child.wait().await.unwrap();
    let pid: u32 = line.trim().parse().unwrap();
    let runs = || std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| !text.is_empty());
    assert!(runs());
    assert!(end_strays(&sandbox.temporary).await);
    assert!(!runs());
}
