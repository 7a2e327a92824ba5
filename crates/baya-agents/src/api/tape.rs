//! What an agent's conversation has come to, from the journal and into it.
//!
//! An attempt that follows a lost one is led through the same steps again; where the tape knows what
//! came of a step, nothing is asked and nothing is done. A new step is handed to the journal, and before
//! anything follows from it that costs or changes something, it is waited for.

use crate::backend::{Attempt, Signal};
use baya_core::turn::{TurnCost, TurnRecord};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::oneshot;

#[derive(Debug, Default)]
pub(super) struct Tape {
    recorded: VecDeque<TurnRecord>,
    unwritten: Vec<oneshot::Receiver<()>>,
}

/// The journal takes nothing any more: whoever drove the run is gone.
#[derive(Debug)]
pub(super) struct NotWritten;

/// An answer from the tape.
pub(super) struct OldAnswer {
    pub model: String,
    pub content: Value,
    /// The rest of it follows.
    pub is_cut: bool,
    pub cost: TurnCost,
}

/// How the conversation was made shorter.
pub(super) enum Shortened {
    Folded { kept: usize },
    Summarised { notes: String },
}

/// What is known of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OldCall {
    Started,
    Ended { text: String, is_error: bool },
}

impl Tape {
    /// Steps of agents that keep their conversation themselves are none of ours.
    pub fn of(turns: &[TurnRecord]) -> Tape {
        let ours = turns.iter().filter(|turn| match turn {
            TurnRecord::Answered { .. }
            | TurnRecord::ToolStarted { .. }
            | TurnRecord::ToolEnded { .. }
            | TurnRecord::Folded { .. }
            | TurnRecord::Summarised { .. } => true,
            TurnRecord::SessionOpened { .. }
            | TurnRecord::Acted { .. }
            | TurnRecord::Spent { .. }
            | TurnRecord::Holding { .. } => false,
        });
        Tape { recorded: ours.cloned().collect(), unwritten: Vec::new() }
    }

    /// All that the journal knows has been gone through.
    pub fn is_at_end(&self) -> bool {
        self.recorded.is_empty()
    }

    pub fn answer(&mut self) -> Option<OldAnswer> {
        match self.recorded.pop_front() {
            Some(TurnRecord::Answered { model, content, is_cut, cost, calls: _ }) => {
                Some(OldAnswer { model, content, is_cut, cost })
            }
            other => {
                self.put_back(other);
                None
            }
        }
    }

    pub fn shortened(&mut self) -> Option<Shortened> {
        match self.recorded.pop_front() {
            Some(TurnRecord::Folded { kept }) => Some(Shortened::Folded { kept: kept as usize }),
            Some(TurnRecord::Summarised { notes, .. }) => Some(Shortened::Summarised { notes }),
            other => {
                self.put_back(other);
                None
            }
        }
    }

    /// What became of the calls of the answer that was just given, and what the tools remember of them.
    pub fn calls(&mut self) -> (BTreeMap<u32, OldCall>, Vec<Value>) {
        let (mut calls, mut remembered) = (BTreeMap::new(), Vec::new());
        loop {
            match self.recorded.pop_front() {
                Some(TurnRecord::ToolStarted { call }) => {
                    calls.entry(call).or_insert(OldCall::Started);
                }
                Some(TurnRecord::ToolEnded { call, text, is_error, memory }) => {
                    calls.insert(call, OldCall::Ended { text, is_error });
                    remembered.extend(memory);
                }
                other => {
                    self.put_back(other);
                    return (calls, remembered);
                }
            }
        }
    }

    fn put_back(&mut self, turn: Option<TurnRecord>) {
        if let Some(turn) = turn {
            self.recorded.push_front(turn);
        }
    }

    /// Hands a step to the journal.
    pub fn write(&mut self, attempt: &Attempt, turn: TurnRecord) {
        let (recorded, written) = oneshot::channel();
        (attempt.signals)(Signal::Turn { turn, recorded });
        self.unwritten.push(written);
    }

    /// Waits until all that was handed over is durable.
    pub async fn written(&mut self) -> Result<(), NotWritten> {
        while let Some(written) = self.unwritten.pop() {
            written.await.map_err(|_| NotWritten)?;
        }
        Ok(())
    }
}
