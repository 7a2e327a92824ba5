//! Agents that are command-line programs and tell what they do in lines of JSON: what `codex` and
//! `claude` have in common. A [`Speaker`] is where they differ.
//!
//! A program runs once for each message, under our sandbox, with a config folder of its own, and reaches
//! models only through the gateway. Its session outlives the process: after a stall, a crash of the
//! program or of ours, or an answer that does not meet the schema, the next run goes on in it.

mod agent;
mod conversation;
mod ending;
mod exchange;
mod lines;
mod seat;
mod speaker;
mod system_text;
mod version;
mod watch;

pub use agent::{CliAgent, CliSettings};
pub(crate) use seat::write_private;
pub use seat::{OpenGateway, OpenSeat, Seat, Uplink};
pub(crate) use speaker::{About, Saying, Shape, Span, Speaker, Told, Words};
