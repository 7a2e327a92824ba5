//! Tests of the engine, by feature.

mod driver;
mod journal;
mod runs;
mod sim;
