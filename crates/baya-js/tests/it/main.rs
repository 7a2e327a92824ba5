//! The isolate from outside: scripts in, steps out.

mod fixture;
mod globals;
mod values;
