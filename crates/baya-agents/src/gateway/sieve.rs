//! An event stream cut into its events.
//!
//! Used twice: to read events as they pass, and to hold one back that the client did not ask for.

use baya_core::limits::ANSWER_BYTES_MAX;

/// Collects bytes until an event is whole.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    held: Vec<u8>,
    /// Bytes of `held` in which no event ends.
    searched: usize,
}

impl Sieve {
    /// The events that are whole now, each with the empty line that ends it.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.held.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.end_of_event() {
            let rest = self.held.split_off(end);
            events.push(std::mem::replace(&mut self.held, rest));
            self.searched = 0;
        }
        if self.held.len() > ANSWER_BYTES_MAX {
            // No event is that long; let it go before it fills the memory.
            events.push(self.rest());
        }
        events
    }

    /// What has come of an event that never became whole.
    pub fn rest(&mut self) -> Vec<u8> {
        self.searched = 0;
        std::mem::take(&mut self.held)
    }

    fn end_of_event(&mut self) -> Option<usize> {
        // An end may straddle two pieces.
        let from = self.searched.saturating_sub(3);
        for at in memchr::memchr_iter(b'\n', &self.held[from..]).map(|at| at + from) {
            let before = &self.held[..at];
            let empty_line = before.ends_with(b"\n") || before.ends_with(b"\n\r");
            if empty_line {
                return Some(at + 1);
            }
        }
        self.searched = self.held.len();
        None
    }
}

/// The data of an event; all wires put it into one line.
pub(super) fn data(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    event.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(line.strip_prefix(b"data:")?.trim_ascii_start())
    })
}
