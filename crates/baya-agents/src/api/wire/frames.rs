//! What the raw frames of a stream say beside what the client library makes of them: the model that
//! served, refusals, error bodies. Frames are only parsed when a word in them promises something.

use genai::chat::{ChatFrameSink, FrameCtx, RawFrameRef};
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longer frames are no error bodies.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Watches one stream.
#[derive(Debug, Default)]
pub(super) struct Frames {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// Frames with data: 0 means that what came is no event stream.
    pub data_frames: u32,
    pub served: Option<String>,
    pub refusal: Option<String>,
    /// The last frame that speaks of an error.
    pub error: Option<Value>,
    /// A reason to stop that came before the stream broke off.
    pub finish: Option<String>,
    pub reasoning_tokens: u64,
}

impl Frames {
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Part of an answer has come, not only an error.
    pub fn has_begun(&self) -> bool {
        let seen = self.lock();
        seen.data_frames > 0 && seen.error.is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChatFrameSink for Frames {
    fn on_frame(&self, _: &FrameCtx, frame: RawFrameRef<'_>) {
        if frame.data.is_empty() {
            return;
        }
        let mut seen = self.lock();
        seen.data_frames += 1;
        if seen.promises(frame.data)
            && let Ok(body) = serde_json::from_str::<Value>(frame.data)
        {
            seen.read(&body, frame.data.len());
        }
    }
}

impl Seen {
    fn promises(&self, data: &str) -> bool {
        const WORDS: [&str; 6] = [
            "refusal",
            "\"error\"",
            "thinking_tokens",
            "finish_reason\":\"",
            "incomplete_details",
            "blockReason",
        ];
        (self.served.is_none() && data.contains("\"model")) || WORDS.iter().any(|word| data.contains(word))
    }

    fn read(&mut self, body: &Value, bytes: usize) {
        let text = |places: &[&str]| places.iter().find_map(|place| body.pointer(place)?.as_str());
        if self.served.is_none() {
            self.served =
                text(&["/message/model", "/response/model", "/model", "/modelVersion"]).map(str::to_owned);
        }
        let is_refusal = body.get("type").and_then(Value::as_str) == Some("response.refusal.delta");
        let refused = if is_refusal { text(&["/delta"]) } else { text(&["/choices/0/delta/refusal"]) };
        if let Some(refused) = refused {
            self.refusal.get_or_insert_default().push_str(refused);
        }
        if let Some(why) = text(&["/promptFeedback/blockReason"]) {
            self.refusal = Some(why.to_owned());
        }
        if text(&["/response/incomplete_details/reason"]) == Some("content_filter") {
            self.refusal.get_or_insert_with(|| "content filter".to_owned());
        }
        if let Some(finish) = text(&["/choices/0/finish_reason"]) {
            self.finish = Some(finish.to_owned());
        }
        let thinking = body.pointer("/usage/output_tokens_details/thinking_tokens");
        self.reasoning_tokens = thinking.and_then(Value::as_u64).unwrap_or(self.reasoning_tokens);
        let error = ["/error", "/response/error"].iter().find_map(|place| body.pointer(place));
        if let Some(error) = error.filter(|error| !error.is_null() && bytes <= ERROR_BYTES_MAX) {
            self.error = Some(error.clone());
        }
    }
}
