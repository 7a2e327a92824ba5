//! Tests of the engine.
mod sim;
