//! The tests of the pure part, one module per feature.

mod script;
