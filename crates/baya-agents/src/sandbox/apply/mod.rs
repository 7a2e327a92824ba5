//! Applies a policy to this process, then becomes the command. What `baya __sandbox POLICY CMD…` runs.
//!
//! Order matters: mounts need what seccomp takes away, and landlock what it closes. The process has one
//! thread and no file of ours open; what is applied holds for all that the command starts.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod mounts;
mod process;

#[cfg(target_os = "linux")]
pub(super) use process::landlock_version;

use super::refused::{EXIT_NOT_FOUND, EXIT_NOT_RUNNABLE, EXIT_REFUSED, Refused};
use super::{Profile, Sandbox};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Takes the policy and the command from the words after our own word. Ends the process if it fails.
pub fn main(words: impl Iterator<Item = OsString>) -> ! {
    let words: Vec<OsString> = words.collect();
    let (status, said) = match become_command(&words) {
        Ok((program, error)) => {
            let status = match error.kind() {
                ErrorKind::NotFound => EXIT_NOT_FOUND,
                _ => EXIT_NOT_RUNNABLE,
            };
            (status, format!("`{program}` cannot be run: {error}"))
        }
        Err(refused) => (EXIT_REFUSED, format!("sandbox: {refused}; the command was not started")),
    };
    let mut stderr = std::io::stderr().lock();
    let _ = std::io::Write::write_all(&mut stderr, format!("baya: {said}\n").as_bytes());
    std::process::exit(status)
}

/// Comes back only with the program that could not be run, and why.
fn become_command(words: &[OsString]) -> Result<(String, std::io::Error), Refused> {
    let [policy, program, arguments @ ..] = words else {
        return Err(Refused::Policy("a policy and a command are needed".to_owned()));
    };
    let policy = policy.to_str().ok_or_else(|| Refused::Policy("it is not text".to_owned()))?;
    let sandbox: Sandbox =
        serde_json::from_str(policy).map_err(|error| Refused::Policy(error.to_string()))?;
    process::limit().map_err(Refused::Limits)?;
    process::close_inherited_files();
    match sandbox.profile {
        Profile::Full => {}
        Profile::ReadOnly | Profile::Workspace => close_off(&sandbox)?,
    }
    if sandbox.gated && !process::is_let_in() {
        return Err(Refused::Unwanted);
    }
    let mut command = Command::new(program);
    command.args(arguments);
    let error = seal(command, &sandbox).exec();
    Ok((program.to_string_lossy().into_owned(), error))
}

#[cfg(target_os = "linux")]
fn close_off(sandbox: &Sandbox) -> Result<(), Refused> {
    let kept = mounts::protect(sandbox);
    let sockets = files::close(sandbox, kept)?;
    match process::drop_powers() {
        Err(error) if !sandbox.best_effort => return Err(Refused::Powers(error)),
        _ => {}
    }
    match calls::filter(sandbox, sockets) {
        Err(_) if sandbox.best_effort => Ok(()),
        done => done,
    }
}

#[cfg(not(target_os = "linux"))]
fn close_off(_: &Sandbox) -> Result<(), Refused> {
    Ok(())
}

#[cfg(not(target_os = "macos"))]
fn seal(command: Command, _: &Sandbox) -> Command {
    command
}

/// The command as `sandbox-exec` runs it under a profile made from the policy.
#[cfg(target_os = "macos")]
fn seal(command: Command, sandbox: &Sandbox) -> Command {
    if sandbox.profile == Profile::Full {
        return command;
    }
    let mut sealed = Command::new("/usr/bin/sandbox-exec");
    sealed.arg("-p").arg(super::seatbelt::profile(sandbox));
    sealed.arg(command.get_program()).args(command.get_args());
    sealed
}
