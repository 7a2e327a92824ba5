//! Tests of the engine, by feature.

mod driver;
mod estimate;
mod history;
mod journal;
mod landing;
mod landing_errands;
mod loader;
mod registry;
mod rehearsal;
mod runs;
mod sim;
mod worktree;
