//! A long output: its beginning and its end for the model, the whole in a file, never more
//! than that in memory.

use crate::tools::place::one_line;
use std::path::{Path, PathBuf};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// Of one answer; what is longer loses its middle.
const SHOWN_BYTES: usize = 30_000;
const HALF_BYTES: usize = SHOWN_BYTES / 2;
/// Of the file; what is longer loses its end.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) struct Collected {
    kept: PathBuf,
    file: Kept,
    bytes: u64,
    /// The whole, up to [`SHOWN_BYTES`].
    start: Vec<u8>,
    /// The end, once the whole is longer than that.
    tail: Vec<u8>,
}

enum Kept {
    NotYet,
    In(File),
    /// Why not.
    Failed(String),
}

impl Collected {
    pub fn new(kept: PathBuf) -> Collected {
        Collected { kept, file: Kept::NotYet, bytes: 0, start: Vec::new(), tail: Vec::new() }
    }

    pub fn kept(&self) -> &Path {
        &self.kept
    }

    pub async fn add(&mut self, bytes: &[u8]) {
        let fits = self.tail.is_empty() && self.start.len() + bytes.len() <= SHOWN_BYTES;
        if !fits {
            self.keep().await;
        }
        self.write(bytes).await;
        self.bytes += bytes.len() as u64;
        if fits {
            return self.start.extend_from_slice(bytes);
        }
        if self.tail.is_empty() {
            self.start.extend_from_slice(bytes);
            self.tail = self.start.split_off(HALF_BYTES);
        } else {
            self.tail.extend_from_slice(bytes);
        }
        let surplus = self.tail.len().saturating_sub(HALF_BYTES);
        self.tail.drain(..surplus);
    }

    /// A text that is there as a whole: what the model is shown of it.
    pub async fn cut(kept: PathBuf, whole: &str) -> String {
        if let Some(folder) = kept.parent().filter(|_| whole.len() > SHOWN_BYTES) {
            // If that fails, so does the file, and the note says so.
            let _ = tokio::fs::create_dir_all(folder).await;
        }
        let mut collected = Collected::new(kept);
        collected.add(whole.as_bytes()).await;
        match collected.text().await {
            (text, Some(note)) => format!("{text}\n({note})"),
            (text, None) => text,
        }
    }

    /// From here on everything goes to the file too.
    pub async fn keep(&mut self) {
        if !matches!(self.file, Kept::NotYet) {
            return;
        }
        // A new file, never one that somebody put there.
        let _ = tokio::fs::remove_file(&self.kept).await;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.kept).await;
        self.file = match opened {
            Ok(file) => Kept::In(file),
            Err(error) => Kept::Failed(error.to_string()),
        };
        let start = std::mem::take(&mut self.start);
        self.write_at(0, &start).await;
        self.start = start;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.write_at(self.bytes, bytes).await;
    }

    async fn write_at(&mut self, at: u64, bytes: &[u8]) {
        let Kept::In(file) = &mut self.file else { return };
        let room_left = usize::try_from(KEPT_BYTES_MAX.saturating_sub(at)).unwrap_or(usize::MAX);
        if let Err(error) = file.write_all(&bytes[..bytes.len().min(room_left)]).await {
            self.file = Kept::Failed(error.to_string());
        }
    }

    pub async fn flush(&mut self) {
        if let Kept::In(file) = &mut self.file
            && let Err(error) = file.flush().await
        {
            self.file = Kept::Failed(error.to_string());
        }
    }

    /// The text for the model, and a note on what is not in it.
    pub async fn text(&mut self) -> (String, Option<String>) {
        self.flush().await;
        if self.tail.is_empty() {
            return (plain(&self.start), None);
        }
        let (head, tail) = (whole_lines(&self.start, Side::Head), whole_lines(&self.tail, Side::Tail));
        let cut = self.bytes - (head.len() + tail.len()) as u64;
        let text = format!("{}\n… ({cut} bytes cut) …\n{}", plain(head).trim_end_matches('\n'), plain(tail));
        let kept = one_line(&self.kept);
        let note = match &self.file {
            Kept::Failed(error) => format!("the output could not be kept in `{kept}`: {error}"),
            Kept::In(_) | Kept::NotYet if self.bytes > KEPT_BYTES_MAX => {
                format!("its first {KEPT_BYTES_MAX} bytes are in `{kept}`")
            }
            Kept::In(_) | Kept::NotYet => format!("all {} bytes are in `{kept}`", self.bytes),
        };
        (text, Some(note))
    }
}

enum Side {
    Head,
    Tail,
}

/// Without the line that was cut through, unless that would be most of it.
fn whole_lines(bytes: &[u8], side: Side) -> &[u8] {
    match side {
        Side::Head => match memchr::memrchr(b'\n', bytes) {
            Some(end) if end > bytes.len() / 2 => &bytes[..=end],
            Some(_) | None => bytes,
        },
        Side::Tail => match memchr::memchr(b'\n', bytes) {
            Some(end) if end < bytes.len() / 2 => &bytes[end + 1..],
            Some(_) | None => bytes,
        },
    }
}

/// As a terminal would have shown it, without colours.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = anstream::adapter::strip_str(&text).to_string();
    let lines = text.split('\n').map(|line| {
        // A bar that was drawn over and over: its last state.
        let line = line.trim_end_matches('\r');
        let line = line.rsplit('\r').next().unwrap_or(line);
        line.chars().filter(|c| *c == '\t' || !c.is_control()).collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}
