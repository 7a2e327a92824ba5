//! `baya run --detach`: the same command again in a session of its own. It tells us the run's id when
//! its journal exists, or ends before that with an error that we pass on.

use super::run::Args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use baya_core::ids::RunId;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// Starts the background process and waits until its run exists.
pub fn spawn(args: &Args) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| Failure::outside("cannot start the background process", error);
    let reads_stdin = args.args.as_deref() == Some("-");
    let words = std::env::args_os().skip(2).filter(|word| word != "--detach" && word != "--json");
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .args(["run", "--detached"])
        .args(words)
        .stdin(if reads_stdin { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    match read_id(&mut child) {
        Some(run) => {
            tell(&run, args.drive.json);
            Ok(Exit::Done)
        }
        None => Err(refusal(child)),
    }
}

/// The id of the run; `None`: the process ended without one. What comes before it is for the person.
fn read_id(child: &mut Child) -> Option<RunId> {
    for line in BufReader::new(child.stdout.as_mut()?).lines() {
        let line = line.ok()?;
        match RunId::parse(&line) {
            Ok(run) => return Some(run),
            Err(_) => output::talk(&line),
        }
    }
    None
}

fn tell(run: &RunId, json: bool) {
    match json {
        true => output::data(&serde_json::json!({"type": "run_detached", "run": run}).to_string()),
        false => output::data(run.as_str()),
    }
    output::talk(&format!("runs in the background; look: baya show {run}, end: baya stop {run}"));
}

fn refusal(mut child: Child) -> Failure {
    let mut told = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut told);
    }
    let exit = match child.wait().ok().and_then(|status| status.code()) {
        Some(6) => Exit::NoBackend,
        Some(5) => Exit::NeedsPerson,
        Some(2) => Exit::Usage,
        _ => Exit::ScriptFailed,
    };
    let failure = Failure::new(exit, "the run did not start in the background");
    if told.is_empty() { failure } else { failure.excerpt(told.trim_end()) }
}

/// In the background process: no terminal sends us signals any more.
pub fn leave_session() {
    // Only the leader of a process group cannot, and that one has left already.
    let _ = rustix::process::setsid();
}

/// In the background process: the journal exists.
pub fn tell_parent(run: &RunId) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{run}");
    let _ = stdout.flush();
}
