//! The lines of an agent's standard output: those of the protocol go on, noise is counted and dropped.
//!
//! Agents and what they load print banners and warnings where only the protocol should be. A little of it
//! harms nobody; an agent that prints nothing else, or a line without end, is cut off.

use futures_util::Stream;
use futures_util::stream::unfold;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::Notify;

/// A message of the protocol; pictures are the largest.
const LINE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What is no message, in all.
const NOISE_BYTES_MAX: usize = 1024 * 1024;
/// What is kept of it, for a message.
const NOISE_KEPT: usize = 400;

/// What is known of an agent's output.
#[derive(Debug, Default)]
pub(super) struct Output {
    noise: Mutex<Noise>,
    spoke: Notify,
}

#[derive(Debug, Default)]
struct Noise {
    bytes: usize,
    last: Vec<u8>,
    why_cut: Option<String>,
}

impl Output {
    /// Resolves at the next line.
    pub async fn spoke(&self) {
        self.spoke.notified().await;
    }

    /// Why nothing of it is read any more, if that is so.
    pub fn why_cut(&self) -> Option<String> {
        self.noise.lock().unwrap_or_else(PoisonError::into_inner).why_cut.clone()
    }

    /// The last of what was no message, fit for a message of ours.
    pub fn noise(&self) -> String {
        crate::program::tail(&self.noise.lock().unwrap_or_else(PoisonError::into_inner).last)
    }

    fn cut(&self, why: String) -> Error {
        self.noise.lock().unwrap_or_else(PoisonError::into_inner).why_cut = Some(why.clone());
        Error::new(ErrorKind::InvalidData, why)
    }

    /// Takes a line that is no message; an error if that was one too many.
    fn add_noise(&self, line: &[u8]) -> Result<()> {
        let mut noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        noise.bytes += line.len();
        if !line.trim_ascii().is_empty() {
            noise.last.extend_from_slice(&line[..line.len().min(NOISE_KEPT)]);
            noise.last.push(b'\n');
            let surplus = noise.last.len().saturating_sub(NOISE_KEPT * 2);
            noise.last.drain(..surplus);
        }
        let too_much = noise.bytes > NOISE_BYTES_MAX;
        drop(noise);
        match too_much {
            true => Err(self.cut(format!("writes {NOISE_BYTES_MAX} bytes that are no messages"))),
            false => Ok(()),
        }
    }
}

/// The messages in what is read.
pub(super) fn messages(
    pipe: impl AsyncRead + Send + Unpin + 'static,
    output: Arc<Output>,
) -> impl Stream<Item = Result<String>> + Send + 'static {
    let reader = BufReader::with_capacity(64 * 1024, pipe);
    unfold(Some((reader, output)), |state| async {
        let (mut reader, output) = state?;
        match next(&mut reader, &output).await {
            Ok(Some(line)) => Some((Ok(line), Some((reader, output)))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

async fn next(reader: &mut (impl AsyncBufReadExt + Unpin), output: &Output) -> Result<Option<String>> {
    loop {
        let mut line = Vec::new();
        let count = (&mut *reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
        if count == 0 {
            return Ok(None);
        }
        output.spoke.notify_one();
        if count as u64 == LINE_BYTES_MAX {
            return Err(output.cut(format!("writes a line of more than {LINE_BYTES_MAX} bytes")));
        }
        match String::from_utf8(line) {
            Ok(text) if is_message(&text) => return Ok(Some(text)),
            Ok(text) => output.add_noise(text.as_bytes())?,
            Err(error) => output.add_noise(error.as_bytes())?,
        }
    }
}

/// What looks like JSON but is none is noise too: a log line in braces.
fn is_message(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
        && line.contains("jsonrpc")
}
