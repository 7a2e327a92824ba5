//! Tests of the core, feature by feature.

mod run;
mod schema;
mod simulate;
mod view;
