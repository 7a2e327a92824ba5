//! The two streams. stdout carries results and nothing else, stderr the talk.
//!
//! A reader that goes away is no reason to stop a run: what cannot be written is dropped, and the run
//! goes on to its end in its journal.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// A line of data.
pub fn data(line: &str) {
    data_raw(&format!("{line}\n"));
}

/// Data without a line end of ours.
pub fn data_raw(text: &str) {
    if STDOUT_CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        STDOUT_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// A line for the person.
pub fn talk(line: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(format!("{line}\n").as_bytes());
}

pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// stderr can be drawn on: a terminal that understands cursor movements.
pub fn stderr_can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    std::io::stderr().is_terminal() && !dumb
}
