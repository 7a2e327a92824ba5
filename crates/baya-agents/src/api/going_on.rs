//! An answer that a limit of ours cut off, and how it is gone on with: the model is shown what it has
//! written and asked for the rest, and the pieces are put together as if it had come whole.
//!
//! A text is gone on with on every wire by a message of the user: not every model takes its own words as
//! a beginning. What was cut inside of a call of a tool, or before anything was written, is asked for
//! again with more room.

use super::wire::{Message, Partial, Replay, Turn};
use baya_core::agent::Usage;

/// Asks for the rest.
pub(crate) const GO_ON: &str = "Your answer was cut off in the middle by a limit on its length. Go on with the very \
next character after your last one: repeat nothing, remark nothing, do not begin again.";

/// The pieces of one answer so far.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    texts: Vec<String>,
    /// Tokens of the pieces.
    pub output: u64,
}

impl Pieces {
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub fn push(&mut self, text: String, usage: &Usage) {
        self.texts.push(text);
        self.output += usage.output;
    }

    /// What was written so far.
    pub fn text(&self) -> String {
        self.texts.concat()
    }

    /// The conversation that asks for the rest.
    pub fn asking(&self, messages: &[Message]) -> Vec<Message> {
        let pieces = self.texts.iter().flat_map(|text| {
            [Message::Model(Replay::of_text(text.clone())), Message::User(GO_ON.to_owned())]
        });
        messages.iter().cloned().chain(pieces).collect()
    }

    /// The whole answer, its last piece with it; its usage is that of the last request, which had all of
    /// the conversation in it.
    pub fn whole(self, mut turn: Turn, mut partial: Partial) -> (Turn, Partial) {
        if self.is_empty() {
            return (turn, partial);
        }
        let text = self.text();
        partial.text.insert_str(0, &text);
        turn.replay = turn.replay.after(text);
        (turn, partial)
    }
}
