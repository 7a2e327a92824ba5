//! Tests of the pure core.

mod schema;
