//! All that talks to a model or a tool. Knows no run: a task comes in, a report goes out.

pub mod backend;
pub mod simulated;
