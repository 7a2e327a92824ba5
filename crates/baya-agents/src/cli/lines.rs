//! Lines of JSON out of what a program writes, whatever else it writes.

use serde_json::Value;
use std::collections::VecDeque;

/// A longer line is no line.
const LINE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// More than this besides JSON is a flood.
const NOISE_BYTES_MAX: usize = 1024 * 1024;
/// What is kept of the noise, for a message.
const NOISE_KEPT: usize = 2 * 1024;

/// Takes bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Lines {
    open: Vec<u8>,
    ready: VecDeque<Value>,
    noise: Vec<u8>,
    noise_bytes: usize,
}

/// It writes without an end; how much of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flood(pub String);

impl Lines {
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Flood> {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            self.open.extend_from_slice(&rest[..at]);
            let line = std::mem::take(&mut self.open);
            self.close(&line)?;
            rest = &rest[at + 1..];
        }
        self.open.extend_from_slice(rest);
        match self.open.len() > LINE_BYTES_MAX {
            true => Err(Flood(format!("wrote a line of more than {LINE_BYTES_MAX} bytes"))),
            false => Ok(()),
        }
    }

    /// The last line need not end.
    pub fn end(&mut self) -> Result<(), Flood> {
        let line = std::mem::take(&mut self.open);
        self.close(&line)
    }

    pub fn next(&mut self) -> Option<Value> {
        self.ready.pop_front()
    }

    /// The end of what was no JSON.
    pub fn noise(&self) -> String {
        crate::program::tail(&self.noise)
    }

    fn close(&mut self, line: &[u8]) -> Result<(), Flood> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        // Only objects are lines of theirs: a bare number or word is noise, too.
        if line.first() == Some(&b'{')
            && let Ok(value @ Value::Object(_)) = serde_json::from_slice(line)
        {
            self.ready.push_back(value);
            return Ok(());
        }
        self.noise_bytes += line.len();
        self.noise.extend_from_slice(line);
        self.noise.push(b'\n');
        let surplus = self.noise.len().saturating_sub(NOISE_KEPT);
        self.noise.drain(..surplus);
        match self.noise_bytes > NOISE_BYTES_MAX {
            true => Err(Flood(format!("wrote more than {NOISE_BYTES_MAX} bytes that are no JSON"))),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_went_in() {
        let text = b"noise\n{\"a\":1}\r\n\n[1]\n{\"b\":\n{\"c\":3}";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            text.chunks(size).for_each(|bytes| lines.take(bytes).expect("no flood"));
            lines.end().expect("no flood");
            let got: Vec<String> = std::iter::from_fn(|| lines.next()).map(|line| line.to_string()).collect();
            assert_eq!(got, ["{\"a\":1}", "{\"c\":3}"]);
            assert_eq!(lines.noise(), "noise | [1] | {\"b\":");
        }
    }

    #[test]
    fn a_flood_is_no_end_of_lines() {
        let mut lines = Lines::default();
        let flooded = (0..u16::MAX).find_map(|_| lines.take(&[b'y'; 4096]).err());
        assert!(flooded.expect("a flood").0.contains("a line of more than"));
        let mut lines = Lines::default();
        let flooded = (0..u16::MAX).find_map(|_| lines.take(&b"y\n".repeat(4096)).err());
        assert!(flooded.expect("a flood").0.contains("no JSON"));
    }
}
