//! Features of the program, through the program itself.

mod args_rules;
mod harness;
mod quantities;
mod sanitise;
mod settings;
mod usage;
