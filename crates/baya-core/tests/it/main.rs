//! Tests of the pure core.

mod schema;
mod simulate;
mod simulate_rules;
