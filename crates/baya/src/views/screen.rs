//! A region at the bottom of a terminal that is drawn over and over, and erased at the end.

use super::words;
use std::io::Write;

/// Where the last picture stands. What it says is the caller's business.
#[derive(Debug, Default)]
pub struct Screen {
    /// Widths of the lines that stand there now.
    drawn: Vec<usize>,
}

impl Screen {
    /// Replaces the last picture. A terminal that is gone is no error: nobody looks.
    pub fn show(&mut self, lines: &[String], columns: usize) {
        let mut bytes = self.erasure(columns);
        for line in lines {
            bytes.push_str(line);
            bytes.push('\n');
        }
        self.drawn = lines.iter().map(|line| visible_width(line)).collect();
        write(&bytes);
    }

    /// Removes the picture.
    pub fn erase(&mut self, columns: usize) {
        let bytes = self.erasure(columns);
        self.drawn.clear();
        write(&bytes);
    }

    /// A terminal that became narrower has broken the lines: each takes as many rows as it needs now.
    fn erasure(&self, columns: usize) -> String {
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        if rows == 0 { String::new() } else { format!("\r\u{1b}[{rows}A\u{1b}[J") }
    }
}

/// Calls for the person.
pub fn ring() {
    write("\u{7}");
}

fn write(bytes: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(bytes.as_bytes());
    let _ = stderr.flush();
}

/// Width without our own colours.
fn visible_width(line: &str) -> usize {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, tail)| tail);
    }
    plain.push_str(rest);
    words::width(&plain)
}

/// Columns and rows of the terminal at stderr, if it tells.
pub fn size() -> (usize, usize) {
    let told = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    let known = told.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    known.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
}
