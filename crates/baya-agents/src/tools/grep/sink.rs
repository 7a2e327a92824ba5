//! Takes the matches of one file.

use super::Mode;
use grep_searcher::{Searcher, Sink, SinkContext, SinkFinish, SinkMatch};
use tokio_util::sync::CancellationToken;

const LINE_CHARS_MAX: usize = 400;

pub(super) struct Found {
    mode: Mode,
    lines_max: usize,
    cancel: CancellationToken,
    pub lines: Vec<String>,
    pub count: u64,
    pub is_binary: bool,
    pub is_cut: bool,
}

impl Found {
    pub fn new(mode: Mode, lines_max: usize, cancel: CancellationToken) -> Found {
        Found { mode, lines_max, cancel, lines: Vec::new(), count: 0, is_binary: false, is_cut: false }
    }

    /// Says whether there is room for more.
    fn push(&mut self, line: String) -> bool {
        self.is_cut = self.lines.len() >= self.lines_max;
        if !self.is_cut {
            self.lines.push(line);
        }
        !self.is_cut
    }
}

impl Sink for Found {
    type Error = std::io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        self.count += 1;
        let goes_on = match self.mode {
            Mode::Files => false,
            Mode::Count => true,
            Mode::Content => self.push(line(found.line_number(), ':', found.bytes())),
        };
        Ok(goes_on && !self.cancel.is_cancelled())
    }

    fn context(&mut self, _searcher: &Searcher, context: &SinkContext<'_>) -> Result<bool, Self::Error> {
        Ok(self.push(line(context.line_number(), '-', context.bytes())))
    }

    fn context_break(&mut self, _searcher: &Searcher) -> Result<bool, Self::Error> {
        Ok(self.push("--".to_owned()))
    }

    fn finish(&mut self, _searcher: &Searcher, finish: &SinkFinish) -> Result<(), Self::Error> {
        self.is_binary = finish.binary_byte_offset().is_some();
        Ok(())
    }
}

fn line(number: Option<u64>, mark: char, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let number = number.unwrap_or_default();
    match text.char_indices().nth(LINE_CHARS_MAX) {
        None => format!("{number}{mark}{text}"),
        Some((end, _)) => format!("{number}{mark}{}…", &text[..end]),
    }
}
