//! The isolate: evaluates a script without any way to the world. The only user of QuickJS.
//!
//! [`Isolate`] is a function of a `Start` and its deliveries: it has no clock, no randomness and no
//! thread of its own. [`child`] is the same in a process of its own that may do nothing but compute;
//! [`in_thread`] is the same in a thread, for embedding and tests. A script that natively blocks, or
//! breaks QuickJS itself, is only contained by the child process.

mod alloc;
mod callsite;
pub mod child;
mod collation;
mod frame;
mod harden;
mod host;
mod isolate;
mod message;
mod meter;
mod os;
mod site;
mod thread;
pub mod watchdog;
mod web;

pub use isolate::Isolate;
pub use message::Message;
pub use thread::{InThread, IsolateGone, in_thread};
