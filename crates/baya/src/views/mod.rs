//! Everything a person or a program sees of a run. Views change nothing: they fold events.

pub mod caps;
pub mod cost;
pub mod diff;
pub mod flow;
pub mod frame;
pub mod json;
pub mod land;
pub mod lines;
pub mod palette;
pub mod rehearsal;
pub mod sanitise;
pub mod screen;
pub mod show;
pub mod story;
pub mod summary;
pub mod tests;
pub mod watch;
pub mod words;
pub mod work;
