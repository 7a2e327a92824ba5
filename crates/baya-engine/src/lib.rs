//! The shell around the run core: it drives a run, keeps its journal, finds saved workflows.
//! Knows no backend by name.

pub mod driver;
mod effects;
pub mod git;
pub mod history;
pub mod host_steps;
pub mod isolate_host;
pub mod journal;
pub mod landing;
pub mod loader;
pub mod registry;
pub mod rehearsal;
pub mod reuse;
pub mod runner;
pub mod runs;
pub mod workspace;
pub mod worktree;
