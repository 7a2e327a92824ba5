//! The isolate from outside: scripts in, steps out.

mod child;
mod fixture;
mod globals;
mod values;
