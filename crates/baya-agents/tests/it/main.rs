//! Tests of what talks to models and tools.

mod attempts;
mod simulated;
