//! One shell, from its start to its end.

use crate::program::tree::MARK_OF_COMMANDS;
use crate::tools::ToolRoom;
use crate::tools::output::Collected;
use crate::tools::place::{one_line, open};
use crate::tools::processes::{Guard, of_command};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;

const SHELLS: [&str; 4] = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh"];
/// How long the output may stay open after the shell has ended.
const AFTER_EXIT: Duration = Duration::from_millis(150);
const READ_BYTES: usize = 64 * 1024;
const PATH_BYTES_MAX: u64 = 8 * 1024;

/// How a command ended, and what it wrote.
pub(super) struct Ended {
    pub how: How,
    pub output: String,
    pub notes: Vec<String>,
}

pub(super) enum How {
    Exited(ExitStatus),
    TimedOut,
    Cancelled,
}

/// Runs a command to its end, whichever way it ends.
pub(super) async fn run(command: &str, timeout: Duration, room: &ToolRoom) -> Result<Ended, String> {
    let number = room.next_number();
    let mut notes = Vec::new();
    let folder = folder(room, &mut notes);
    let left_in = room.sandbox.temporary.join(format!(".baya-folder-{number}"));
    let value = format!("{}/{number}", room.mark);
    let (mut child, pipe) = start(command, &folder, &left_in, &value, room)?;
    let pid = child.id().ok_or("the shell ended before it was looked at")?;
    let mut guard = Guard { tree: of_command(pid, &value), over: false };
    let mut shell = Shell { pipe, output: Collected::new(room.kept.join(format!("command-{number}.txt"))) };
    let how = tokio::select! {
        biased;
        () = room.cancel.cancelled() => How::Cancelled,
        () = tokio::time::sleep(timeout) => How::TimedOut,
        status = shell.wait(&mut child) => How::Exited(status?),
    };
    let is_open = match how {
        How::Exited(_) => shell.read_rest().await == Rest::Open,
        How::TimedOut | How::Cancelled => {
            if !guard.tree.end().await {
                notes.push(format!("something of process group {pid} withstands KILL"));
            }
            shell.read_rest().await;
            // Its status is there by now.
            let _ = tokio::time::timeout(AFTER_EXIT, child.wait()).await;
            false
        }
    };
    guard.over = true;
    remember_folder(&left_in, room);
    let (output, kept) = shell.output.text().await;
    notes.extend(kept);
    if is_open {
        notes.push(shell.leave_in_background(room).await);
    }
    notes.extend(room.pass.iter().flat_map(|pass| pass.take_refused()));
    Ok(Ended { how, output, notes })
}

/// Where the last command left the shell, if that is still there.
fn folder(room: &ToolRoom, notes: &mut Vec<String>) -> PathBuf {
    let last = room.memory.open().shell_folder.clone();
    match last {
        Some(last) if last.is_dir() => last,
        Some(last) => {
            notes.push(format!("`{}` is gone; began in `{}`", one_line(&last), one_line(&room.folder)));
            room.folder.clone()
        }
        None => room.folder.clone(),
    }
}

fn start(
    command: &str,
    folder: &Path,
    left_in: &Path,
    value: &str,
    room: &ToolRoom,
) -> Result<(Child, Receiver), String> {
    let failed = |error: std::io::Error| format!("the shell cannot be started: {error}");
    for needed in [&room.sandbox.temporary, &room.kept] {
        std::fs::create_dir_all(needed).map_err(failed)?;
    }
    let shell = SHELLS.into_iter().find(|shell| Path::new(shell).exists()).unwrap_or("sh");
    let script = script(command, left_in);
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let other = writer.try_clone().map_err(failed)?;
    let mut sandbox = (*room.sandbox).clone();
    sandbox.environment.insert(MARK_OF_COMMANDS.to_owned(), value.to_owned());
    let mut shell = sandbox.command(&[OsStr::new(shell), OsStr::new("-c"), &script], folder);
    shell.stdin(Stdio::null()).stdout(writer).stderr(other);
    room.background.starts();
    let child = shell.spawn().map_err(failed)?;
    // Our copies of the pipe's other end go with the command.
    drop(shell);
    Ok((child, Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?))
}

/// The command, on its own lines, and before it what tells us the folder it ends in.
fn script(command: &str, left_in: &Path) -> OsString {
    let mut script = OsString::from("trap 'pwd -P 2>/dev/null >\"");
    let quoted: Vec<u8> =
        left_in.as_os_str().as_encoded_bytes().iter().flat_map(in_quotes).copied().collect();
    script.push(OsString::from_vec(quoted));
    script.push("\"' EXIT; ");
    script.push(command);
    script
}

/// A byte of a word in double quotes inside of single ones.
fn in_quotes(byte: &u8) -> &[u8] {
    match byte {
        b'\'' => b"'\\''",
        b'$' => b"\\$",
        b'`' => b"\\`",
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        byte => std::slice::from_ref(byte),
    }
}

fn remember_folder(left_in: &Path, room: &ToolRoom) {
    let mut bytes = Vec::new();
    // The shell may have ended without telling: then it is where it was.
    let Ok(temporary) = room.sandbox.temporary.canonicalize() else { return };
    let Ok(file) = open(&temporary.join(left_in.file_name().unwrap_or_default())) else { return };
    let read = file.take(PATH_BYTES_MAX).read_to_end(&mut bytes);
    // One that stays is overwritten by nobody: the number is not used again.
    let _ = std::fs::remove_file(left_in);
    let path = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    if read.is_ok() && path.starts_with(b"/") {
        room.memory.open().shell_folder = Some(PathBuf::from(OsString::from_vec(path.to_vec())));
    }
}

struct Shell {
    pipe: Receiver,
    output: Collected,
}

#[derive(PartialEq, Eq)]
enum Rest {
    Over,
    Open,
}

impl Shell {
    /// Reads until the shell itself ends.
    async fn wait(&mut self, child: &mut Child) -> Result<ExitStatus, String> {
        let mut ended = std::pin::pin!(child.wait());
        let mut buffer = vec![0; READ_BYTES];
        let mut is_open = true;
        loop {
            tokio::select! {
                status = &mut ended => {
                    return status.map_err(|error| format!("the shell cannot be waited for: {error}"));
                }
                read = self.pipe.read(&mut buffer), if is_open => match read {
                    Ok(count @ 1..) => self.output.add(&buffer[..count]).await,
                    Ok(0) | Err(_) => is_open = false,
                }
            }
        }
    }

    /// What was written before the shell ended is there already; a moment is for what it started.
    async fn read_rest(&mut self) -> Rest {
        let mut buffer = vec![0; READ_BYTES];
        let reading = async {
            while let Ok(count @ 1..) = self.pipe.read(&mut buffer).await {
                self.output.add(&buffer[..count]).await;
            }
        };
        match tokio::time::timeout(AFTER_EXIT, reading).await {
            Ok(()) => Rest::Over,
            Err(_) => Rest::Open,
        }
    }

    /// Goes on reading, so that what runs on is not ended by a closed pipe.
    async fn leave_in_background(mut self, room: &ToolRoom) -> String {
        self.output.keep().await;
        let note = format!("something still runs; it writes to `{}`", one_line(self.output.kept()));
        room.background.read(async move {
            let mut buffer = vec![0; READ_BYTES];
            while let Ok(count @ 1..) = self.pipe.read(&mut buffer).await {
                self.output.add(&buffer[..count]).await;
                self.output.flush().await;
            }
        });
        note
    }
}
