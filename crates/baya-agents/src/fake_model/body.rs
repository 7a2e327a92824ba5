//! Bodies that arrive whole, slowly, or not to their end.

use super::log::{Ended, Ticket};
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Pieces of a slow body that is no stream of its own.
const SLOW_PIECES: usize = 10;
/// What was sent of a cut body has this long to leave before the connection breaks.
const CUT_AFTER_MS: u64 = 5;

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    AtOnce,
    /// With this pause before each piece.
    Slow {
        pause_ms: u64,
    },
    /// Half of it, then the connection breaks.
    Cut,
}

/// The body, and its length if that may be told in advance.
pub(super) fn body(frames: Vec<String>, pace: Pace, ticket: Ticket) -> (Body, Option<usize>) {
    match pace {
        Pace::AtOnce => {
            let all = frames.concat();
            let length = all.len();
            (sent(VecDeque::from([Bytes::from(all)]), 0, Ended::Complete, ticket), Some(length))
        }
        Pace::Slow { pause_ms } => {
            let pieces = match frames.as_slice() {
                [whole] => pieces(whole),
                frames => frames.iter().map(|frame| Bytes::copy_from_slice(frame.as_bytes())).collect(),
            };
            (sent(pieces, pause_ms, Ended::Complete, ticket), None)
        }
        Pace::Cut => {
            let mut all = frames.concat().into_bytes();
            all.truncate(all.len() / 2);
            (sent(VecDeque::from([Bytes::from(all)]), 0, Ended::Cut, ticket), None)
        }
    }
}

fn pieces(whole: &str) -> VecDeque<Bytes> {
    let size = whole.len().div_ceil(SLOW_PIECES).max(1);
    whole.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect()
}

struct Sending {
    pieces: VecDeque<Bytes>,
    pause_ms: u64,
    end: Ended,
    ticket: Ticket,
}

/// The ticket ends when the last piece is handed to the connection; earlier, the client has gone.
fn sent(pieces: VecDeque<Bytes>, pause_ms: u64, end: Ended, ticket: Ticket) -> Body {
    let sending = Sending { pieces, pause_ms, end, ticket };
    Body::from_stream(stream::unfold(Some(sending), async |sending| {
        let mut sending = sending?;
        let Some(piece) = sending.pieces.pop_front() else {
            return break_off(sending).await;
        };
        if sending.pause_ms > 0 {
            tokio::time::sleep(Duration::from_millis(sending.pause_ms)).await;
        }
        if sending.pieces.is_empty() && sending.end == Ended::Complete {
            sending.ticket.end(Ended::Complete);
        }
        Some((Ok(piece), Some(sending)))
    }))
}

async fn break_off(mut sending: Sending) -> Option<(io::Result<Bytes>, Option<Sending>)> {
    if sending.end == Ended::Complete {
        return None;
    }
    tokio::time::sleep(Duration::from_millis(CUT_AFTER_MS)).await;
    sending.ticket.end(sending.end);
    Some((Err(io::Error::other("cut by a rule")), None))
}
