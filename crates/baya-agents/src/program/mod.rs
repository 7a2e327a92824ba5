//! Starting and ending the programs that work as agents.
//!
//! A program is started behind a gate: a process of ours (the sandbox's applier, or a shell of one line)
//! waits for a byte on its standard input before it becomes the program. It gets that byte once the
//! journal knows the process. If we die before, the gate reads the end of its input and ends: a program
//! that nobody knows of never runs.
//!
//! What a program starts carries its mark in the environment, so that also what leaves the process group
//! is found. [`Running::end`] ends all of it and looks until nothing is left.

mod folders;
pub(crate) mod group;
pub(crate) mod identity;
mod record;
mod running;
mod said;
mod start;
pub(crate) mod tree;

pub use folders::{find, folders_of};
pub use identity::{asks_at_terminal, end_survivor};
pub use record::{Gone, record};
pub use running::{Ended, Errors, Running};
pub use said::tail;
pub use start::{Launch, NotStarted, launch, start};
