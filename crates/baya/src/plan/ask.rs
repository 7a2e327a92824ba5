//! The question before a run, at a terminal: a line, an Esc or Ctrl-C is the answer.

use crate::output;
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::IsTerminal;
use tokio::sync::oneshot;

/// Esc ends a line at this terminal, as long as we ask.
const ESCAPE: u8 = 0x1b;
/// The longest answer.
const ANSWER_BYTES: usize = 256;

/// What a person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// Anything else, silence too.
    No,
}

/// Whether somebody can be asked.
pub fn is_person_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; Ctrl-C is a no.
pub async fn ask(question: &str) -> Answer {
    output::talk(question);
    let _terminal = EscapeEnds::begin();
    let (told, answer) = oneshot::channel();
    // A thread of its own: nobody can end a read, and nothing waits for it when the process ends.
    let reader = std::thread::Builder::new().name("answer".to_owned());
    let reading = reader.spawn(move || {
        let _ = told.send(read_answer());
    });
    if reading.is_err() {
        return Answer::No;
    }
    tokio::select! {
        answer = answer => answer.unwrap_or(Answer::No),
        _ = tokio::signal::ctrl_c() => {
            output::talk("");
            Answer::No
        }
    }
}

fn read_answer() -> Answer {
    let mut buffer = [0; ANSWER_BYTES];
    let read = rustix::io::read(std::io::stdin(), &mut buffer).unwrap_or(0);
    let text = String::from_utf8_lossy(&buffer[..read]);
    match text.trim() {
        "y" | "Y" | "yes" | "Yes" | "YES" => Answer::Yes,
        _ => Answer::No,
    }
}

/// The terminal as it was comes back at the end.
struct EscapeEnds(Option<Termios>);

impl EscapeEnds {
    fn begin() -> EscapeEnds {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut asking = before.clone();
            asking.special_codes[SpecialCodeIndex::VEOL] = ESCAPE;
            // Without it, Esc is a no after Enter.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &asking);
        }
        EscapeEnds(before)
    }
}

impl Drop for EscapeEnds {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
