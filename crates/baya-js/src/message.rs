//! What goes to an isolate over a pipe: one JSON value per line, answered by one step per line.

use baya_core::call::{Delivery, Start};
use serde::{Deserialize, Serialize};

/// `{"start":…}` first, then any number of `{"deliver":[…]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    Start(Box<Start>),
    Deliver(Vec<Delivery>),
}
