//! Tests of the engine, by feature.

mod journal;
mod runs;
mod sim;
