//! The shell around the run core: it drives a run, keeps its journal, finds saved workflows.
//! Knows no backend by name.

mod effects;
pub mod driver;
pub mod isolate_host;
pub mod journal;
pub mod runner;
pub mod runs;
