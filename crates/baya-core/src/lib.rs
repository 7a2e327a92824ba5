//! The pure part of Baya: what a script may say, what a run is, and what happens next.
//!
//! Nothing here reads a file, the clock, the environment or the network, starts a thread or awaits;
//! `clippy.toml` bans the means. Everything that happens outside arrives as a value and every
//! intention leaves as a value.

pub mod agent;
pub mod approval;
pub mod at_work;
pub mod budget;
pub mod calendar;
pub mod call;
pub mod cassette;
pub mod errand;
pub mod event;
pub mod history;
pub mod ids;
pub mod landing;
pub mod limits;
pub mod money;
pub mod op;
pub mod rehearsal;
pub mod reuse;
pub mod run;
pub mod schema;
pub mod script;
pub mod simulate;
pub mod step;
pub mod taint;
pub mod turn;
pub mod usage;
pub mod view;
pub mod work;
