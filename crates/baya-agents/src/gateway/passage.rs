//! An answer on its way to the client: passed on as it comes, read as it passes.

use super::asked::Asked;
use super::exchange::{Answering, Open};
use super::forward::Answer;
use super::grant::Door;
use super::headers;
use super::reading::Reader;
use super::sieve::{Sieve, data};
use super::tape::Recording;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use baya_core::limits::GATEWAY_SILENCE_MS;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An answer that has begun, and whose it is.
pub(super) struct Passage {
    pub answer: Answer,
    pub provider: String,
    pub address: String,
    pub exchange: Open,
    pub door: Arc<Door>,
    /// Cancelled when the agent is over.
    pub over: CancellationToken,
    pub recording: Option<Recording>,
    /// The usage of a chat stream is for us only.
    pub hides_usage: bool,
}

/// What the body is made from, piece by piece.
struct Passing {
    source: BoxStream<'static, Result<Bytes, String>>,
    ready: VecDeque<Bytes>,
    exchange: Open,
    door: Arc<Door>,
    over: CancellationToken,
    hiding: Option<Sieve>,
    /// Bytes that are still to come, if the provider told how many: nobody waits for more than those.
    left: Option<u64>,
    is_over: bool,
}

impl Passage {
    pub fn into_response(self, asked: &Asked) -> Response {
        let Passage { answer, provider, address, exchange, door, over, mut recording, hides_usage } = self;
        let mut headers = headers::of_answer(&answer.headers);
        let kind = text_of(&answer.headers, &header::CONTENT_TYPE).unwrap_or_default();
        let reader =
            Reader::new(asked.route.dialect, kind, text_of(&answer.headers, &header::CONTENT_ENCODING));
        recording.iter_mut().for_each(|recording| recording.answers(answer.status, &headers));
        let failure = answer.failure;
        exchange.0.answers(Answering { provider, address, reader, recording, failure, has_begun: false });
        let hiding = (hides_usage && kind.starts_with("text/event-stream")).then(Sieve::default);
        if hiding.is_some() {
            headers.remove(header::CONTENT_LENGTH);
        }
        let left = text_of(&answer.headers, &header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let (source, ready) = (answer.body, VecDeque::new());
        let passing = Passing { source, ready, exchange, door, over, hiding, left, is_over: false };
        let mut response = Response::new(Body::from_stream(stream::unfold(passing, Passing::step)));
        *response.status_mut() = answer.status;
        *response.headers_mut() = headers;
        response
    }
}

impl Passing {
    async fn step(mut self) -> Option<(io::Result<Bytes>, Passing)> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some((Ok(piece), self));
            }
            if self.is_over {
                return None;
            }
            if let Err(why) = self.take().await {
                self.is_over = true;
                // The connection ends with the error: what came before it has to leave first.
                tokio::task::yield_now().await;
                return Some((Err(io::Error::other(why)), self));
            }
        }
    }

    /// Waits for the next piece, or for the end.
    async fn take(&mut self) -> Result<(), String> {
        let patience = Duration::from_millis(GATEWAY_SILENCE_MS);
        let piece = tokio::select! {
            biased;
            () = self.over.cancelled() => {
                self.exchange.0.abandon();
                return Err("the agent is over".to_owned());
            }
            piece = tokio::time::timeout(patience, self.source.next()) => piece,
        };
        match piece.unwrap_or_else(|_| Some(Err("nothing came for too long".to_owned()))) {
            Some(Ok(bytes)) => {
                self.door.beat();
                self.exchange.0.passes(&bytes);
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                if self.left == Some(0) {
                    self.exchange.0.whole();
                }
                match &mut self.hiding {
                    Some(sieve) => self.ready.extend(sieve.push(&bytes).into_iter().filter_map(told)),
                    None => self.ready.push_back(bytes),
                }
                Ok(())
            }
            Some(Err(why)) => {
                self.exchange.0.broke(why.clone());
                Err(why)
            }
            None => {
                self.exchange.0.whole();
                self.is_over = true;
                let rest = self.hiding.as_mut().map(Sieve::rest).filter(|rest| !rest.is_empty());
                self.ready.extend(rest.map(Bytes::from));
                Ok(())
            }
        }
    }
}

/// The event, unless it is the one that tells the usage and nothing else.
fn told(event: Vec<u8>) -> Option<Bytes> {
    let is_usage = memchr::memmem::find(&event, b"\"usage\"").is_some()
        && data(&event)
            .any(|data| serde_json::from_slice::<Value>(data).is_ok_and(|body| is_only_usage(&body)));
    (!is_usage).then(|| Bytes::from(event))
}

fn is_only_usage(body: &Value) -> bool {
    body["usage"].is_object() && body["choices"].as_array().is_some_and(Vec::is_empty)
}

fn text_of<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
