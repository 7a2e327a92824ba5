//! The shell around the run core: it drives a run, keeps its journal, finds saved workflows.
//! Knows no backend by name.

pub mod journal;
pub mod runner;
pub mod runs;
