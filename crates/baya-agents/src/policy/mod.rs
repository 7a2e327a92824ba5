//! What agents may do, as people want it: rules, questions, hooks.
//!
//! The sandbox holds whatever is said here. A policy is what people want beyond it: some things never,
//! some only after a word of theirs. Each settings file is judged alone, and the strictest of them
//! decides, so that a project's file can narrow what a user's allows and widen nothing.
//!
//! [`Policy`] judges and asks nobody; [`Gates`] make the gatekeeper of an attempt out of it.

pub(crate) mod command;
mod file;
mod gate;
mod hooks;
mod judge;
mod paths;
mod pattern;

pub use file::{PolicyFile, Ruling, Section};
pub use gate::{Gates, Guarded};
pub use hooks::{Hook, Hooks, Moment, Veto};
pub use judge::{Judgement, Policy};
pub use paths::{PathPattern, Place};
pub use pattern::{CommandPattern, HostPattern, ToolPattern};
