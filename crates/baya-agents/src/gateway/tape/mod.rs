//! Exchanges kept as files, and answers from them.
//!
//! One file per exchange, named `KEY-NUMBER.json`: the key is a hash of method, path and the part of the
//! body that an answer depends on; equal requests are numbered in their order. People may read and edit
//! the files: on replay the key is computed anew from what is in them. No header of a request is kept,
//! and no key is in any file.

mod differ;
mod kept;
mod play;
mod record;

pub(super) use play::Player;
pub(super) use record::{Recorder, Recording};

use super::Tape;
use std::io;

/// A tape at work.
pub(super) enum Deck {
    None,
    Record(Recorder),
    Replay(Player),
}

impl Deck {
    pub fn open(tape: Tape) -> io::Result<Deck> {
        Ok(match tape {
            Tape::None => Deck::None,
            Tape::Record(folder) => Deck::Record(Recorder::open(folder)?),
            Tape::Replay(folder) => Deck::Replay(Player::open(folder)?),
        })
    }
}
