//! Towards the provider and back: a place in the lane, the request, and again where there was no room.
//!
//! A request that the provider has no room for (429, 503, 529) is asked again here, through the lane, so
//! that many agents do not storm; nothing has reached the client by then. All other refusals go to the
//! client as they are.

use super::asked::{Asked, Outgoing};
use super::exchange::Exchange;
use super::grant::Door;
use super::refusal::Refusal;
use super::upstream::Upstream;
use crate::api::judge::{Judged, Question, judge};
use crate::governor::{self, Ask, Pass};
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use baya_core::agent::Cause;
use baya_core::ids::AgentNumber;
use baya_core::limits::{GATEWAY_SILENCE_MS, GATEWAY_TRIES};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use std::error::Error;
use std::time::Duration;

/// Longer errors are cut.
const ERROR_BYTES_MAX: usize = 1024 * 1024;

/// An answer that begins.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: BoxStream<'static, Result<Bytes, String>>,
    /// What it means, if the provider refused.
    pub failure: Option<Cause>,
}

/// A request on its way to one provider.
pub(super) struct Forward<'a> {
    pub asked: &'a Asked,
    pub upstream: &'a Upstream,
    pub exchange: &'a Exchange,
    pub door: &'a Door,
    pub agent: Option<AgentNumber>,
}

/// What came of one try.
enum Try {
    Answered(Answer),
    /// The provider has no room; what to tell the client if it has none to the end.
    NoRoom(Answer, Judged),
    Refused(Answer, Judged),
}

impl Forward<'_> {
    pub async fn go(&self, outgoing: &Outgoing) -> Result<Answer, Refusal> {
        let (mut tries, mut body) = (0, &outgoing.body);
        let mut plain = outgoing.plain.as_ref();
        loop {
            tries += 1;
            match self.ask(body, tries).await? {
                Try::Answered(answer) => return Ok(answer),
                Try::NoRoom(answer, judged) if judged.again => {
                    let refused = self.exchange.came_back().map(|pass| pass.refused(judged.after));
                    // Where there are only too many, nothing was tried but to get in.
                    tries -= u32::from(refused == Some(governor::Refusal::Crowded));
                    if tries >= GATEWAY_TRIES {
                        return Ok(Answer { failure: Some(judged.cause), ..not_again(answer) });
                    }
                }
                Try::NoRoom(answer, judged) => {
                    let reset_ms = judged.cause.retry_at_ms;
                    self.exchange.came_back().into_iter().for_each(|pass| match reset_ms {
                        // Agents of this process need not find it out one by one.
                        Some(_) => pass.used_up(judged.cause.clone()),
                        None => pass.failed(),
                    });
                    return Ok(Answer { failure: Some(judged.cause), ..not_again(answer) });
                }
                Try::Refused(_, judged)
                    if plain.is_some() && judged.cause.message.contains("stream_options") =>
                {
                    self.exchange.came_back().into_iter().for_each(|pass| pass.failed());
                    body = plain.take().unwrap_or(body);
                }
                Try::Refused(answer, judged) => {
                    self.exchange.came_back().into_iter().for_each(|pass| pass.failed());
                    return Ok(Answer { failure: Some(judged.cause), ..answer });
                }
            }
        }
    }

    async fn ask(&self, body: &Bytes, tries: u32) -> Result<Try, Refusal> {
        let pass = self.enter().await?;
        self.door.goes_on();
        self.exchange.goes_out(pass, self.asked.model());
        let request = self.upstream.client.request(self.asked.method.clone(), &self.upstream.url);
        let request = request.headers(self.upstream.headers.clone()).body(body.clone());
        let patience = Duration::from_millis(GATEWAY_SILENCE_MS);
        let answer = match tokio::time::timeout(patience, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => {
                return Err(self.unreachable(self.exchange.came_back(), &innermost(&error)));
            }
            Ok(Err(error)) => return Err(self.unreachable(self.exchange.is_lost(), &innermost(&error))),
            Err(_) => return Err(self.unreachable(self.exchange.is_lost(), "no answer began for too long")),
        };
        self.door.beat();
        if answer.status().is_success() {
            return Ok(Try::Answered(passing(answer)));
        }
        self.refused(answer, tries).await
    }

    /// Waits for a place in the lane; whose limit is used up for long is not asked.
    async fn enter(&self) -> Result<Pass, Refusal> {
        let _held = self.door.hold();
        let ask = Ask { agent: self.agent, prefix: self.agent.and_then(|_| self.asked.prefix()) };
        let tell = |wait| self.door.tell(wait);
        tokio::select! {
            biased;
            cause = self.upstream.lane.used_up() => Err(Refusal::UsedUp(cause)),
            pass = self.upstream.lane.enter(ask, &tell) => Ok(pass),
        }
    }

    async fn refused(&self, answer: reqwest::Response, tries: u32) -> Result<Try, Refusal> {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = self.without_key(text_of(answer).await);
        let Upstream { name, address, .. } = self.upstream;
        let model = self.asked.model().unwrap_or("the model");
        let patience = self.upstream.lane.wait_in_place().as_millis();
        let wait_ms_max = u64::try_from(patience).unwrap_or(u64::MAX);
        let question = Question { provider: name, address, model, tries, wait_ms_max };
        let judged = judge(status.as_u16(), &body, &headers, &question);
        let body = futures_util::stream::once(async move { Ok(Bytes::from(body)) }).boxed();
        let answer = Answer { status, headers: without_length(headers), body, failure: None };
        Ok(match status.as_u16() {
            429 | 503 | 529 => Try::NoRoom(answer, judged),
            _ => Try::Refused(answer, judged),
        })
    }

    fn unreachable(&self, pass: Option<Pass>, why: &str) -> Refusal {
        pass.into_iter().for_each(|pass| pass.failed());
        let Upstream { name, address, .. } = self.upstream;
        Refusal::Unreachable {
            provider: name.clone(),
            address: address.clone(),
            why: self.without_key(why.to_owned()),
        }
    }

    /// Providers and proxies may say the key back.
    fn without_key(&self, text: String) -> String {
        match &self.upstream.key {
            Some(key) if key.len() >= 4 => text.replace(key.as_str(), "…"),
            Some(_) | None => text,
        }
    }
}

fn passing(answer: reqwest::Response) -> Answer {
    Answer {
        status: answer.status(),
        headers: answer.headers().clone(),
        body: answer.bytes_stream().map_err(|error| innermost(&error)).boxed(),
        failure: None,
    }
}

async fn text_of(answer: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    let mut pieces = answer.bytes_stream();
    let patience = Duration::from_millis(GATEWAY_SILENCE_MS);
    while let Ok(Some(Ok(piece))) = tokio::time::timeout(patience, pieces.next()).await {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ERROR_BYTES_MAX {
            bytes.truncate(ERROR_BYTES_MAX);
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The body may have changed.
fn without_length(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(axum::http::header::CONTENT_LENGTH);
    headers
}

/// The clients of both makers obey this word: all that helps was tried here.
fn not_again(mut answer: Answer) -> Answer {
    answer.headers.insert("x-should-retry", axum::http::HeaderValue::from_static("false"));
    answer
}

/// The innermost error says most and repeats least.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
