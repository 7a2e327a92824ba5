//! A question at the terminal: a line is the answer; Esc, Ctrl-C, the end of the input or being told to end
//! is none.

use crate::output;
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::IsTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Esc ends a line at this terminal, as long as we ask.
const ESCAPE: u8 = 0x1b;
/// The longest answer.
const ANSWER_BYTES: usize = 256;

/// Whether somebody can be asked.
pub fn is_person_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; gives the line without the spaces around it.
pub async fn line(question: &str) -> Option<String> {
    output::talk(question);
    let _terminal = EscapeEnds::begin();
    let (told, answer) = oneshot::channel();
    // A thread of its own: nobody can end a read, and nothing waits for it when the process ends.
    let reader = std::thread::Builder::new().name("answer".to_owned());
    let reading = reader.spawn(move || {
        let _ = told.send(read());
    });
    reading.ok()?;
    // Once a run has listened for them, nobody else does.
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return None };
    let answer = tokio::select! {
        answer = answer => answer.ok().flatten(),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        _ = hangup.recv() => None,
    };
    if answer.is_none() {
        // Nobody typed the end of the line.
        output::talk("");
    }
    answer
}

fn read() -> Option<String> {
    let mut buffer = [0; ANSWER_BYTES];
    let read = rustix::io::read(std::io::stdin(), &mut buffer).ok().filter(|read| *read > 0)?;
    let text = &buffer[..read];
    (!text.contains(&ESCAPE)).then(|| String::from_utf8_lossy(text).trim().to_owned())
}

/// The terminal as it was comes back at the end.
struct EscapeEnds(Option<Termios>);

impl EscapeEnds {
    fn begin() -> EscapeEnds {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut asking = before.clone();
            asking.special_codes[SpecialCodeIndex::VEOL] = ESCAPE;
            // Without it, Esc is no answer after Enter.
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
